//! Recommenders: one file per model, one trait.
