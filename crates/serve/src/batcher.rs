//! Work that is cheaper done together: a thread takes what has arrived while it was busy, and does
//! it at once. Nothing waits for others to come: alone, a request is a batch of one.

use crate::ServeError;
use crate::watch::trace;
use prometheus::{Histogram, IntGauge};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

type Job<T, R> = (T, oneshot::Sender<Done<R>>);

/// A result, and when the batch it was made in began and ended.
struct Done<R> {
    result: R,
    began: Instant,
    ended: Instant,
}

/// The way to a thread that works in batches; it ends when the last of these is gone.
#[derive(Debug)]
pub(crate) struct Batcher<T, R> {
    name: &'static str,
    jobs: mpsc::Sender<Job<T, R>>,
    depth: IntGauge,
}

/// Too many wait already, or the service is ending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy;

/// What a batcher tells of itself.
pub(crate) struct Gauges {
    /// Jobs that wait.
    pub(crate) depth: IntGauge,
    /// Jobs done at once.
    pub(crate) fill: Histogram,
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Starts a thread that does at most `most` jobs at once while at most `waiting` wait. `work`
    /// gives a result for each job, in their order.
    ///
    /// # Errors
    /// [`ServeError::Io`] if there is no thread.
    pub(crate) fn start(
        name: &'static str,
        (waiting, most): (usize, usize),
        gauges: Gauges,
        mut work: impl FnMut(Vec<T>) -> Vec<R> + Send + 'static,
    ) -> Result<Self, ServeError> {
        let (jobs, mut arrived) = mpsc::channel::<Job<T, R>>(waiting);
        let depth = gauges.depth.clone();
        let run = move || {
            while let Some(first) = arrived.blocking_recv() {
                let mut batch = vec![first];
                while batch.len() < most
                    && let Ok(next) = arrived.try_recv()
                {
                    batch.push(next);
                }
                gauges
                    .depth
                    .sub(i64::try_from(batch.len()).unwrap_or(i64::MAX));
                #[expect(clippy::cast_precision_loss, reason = "at most some hundred")]
                gauges.fill.observe(batch.len() as f64);
                let (asked, replies): (Vec<T>, Vec<_>) = batch.into_iter().unzip();
                let began = Instant::now();
                let results = work(asked);
                let ended = Instant::now();
                for (result, reply) in results.into_iter().zip(replies) {
                    let done = Done {
                        result,
                        began,
                        ended,
                    };
                    // Who asked may be gone.
                    reply.send(done).ok();
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(run).map_err(|source| ServeError::Io {
            what: format!("the thread '{name}' cannot be started"),
            source,
        })?;
        Ok(Self { name, jobs, depth })
    }

    /// Has a job done.
    pub(crate) async fn ask(&self, job: T) -> Result<R, Busy> {
        let asked = Instant::now();
        let (reply, answer) = oneshot::channel();
        self.depth.inc();
        self.jobs.try_send((job, reply)).map_err(|_| {
            self.depth.dec();
            Busy
        })?;
        let done = answer.await.map_err(|_| Busy)?;
        trace::spent("wait", asked, done.began);
        trace::spent(self.name, done.began, done.ended);
        Ok(done.result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc as std_mpsc;

    fn gauges() -> Gauges {
        Gauges {
            depth: IntGauge::new("depth", "depth").unwrap(),
            fill: Histogram::with_opts(prometheus::HistogramOpts::new("fill", "fill")).unwrap(),
        }
    }

    #[tokio::test]
    async fn what_waits_is_done_together_and_what_is_too_much_is_refused() {
        let (go, gate) = std_mpsc::channel::<()>();
        let (began, begins) = std_mpsc::channel::<usize>();
        let work = move |jobs: Vec<u32>| {
            began.send(jobs.len()).unwrap();
            gate.recv().unwrap();
            jobs.iter().map(|job| job * 10).collect()
        };
        let batcher = Batcher::start("test", (2, 8), gauges(), work).unwrap();
        let ask = |job| batcher.ask(job);
        let (first, second, third, fourth) = (ask(1), ask(2), ask(3), ask(4));
        let driven = async {
            let mut others = Box::pin(async { tokio::join!(second, third, fourth) });
            // The first is at work before the others come, which fill the queue.
            let one = async {
                tokio::task::yield_now().await;
                assert_eq!(begins.recv().unwrap(), 1);
            };
            let first = tokio::join!(first, async {
                one.await;
                let results = tokio::join!(&mut others, async {
                    go.send(()).unwrap();
                    go.send(()).unwrap();
                });
                results.0
            });
            assert_eq!(begins.recv().unwrap(), 2);
            first
        };
        let (first, (second, third, fourth)) = driven.await;
        assert_eq!(
            (first.unwrap(), second.unwrap(), third.unwrap()),
            (10, 20, 30)
        );
        assert!(fourth.is_err());
    }
}
