//! How many requests a key, or an address without one, may send.
//!
//! Each has a bucket that fills up at the rate and holds the burst (GCRA, by `governor`). There is a
//! fixed number of buckets: who asks is hashed to one of them, with a secret of this process, so that
//! memory is bounded however many addresses come. Two who share a bucket share a rate, which happens
//! to one pair in [`BUCKETS`].

use crate::config::Rate;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::time::Duration;

/// About 3 MiB if all are in use.
const BUCKETS: u64 = 1 << 16;

/// The buckets, if there is a limit.
pub(crate) struct Rates {
    buckets: Option<DefaultKeyedRateLimiter<u64>>,
    hasher: RandomState,
    clock: DefaultClock,
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limited = self.buckets.is_some();
        f.debug_struct("Rates").field("limited", &limited).finish()
    }
}

impl Rates {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        let quota = rate.map(|rate| Quota::per_second(rate.a_second).allow_burst(rate.burst));
        Self {
            buckets: quota.map(RateLimiter::keyed),
            hasher: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one from the bucket of a key.
    ///
    /// # Errors
    /// How long to wait, if it is empty.
    pub(crate) fn of_key(&self, name: &str) -> Result<(), Duration> {
        self.take(("key", name))
    }

    /// Takes one from the bucket of an address; of IPv6, that of the network (/64) of one household.
    ///
    /// # Errors
    /// How long to wait, if it is empty.
    pub(crate) fn of_address(&self, address: IpAddr) -> Result<(), Duration> {
        match address.to_canonical() {
            IpAddr::V4(address) => self.take(("v4", address)),
            IpAddr::V6(address) => self.take(("v6", address.to_bits() >> 64)),
        }
    }

    fn take(&self, who: impl Hash) -> Result<(), Duration> {
        let Some(buckets) = &self.buckets else {
            return Ok(());
        };
        let bucket = self.hasher.hash_one(who) % BUCKETS;
        let taken = buckets.check_key(&bucket);
        taken.map_err(|early| early.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    #[test]
    fn each_has_a_bucket_of_its_own_and_their_number_is_bounded() {
        let rate = Rate {
            a_second: NonZeroU32::MIN,
            burst: NonZeroU32::new(2).unwrap(),
        };
        let rates = Rates::new(Some(rate));
        let address = |text: &str| rates.of_address(text.parse().unwrap());
        for a in ["192.0.2.1", "2001:db8::1"] {
            assert_eq!((address(a), address(a)), (Ok(()), Ok(())), "{a}");
        }
        // The same machine, written otherwise; another of the same household.
        assert!(address("::ffff:192.0.2.1").unwrap_err() <= Duration::from_secs(1));
        assert!(address("2001:db8::2").is_err());
        assert_eq!(address("2001:db8:0:1::2"), Ok(()));
        assert_eq!(rates.of_key("192.0.2.1"), Ok(()));
        for n in 0..200_000u32 {
            rates.of_address(IpAddr::from(n.to_be_bytes())).ok();
        }
        let held = rates.buckets.as_ref().unwrap().len() as u64;
        assert!(held > BUCKETS / 2 && held <= BUCKETS, "{held}");
        let free = Rates::new(None);
        assert!((0..1000).all(|_| free.of_key("a").is_ok()));
    }
}
