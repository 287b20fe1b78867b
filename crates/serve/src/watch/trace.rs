//! What a request spent its time on, told by those who work for it.
//!
//! A request that is traced is answered within [`followed`]; [`spent`] then adds a part, from
//! wherever in the same task it is called, and does nothing elsewhere.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What a request spent a time on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
}

type Parts = Arc<Mutex<Vec<Part>>>;

tokio::task_local! {
    static PARTS: Parts;
}

/// Whom a request belongs to: W3C's `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) sampled: bool,
}

impl Parent {
    /// Reads `00-TRACE-SPAN-FLAGS`; nothing if it is not one, as the specification wants. Of later
    /// versions that which is of this one is read.
    pub(crate) fn read(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace) = (parts.next()?, parts.next()?);
        let (span, flags) = (parts.next()?, parts.next()?);
        let more = parts.next().is_some();
        let hex = |text: &str, length| {
            let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            text.len() == length && text.bytes().all(lower)
        };
        let sane = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16);
        if !sane || !hex(flags, 2) || (version == "00" && more) {
            return None;
        }
        let (trace, span) = (
            u128::from_str_radix(trace, 16).ok()?,
            u64::from_str_radix(span, 16).ok()?,
        );
        let flags = u8::from_str_radix(flags, 16).ok()?;
        (trace != 0 && span != 0).then_some(Self {
            trace,
            span,
            sampled: flags & 1 == 1,
        })
    }
}

/// Does the work, and what it spent time on.
pub(crate) async fn followed<T>(work: impl Future<Output = T>) -> (T, Vec<Part>) {
    let parts = Parts::default();
    let done = PARTS.scope(Arc::clone(&parts), work).await;
    let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
    (done, std::mem::take(&mut *parts))
}

/// Adds a part to the request of this task, if it is followed.
pub(crate) fn spent(name: &'static str, began: Instant, ended: Instant) {
    let add = |parts: &Parts| {
        let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.push(Part { name, began, ended });
    };
    // Not followed.
    PARTS.try_with(add).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_read_as_the_specification_says() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let header = format!("00-{trace}-00f067aa0ba902b7-01");
        let read = Parent::read(&header).unwrap();
        assert_eq!(format!("{:032x}", read.trace), trace);
        assert_eq!((read.span, read.sampled), (0x00f0_67aa_0ba9_02b7, true));
        assert!(!Parent::read(&header.replace("-01", "-00")).unwrap().sampled);
        assert!(Parent::read(&format!("{header}-more")).is_none());
        assert!(Parent::read(&format!("{header}-more").replacen("00", "01", 1)).is_some());
        for wrong in [
            "",
            "00",
            &header.replace('b', "B"),
            &header.replacen("00", "ff", 1),
            &header.replace(trace, &"0".repeat(32)),
            &header.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &header.replace(trace, &trace[1..]),
        ] {
            assert_eq!(Parent::read(wrong), None, "{wrong}");
        }
    }
}
