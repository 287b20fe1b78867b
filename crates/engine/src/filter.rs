//! Which items may be in an answer, by what their fields say.
//!
//! A filter is a list of conditions that must all hold, written as text:
//!
//! ```text
//! genres = Comedy and price < 20 and in_stock
//! ```
//!
//! | condition | holds for an item |
//! |---|---|
//! | `field` | that has the field, as a number other than 0 |
//! | `not field` | for which `field` does not hold |
//! | `field = value` | whose text is the value, one of whose labels is, or whose number is |
//! | `field != value` | for which that does not hold |
//! | `field < 20` (`<=`, `>`, `>=`) | whose number is below |
//!
//! Case does not matter for texts and labels. A value with spaces, or with a word of the language,
//! stands in double quotes. An item without the field passes only `not` and `!=`. `category` stands
//! for all labels of an item where no field is called so.

use crate::EngineError;
use crate::catalogue::{Catalogue, CellRef};

/// Most conditions of a filter.
const MOST: usize = 32;

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter(Vec<Condition>);

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    field: String,
    test: Test,
    /// Whether it must not hold.
    negated: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    True,
    Is(String),
    Below(f64),
    AtMost(f64),
    Above(f64),
    AtLeast(f64),
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`EngineError::Request`] that says where the text ceases to be one.
    pub fn parse(text: &str) -> Result<Self, EngineError> {
        let fail = |problem: String| {
            EngineError::Request(format!(
                "filter {problem}; expected conditions like 'genres = Comedy and price < 20 and in_stock'"
            ))
        };
        let tokens = tokens(text).map_err(fail)?;
        let mut conditions = Vec::new();
        for part in tokens.split(|token| *token == Token::Word("and".to_owned())) {
            conditions.push(condition(part).map_err(fail)?);
        }
        if conditions.len() > MOST {
            let got = conditions.len();
            return Err(fail(format!("has {got} conditions, more than {MOST}")));
        }
        Ok(Self(conditions))
    }

    /// Adds that a condition of another filter must hold too.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes from `allowed`, `[n_items]`, what does not pass.
    ///
    /// # Errors
    /// [`EngineError::Request`] if no item has a field that is asked for.
    pub(crate) fn apply(&self, items: &Catalogue, allowed: &mut [bool]) -> Result<(), EngineError> {
        let fields = items.fields();
        for condition in &self.0 {
            let any = condition.field == "category" && !fields.contains(&"category");
            if !any && !fields.contains(&condition.field.as_str()) {
                return Err(EngineError::Request(format!(
                    "filter asks for '{}', which no item has; there are {}",
                    condition.field,
                    fields.join(", ")
                )));
            }
            let mut passes = vec![false; allowed.len()];
            let asked: &[&str] = if any { &fields } else { &[&condition.field] };
            for field in asked {
                items.each_cell(field, |item, cell| {
                    let counts = !any || matches!(cell, CellRef::Labels(_));
                    if let Some(passes) = passes.get_mut(item as usize) {
                        *passes |= counts && condition.test.holds(cell);
                    }
                });
            }
            for (allowed, passes) in allowed.iter_mut().zip(passes) {
                *allowed &= passes != condition.negated;
            }
        }
        Ok(())
    }
}

impl Test {
    fn holds(&self, cell: CellRef<'_>) -> bool {
        let same = |a: &str, b: &str| a.trim().to_lowercase() == b.to_lowercase();
        match (self, cell) {
            (Self::True, CellRef::Number(x)) => x != 0.0,
            (Self::True, CellRef::Text(text)) => !text.trim().is_empty(),
            (Self::True, CellRef::Labels(labels)) => !labels.is_empty(),
            (Self::Is(value), CellRef::Text(text)) => same(text, value),
            (Self::Is(value), CellRef::Labels(labels)) => labels.iter().any(|l| same(l, value)),
            (Self::Is(value), CellRef::Number(x)) => match value.as_str() {
                "true" => x != 0.0,
                "false" => x == 0.0,
                digits => digits.parse() == Ok(x),
            },
            (Self::Below(limit), CellRef::Number(x)) => x < *limit,
            (Self::AtMost(limit), CellRef::Number(x)) => x <= *limit,
            (Self::Above(limit), CellRef::Number(x)) => x > *limit,
            (Self::AtLeast(limit), CellRef::Number(x)) => x >= *limit,
            (
                Self::Below(_) | Self::AtMost(_) | Self::Above(_) | Self::AtLeast(_),
                CellRef::Text(_) | CellRef::Labels(_),
            ) => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// In double quotes.
    Quoted(String),
    /// `= != < <= > >=`
    Sign(&'static str),
}

const SIGNS: [&str; 6] = ["!=", "<=", ">=", "=", "<", ">"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"');
            let end = end.ok_or_else(|| format!("has a quote that does not end: \"{quoted}"))?;
            tokens.push(Token::Quoted(quoted[..end].to_owned()));
            rest = &quoted[end + 1..];
        } else {
            let ends = |c: char| c.is_whitespace() || "=!<>\"".contains(c);
            let end = rest.find(ends).unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("cannot be read at '{rest}'"));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

fn condition(tokens: &[Token]) -> Result<Condition, String> {
    let (negated, tokens) = match tokens {
        [Token::Word(not), rest @ ..] if not == "not" => (true, rest),
        all => (false, all),
    };
    let said = || {
        let words = tokens.iter().map(|token| match token {
            Token::Word(word) | Token::Quoted(word) => word.as_str(),
            Token::Sign(sign) => sign,
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let (field, test) = match tokens {
        [] => return Err("has a condition that is empty".to_owned()),
        [Token::Word(field) | Token::Quoted(field)] => (field, Test::True),
        [
            Token::Word(field) | Token::Quoted(field),
            Token::Sign(sign),
            Token::Word(value) | Token::Quoted(value),
        ] => {
            let number = || {
                let number = value.parse().ok().filter(|x: &f64| x.is_finite());
                number.ok_or_else(|| format!("compares '{field}' with '{value}', no number"))
            };
            let test = match *sign {
                "<" => Test::Below(number()?),
                "<=" => Test::AtMost(number()?),
                ">" => Test::Above(number()?),
                ">=" => Test::AtLeast(number()?),
                _ => Test::Is(value.clone()),
            };
            let negated = negated != (*sign == "!=");
            return Ok(Condition {
                field: field.clone(),
                test,
                negated,
            });
        }
        _ => return Err(format!("has '{}', which is no condition", said())),
    };
    Ok(Condition {
        field: field.clone(),
        test,
        negated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Clock, Dataset, Field, Ids, Interactions, Table, Values};
    use std::sync::Arc;

    fn items() -> Catalogue {
        let mut items = Table::of_ids(["a", "b", "c", "d"].into_iter().collect::<Ids>());
        let label = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        let field = |name: &str, values| Field {
            name: name.to_owned(),
            values,
        };
        items.fields = vec![
            field(
                "brand",
                Values::Text(vec![
                    "OPI".into(),
                    "Etude House".into(),
                    String::new(),
                    "opi".into(),
                ]),
            ),
            field(
                "genres",
                Values::Category(vec![
                    label(&["Comedy"]),
                    label(&["Drama", "comedy"]),
                    vec![],
                    label(&["Drama"]),
                ]),
            ),
            field(
                "price",
                Values::Number(vec![Some(5.0), Some(20.0), None, Some(30.0)]),
            ),
            field(
                "in_stock",
                Values::Number(vec![Some(1.0), Some(0.0), Some(1.0), None]),
            ),
        ];
        let log = Interactions::from_rows(&[], 0, 4, Clock::None);
        Catalogue::new(Arc::new(Dataset::new(
            "shop",
            items,
            Table::default(),
            log,
            vec![],
        )))
    }

    fn passing(filter: &str) -> String {
        let mut allowed = vec![true; 4];
        Filter::parse(filter)
            .unwrap()
            .apply(&items(), &mut allowed)
            .unwrap();
        let named = "abcd".chars().zip(allowed);
        named
            .filter(|(_, allowed)| *allowed)
            .map(|(c, _)| c)
            .collect()
    }

    #[test]
    fn conditions_hold_for_whom_they_should() {
        for (filter, expected) in [
            ("genres = Comedy", "ab"),
            ("category = drama", "bd"),
            ("genres != Comedy", "cd"),
            ("brand = \"etude house\"", "b"),
            ("price < 20", "a"),
            ("price <= 20", "ab"),
            ("price>5 and price>=30", "d"),
            ("in_stock", "ac"),
            ("not in_stock", "bd"),
            ("in_stock = true and genres=comedy", "a"),
        ] {
            assert_eq!(passing(filter), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for (filter, expected) in [
            ("", "filter has a condition that is empty"),
            ("price <", "filter has 'price <', which is no condition"),
            (
                "price < dear",
                "filter compares 'price' with 'dear', no number",
            ),
            (
                "brand = \"OPI",
                "filter has a quote that does not end: \"OPI",
            ),
            ("price ! 3", "filter cannot be read at '! 3'"),
        ] {
            let error = Filter::parse(filter).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let filter = Filter::parse("colour = red").unwrap();
        let error = filter
            .apply(&items(), &mut [true; 4])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "filter asks for 'colour', which no item has; there are brand, genres, price, in_stock"
        );
    }
}
