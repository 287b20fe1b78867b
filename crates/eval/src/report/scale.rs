//! An axis from zero to a round number.

use super::format::Px;

/// Maps `0..=max` to a range of pixels, with round ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    steps: u32,
    step: f64,
    decimals: usize,
    from: f64,
    to: f64,
}

/// A labelled place on an axis.
#[derive(Clone, Debug)]
pub(super) struct Tick {
    pub(super) at: Px,
    pub(super) label: String,
}

impl Scale {
    /// An axis that holds 0 and `largest`, in at most five steps, between the pixels `from` and
    /// `to` (which may run backwards, as a vertical axis does).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most five steps, and a power of ten of an f64"
    )]
    pub(super) fn new(largest: f64, from: f64, to: f64) -> Self {
        let largest = if largest.is_finite() && largest > 0.0 {
            largest
        } else {
            1.0
        };
        let power = (largest / 5.0).log10().floor();
        let unit = 10f64.powf(power);
        let factor = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .find(|f| f * unit * 5.0 >= largest * (1.0 - 1e-9))
            .unwrap_or(10.0);
        let step = factor * unit;
        let fraction = if factor == 2.5 { 1.0 } else { 0.0 } - power;
        let fraction = if factor == 10.0 {
            fraction - 1.0
        } else {
            fraction
        };
        Self {
            steps: (largest / step - 1e-9).ceil() as u32,
            step,
            decimals: fraction.clamp(0.0, 9.0) as usize,
            from,
            to,
        }
    }

    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * value / (self.step * f64::from(self.steps))
    }

    /// Zero, each step and the end.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        (0..=self.steps)
            .map(|i| {
                let value = self.step * f64::from(i);
                Tick {
                    at: Px(self.at(value)),
                    label: format!("{value:.*}", self.decimals),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn ticks_are_round_and_reach_the_largest() {
        let labels = |largest: f64| {
            let ticks = Scale::new(largest, 0.0, 100.0).ticks();
            ticks.into_iter().map(|t| t.label).collect::<Vec<_>>()
        };
        assert_eq!(
            labels(0.043),
            ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]
        );
        assert_eq!(
            labels(0.11),
            ["0.000", "0.025", "0.050", "0.075", "0.100", "0.125"]
        );
        assert_eq!(labels(1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(45.0), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(labels(0.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        let scale = Scale::new(0.043, 200.0, 0.0);
        assert!((scale.at(0.05) - 0.0).abs() < 1e-9);
        assert!((scale.at(0.025) - 100.0).abs() < 1e-9);
    }
}
