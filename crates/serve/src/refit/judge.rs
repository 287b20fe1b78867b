//! A bundle against the one in service, on the newest events: which finds better what people did
//! next? Both answer as they do in service, with all that the store knows before each event.

use crate::ServeError;
use crate::served::history;
use semrec_data::Event;
use semrec_engine::{Engine, EngineError, Request};
use semrec_store::{Store, StoredEvent};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Items that are looked at.
const K: usize = 10;
/// Requests ranked at once.
const TOGETHER: usize = 64;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// Events that were looked for.
    pub(crate) cases: usize,
    /// Mean ndcg@10 of the bundle in service.
    pub(crate) ndcg_in_service: f64,
    /// Mean ndcg@10 of the new one.
    pub(crate) ndcg_new: f64,
    /// Standard error of the mean difference, events of one person counting together (few people may
    /// have made many of the newest events, and what suits one of them suits all of theirs).
    pub(crate) standard_error: f64,
}

impl Verdict {
    /// Whether the new bundle is not worse: by no more than one standard error.
    pub(crate) fn is_not_worse(&self) -> bool {
        self.ndcg_new - self.ndcg_in_service >= -self.standard_error
    }

    /// `√(Σ_u (Σ_{i of u} (d_i − d̄))² · U/(U−1)) / n` with the differences `d` of U people.
    fn of(in_service: &[f64], new: &[f64], people: &[&str]) -> Self {
        let n = in_service.len().max(1) as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
        let differences: Vec<f64> = new.iter().zip(in_service).map(|(b, a)| b - a).collect();
        let centre = mean(&differences);
        let mut of_people: BTreeMap<&str, f64> = BTreeMap::new();
        for (difference, person) in differences.iter().zip(people) {
            *of_people.entry(person).or_default() += difference - centre;
        }
        let people = of_people.len() as f64;
        let spread = of_people.values().map(|d| d.powi(2)).sum::<f64>();
        let spread = spread * people / (people - 1.0).max(1.0);
        Self {
            cases: in_service.len(),
            ndcg_in_service: mean(in_service),
            ndcg_new: mean(new),
            standard_error: spread.sqrt() / n,
        }
    }
}

/// An event that is looked for, and what was before it.
struct Case {
    user: String,
    item: String,
    before: Vec<StoredEvent>,
}

/// Compares two engines on events of the store, each by at most `most` events before it.
pub(crate) fn compare(
    (store, most): (&Store, usize),
    (in_service, new): (&Engine, &Engine),
    events: &[StoredEvent],
) -> Result<Verdict, ServeError> {
    let mut cases = Vec::with_capacity(events.len());
    for event in events {
        let known = in_service.item(&event.item).is_some() || new.item(&event.item).is_some();
        let mut before = store.events_of(&event.user, most)?;
        before.retain(|earlier| earlier.seq < event.seq);
        // What was touched before is not recommended.
        if known && before.iter().all(|earlier| earlier.item != event.item) {
            let item = event.item.clone();
            let user = event.user.clone();
            cases.push(Case { user, item, before });
        }
    }
    let people: Vec<&str> = cases.iter().map(|case| case.user.as_str()).collect();
    Ok(Verdict::of(
        &gains(in_service, &cases)?,
        &gains(new, &cases)?,
        &people,
    ))
}

/// ndcg@10 of each case, of one event.
fn gains(engine: &Engine, cases: &[Case]) -> Result<Vec<f64>, EngineError> {
    let request = Request {
        k: K,
        ..Request::default()
    };
    let mut gains = Vec::with_capacity(cases.len());
    for cases in cases.chunks(TOGETHER) {
        let histories: Vec<Vec<Event>> = cases.iter().map(|c| history(engine, &c.before)).collect();
        let asked: Vec<(&[Event], &Request)> =
            histories.iter().map(|h| (&h[..], &request)).collect();
        for (reply, case) in engine.recommend_each(&asked).into_iter().zip(cases) {
            let place = reply?
                .items
                .iter()
                .position(|found| found.item == case.item);
            gains.push(place.map_or(0.0, |place| 1.0 / (place as f64 + 2.0).log2()));
        }
    }
    Ok(gains)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Differences -1, 0, 0.5 and -0.5, mean -.25, of as many people: less the mean -.75, .25, .75
    /// and -.25, whose squares sum to 1.25; √(1.25 · 4/3) / 4 = .3227. Of two people with two each:
    /// -.5 and .5, √(.5 · 2) / 4 = .25.
    #[test]
    fn worse_is_beyond_one_standard_error() {
        let (old, new) = ([1.0, 0.5, 0.0, 0.5], [0.0, 0.5, 0.5, 0.0]);
        let verdict = Verdict::of(&old, &new, &["a", "b", "c", "d"]);
        assert_eq!((verdict.cases, verdict.ndcg_in_service), (4, 0.5));
        assert!((verdict.standard_error - 0.3227).abs() < 1e-4);
        assert!(verdict.is_not_worse());
        let two = Verdict::of(&old, &new, &["a", "a", "b", "b"]);
        assert!((two.standard_error - 0.25).abs() < 1e-12);
        let people = ["a", "b", "c", "d"];
        assert!(!Verdict::of(&[1.0, 0.5, 1.0, 0.5], &[0.0; 4], &people).is_not_worse());
        assert!(Verdict::of(&[0.5; 4], &[0.5; 4], &people).is_not_worse());
    }
}
