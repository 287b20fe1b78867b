//! Popularity with a memory that fades: how many people touched an item lately.
//!
//! `score(i) = ln(1 + Σ_u 2^(-age / half-life))` over the users `u` of item `i`, each by their
//! newest event on it; the same for everyone. What age is, depends on what the data's times mean:
//!
//! | [`Clock`] | age of an event | half-life |
//! |---|---|---|
//! | `Seconds` | time before the newest event of the data | `half_life_days`, or `half_life` as a share of the span of time between the oldest and the newest event |
//! | `Position` | number of later events by the same user | `half_life_events` |
//! | `None` | none: the score is that of plain popularity | – |

use crate::popularity::{log_count, own_standing, same_for_all};
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use semrec_data::{Clock, Interactions};
use semrec_tune::Space;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// How [`RecentPopularity`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecentPopularityConfig {
    /// Half-life as a share of the data's span of time; used where `half_life_days` is 0.
    pub half_life: f64,
    /// Half-life in days, or 0.
    pub half_life_days: f64,
    /// Half-life in events of a user, where times of different users cannot be compared.
    pub half_life_events: f64,
}

impl Default for RecentPopularityConfig {
    fn default() -> Self {
        Self {
            half_life: 0.05,
            half_life_days: 0.0,
            half_life_events: 10.0,
        }
    }
}

impl RecentPopularityConfig {
    fn check(&self) -> Result<(), ModelError> {
        let bad = |name: &str, got: f64, expected: &str| {
            Err(ModelError::Parameter {
                model: RecentPopularity::NAME,
                problem: format!("{name} is {got}; expected {expected}"),
            })
        };
        if !(self.half_life > 0.0 && self.half_life.is_finite()) {
            bad("half_life", self.half_life, "a share above 0, as in 0.05")
        } else if !(self.half_life_days >= 0.0 && self.half_life_days.is_finite()) {
            bad("half_life_days", self.half_life_days, "at least 0")
        } else if !(self.half_life_events > 0.0 && self.half_life_events.is_finite()) {
            bad("half_life_events", self.half_life_events, "above 0")
        } else {
            Ok(())
        }
    }

    /// How much an event counts, by how old it is.
    fn weights(&self, log: &Interactions) -> impl Fn(i64, usize) -> f64 + use<> {
        let times = || log.events().iter().map(|e| e.time);
        let newest = times().max().unwrap_or(0);
        let span = newest.saturating_sub(times().min().unwrap_or(0)) as f64;
        let clock = log.clock();
        let half_life = match clock {
            Clock::Seconds if self.half_life_days > 0.0 => self.half_life_days * SECONDS_PER_DAY,
            // A span of nothing makes all ages 0, whatever the half-life.
            Clock::Seconds => (self.half_life * span).max(1.0),
            Clock::Position | Clock::None => self.half_life_events,
        };
        move |time, later| {
            let age = match clock {
                Clock::Seconds => newest.saturating_sub(time) as f64,
                Clock::Position => later as f64,
                Clock::None => 0.0,
            };
            (-age / half_life).exp2()
        }
    }
}

/// The fitted model: 4 bytes per item.
#[derive(Clone, Debug)]
pub struct RecentPopularity {
    config: RecentPopularityConfig,
    scores: Arc<Vec<f32>>,
}

impl Model for RecentPopularity {
    const NAME: &'static str = "recent-popularity";
    type Config = RecentPopularityConfig;

    fn space() -> Space {
        Space::default()
            .by_powers("half_life", 0.002, 1.0)
            .by_powers("half_life_events", 1.0, 100.0)
    }

    fn fit(training: &Training<'_>, config: &RecentPopularityConfig) -> Result<Self, ModelError> {
        config.check()?;
        let log = training.interactions;
        let weight = config.weights(log);
        let mut sums = vec![0.0f64; log.n_items()];
        let mut last_user = vec![u32::MAX; log.n_items()];
        for user in (0u32..).take(log.n_users()) {
            // Newest first, so that the first event met of a pair is the one that counts.
            for (later, event) in log.of_user(user).iter().rev().enumerate() {
                let item = event.item as usize;
                if last_user[item] != user {
                    last_user[item] = user;
                    sums[item] += weight(event.time, later);
                }
            }
        }
        Ok(Self {
            config: config.clone(),
            scores: Arc::new(sums.into_iter().map(log_count).collect()),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let [n] = tensors.shape("scores")?;
        Ok(Self {
            config: tensors.config()?,
            scores: tensors.shared_f32("scores", &[n])?,
        })
    }
}

impl Recommender for RecentPopularity {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.scores.len()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        same_for_all(&self.scores, queries, out);
    }

    fn explain(&self, _query: &Query<'_>, item: u32) -> Vec<Contribution> {
        own_standing(Self::NAME, &self.scores, item)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &self.config)?;
        into.put_f32("scores", &[self.scores.len()], Arc::clone(&self.scores))
    }
}
