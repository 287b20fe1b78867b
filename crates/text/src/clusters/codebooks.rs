//! Residual codebooks: a vector as a few tokens, coarse to fine.
//!
//! Level by level, k-means is fitted to what the levels before have left of the vectors (Rajput
//! et al. 2023, TIGER, with k-means in place of a learned quantiser). While fitting, a token is
//! given to no more than [`ROOM`] times its fair share of rows: those that lose most by their
//! second choice choose first. Centres are then the means of the rows that chose them, a few times
//! over, so that each level leaves less than the one before. A vector that was not fitted gets the
//! nearest centre of each level ([`Codebooks::tokens`]).

use super::index;
use super::kmeans::{KMeans, mean_rows, members};
use super::nearest_centre::{dot, for_each_row};
use crate::Vectors;
use rand_chacha::ChaCha8Rng;

/// Most rows of a token, as a multiple of the rows of all divided by the number of tokens.
const ROOM: usize = 2;
/// Tokens each row may choose among before it takes any that has room.
const CHOICES: usize = 16;
/// Rows that k-means is fitted to.
const SAMPLE: usize = 20_000;
/// Lloyd's steps of a level.
const STEPS: usize = 10;
/// Times that rows choose a token with room, and centres follow them.
const BALANCING: usize = 4;

/// The centres of each level, `[tokens, dim]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Codebooks {
    levels: Vec<Vectors>,
}

/// Codebooks, and the rows they were fitted to.
#[derive(Clone, Debug)]
pub struct Quantised {
    /// The codebooks.
    pub codebooks: Codebooks,
    /// The tokens that each row was given, `[n][levels]`.
    pub tokens: Vec<Vec<u32>>,
    /// `Σ |x − x̂|² / Σ |x|²` with the levels up to each.
    pub errors: Vec<f64>,
}

impl Codebooks {
    /// Fits so many levels of so many tokens, a tenth of the rows at most and 2 at least.
    ///
    /// # Panics
    /// If there is no row.
    #[must_use]
    pub fn fit(rows: &Vectors, levels: usize, tokens: usize, rng: &mut ChaCha8Rng) -> Quantised {
        let k = tokens.min(rows.len() / 10).max(2);
        let kmeans = KMeans {
            k,
            steps: STEPS,
            spherical: false,
        };
        let mut residual = rows.clone();
        let mut codes: Vec<Vec<u32>> = vec![Vec::new(); rows.len()];
        let (mut books, mut errors) = (Vec::new(), Vec::new());
        let squares = |of: &Vectors| of.rows().map(|x| f64::from(dot(x, x))).sum::<f64>();
        let whole = squares(rows);
        for _ in 0..levels {
            let mut centres = kmeans.fit(&residual.every(SAMPLE), rng).centres;
            let mut chosen = Vec::new();
            for _ in 0..BALANCING {
                chosen = balanced(&residual, &centres);
                let means = mean_rows(&residual, &members(&chosen, k));
                centres = Vectors::new(rows.dim(), means);
            }
            for (row, &token) in chosen.iter().enumerate() {
                take(residual.row_mut(row), centres.row(token as usize));
                codes[row].push(token);
            }
            errors.push(squares(&residual) / whole.max(f64::MIN_POSITIVE));
            books.push(centres);
        }
        Quantised {
            codebooks: Self { levels: books },
            tokens: codes,
            errors,
        }
    }

    /// Restores codebooks from [`Codebooks::centres`], `[levels, tokens, dim]`; `None` if the values
    /// are not as many, or not finite.
    #[must_use]
    pub fn from_centres([levels, tokens, dim]: [usize; 3], centres: &[f32]) -> Option<Self> {
        let level = tokens.checked_mul(dim).filter(|&n| n > 0)?;
        let fits = level.checked_mul(levels) == Some(centres.len());
        if !fits || !centres.iter().all(|x| x.is_finite()) {
            return None;
        }
        let levels = centres.chunks_exact(level);
        Some(Self {
            levels: levels.map(|c| Vectors::new(dim, c.to_vec())).collect(),
        })
    }

    /// `[levels, tokens, dim]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        let first = self.levels.first();
        [
            self.levels.len(),
            first.map_or(0, Vectors::len),
            first.map_or(0, Vectors::dim),
        ]
    }

    /// All centres, level after level.
    #[must_use]
    pub fn centres(&self) -> Vec<f32> {
        let levels = self.levels.iter();
        levels.flat_map(|l| l.as_slice()).copied().collect()
    }

    /// The tokens of a vector: the nearest centre of each level to what the levels before left.
    #[must_use]
    pub fn tokens(&self, vector: &[f32]) -> Vec<u32> {
        let mut left = vector.to_vec();
        let tokens = self.levels.iter().map(|centres| {
            let mut best = (0, f32::NEG_INFINITY);
            for (token, centre) in centres.rows().enumerate() {
                let score = dot(&left, centre) - dot(centre, centre) / 2.0;
                if score > best.1 {
                    best = (token, score);
                }
            }
            take(&mut left, centres.row(best.0));
            index(best.0)
        });
        tokens.collect()
    }
}

fn take(from: &mut [f32], what: &[f32]) {
    from.iter_mut().zip(what).for_each(|(x, c)| *x -= c);
}

/// The nearest centre that has room: rows with most to lose by their second choice come first.
fn balanced(rows: &Vectors, centres: &Vectors) -> Vec<u32> {
    let k = centres.len();
    let room = (ROOM * rows.len()).div_ceil(k).max(1);
    let halves: Vec<f32> = centres.rows().map(|c| dot(c, c) / 2.0).collect();
    let choices: Vec<(f32, Vec<u32>)> = for_each_row(rows, centres, |_, products| {
        let score = |c: u32| products[c as usize] - halves[c as usize];
        let better = |a: &u32, b: &u32| score(*b).total_cmp(&score(*a)).then(a.cmp(b));
        let mut order: Vec<u32> = (0..index(k)).collect();
        let few = CHOICES.min(k - 1);
        order.select_nth_unstable_by(few, better);
        order.truncate(few + 1);
        order.sort_unstable_by(better);
        (score(order[0]) - score(order[1]), order)
    });
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&a, &b| choices[b].0.total_cmp(&choices[a].0).then(a.cmp(&b)));
    let mut taken = vec![0_usize; k];
    let mut tokens = vec![0; rows.len()];
    for row in order {
        let free = |c: &u32| taken[*c as usize] < room;
        let token = choices[row].1.iter().copied().find(free);
        // Room is for twice the rows, so one is always free.
        let token = token.or_else(|| (0..index(k)).find(free)).unwrap_or(0);
        taken[token as usize] += 1;
        tokens[row] = token;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Rows 10, 11 and 20, 22, ten times each: level one finds {10, 11} → 10.5 and {20, 22} → 21,
    /// and leaves ∓0.5 and ∓1. Two tokens for these: k-means puts −0.5, −1 → −0.75 and
    /// 0.5, 1 → 0.75, which leaves 0.25 each. Errors: 10·(2·0.25 + 2·1) and 40·0.0625 of
    /// 10·(100 + 121 + 400 + 484).
    #[test]
    fn two_levels_by_hand() {
        let rows = Vectors::new(1, [10.0, 11.0, 20.0, 22.0].repeat(10));
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let found = Codebooks::fit(&rows, 2, 2, &mut rng);
        let near = |got: f64, want: f64| (got - want).abs() < 1e-6;
        assert!(near(found.errors[0], 25.0 / 11_050.0), "{found:?}");
        assert!(near(found.errors[1], 2.5 / 11_050.0), "{found:?}");
        // A new 23 is nearest to 21, and the 2 it leaves to 0.75: it is a 22. A 9 is a 10.
        let books = &found.codebooks;
        assert_eq!(books.tokens(&[23.0]), found.tokens[3]);
        assert_eq!(books.tokens(&[9.0]), found.tokens[0]);
        assert_ne!(found.tokens[0], found.tokens[1]);
        let again = Codebooks::from_centres(books.shape(), &books.centres());
        assert_eq!(again.as_ref(), Some(books));
        assert_eq!(Codebooks::from_centres([2, 2, 2], &books.centres()), None);
        assert_eq!(Codebooks::from_centres([1, 1, 1], &[f32::NAN]), None);
    }

    /// Six rows, two centres, room for 2 · 6 / 2 = 6; of three centres for 4: five rows nearest to
    /// 0 and one at 10; the one at 0.4, with least to lose, goes to the centre at 1.
    #[test]
    fn a_token_has_no_more_than_its_room() {
        let rows = Vectors::new(1, vec![0.0, -1.0, -2.0, -1.5, 0.4, 10.0]);
        let centres = Vectors::new(1, vec![0.0, 1.0, 10.0]);
        assert_eq!(balanced(&rows, &centres), [0, 0, 0, 0, 1, 2]);
    }
}
