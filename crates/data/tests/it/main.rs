//! Import, storage and validation from the outside.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod inference;
#[cfg(test)]
mod knowledge;
#[cfg(test)]
mod movielens;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod validation;
