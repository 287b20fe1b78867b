//! What is done to a ranking before it is told: unlike what is not wanted, unlike each other.
//!
//! Maximal marginal relevance (Carbonell and Goldstein 1998): the next item of the list is the one
//! with the largest
//!
//! ```text
//! (1 - d) · s(i) - d · max_{j chosen} cos(i, j) - max_{n not wanted} cos(i, n)₊
//! ```
//!
//! where `s` runs from 1 for the best candidate to 0 for the last, by score, and `cos` is of the
//! encoder's vectors. An item without a text is like nothing.

use semrec_data::Ranked;

/// Above this cosine two items read nearly alike.
pub(crate) const ALIKE: f32 = 0.97;

/// How to choose.
#[derive(Clone, Debug)]
pub(crate) struct Rerank<'a> {
    /// `d`.
    pub(crate) diversity: f32,
    /// Whether what reads nearly like an item of the list is left out.
    pub(crate) distinct: bool,
    /// Vectors of what is not wanted.
    pub(crate) unwanted: &'a [Vec<f32>],
    /// How many to choose.
    pub(crate) k: usize,
}

fn cosine(a: Option<&[f32]>, b: Option<&[f32]>) -> f32 {
    match (a, b) {
        (Some(a), Some(b)) => a.iter().zip(b).map(|(a, b)| a * b).sum(),
        _ => 0.0,
    }
}

impl Rerank<'_> {
    /// Whether it leaves a ranking as it is.
    pub(crate) fn is_idle(&self) -> bool {
        self.diversity <= 0.0 && !self.distinct && self.unwanted.is_empty()
    }

    /// Chooses of candidates, best first, whose vectors are given (none for an item without text).
    pub(crate) fn choose(
        &self,
        candidates: &[Ranked],
        vectors: &[Option<Vec<f32>>],
    ) -> Vec<Ranked> {
        let (Some(best), Some(last)) = (candidates.first(), candidates.last()) else {
            return Vec::new();
        };
        let span = (best.score - last.score).max(f32::MIN_POSITIVE);
        let vector = |i: usize| vectors[i].as_deref();
        let unwanted = |i: usize| {
            let cosines = self.unwanted.iter().map(|n| cosine(vector(i), Some(n)));
            cosines.fold(0.0, f32::max)
        };
        let worth = |(i, c): (usize, &Ranked)| {
            (1.0 - self.diversity) * (c.score - last.score) / span - unwanted(i)
        };
        let worths: Vec<f32> = candidates.iter().enumerate().map(worth).collect();
        // Of each candidate, the largest cosine to what is chosen.
        let mut like = vec![f32::NEG_INFINITY; candidates.len()];
        let mut open: Vec<usize> = (0..candidates.len()).collect();
        let mut chosen = Vec::with_capacity(self.k);
        while chosen.len() < self.k && !open.is_empty() {
            let value = |i: usize| worths[i] - self.diversity * like[i].max(0.0);
            // The first of equals: candidates come best first.
            let (at, &next) = open
                .iter()
                .enumerate()
                .reduce(|a, b| if value(*b.1) > value(*a.1) { b } else { a })
                .expect("one is open");
            open.remove(at);
            chosen.push(candidates[next]);
            for &i in &open {
                like[i] = like[i].max(cosine(vector(i), vector(next)));
            }
            if self.distinct {
                open.retain(|&i| like[i] < ALIKE);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates() -> (Vec<Ranked>, Vec<Option<Vec<f32>>>) {
        let scores = [3.0, 2.8, 2.0, 1.0];
        let ranked = (0u32..).zip(scores);
        let ranked = ranked.map(|(item, score)| Ranked { item, score });
        let vectors = [[1.0, 0.0], [0.98, 0.199], [0.0, 1.0]];
        let mut vectors: Vec<_> = vectors.iter().map(|v| Some(v.to_vec())).collect();
        vectors.push(None);
        (ranked.collect(), vectors)
    }

    fn chosen(rerank: &Rerank<'_>) -> Vec<u32> {
        let (ranked, vectors) = candidates();
        let chosen = rerank.choose(&ranked, &vectors);
        chosen.iter().map(|r| r.item).collect()
    }

    const PLAIN: Rerank<'_> = Rerank {
        diversity: 0.0,
        distinct: false,
        unwanted: &[],
        k: 3,
    };

    /// With d = 0.5, after item 0: item 1 has 0.5 · 0.9 - 0.5 · 0.98 = -0.04, item 2 has
    /// 0.5 · 0.5 - 0 = 0.25; after both, item 3 has 0.
    #[test]
    fn unlike_each_other() {
        assert!(PLAIN.is_idle());
        assert_eq!(chosen(&PLAIN), [0, 1, 2]);
        let diversity = 0.5;
        assert_eq!(chosen(&Rerank { diversity, ..PLAIN }), [0, 2, 3]);
        let distinct = true;
        assert_eq!(chosen(&Rerank { distinct, ..PLAIN }), [0, 2, 3]);
    }

    /// Item 0 has 1 - 1, item 1 0.9 - 0.98, item 2 0.5, item 3 0.
    #[test]
    fn unlike_what_is_not_wanted() {
        let unwanted = &[vec![1.0, 0.0]];
        assert_eq!(chosen(&Rerank { unwanted, ..PLAIN }), [2, 0, 3]);
        assert!(PLAIN.choose(&[], &[]).is_empty());
    }
}
