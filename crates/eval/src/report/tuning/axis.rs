//! An axis between any two values: evenly, by powers of ten, or over a few names.

use crate::report::format::Px;
use crate::report::scale::Tick;
use semrec_tune::Range;

/// Most labelled places.
const MOST: f64 = 6.0;

/// Maps values to pixels, with round places to label.
#[derive(Clone, Debug)]
pub(in crate::report) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    labels: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that holds all of `values`, a little beyond them, between the pixels `from` and
    /// `to` (which may run backwards).
    pub(in crate::report) fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let ends = values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], x| {
            [low.min(x), high.max(x)]
        });
        let [low, high] = if ends[0] <= ends[1] { ends } else { [0.0, 1.0] };
        let room = if high > low {
            0.06 * (high - low)
        } else {
            0.1 * high.abs().max(0.1)
        };
        Self::even(low - room, high + room, from, to)
    }

    /// An even axis with round labels inside its ends.
    pub(in crate::report) fn even(low: f64, high: f64, from: f64, to: f64) -> Self {
        let power = 10f64.powf(((high - low) / MOST).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| (high - low) / step <= MOST)
            .unwrap_or(10.0 * power);
        let decimals = decimals(step);
        let mut labels = Vec::new();
        let mut at = (low / step - 1e-9).ceil();
        while at * step <= high + 1e-9 * step {
            // No minus before a zero.
            let value = at * step + 0.0;
            labels.push((value, format!("{value:.decimals$}")));
            at += 1.0;
        }
        Self {
            low,
            high,
            from,
            to,
            labels,
        }
    }

    /// The axis of a parameter; its values lie where [`Range::place`] says.
    pub(super) fn of(range: &Range, from: f64, to: f64) -> Self {
        match range {
            Range::Real {
                low,
                high,
                log: false,
            } => Self::even(*low, *high, from, to),
            Range::Real {
                low,
                high,
                log: true,
            } => Self::powers(*low, *high, from, to),
            #[expect(clippy::cast_precision_loss, reason = "ends of ranges are small")]
            Range::Whole { low, high, log } => {
                let (low, high) = (*low as f64, *high as f64);
                if *log {
                    Self::powers(low, high, from, to)
                } else {
                    Self::even(low, high, from, to)
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "a handful of names")]
            Range::Choice(values) => {
                let named = values.iter().enumerate();
                let labels = named.map(|(i, v)| {
                    let name = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                    (i as f64, name)
                });
                Self {
                    low: -0.5,
                    high: values.len() as f64 - 0.5,
                    from,
                    to,
                    labels: labels.collect(),
                }
            }
        }
    }

    /// An axis in natural logarithms, labelled at powers of ten, or, where there are fewer than
    /// three, at 1, 2 and 5 times them.
    fn powers(low: f64, high: f64, from: f64, to: f64) -> Self {
        let inside = |factors: &[f64]| -> Vec<f64> {
            let powers = -12..=12;
            powers
                .flat_map(|p| factors.iter().map(move |f| f * 10f64.powi(p)))
                .filter(|x| (low * 0.999..=high * 1.001).contains(x))
                .collect()
        };
        let mut places = inside(&[1.0]);
        if places.len() < 3 {
            places = inside(&[1.0, 2.0, 5.0]);
        }
        if places.len() < 2 {
            places = vec![low, high];
        }
        let labels = places.iter().map(|&x| (x.ln(), power_label(x)));
        Self {
            low: low.ln(),
            high: high.ln(),
            from,
            to,
            labels: labels.collect(),
        }
    }

    /// The pixel of a value.
    pub(in crate::report) fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value - self.low) / (self.high - self.low)
    }

    pub(in crate::report) fn ticks(&self) -> Vec<Tick> {
        let ticks = self.labels.iter().map(|(value, label)| Tick {
            at: Px(self.at(*value)),
            label: label.clone(),
        });
        ticks.collect()
    }
}

/// `0.01`, `2000`; `1e-5` where zeros would be counted.
fn power_label(x: f64) -> String {
    let rounded: f64 = format!("{x:.2e}").parse().unwrap_or(x);
    if (1e-3..1e5).contains(&rounded) {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

/// Decimals that tell multiples of a round step apart.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a few digits"
)]
fn decimals(step: f64) -> usize {
    (-(step * 1.000_001).log10().floor()).clamp(0.0, 9.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|t| t.label).collect()
    }

    #[test]
    fn labels_are_round_and_inside() {
        let axis = Axis::around([0.0402, 0.0447].into_iter(), 0.0, 100.0);
        assert_eq!(labels(&axis), ["0.040", "0.041", "0.042", "0.043", "0.044"]);
        let axis = Axis::even(0.0, 1.5, 0.0, 150.0);
        assert_eq!(labels(&axis), ["0.0", "0.5", "1.0", "1.5"]);
        assert!((axis.at(0.5) - 50.0).abs() < 1e-9);
        let one = Axis::around([0.5].into_iter(), 0.0, 100.0);
        assert!((one.at(0.5) - 50.0).abs() < 1e-9 && !one.ticks().is_empty());
        let none = Axis::around(std::iter::empty(), 0.0, 100.0);
        assert!(none.at(0.5).is_finite());
    }

    #[test]
    fn powers_and_names_have_their_own() {
        let log = Range::log_uniform(1e-5, 0.1).unwrap();
        let axis = Axis::of(&log, 0.0, 100.0);
        assert_eq!(labels(&axis), ["1e-5", "1e-4", "0.001", "0.01", "0.1"]);
        let place = log.place(&0.001.into()).unwrap();
        assert!((axis.at(place) - 50.0).abs() < 1e-9);
        let narrow = Axis::of(&Range::log_uniform(20.0, 300.0).unwrap(), 0.0, 1.0);
        assert_eq!(labels(&narrow), ["20", "50", "100", "200"]);
        let names = Range::Choice(vec!["cosine".into(), "jaccard".into()]);
        let axis = Axis::of(&names, 0.0, 100.0);
        assert_eq!(labels(&axis), ["cosine", "jaccard"]);
        assert!((axis.at(0.0) - 25.0).abs() < 1e-9);
    }
}
