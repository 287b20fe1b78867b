//! What can be set, and what is checked of it.

use crate::MineError;

/// Items with a text below which there is nothing to find.
pub(crate) const LEAST: usize = 10;

/// How to mine; every default is documented at its field.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Number of topics of the lower level. Default: chosen from the data.
    pub topics: Option<usize>,
    /// Strongest directions of the vectors that are kept when they are whitened. Default: 128.
    pub dims: usize,
    /// How far the directions are evened out, 0 to 1. Default: 0.5. At 1 the directions of noise
    /// weigh as much as those that tell topics apart, at 0 a few directions are all that counts.
    pub power: f32,
    /// Largest share of items that may be called outliers. Default: 0.25.
    pub outliers: f64,
    /// Nearest items that topics, duplicates and the map look at. Default: 15.
    pub neighbours: usize,
    /// Keywords of an item, at most. Default: 5.
    pub keywords: usize,
    /// Cosine of whitened vectors from which on two items can be variants. Default: 0.8.
    pub variants: f32,
    /// Levels of the semantic ids, without the token that resolves collisions. Default: 3.
    pub id_levels: usize,
    /// Values of a token. Default: 256, or the square root of the number of items if that is less.
    pub id_tokens: usize,
    /// Rounds in which the map is laid out. Default: 300.
    pub rounds: usize,
    /// Seed of every random draw. Default: 42.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            topics: None,
            dims: 128,
            power: 0.5,
            outliers: 0.25,
            neighbours: 15,
            keywords: 5,
            variants: 0.8,
            id_levels: 3,
            id_tokens: 256,
            rounds: 300,
            seed: 42,
        }
    }
}

impl Config {
    /// Refuses what makes no sense for this many items with a text.
    pub(crate) fn check(&self, with_text: usize) -> Result<(), MineError> {
        let refuse = |name, got: String, expected: &str| {
            let expected = expected.to_owned();
            Err(MineError::Setting {
                name,
                got,
                expected,
            })
        };
        if let Some(topics) = self.topics
            && (topics < 2 || topics > with_text / 2)
        {
            let most = format!(
                "2 to {}, half of the {with_text} items that have a text",
                with_text / 2
            );
            return refuse("the number of topics", topics.to_string(), &most);
        }
        if self.dims == 0 {
            return refuse("dims", "0".into(), "at least 1");
        }
        if !(0.0..=1.0).contains(&self.power) {
            return refuse("power", self.power.to_string(), "0 to 1");
        }
        if !(0.0..=0.9).contains(&self.outliers) {
            let got = self.outliers.to_string();
            return refuse("the share of outliers", got, "0 to 0.9");
        }
        if !(2..=200).contains(&self.neighbours) {
            return refuse("neighbours", self.neighbours.to_string(), "2 to 200");
        }
        if !(0.0..=1.0).contains(&self.variants) {
            return refuse("variants", self.variants.to_string(), "a cosine of 0 to 1");
        }
        if !(1..=8).contains(&self.id_levels) {
            return refuse("id levels", self.id_levels.to_string(), "1 to 8");
        }
        if !(2..=65_536).contains(&self.id_tokens) {
            return refuse("id tokens", self.id_tokens.to_string(), "2 to 65,536");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let error = |config: Config| config.check(100).unwrap_err().to_string();
        let with = Config::default();
        insta::assert_snapshot!(error(Config { topics: Some(51), ..with.clone() }), @"the number of topics is 51; expected 2 to 50, half of the 100 items that have a text");
        insta::assert_snapshot!(error(Config { power: 1.5, ..with.clone() }), @"power is 1.5; expected 0 to 1");
        insta::assert_snapshot!(error(Config { id_levels: 0, ..with.clone() }), @"id levels is 0; expected 1 to 8");
        insta::assert_snapshot!(error(Config { outliers: 1.0, ..with.clone() }), @"the share of outliers is 1; expected 0 to 0.9");
        assert!(with.check(100).is_ok());
    }
}
