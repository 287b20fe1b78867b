//! What a classifier of two classes is worth: the classification report, AUC, log-loss, and how far
//! its probabilities can be believed.
//!
//! ```text
//! precision = tp/(tp + fp),   recall = tp/(tp + fn),   F1 = 2 tp/(2 tp + fp + fn)
//! AUC = P(a 1 is given more than a 0), ties counting half
//! log-loss = -mean( y ln p + (1 - y) ln(1 - p) ),   p kept within 1e-7 of 0 and 1
//! ECE = Σ_bins n_b/n |mean p - share of 1s|,   ten bins of equal width  (Guo et al. 2017)
//! ```

use serde::{Deserialize, Serialize};

/// Bins of the calibration.
const BINS: usize = 10;
/// Probabilities are kept away from 0 and 1 by so much, in the log-loss.
const EPS: f64 = 1e-7;

/// Figures of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassFigures {
    /// Of what was called so, the share that is.
    pub precision: f64,
    /// Of what is so, the share that was called so.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// How many are so.
    pub support: usize,
}

/// Probabilities in a range, and what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// From this probability on.
    pub from: f64,
    /// How many there are.
    pub count: usize,
    /// Their mean probability.
    pub probability: f64,
    /// The share of 1s among them.
    pub share: f64,
}

/// All figures of a classifier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// Of the labels 0 and 1, with 1 called from a probability of ½ on.
    pub classes: [ClassFigures; 2],
    /// Share of right calls.
    pub accuracy: f64,
    /// Area under the ROC curve; ½ where there is one class.
    pub auc: f64,
    /// Mean negative log-likelihood, in nats.
    pub log_loss: f64,
    /// Expected calibration error.
    pub ece: f64,
    /// The bins it is made of; empty ones are left out.
    pub reliability: Vec<Bin>,
}

/// The figures of probabilities of class 1, and the labels.
///
/// # Panics
/// If there are not as many of both.
#[must_use]
pub fn classification(probabilities: &[f32], labels: &[bool]) -> Classification {
    assert_eq!(probabilities.len(), labels.len(), "a label for each");
    let n = labels.len().max(1) as f64;
    let pairs = || probabilities.iter().map(|&p| f64::from(p)).zip(labels);
    let classes = [false, true].map(|class| {
        let count = |called: bool, is: bool| {
            let matching =
                pairs().filter(|&(p, &y)| ((p >= 0.5) == class) == called && (y == class) == is);
            matching.count()
        };
        let (tp, fp, missed) = (count(true, true), count(true, false), count(false, true));
        ClassFigures {
            precision: ratio(tp, tp + fp),
            recall: ratio(tp, tp + missed),
            f1: ratio(2 * tp, 2 * tp + fp + missed),
            support: tp + missed,
        }
    });
    let right = pairs().filter(|&(p, &y)| (p >= 0.5) == y).count();
    let log = pairs().map(|(p, &y)| {
        let p = if y { p } else { 1.0 - p };
        -p.clamp(EPS, 1.0 - EPS).ln()
    });
    let reliability = reliability(probabilities, labels);
    let off = reliability.iter();
    let off = off.map(|bin| bin.count as f64 / n * (bin.probability - bin.share).abs());
    Classification {
        classes,
        accuracy: right as f64 / n,
        auc: auc(probabilities, labels),
        log_loss: log.sum::<f64>() / n,
        ece: off.sum(),
        reliability,
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// By ranks: the Mann-Whitney statistic over the number of pairs.
fn auc(probabilities: &[f32], labels: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let ones = labels.iter().filter(|&&y| y).count();
    let zeros = labels.len() - ones;
    if ones == 0 || zeros == 0 {
        return 0.5;
    }
    let (mut below, mut won) = (0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| probabilities[a] == probabilities[b]) {
        let ones = tied.iter().filter(|&&i| labels[i]).count() as f64;
        let zeros = tied.len() as f64 - ones;
        won += ones * (below + zeros / 2.0);
        below += zeros;
    }
    won / (ones as f64 * zeros as f64)
}

fn reliability(probabilities: &[f32], labels: &[bool]) -> Vec<Bin> {
    let mut bins = [(0usize, 0.0f64, 0usize); BINS];
    for (&p, &y) in probabilities.iter().zip(labels) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a probability of ten"
        )]
        let bin = &mut bins[((p * BINS as f32) as usize).min(BINS - 1)];
        bin.0 += 1;
        bin.1 += f64::from(p);
        bin.2 += usize::from(y);
    }
    let full = bins.iter().enumerate().filter(|(_, bin)| bin.0 > 0);
    full.map(|(k, &(count, sum, ones))| Bin {
        from: k as f64 / BINS as f64,
        count,
        probability: sum / count as f64,
        share: ratio(ones, count),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Called 1: 0.9 (1), 0.6 (0), 0.5 (1); called 0: 0.4 (1), 0.2 (0), 0.2 (0).
    #[test]
    fn figures_by_hand() {
        let labels = [true, false, true, true, false, false];
        let got = classification(&[0.9, 0.6, 0.5, 0.4, 0.2, 0.2], &labels);
        let [zero, one] = got.classes;
        // Class 1: tp 2, fp 1, fn 1; class 0: tp 2, fp 1, fn 1.
        for class in [zero, one] {
            assert!((class.precision - 2.0 / 3.0).abs() < 1e-12);
            assert!((class.recall - 2.0 / 3.0).abs() < 1e-12);
            assert!((class.f1 - 4.0 / 6.0).abs() < 1e-12);
            assert_eq!(class.support, 3);
        }
        assert!((got.accuracy - 4.0 / 6.0).abs() < 1e-12);
        // Of nine pairs of a 1 and a 0, 0.5 and 0.4 lose to 0.6: 7 are won.
        assert!((got.auc - 7.0 / 9.0).abs() < 1e-12);
        let likely: f64 = [0.9, 0.4, 0.5, 0.4, 0.8, 0.8f64]
            .iter()
            .map(|p| p.ln())
            .sum();
        assert!((got.log_loss + likely / 6.0).abs() < 1e-6);
        // Bins: 0.2 twice (share 0), 0.4 (1), 0.5 (1), 0.6 (0), 0.9 (1).
        let expected = (2.0 * 0.2 + 0.6 + 0.5 + 0.6 + 0.1) / 6.0;
        assert!((got.ece - expected).abs() < 1e-6, "{}", got.ece);
        assert_eq!(got.reliability.len(), 5);
        assert_eq!(got.reliability[0].count, 2);
    }

    #[test]
    fn ties_count_half_and_one_class_is_no_ranking() {
        let auc = |p: &[f32], y: &[bool]| classification(p, y).auc;
        assert!((auc(&[0.5, 0.5], &[true, false]) - 0.5).abs() < 1e-12);
        assert!((auc(&[0.5, 0.7], &[true, true]) - 0.5).abs() < 1e-12);
        assert!((auc(&[0.9, 0.5, 0.5], &[true, true, false]) - 0.75).abs() < 1e-12);
    }
}
