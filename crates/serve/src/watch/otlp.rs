//! Traces sent to a collector: OTLP over HTTP, as JSON (OpenTelemetry protocol 1.x).
//!
//! A request is a span of kind server, what it spent its time on are its children. They go to a
//! thread through a bounded queue, and from there in batches; what finds the queue full, or a
//! collector that does not answer, is dropped and counted. The protocol's crates bring protobuf and
//! a second client of HTTP; the few messages that are sent are JSON by hand, and the client is the
//! one that is there.

use super::trace::{Parent, Part};
use crate::ServeError;
use prometheus::IntCounter;
use serde_json::{Value, json};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Requests that wait to be sent.
const WAITING: usize = 2048;
/// Requests sent at once.
const BATCH: usize = 256;
/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// Longest time for a batch.
const LIMIT: Duration = Duration::from_secs(10);

/// Where traces are sent, and how many.
#[derive(Clone, Debug, PartialEq)]
pub struct Otlp {
    /// The collector, e.g. `http://localhost:4318`; `/v1/traces` is added.
    pub url: String,
    /// Share of requests that are traced of those that come without a `traceparent`, 0 to 1. With
    /// one, the caller has decided.
    pub share: f64,
}

/// A request that is told, with its parts.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) id: TraceId,
    pub(crate) name: String,
    pub(crate) route: String,
    pub(crate) status: u16,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) parts: Vec<Part>,
}

/// The trace and the span of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceId {
    pub(crate) trace: u128,
    span: u64,
    parent: Option<u64>,
}

enum Message {
    Traced(Box<Traced>),
    /// Answered when all before it is sent.
    Finish(tokio::sync::oneshot::Sender<()>),
}

/// The way to the thread that sends.
#[derive(Debug)]
pub(crate) struct Exporter {
    messages: SyncSender<Message>,
    dropped: IntCounter,
    share: f64,
    chance: Chance,
}

impl Exporter {
    /// Starts the thread that sends.
    ///
    /// # Errors
    /// [`ServeError::Io`] if there is no thread.
    pub(crate) fn start(
        otlp: &Otlp,
        nanos: fn() -> u64,
        dropped: IntCounter,
    ) -> Result<Self, ServeError> {
        let (messages, arrive) = sync_channel(WAITING);
        let sender = Sender {
            url: format!("{}/v1/traces", otlp.url.trim_end_matches('/')),
            agent: ureq::Agent::config_builder()
                .timeout_global(Some(LIMIT))
                .build()
                .into(),
            at: (Instant::now(), nanos()),
            dropped: dropped.clone(),
        };
        let thread = std::thread::Builder::new().name("traces".to_owned());
        let run = move || sender.run(&arrive);
        thread.spawn(run).map_err(|source| ServeError::Io {
            what: "the thread 'traces' cannot be started".to_owned(),
            source,
        })?;
        Ok(Self {
            messages,
            dropped,
            share: otlp.share,
            chance: Chance::default(),
        })
    }

    /// The ids of a request, if it is to be traced.
    pub(crate) fn begin(&self, traceparent: Option<&str>) -> Option<TraceId> {
        let parent = traceparent.and_then(Parent::read);
        let span = self.chance.next() | 1;
        match parent {
            Some(parent) => parent.sampled.then_some(TraceId {
                trace: parent.trace,
                span,
                parent: Some(parent.span),
            }),
            None => (self.chance.share() < self.share).then(|| TraceId {
                trace: u128::from(self.chance.next()) << 64 | u128::from(self.chance.next() | 1),
                span,
                parent: None,
            }),
        }
    }

    /// Tells of a request, unless too many wait already.
    pub(crate) fn send(&self, traced: Traced) {
        let message = Message::Traced(Box::new(traced));
        if self.messages.try_send(message).is_err() {
            self.dropped.inc();
        }
    }

    /// Waits until what was told is sent.
    pub(crate) async fn finish(&self) {
        let (done, is_done) = tokio::sync::oneshot::channel();
        if self.messages.try_send(Message::Finish(done)).is_ok() {
            is_done.await.ok();
        }
    }
}

/// Numbers that nobody can foresee, fast: a keyed hash of a counter.
#[derive(Debug, Default)]
struct Chance {
    key: RandomState,
    count: AtomicU64,
}

impl Chance {
    fn next(&self) -> u64 {
        self.key
            .hash_one(self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// From 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn share(&self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

struct Sender {
    url: String,
    agent: ureq::Agent,
    /// One moment by both clocks.
    at: (Instant, u64),
    dropped: IntCounter,
}

impl Sender {
    fn run(&self, arrive: &Receiver<Message>) {
        while let Ok(first) = arrive.recv() {
            let (mut batch, mut finish) = (Vec::new(), None);
            let until = Instant::now() + GATHER;
            let mut next = Ok(first);
            loop {
                match next {
                    Ok(Message::Traced(traced)) => batch.push(traced),
                    Ok(Message::Finish(done)) => finish = Some(done),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
                if finish.is_some() || batch.len() == BATCH {
                    break;
                }
                next = arrive.recv_timeout(until.saturating_duration_since(Instant::now()));
            }
            self.send(&batch);
            if let Some(done) = finish {
                done.send(()).ok();
            }
        }
    }

    fn send(&self, batch: &[Box<Traced>]) {
        if batch.is_empty() {
            return;
        }
        let spans: Vec<Value> = batch.iter().flat_map(|traced| self.spans(traced)).collect();
        let body = json!({"resourceSpans": [{
            "resource": {"attributes": [text("service.name", "semrec")]},
            "scopeSpans": [{"scope": {"name": "semrec"}, "spans": spans}],
        }]});
        let request = self.agent.post(&self.url);
        let request = request.header("content-type", "application/json");
        if request.send(body.to_string()).is_err() {
            self.dropped.inc_by(batch.len() as u64);
        }
    }

    /// The request, then its parts. Ids are hexadecimal, times are strings, as OTLP's JSON wants.
    fn spans(&self, traced: &Traced) -> Vec<Value> {
        let Traced { id, name, .. } = traced;
        let mut own = self.span(id, (id.span, id.parent), name, (traced.began, traced.ended));
        own["kind"] = json!(2);
        own["attributes"] = json!([
            text("http.route", &traced.route),
            {"key": "http.response.status_code", "value": {"intValue": traced.status.to_string()}},
        ]);
        if traced.status >= 500 {
            own["status"] = json!({"code": 2});
        }
        let parts = (1u64..).zip(&traced.parts).map(|(number, part)| {
            // Another id for each; that of the request is odd and thus not zero.
            let span = id
                .span
                .wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c14));
            let times = (part.began, part.ended);
            let mut part = self.span(id, (span, Some(id.span)), part.name, times);
            part["kind"] = json!(1);
            part
        });
        std::iter::once(own).chain(parts).collect()
    }

    fn span(
        &self,
        id: &TraceId,
        (span, parent): (u64, Option<u64>),
        name: &str,
        (began, ended): (Instant, Instant),
    ) -> Value {
        let mut told = json!({
            "traceId": format!("{:032x}", id.trace),
            "spanId": format!("{span:016x}"),
            "name": name,
            "startTimeUnixNano": self.nanos(began).to_string(),
            "endTimeUnixNano": self.nanos(ended).to_string(),
        });
        if let Some(parent) = parent {
            told["parentSpanId"] = json!(format!("{parent:016x}"));
        }
        told
    }

    fn nanos(&self, moment: Instant) -> u128 {
        let (at, nanos) = self.at;
        u128::from(nanos) + moment.saturating_duration_since(at).as_nanos()
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}
