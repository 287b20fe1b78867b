//! What the service tells Prometheus of itself.

use crate::ServeError;
use crate::batcher::Gauges;
use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Seconds, from half a millisecond on.
const SECONDS: [f64; 13] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// Jobs done at once.
const FILLS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// All counters of a service.
#[derive(Clone, Debug)]
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
    /// Bundles that were made while serving, by what became of them.
    pub(crate) refits: IntCounterVec,
    /// Population stability index, of events and scores.
    pub(crate) drift: GaugeVec,
    /// Seconds since the bundle was made.
    pub(crate) age: IntGauge,
    /// Items with a vector in the index.
    pub(crate) indexed: IntGauge,
    /// Texts that ask, by whether their vector was there: `hit`, `miss`.
    pub(crate) encoder_cache: IntCounterVec,
    /// Events of people who were given a list, by whether its item was on it: `hit`, `miss`.
    pub(crate) taken: IntCounterVec,
    /// Gini coefficient of the newest recommended items.
    pub(crate) gini: Gauge,
    /// Different items among the newest recommended ones.
    pub(crate) exposed: IntGauge,
    /// Requests whose trace was not sent.
    pub(crate) dropped: IntCounter,
    /// Whether the store answered when it was asked last.
    pub(crate) store_reached: IntGauge,
}

impl Meters {
    pub(crate) fn new() -> Result<Self, ServeError> {
        Self::registered().map_err(|e| ServeError::Io {
            what: "the counters cannot be made".to_owned(),
            source: std::io::Error::other(e),
        })
    }

    fn registered() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let to = Within(&registry);
        let meters = Self {
            requests: to.histograms(
                ("http_request_duration_seconds", "Seconds a request took."),
                &["method", "route", "status"],
                &SECONDS,
            )?,
            depths: to.gauges("queue_depth", "Jobs that wait.", &["queue"])?,
            fills: to.histograms(("batch_fill", "Jobs done at once."), &["queue"], &FILLS)?,
            events: to.counters(
                "events_total",
                "Events by what became of them.",
                &["result"],
            )?,
            items: to.gauge("items", "Items that can be recommended.")?,
            people: to.gauge("people", "People with events.")?,
            sources: to.counters(
                "recommended_total",
                "Recommended items by their source.",
                &["source"],
            )?,
            refits: to.counters(
                "refits_total",
                "Bundles that were made while serving, by what became of them.",
                &["outcome"],
            )?,
            drift: to.add(GaugeVec::new(
                opts(
                    "drift_psi",
                    "Population stability index of what happens now to what was trained on.",
                ),
                &["of"],
            ))?,
            age: to.gauge("model_age_seconds", "Seconds since the bundle was made.")?,
            indexed: to.gauge("index_items", "Items with a vector in the index.")?,
            encoder_cache: to.counters(
                "encoder_cache_total",
                "Texts that ask, by whether their vector was in memory.",
                &["result"],
            )?,
            taken: to.counters(
                "online_events_total",
                "Events of people who were given a list less than a day before, by whether the item was on it.",
                &["result"],
            )?,
            gini: to.add(Gauge::with_opts(opts(
                "exposure_gini",
                "Gini coefficient over all items of the newest 65,536 recommended ones.",
            )))?,
            exposed: to.gauge(
                "exposed_items",
                "Different items among the newest 65,536 recommended ones.",
            )?,
            dropped: to.add(IntCounter::with_opts(opts(
                "traces_dropped_total",
                "Requests whose trace could not be sent.",
            )))?,
            store_reached: to.gauge(
                "store_reached",
                "1 if the store answered when it was asked last, else 0.",
            )?,
            registry: registry.clone(),
        };
        meters.store_reached.set(1);
        for result in ["hit", "miss"] {
            meters.encoder_cache.with_label_values(&[result]);
            meters.taken.with_label_values(&[result]);
        }
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

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("semrec")
}

/// Makes counters within a registry.
struct Within<'a>(&'a Registry);

impl Within<'_> {
    fn add<C: Collector + Clone + 'static>(
        &self,
        made: Result<C, prometheus::Error>,
    ) -> Result<C, prometheus::Error> {
        let made = made?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.add(IntGauge::with_opts(opts(name, help)))
    }

    fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.add(IntGaugeVec::new(opts(name, help), labels))
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.add(IntCounterVec::new(opts(name, help), labels))
    }

    fn histograms(
        &self,
        (name, help): (&str, &str),
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let opts = HistogramOpts {
            common_opts: opts(name, help),
            buckets: buckets.to_vec(),
        };
        self.add(HistogramVec::new(opts, labels))
    }
}
