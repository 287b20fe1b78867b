//! A batch as a loss over candidates wants it: each distinct text once, and of each example the
//! places of its context, of its target, and of what is no negative for it.
//!
//! All texts of a batch are candidates, since they are encoded anyway. How likely a text is to be
//! among them differs, and the loss makes up for it with `ln q`: of `n` draws (people, or pairs), each
//! of which holds text `j` with probability `p_j`, at least one does with probability
//! `q_j = 1 - (1 - p_j)^n`. What was put in as a hard negative alone is there for certain,
//! `ln q = 0`.

use super::{Example, Source};
use std::collections::BTreeSet;

/// Examples by places in a list of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Batch {
    /// Distinct texts, ascending.
    pub(crate) texts: Vec<u32>,
    /// Of each text, `ln` of the probability that it is in a batch like this.
    pub(crate) log_q: Vec<f32>,
    /// The examples.
    pub(crate) rows: Vec<Place>,
}

/// An example of a batch; texts by their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whose it is.
    pub(crate) source: u32,
    /// Newest last.
    pub(crate) context: Vec<u32>,
    /// What is to be found.
    pub(crate) target: u32,
    /// What is no negative, ascending, without the target: everything else its source is known to
    /// like.
    pub(crate) masked: Vec<u32>,
}

/// The batch of some examples, and of hard negatives that join the candidates.
pub(crate) fn pack(examples: &[Example], source: &dyn Source, hard: &[u32]) -> Batch {
    let mut drawn: Vec<u32> = Vec::new();
    for example in examples {
        drawn.extend(&example.context);
        drawn.push(example.target);
    }
    let n = source.draws(examples) as f64;
    let own: BTreeSet<u32> = drawn.into_iter().collect();
    let all: BTreeSet<u32> = own.iter().chain(hard).copied().collect();
    let texts: Vec<u32> = all.into_iter().collect();
    let place = |text: u32| {
        let found = texts.binary_search(&text).unwrap_or_else(|at| at);
        u32::try_from(found).unwrap_or(u32::MAX)
    };
    let rows = examples.iter().map(|example| Place {
        source: example.source,
        context: example.context.iter().map(|&t| place(t)).collect(),
        target: place(example.target),
        masked: common(&texts, source.positives(example.source))
            .filter(|&text| text != example.target)
            .map(place)
            .collect(),
    });
    let shares = source.shares();
    let log_q = texts.iter().map(|text| {
        if own.contains(text) {
            log_inclusion(shares[*text as usize], n)
        } else {
            0.0
        }
    });
    Batch {
        log_q: log_q.collect(),
        rows: rows.collect(),
        texts,
    }
}

/// What two ascending lists have in common, ascending.
fn common<'a>(a: &'a [u32], b: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
    let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
    few.iter()
        .copied()
        .filter(|text| many.binary_search(text).is_ok())
}

/// `ln(1 - (1 - p)^n)`.
fn log_inclusion(p: f64, n: f64) -> f32 {
    let missed = n * (-p).ln_1p();
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm of few digits")]
    let log = (-missed.exp_m1()).ln() as f32;
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed {
        positives: Vec<Vec<u32>>,
        shares: Vec<f64>,
    }

    impl Source for Fixed {
        fn examples(&self, _: u64, _: u64) -> Vec<Example> {
            Vec::new()
        }
        fn positives(&self, source: u32) -> &[u32] {
            &self.positives[source as usize]
        }
        fn shares(&self) -> &[f64] {
            &self.shares
        }
        fn draws(&self, examples: &[Example]) -> usize {
            examples.len()
        }
    }

    fn example(source: u32, context: &[u32], target: u32) -> Example {
        Example {
            source,
            context: context.to_vec(),
            target,
        }
    }

    #[test]
    fn each_text_once_and_what_is_liked_is_masked() {
        let source = Fixed {
            positives: vec![vec![1, 3, 5, 8], vec![5, 9]],
            shares: vec![0.1; 10],
        };
        let examples = [example(0, &[1, 3], 5), example(1, &[9], 5)];
        let batch = pack(&examples, &source, &[8, 2]);
        assert_eq!(batch.texts, [1, 2, 3, 5, 8, 9]);
        // Person 0 also likes text 8, which came in as a hard negative of somebody else.
        assert_eq!(
            batch.rows,
            [
                Place {
                    source: 0,
                    context: vec![0, 2],
                    target: 3,
                    masked: vec![0, 2, 4],
                },
                Place {
                    source: 1,
                    context: vec![5],
                    target: 3,
                    masked: vec![5],
                },
            ]
        );
    }

    /// Two draws. p = 0.2: 1 - 0.8² = 0.36; p = 0.5: 1 - 0.5² = 0.75.
    #[test]
    fn the_probability_of_being_in_a_batch() {
        let source = Fixed {
            positives: vec![vec![]],
            shares: vec![0.2, 0.5, 0.3],
        };
        let examples = [example(0, &[0, 1, 0], 1), example(0, &[], 0)];
        let batch = pack(&examples, &source, &[2]);
        let expected = [0.36f32.ln(), 0.75f32.ln(), 0.0];
        for (got, expected) in batch.log_q.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{:?}", batch.log_q);
        }
        // Rare texts keep their digits: q is p n.
        assert!((log_inclusion(1e-9, 100.0) - 1e-7f32.ln()).abs() < 1e-5);
    }
}
