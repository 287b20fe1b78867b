//! How texts and people are read where that is left open: as the encoder says it was tuned, or else as
//! people's own training events say.

use super::{Content, ContentConfig};
use crate::history::RECENCY;
use crate::probe::{Probe, clearly_better};
use crate::texts::{Manner, Said, read};
use crate::{Horizon, Model, ModelError, Training};
use semrec_data::Clock;
use semrec_text::Tower;

/// How far to whiten, and how much less older items count, where that is left open.
const POWERS: [f32; 2] = [1.0, 0.0];
const RECENCIES: [f32; 2] = [RECENCY, 1.0];

/// The tower that people are read by, if the encoder tells of one: it was trained for what comes next.
fn tower(training: &Training<'_>) -> Option<Tower> {
    let ordered = training.horizon != Horizon::AnyTime;
    training.tower.filter(|_| ordered)
}

/// What every person has in common by the tower, `[dim]`, where vectors are read as it does; else
/// nothing.
pub(super) fn prior(
    training: &Training<'_>,
    config: &ContentConfig,
    said: &Said,
) -> Result<Vec<f32>, ModelError> {
    let tower = tower(training).filter(|tower| !tower.may_be_whitened);
    let prior = tower.and_then(|tower| tower.prior);
    let (Some(prior), Some(whitening)) = (prior, &said.whitening) else {
        return Ok(Vec::new());
    };
    if config.power.among(&[0.0]) != [0.0] {
        return Ok(Vec::new());
    }
    let (wide, rows) = (whitening.dim_out(), whitening.matrix());
    let Some(row) = rows.chunks_exact(wide).nth(prior.coordinate) else {
        return Err(ModelError::Training {
            model: Content::NAME,
            problem: format!(
                "the encoder's tower has a prior at value {}, its vectors have {}",
                prior.coordinate,
                whitening.dim_in()
            ),
        });
    };
    let mut people: Vec<f32> = row.iter().map(|x| prior.weight * x).collect();
    people.resize(said.vectors.dim(), 0.0);
    Ok(people)
}

/// What the items say, and the recency: of the ways to read that are left open the first, unless
/// another finds people's training events clearly better.
pub(super) fn chosen(
    training: &Training<'_>,
    config: &ContentConfig,
) -> Result<(Said, f32), ModelError> {
    let log = training.interactions;
    let tower = tower(training);
    let (powers, recencies) = match &tower {
        Some(Tower {
            recency,
            may_be_whitened,
            ..
        }) => (
            if *may_be_whitened {
                &POWERS
            } else {
                &[0.0][..]
            },
            std::slice::from_ref(recency),
        ),
        None => (&POWERS[..], &RECENCIES[..]),
    };
    let powers = config.power.among(powers);
    let recencies = match log.clock() {
        Clock::None => vec![0.0],
        Clock::Seconds | Clock::Position => config.recency.among(recencies),
    };
    let reading = |done: usize| {
        (training.progress)("content: whitening", done, powers.len());
        let manner = Manner {
            power: powers[done],
            eps: config.eps,
            share: config.facts,
        };
        read(training, Content::NAME, manner)
    };
    let mut said = reading(0)?;
    let mut recency = recencies[0];
    if powers.len() * recencies.len() > 1 {
        let probe = Probe::new(log, &said.vectors, training.horizon);
        let mut above = probe.above(log, &said.vectors, recency);
        let mut better = |said: &Said, recencies: &[f32]| {
            let mut found = None;
            for &recency in recencies {
                let others = probe.above(log, &said.vectors, recency);
                if clearly_better(&others, &above) {
                    above = others;
                    found = Some(recency);
                }
            }
            found
        };
        recency = better(&said, &recencies[1..]).unwrap_or(recency);
        for done in 1..powers.len() {
            let other = reading(done)?;
            if let Some(found) = better(&other, &recencies) {
                (said, recency) = (other, found);
            }
        }
    }
    (training.progress)("content: whitening", powers.len(), powers.len());
    Ok((said, recency))
}
