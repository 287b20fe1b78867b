//! How fast the pairs of a head turn with the place (Su et al. 2021), from `config.json`.
//!
//! Pair i of a head of d values turns by θ^(-2i/d) a token. Known changes of it: `linear`, all
//! slower by a factor, and `llama3`, the slow ones slower by a factor and those in between partly.
//! The others (`dynamic`, `yarn`, `longrope`) depend on the length of the text and are refused.

use super::raw::Raw;

/// Base and scaling of the frequencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RotaryConfig {
    theta: f64,
    scaling: Scaling,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scaling {
    None,
    Linear {
        factor: f64,
    },
    Llama3 {
        factor: f64,
        low: f64,
        high: f64,
        original: f64,
    },
}

impl RotaryConfig {
    /// Reads `rope_theta` and `rope_scaling`, or the newer `rope_parameters` that holds both.
    pub(super) fn read(raw: &Raw) -> Result<Self, String> {
        let new = raw.object("rope_parameters")?;
        let named = if new.is_some() {
            "rope_parameters"
        } else {
            "rope_scaling"
        };
        let scaling = match new {
            Some(new) => new,
            None => raw.object("rope_scaling")?.unwrap_or_default(),
        };
        if let Some((name, _)) = scaling.entries().find(|(_, value)| value.is_object()) {
            return Err(format!(
                "{named} has values of its own for '{name}'; only one set for all layers is \
                 supported"
            ));
        }
        for part in [raw, &scaling] {
            if let Some(share) = part.number("partial_rotary_factor")?
                && share != 1.0
            {
                return Err(format!(
                    "partial_rotary_factor is {share}; only 1 is supported"
                ));
            }
        }
        let theta = match raw.number("rope_theta")? {
            Some(theta) => theta,
            None => scaling.number("rope_theta")?.unwrap_or(10_000.0),
        };
        let positive = |name: &str| match scaling.number(name)? {
            Some(value) if value > 0.0 => Ok(value),
            Some(value) => Err(format!("{named}: {name} is {value}; expected more than 0")),
            None => Err(format!("{named}: {name} is missing")),
        };
        let kind = match scaling.text("rope_type")? {
            Some(kind) => kind,
            None => scaling.text("type")?.unwrap_or("default"),
        };
        let scaling = match kind {
            "default" => Scaling::None,
            "linear" => Scaling::Linear {
                factor: positive("factor")?,
            },
            "llama3" => Scaling::Llama3 {
                factor: positive("factor")?,
                low: positive("low_freq_factor")?,
                high: positive("high_freq_factor")?,
                original: positive("original_max_position_embeddings")?,
            },
            other => {
                return Err(format!(
                    "{named} is of the type '{other}'; expected default, linear or llama3"
                ));
            }
        };
        if theta <= 1.0 {
            return Err(format!("rope_theta is {theta}; expected more than 1"));
        }
        if let Scaling::Llama3 { low, high, .. } = scaling
            && low >= high
        {
            return Err(format!(
                "{named}: low_freq_factor {low} is not below high_freq_factor {high}"
            ));
        }
        Ok(Self { theta, scaling })
    }

    /// The angles by which the pairs of a head of `dim` values turn a token, `[dim / 2]`.
    pub(crate) fn frequencies(&self, dim: usize) -> Vec<f32> {
        let pairs = (0..dim / 2).map(|i| {
            let angle = self.theta.powf(-((2 * i) as f64) / dim as f64);
            self.scaling.apply(angle)
        });
        #[expect(clippy::cast_possible_truncation, reason = "rounded, as torch does")]
        let rounded = pairs.map(|angle| angle as f32).collect();
        rounded
    }
}

impl Scaling {
    fn apply(self, angle: f64) -> f64 {
        match self {
            Self::None => angle,
            Self::Linear { factor } => angle / factor,
            Self::Llama3 {
                factor,
                low,
                high,
                original,
            } => {
                // Turns within the original length: few are slowed down, many are left alone.
                let turns = original * angle / std::f64::consts::TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                (1.0 - kept) * angle / factor + kept * angle
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<RotaryConfig, String> {
        RotaryConfig::read(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn frequencies_by_hand() {
        // 100^(-2i/4): 1 and a tenth.
        let plain = read(r#"{"rope_theta": 100.0, "rope_scaling": null}"#).unwrap();
        assert_eq!(plain.frequencies(4), [1.0, 0.1]);
        let linear = r#"{"rope_theta": 100, "rope_scaling": {"type": "linear", "factor": 4.0}}"#;
        assert_eq!(read(linear).unwrap().frequencies(4), [0.25, 0.025]);
        // Within 63 tokens the pairs turn 63/2π = 10.03 and 1.003 times: above the high factor
        // it is kept, and at the low one a quarter remains.
        let llama3 = r#"{"rope_parameters": {"rope_theta": 100.0, "rope_type": "llama3",
            "factor": 4.0, "low_freq_factor": 2.0, "high_freq_factor": 8.0,
            "original_max_position_embeddings": 63}}"#;
        assert_eq!(read(llama3).unwrap().frequencies(4), [1.0, 0.025]);
        // Halfway between them, at 5 of 2 to 8 turns, half is a quarter: 0.1·(1 + 1/4)/2.
        let half = llama3.replace("63", "314.1592653589793");
        assert_eq!(read(&half).unwrap().frequencies(4), [1.0, 0.0625]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let cases = [
            (
                r#"{"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}"#,
                "rope_scaling is of the type 'yarn'; expected default, linear or llama3",
            ),
            (
                r#"{"rope_scaling": {"type": "linear"}}"#,
                "rope_scaling: factor is missing",
            ),
            (
                r#"{"rope_parameters": {"full_attention": {"rope_theta": 1e6}}}"#,
                "rope_parameters has values of its own for 'full_attention'; only one set for \
                 all layers is supported",
            ),
            (
                r#"{"partial_rotary_factor": 0.5}"#,
                "partial_rotary_factor is 0.5; only 1 is supported",
            ),
            (
                r#"{"rope_theta": "much"}"#,
                "rope_theta is \"much\"; expected a number",
            ),
        ];
        for (json, want) in cases {
            assert_eq!(read(json).unwrap_err(), want);
        }
    }
}
