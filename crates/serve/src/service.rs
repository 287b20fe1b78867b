//! The state that all requests share, and the threads that work for them.

use crate::atlas::Atlas;
use crate::batcher::Batcher;
use crate::eraser::{self, Copies};
use crate::examples::examples;
use crate::follower::{self, Follow};
use crate::keys::Keys;
use crate::live::Live;
use crate::meters::Meters;
use crate::net::Rates;
use crate::problem::Problem;
use crate::refit::{Refitter, begin};
use crate::regular::Regular;
use crate::served::Served;
use crate::watch::{Exporter, Log, trace};
use crate::{Config, ServeError};
use axum::http::StatusCode;
use semrec_data::Event;
use semrec_engine::{Engine, EngineError, Reply, Request};
use semrec_store::{NewEvent, Store, StoreError, Taken};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Requests ranked at once: bounds the scores that are held to as many times the items.
const RANKED: usize = 64;
/// Calls whose changes are made at once.
const CHANGED: usize = 512;
/// Calls whose events are written at once.
const WRITTEN: usize = 256;

/// What is asked, and by whom.
#[derive(Debug)]
pub(crate) struct Ranking {
    /// The user, as they are called by whoever asks.
    pub(crate) user: Option<String>,
    /// And as store and histories call them.
    pub(crate) person: Option<String>,
    /// What is asked, without a user.
    pub(crate) request: Request,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    /// Whether anything is known of the user.
    pub(crate) known: bool,
    /// The bundle that answered.
    pub(crate) served: Arc<Served>,
}

/// Errors are told to all of a batch.
type Shared<T, E> = Result<T, Arc<E>>;

/// A running service; clones are the same one.
#[derive(Clone, Debug)]
pub struct Service {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    follow: Follow,
    atlas: Atlas,
    ranker: Batcher<Ranking, Result<Answer, EngineError>>,
    changer: Batcher<(), Shared<(), ServeError>>,
    writer: Batcher<Vec<NewEvent>, Shared<Vec<Taken>, StoreError>>,
    rates: Rates,
    traces: Option<Exporter>,
    refitter: Option<Arc<Refitter>>,
    _follower: Option<Regular>,
    _eraser: Regular,
    keys: Option<Keys>,
    /// Requests so far.
    requests: AtomicU64,
    /// What tells the ids of this run from others.
    run: u64,
}

impl Service {
    /// Puts a bundle to work over a store: fills the store with the bundle's data if it is new, and
    /// takes over what it knows beyond the bundle.
    ///
    /// # Errors
    /// [`ServeError`] if the store or the encoder cannot be read.
    pub fn start(engine: Engine, store: Store, config: Config) -> Result<Self, ServeError> {
        config.privacy.check(&store)?;
        let first = engine.path().to_owned();
        let meters = Meters::new()?;
        let log = Log::new(&config.watch);
        let store = Arc::new(store);
        let begun = begin(engine, &store, &config)?;
        for note in &begun.notes {
            log.note("warn", note);
        }
        let served = Served::new(
            begun.engine,
            (&store, begun.known.items_until),
            config.history,
        )?;
        let follow = Follow {
            live: Arc::new(Live::new(served)),
            store,
            meters: meters.clone(),
            log,
            clock: config.clock,
        };
        let eraser = eraser::start(Copies {
            store: Arc::clone(&follow.store),
            privacy: config.privacy.clone(),
            log: follow.log,
            first,
            made: config.refit.as_ref().map(|refit| refit.dir.clone()),
        })?;
        let shared = follow.store.is_shared();
        let follower = shared.then(|| follower::start(follow.clone()));
        let keys = shared.then(Keys::default);
        let refitter = match (&config.refit, begun.generations) {
            (Some(refit), Some(generations)) => Some(Arc::new(Refitter::start(
                refit.clone(),
                follow.clone(),
                (generations, begun.known),
                config.history,
            )?)),
            _ => None,
        };
        let ranking = Arc::clone(&follow.live);
        let rank = move |asked: Vec<Ranking>| ranked(&ranking.served(), asked);
        let changing = follow.clone();
        let change = move |calls: Vec<()>| {
            let done = changing.items().map_err(Arc::new);
            vec![done; calls.len()]
        };
        let writing = follow.clone();
        let write = move |calls: Vec<Vec<NewEvent>>| written(&writing, &calls);
        let waiting = config.queue.max(1);
        let run = u64::try_from((config.clock)()).unwrap_or(0);
        let nanos = config.watch.nanos;
        let traces = config.watch.otlp.as_ref();
        let traces = traces.map(|otlp| Exporter::start(otlp, nanos, meters.dropped.clone()));
        Ok(Self {
            inner: Arc::new(Inner {
                ranker: Batcher::start("rank", (waiting, RANKED), meters.queue("rank"), rank)?,
                changer: Batcher::start(
                    "change",
                    (waiting, CHANGED),
                    meters.queue("change"),
                    change,
                )?,
                writer: Batcher::start("write", (waiting, WRITTEN), meters.queue("write"), write)?,
                rates: Rates::new(config.rate),
                traces: traces.transpose()?,
                refitter,
                _follower: follower.transpose()?,
                _eraser: eraser,
                keys,
                config,
                follow,
                atlas: Atlas::default(),
                requests: AtomicU64::new(0),
                run,
            }),
        })
    }

    /// Three requests to begin with, as lines with `curl` for a shell, that are answered with items:
    /// recommendations, a search, and what goes with an item. None where nobody has a history.
    #[must_use]
    pub fn examples(&self, url: &str) -> Vec<String> {
        examples(&self.live().engine(), url, self.config().keys)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn live(&self) -> &Live {
        &self.inner.follow.live
    }

    pub(crate) fn meters(&self) -> &Meters {
        &self.inner.follow.meters
    }

    pub(crate) fn atlas(&self) -> &Atlas {
        &self.inner.atlas
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.inner.rates
    }

    pub(crate) fn log(&self) -> &Log {
        &self.inner.follow.log
    }

    pub(crate) fn traces(&self) -> Option<&Exporter> {
        self.inner.traces.as_ref()
    }

    pub(crate) fn refitter(&self) -> Option<Arc<Refitter>> {
        self.inner.refitter.clone()
    }

    /// What a person is called in store and memory.
    pub(crate) fn person<'a>(&self, id: &'a str) -> Cow<'a, str> {
        self.inner.config.privacy.person(id)
    }

    /// A text without what identifies people, if that is wanted.
    pub(crate) fn without_marks(&self, text: String) -> String {
        self.inner.config.privacy.text(text)
    }

    /// Tells those who run the service of something.
    pub(crate) fn note(&self, level: &str, message: &str) {
        self.log().note(level, message);
    }

    /// Waits until what was told of requests has arrived.
    pub(crate) async fn finish(&self) {
        if let Some(traces) = self.traces() {
            traces.finish().await;
        }
    }

    pub(crate) fn now(&self) -> i64 {
        (self.inner.config.clock)()
    }

    /// An id for the next request.
    pub(crate) fn next_id(&self) -> String {
        let number = self.inner.requests.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{number:x}", self.inner.run)
    }

    /// Keys that were looked up lately; none of a store in a file, which is asked as fast.
    pub(crate) fn keys(&self) -> Option<&Keys> {
        self.inner.keys.as_ref()
    }

    /// Asks the store, where waiting for it holds up nobody.
    pub(crate) async fn in_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.inner.follow.store);
        self.blocking("store", move || work(&store)).await
    }

    /// Does work that takes a while, where it holds up nobody. `name` is what traces call it.
    pub(crate) async fn blocking<T, E>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        let began = Instant::now();
        let done = tokio::task::spawn_blocking(work).await;
        trace::spent(name, began, Instant::now());
        let done = done.map_err(|_| {
            let detail = "the work for this request ended unexpectedly";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
        })?;
        done.map_err(Into::into)
    }

    /// Ranks for a person.
    pub(crate) async fn recommend(&self, asked: Ranking) -> Result<Answer, Problem> {
        Ok(self.inner.ranker.ask(asked).await??)
    }

    /// Makes items that are stored already known to all requests after this one.
    pub(crate) async fn follow_items(&self) -> Result<(), Problem> {
        let followed = self.inner.changer.ask(()).await?;
        followed.map_err(|e| Problem::from(&*e))
    }

    /// Changes people in the store, where waiting for it holds up nobody, and makes it known to all
    /// requests after this one.
    pub(crate) async fn change_people<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let _writing = self.live().writing().await;
        let follow = self.inner.follow.clone();
        let work = move || {
            let done = work(&follow.store)?;
            follow.people()?;
            Ok::<T, ServeError>(done)
        };
        self.blocking("store", work).await
    }

    /// Stores events, and makes them known to all requests after this one.
    pub(crate) async fn write(&self, events: Vec<NewEvent>) -> Result<Vec<Taken>, Problem> {
        let written = self.inner.writer.ask(events).await?;
        written.map_err(|e| Problem::from(&*e))
    }
}

/// Ranks for several people, all by one bundle, whose numbers the histories have.
fn ranked(served: &Arc<Served>, asked: Vec<Ranking>) -> Vec<Result<Answer, EngineError>> {
    let engine = served.engine();
    let known = |ranking: Ranking| {
        let mut request = ranking.request;
        let known = ranking.person.filter(|person| served.people.knows(person));
        let history = known
            .as_ref()
            .map_or_else(Vec::new, |person| served.people.history(person));
        let is_known = known.is_some();
        // What they say of themselves is under the name that the bundle has them by.
        request.user = known.and_then(|person| {
            let user = ranking.user.filter(|user| engine.knows_user(user));
            user.or_else(|| engine.knows_user(&person).then_some(person))
        });
        ((history, request), is_known)
    };
    let (asked, known): (Vec<_>, Vec<bool>) = asked.into_iter().map(known).unzip();
    let asked: Vec<(&[Event], &Request)> = asked
        .iter()
        .map(|(history, request)| (&history[..], request))
        .collect();
    let replies = engine.recommend_each(&asked).into_iter().zip(known);
    let answers = replies.map(|(reply, known)| {
        Ok(Answer {
            reply: reply?,
            known,
            served: Arc::clone(served),
        })
    });
    answers.collect()
}

/// Writes the events of several calls in one transaction, and takes them over.
fn written(follow: &Follow, calls: &[Vec<NewEvent>]) -> Vec<Shared<Vec<Taken>, StoreError>> {
    let all = match follow.store.add_events(&calls.concat()) {
        Ok(all) => all,
        Err(e) => return vec![Err(Arc::new(e)); calls.len()],
    };
    // They are stored; what is not taken over now is the next time.
    if let Err(e) = follow.people() {
        follow.log.note("error", &e.to_string());
    }
    let mut all = all.into_iter();
    calls
        .iter()
        .map(|call| Ok(all.by_ref().take(call.len()).collect()))
        .collect()
}
