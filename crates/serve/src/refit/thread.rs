//! The thread that refits: it waits for a request, a time, or drift.

use super::generations::Known;
use super::judge::compare;
use super::{Generations, Made, Opened, Outcome, Refit, Status, Step, Task, Verdict};
use crate::ServeError;
use crate::follower::Follow;
use crate::served::Served;
use semrec_data::ImportReport;
use semrec_store::StoredEvent;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Fewest new events to judge a bundle by, and most.
const FEWEST: u64 = 50;
const MOST: usize = 2_000;
/// How often it is looked whether a refit is due.
const LOOK: Duration = Duration::from_secs(15);
/// And, where other services are on the store, which bundle they put into service.
const LOOK_AT_OTHERS: Duration = Duration::from_secs(2);
/// Who trains holds the lock of this name.
const LEASE: &str = "refit";
/// Seconds between the end of one refit and another because of drift.
const PAUSE: i64 = 600;
/// And events between them.
const RENEWED: u64 = 1_000;
/// Refits that are told.
const TOLD: usize = 20;

/// The way to the thread; it ends with this.
#[derive(Debug)]
pub(crate) struct Refitter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    refit: Refit,
    follow: Follow,
    history: usize,
    state: Mutex<State>,
    wake: Condvar,
    stop: AtomicBool,
}

#[derive(Debug)]
struct State {
    generations: Generations,
    known: Known,
    step: Step,
    asked: bool,
    /// Up to which event there were when the last one began.
    tried: u64,
    /// When the last one ended, or the service began.
    last: i64,
    /// Bundles that another service put into service, and that cannot be opened here.
    refused: Vec<u32>,
    made: Vec<Made>,
}

/// Why a refit, or a roll back, cannot be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cannot {
    /// One is being made.
    Busy,
    /// There is no bundle before.
    Nothing,
}

/// What a refit leads to, if nothing goes wrong.
type Judged = (Outcome, Option<Verdict>, String);

impl Refitter {
    pub(crate) fn start(
        refit: Refit,
        follow: Follow,
        (generations, known): (Generations, Known),
        history: usize,
    ) -> Result<Self, ServeError> {
        let state = State {
            generations,
            known,
            step: Step::Idle,
            asked: false,
            tried: known.events_until,
            last: (follow.clock)(),
            refused: Vec::new(),
            made: Vec::new(),
        };
        let shared = Arc::new(Shared {
            refit,
            follow,
            history,
            state: Mutex::new(state),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let working = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("refit".to_owned())
            .spawn(move || working.work())
            .map_err(|source| ServeError::Io {
                what: "no thread for refits".to_owned(),
                source,
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Begins a refit soon.
    pub(crate) fn ask(&self) -> Result<(), Cannot> {
        let mut state = self.shared.state();
        if state.step != Step::Idle || state.asked {
            return Err(Cannot::Busy);
        }
        state.asked = true;
        self.shared.wake.notify_all();
        Ok(())
    }

    /// Puts the bundle before into service again.
    ///
    /// # Errors
    /// [`Cannot`], or what is wrong with that bundle.
    pub(crate) fn roll_back(&self) -> Result<Result<(), ServeError>, Cannot> {
        let shared = &self.shared;
        let before = {
            let mut state = shared.state();
            let before = state.generations.before().ok_or(Cannot::Nothing)?;
            if state.step != Step::Idle || state.asked {
                return Err(Cannot::Busy);
            }
            state.step = Step::Swapping;
            before
        };
        let begun = (shared.follow.clock)();
        let done = shared.rolled_back(before);
        let (outcome, detail) = match &done {
            Ok(()) => (Outcome::Rolledback, "by request".to_owned()),
            Err(e) => (Outcome::Failed, e.to_string()),
        };
        shared.tell(begun, "request", (outcome, None, detail));
        Ok(done)
    }

    pub(crate) fn status(&self) -> Result<Status, ServeError> {
        self.shared.status()
    }
}

impl Drop for Refitter {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(because) = self.wait() {
            let begun = (self.follow.clock)();
            let judged = self.refit(begun).unwrap_or_else(|e| {
                let what = e.to_string();
                (Outcome::Failed, None, what)
            });
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            self.tell(begun, because, judged);
        }
    }

    /// Waits for a reason; `None` at the end.
    fn wait(&self) -> Option<&'static str> {
        let mut state = self.state();
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(because) = self.reason(&state) {
                state.asked = false;
                state.step = Step::Exporting;
                return Some(because);
            }
            let look = match self.follow.store.is_shared() {
                true => LOOK_AT_OTHERS,
                false => LOOK,
            };
            let waited = self.wake.wait_timeout(state, look);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if self.follow.store.is_shared() && state.step == Step::Idle && !state.asked {
                drop(state);
                self.follow_others();
                state = self.state();
            }
        }
    }

    /// Puts the bundle into service that another service on this store put there.
    fn follow_others(&self) {
        // A store that is away is told of by whoever follows what is written.
        let Ok(Some(listed)) = Generations::listed(&self.follow.store) else {
            return;
        };
        let followed = {
            let mut state = self.state();
            if listed == state.generations.served() || listed == state.refused {
                return;
            }
            state.step = Step::Swapping;
            state.generations.following(listed.clone())
        };
        let begun = (self.follow.clock)();
        let done = self.put_into_service(&followed, followed.current());
        let (outcome, detail) = match done {
            Ok(known) => {
                let mut state = self.state();
                state.generations = followed;
                state.known = known;
                (
                    Outcome::Followed,
                    "by another service on this store".to_owned(),
                )
            }
            Err(e) => {
                let detail = format!(
                    "another service put a bundle into service that cannot be opened here: {e}"
                );
                self.follow.log.note("warn", &detail);
                self.state().refused = listed;
                (Outcome::Failed, detail)
            }
        };
        self.tell(begun, "another service", (outcome, None, detail));
    }

    /// Opens a bundle, makes it ready and puts it into service; up to where it knows the store.
    fn put_into_service(
        &self,
        generations: &Generations,
        number: u32,
    ) -> Result<Known, ServeError> {
        let Opened { engine, known } = match number {
            0 => generations.first(&self.follow.store),
            number => generations.opened(number),
        }?;
        let next = Served::new(
            engine,
            (&self.follow.store, known.items_until),
            self.history,
        )?;
        self.follow.live.swap(next, &self.follow.store)?;
        Ok(known)
    }

    fn reason(&self, state: &State) -> Option<&'static str> {
        if state.asked {
            return Some("request");
        }
        if state.step != Step::Idle {
            return None;
        }
        let now = (self.follow.clock)();
        if self.due(state).is_some_and(|due| now >= due) {
            return Some("schedule");
        }
        let limit = self.refit.drift?;
        let distance = self.follow.live.served().drift.distances().largest();
        let far = now - state.last >= PAUSE && distance.is_some_and(|d| d > limit);
        // What did not help is not tried again on the same events.
        let new = || self.follow.store.n_events_after(state.tried).unwrap_or(0);
        (far && new() >= RENEWED).then_some("drift")
    }

    /// When the next one is due by the schedule.
    fn due(&self, state: &State) -> Option<i64> {
        let every = i64::try_from(self.refit.every?.as_secs()).unwrap_or(i64::MAX);
        Some(state.last.saturating_add(every))
    }

    /// The bundles as they are now: reading one must not hold up whoever asks for the state.
    fn generations(&self) -> Generations {
        self.state().generations.clone()
    }

    fn step(&self, step: Step) {
        self.state().step = step;
    }

    fn refit(&self, begun: i64) -> Result<Judged, ServeError> {
        let in_service = self.follow.live.served();
        let (known, (number, out, data), like) = {
            let state = self.state();
            let like = state.generations.path(state.generations.current());
            (state.known, state.generations.next()?, like)
        };
        // Only one of the services on a store trains at a time.
        let Some(_alone) = self.follow.store.lease(LEASE)? else {
            let detail = "another service on this store is training".to_owned();
            return Ok((Outcome::Waiting, None, detail));
        };
        if Generations::listed(&self.follow.store)?
            .is_some_and(|l| l != self.generations().served())
        {
            let detail = "another service on this store has just put a bundle into service";
            return Ok((Outcome::Waiting, None, detail.to_owned()));
        }
        self.state().tried = self.follow.store.last_event()?;
        let got = self.follow.store.n_events_after(known.events_until)?;
        if got < FEWEST {
            let detail = format!("{got} events since the bundle was made; expected {FEWEST}");
            return Ok((Outcome::Waiting, None, detail));
        }
        let (events_until, judged_by) = self.held_out(known, got)?;
        let before = in_service.engine();
        let snapshot = self.follow.store.snapshot(before.dataset(), events_until)?;
        snapshot.dataset.save(&data, &ImportReport::default())?;
        let known = Known {
            items_until: snapshot.items_until,
            events_until,
            begun,
        };
        drop(snapshot);
        self.step(Step::Training);
        let trained = (self.refit.trainer.0)(&Task {
            data: &data,
            like: &like,
            out: &out,
            threads: self.refit.threads(),
            stop: &self.stop,
        });
        fs::remove_dir_all(&data).ok();
        if let Err(detail) = trained {
            self.state().generations.delete(number);
            return Ok((Outcome::Failed, None, detail));
        }
        self.step(Step::Judging);
        let generations = self.generations();
        let kept = generations.keep(number, known);
        let judged = kept.and_then(|()| self.judged(number, &judged_by));
        if !matches!(judged, Ok((Outcome::Swapped, ..))) {
            generations.delete(number);
        }
        judged
    }

    /// Compares a new bundle with the one in service, and puts it there if it is not worse.
    fn judged(&self, number: u32, events: &[StoredEvent]) -> Result<Judged, ServeError> {
        let Opened { engine, known } = self.generations().opened(number)?;
        let next = Served::new(
            engine,
            (&self.follow.store, known.items_until),
            self.history,
        )?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.refit.threads());
        let pool = pool.build().map_err(|e| ServeError::Io {
            what: "no threads to judge with".to_owned(),
            source: std::io::Error::other(e),
        })?;
        let (old, new) = (self.follow.live.engine(), next.engine());
        let verdict =
            pool.install(|| compare((&self.follow.store, self.history), (&old, &new), events))?;
        drop(new);
        let figures = format!(
            "ndcg@10 {:.4} on {} newest events, {:.4} by the bundle in service",
            verdict.ndcg_new, verdict.cases, verdict.ndcg_in_service
        );
        if !verdict.is_not_worse() {
            return Ok((Outcome::Kept, Some(verdict), figures));
        }
        self.step(Step::Swapping);
        // Written down first: what serves is never a bundle that a start would not find.
        self.state()
            .generations
            .entered(number, &self.follow.store)?;
        if let Err(e) = self.follow.live.swap(next, &self.follow.store) {
            self.state().generations.left(&self.follow.store)?;
            return Err(e);
        }
        let mut state = self.state();
        state.known = known;
        state.generations.tidy(&self.follow.store)?;
        Ok((Outcome::Swapped, Some(verdict), figures))
    }

    /// The newest half of the events that the bundle in service was not trained on, at most 2,000,
    /// and up to where all others go.
    fn held_out(&self, known: Known, new: u64) -> Result<(u64, Vec<StoredEvent>), ServeError> {
        let half = usize::try_from(new / 2).unwrap_or(MOST).min(MOST);
        let events = self.follow.store.newest_events(known.events_until, half)?;
        let until = events.first().map_or(known.events_until, |e| e.seq - 1);
        Ok((until, events))
    }

    fn rolled_back(&self, before: u32) -> Result<(), ServeError> {
        let known = self.put_into_service(&self.generations(), before)?;
        let mut state = self.state();
        state.known = known;
        state.generations.left(&self.follow.store)
    }

    /// Writes down what came of it.
    fn tell(&self, begun: i64, because: &'static str, (outcome, verdict, detail): Judged) {
        self.follow
            .meters
            .refits
            .with_label_values(&[outcome.name()])
            .inc();
        let mut state = self.state();
        state.step = Step::Idle;
        state.last = (self.follow.clock)();
        let made = Made {
            begun,
            ended: state.last,
            because,
            outcome,
            bundle: state.generations.current(),
            verdict,
            detail,
        };
        state.made.insert(0, made);
        state.made.truncate(TOLD);
    }

    fn status(&self) -> Result<Status, ServeError> {
        let distances = self.follow.live.served().drift.distances();
        let known = self.state().known;
        let events_since = self.follow.store.n_events_after(known.events_until)?;
        let state = self.state();
        Ok(Status {
            step: state.step,
            bundle: state.generations.current(),
            can_roll_back: state.generations.before().is_some(),
            events_since,
            drift_of_events: distances.events,
            drift_of_scores: distances.scores,
            next: self.due(&state),
            made: state.made.clone(),
        })
    }
}
