//! What the service tells Prometheus of itself.

use crate::ServeError;
use crate::batcher::Gauges;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Seconds, from half a millisecond on.
const SECONDS: [f64; 13] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// All counters of a service.
#[derive(Debug)]
pub(crate) struct Meters {
    registry: Registry,
    /// Seconds a request took, by method, route and status.
    pub(crate) requests: HistogramVec,
    /// Jobs that wait, by queue.
    depths: IntGaugeVec,
    /// Jobs done at once, by queue.
    fills: HistogramVec,
    /// Events by what became of them.
    pub(crate) events: IntCounterVec,
    /// Items that are there.
    pub(crate) items: IntGauge,
    /// People with events.
    pub(crate) people: IntGauge,
    /// Recommended items by their source.
    pub(crate) sources: IntCounterVec,
    /// Seconds since the bundle was made.
    pub(crate) age: IntGauge,
}

impl Meters {
    pub(crate) fn new() -> Result<Self, ServeError> {
        Self::registered().map_err(|e| ServeError::Io {
            what: "the counters cannot be made".to_owned(),
            source: std::io::Error::other(e),
        })
    }

    fn registered() -> Result<Self, prometheus::Error> {
        let opts = |name: &str, help: &str| Opts::new(name, help).namespace("semrec");
        let histogram = |name: &str, help: &str, buckets: &[f64]| HistogramOpts {
            common_opts: opts(name, help),
            buckets: buckets.to_vec(),
        };
        let meters = Self {
            registry: Registry::new(),
            requests: HistogramVec::new(
                histogram(
                    "http_request_duration_seconds",
                    "Seconds a request took.",
                    &SECONDS,
                ),
                &["method", "route", "status"],
            )?,
            depths: IntGaugeVec::new(opts("queue_depth", "Jobs that wait."), &["queue"])?,
            fills: HistogramVec::new(
                histogram(
                    "batch_fill",
                    "Jobs done at once.",
                    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0],
                ),
                &["queue"],
            )?,
            events: IntCounterVec::new(
                opts("events_total", "Events by what became of them."),
                &["result"],
            )?,
            items: IntGauge::with_opts(opts("items", "Items that can be recommended."))?,
            people: IntGauge::with_opts(opts("people", "People with events."))?,
            sources: IntCounterVec::new(
                opts("recommended_total", "Recommended items by their source."),
                &["source"],
            )?,
            age: IntGauge::with_opts(opts(
                "model_age_seconds",
                "Seconds since the bundle was made.",
            ))?,
        };
        let registry = &meters.registry;
        registry.register(Box::new(meters.requests.clone()))?;
        registry.register(Box::new(meters.depths.clone()))?;
        registry.register(Box::new(meters.fills.clone()))?;
        registry.register(Box::new(meters.events.clone()))?;
        registry.register(Box::new(meters.items.clone()))?;
        registry.register(Box::new(meters.people.clone()))?;
        registry.register(Box::new(meters.sources.clone()))?;
        registry.register(Box::new(meters.age.clone()))?;
        Ok(meters)
    }

    /// Those of a queue.
    pub(crate) fn queue(&self, name: &str) -> Gauges {
        Gauges {
            depth: self.depths.with_label_values(&[name]),
            fill: self.fill(name),
        }
    }

    fn fill(&self, name: &str) -> Histogram {
        self.fills.with_label_values(&[name])
    }

    /// All of them in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let families = self.registry.gather();
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_default()
    }
}
