//! The map of the catalogue, drawn when it is asked for first, by one thread beside the requests.
//!
//! It is drawn of the items of that moment. Items that are written later stand beside the item on
//! the map whose text is nearest to theirs; those that are gone are left out. When another bundle is
//! put into service, the map is drawn anew.

use semrec_engine::Engine;
use semrec_mine::{Config, Map, MapTopic, draw};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

/// Items that are drawn; of more, so many are drawn evenly spread.
const DRAWN: usize = 20_000;
/// Items that are put beside others, and at one look.
const LATER: usize = 5_000;
const AT_ONCE: usize = 500;
/// How far an item stands from the one that it is put beside, in the units of the map.
const BESIDE: f64 = 30.0;

/// Which bundle a map is of: when it was made, and of which data.
type Stamp = (i64, String);

/// The map, or how far it is.
#[derive(Debug, Default)]
pub(crate) struct Atlas {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Blank,
    Drawing(Step),
    Drawn(Box<Sheet>),
    Failed(Stamp, String),
}

/// What is being done for the map, how much of it is done, and of how much.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Step {
    step: String,
    done: usize,
    of: usize,
}

/// What is there to see.
pub(crate) enum Look {
    /// Not yet.
    Drawing(Step),
    /// The map.
    Drawn(View),
    /// There is none, and why.
    Failed(String),
}

/// The map as it is told: points in the order of their topics, later items at the end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct View {
    /// Ids of the items.
    item: Vec<String>,
    title: Vec<String>,
    /// From left to right, 0 to 10,000.
    x: Vec<u16>,
    /// From top to bottom, in the same units.
    y: Vec<u16>,
    /// Topic of each item; -1 where it fits nowhere.
    topic: Vec<i32>,
    #[schema(value_type = Vec<Object>)]
    topics: Vec<MapTopic>,
    groups: Vec<String>,
    /// Items that were written after the map was drawn, and stand beside their nearest.
    later: usize,
    /// Items that are not on the map: without a text, or more than are drawn.
    left_out: usize,
}

/// A drawn map.
#[derive(Debug)]
struct Sheet {
    of: Stamp,
    map: Map,
    /// Numbers from here on were given after it was drawn.
    from: u32,
    /// Where on the map each item is.
    at: HashMap<u32, usize>,
    later: Vec<(u32, u16, u16, i32)>,
    /// Later items that were looked at.
    looked: HashSet<u32>,
}

impl Atlas {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The map of this engine's items; begins to draw it where there is none yet.
    pub(crate) fn look(&self, engine: &Arc<Engine>) -> Look {
        let stamp = stamp(engine);
        let mut state = self.state();
        match &mut *state {
            State::Drawing(step) => return Look::Drawing(step.clone()),
            State::Drawn(sheet) if sheet.of == stamp => {
                return match sheet.extend(engine) {
                    Ok(()) => Look::Drawn(sheet.view(engine)),
                    Err(problem) => Look::Failed(problem),
                };
            }
            State::Failed(of, problem) if *of == stamp => return Look::Failed(problem.clone()),
            State::Blank | State::Drawn(_) | State::Failed(..) => {}
        }
        let (shared, engine) = (Arc::clone(&self.state), Arc::clone(engine));
        let run = move || {
            let told = |step: &str, done, of| {
                let step = step.to_owned();
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                *state = State::Drawing(Step { step, done, of });
            };
            let next = match Sheet::drawn(&engine, &told) {
                Ok(sheet) => State::Drawn(Box::new(sheet)),
                Err(problem) => State::Failed(stamp, problem),
            };
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = next;
        };
        let begun = std::thread::Builder::new()
            .name("map".to_owned())
            .spawn(run);
        if let Err(e) = begun {
            return Look::Failed(format!("the thread of the map cannot be started: {e}"));
        }
        *state = State::Drawing(Step::default());
        Look::Drawing(Step::default())
    }
}

fn stamp(engine: &Engine) -> Stamp {
    let info = engine.info();
    (info.created, info.fingerprint.clone())
}

impl Sheet {
    /// Draws the map on one thread, so that the requests have the others.
    fn drawn(
        engine: &Engine,
        progress: &(dyn Fn(&str, usize, usize) + Sync),
    ) -> Result<Self, String> {
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let alone = alone.map_err(|e| format!("the thread of the map cannot be started: {e}"))?;
        let survey = engine.survey(DRAWN).map_err(|e| e.to_string())?;
        let (texts, vectors) = (survey.texts, survey.vectors);
        let draw = || draw(texts, &vectors, &Config::default(), progress);
        let mut map = alone.install(draw).map_err(|e| e.to_string())?;
        for item in &mut map.item {
            *item = survey.items[*item as usize];
        }
        let at = map.item.iter().copied().zip(0..).collect();
        Ok(Self {
            of: stamp(engine),
            from: engine.numbered(),
            at,
            map,
            later: Vec::new(),
            looked: HashSet::new(),
        })
    }

    /// Puts items that are new beside their nearest.
    fn extend(&mut self, engine: &Engine) -> Result<(), String> {
        let room = LATER.saturating_sub(self.later.len()).min(AT_ONCE);
        let new = (self.from..engine.numbered()).filter(|item| !self.looked.contains(item));
        let new: Vec<u32> = new.take(room).collect();
        for item in new {
            let near = engine.nearest_to(item, |other| self.at.contains_key(&other));
            self.looked.insert(item);
            let Some(&near) = near
                .map_err(|e| e.to_string())?
                .and_then(|near| self.at.get(&near))
            else {
                continue;
            };
            let (x, y) = (self.map.x[near], self.map.y[near]);
            let (x, y) = beside(x, y, self.later.len());
            self.later.push((item, x, y, self.map.topic[near]));
        }
        Ok(())
    }

    /// What of it is there now.
    fn view(&self, engine: &Engine) -> View {
        let map = &self.map;
        let drawn = (0..map.len()).map(|i| (map.item[i], map.x[i], map.y[i], map.topic[i]));
        let n = map.len() + self.later.len();
        let mut view = View {
            item: Vec::with_capacity(n),
            title: Vec::with_capacity(n),
            x: Vec::with_capacity(n),
            y: Vec::with_capacity(n),
            topic: Vec::with_capacity(n),
            topics: map.topics.clone(),
            groups: map.groups.clone(),
            later: 0,
            left_out: 0,
        };
        for (item, x, y, topic) in drawn.chain(self.later.iter().copied()) {
            let Some((id, title)) = engine.named(item) else {
                continue;
            };
            view.item.push(id.to_owned());
            view.title.push(title.to_owned());
            view.x.push(x);
            view.y.push(y);
            view.topic.push(topic);
            view.later += usize::from(item >= self.from);
        }
        view.left_out = engine.n_items().saturating_sub(view.item.len());
        view
    }
}

/// A place near another; each `number` has its own, so that items beside one do not hide each other.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to the map"
)]
fn beside(x: u16, y: u16, number: usize) -> (u16, u16) {
    let angle = number as f64 * 2.399_963;
    let moved = |at: u16, by: f64| (f64::from(at) + BESIDE * by).clamp(0.0, 10_000.0).round();
    (moved(x, angle.cos()) as u16, moved(y, angle.sin()) as u16)
}
