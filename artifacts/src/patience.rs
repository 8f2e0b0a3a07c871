//! How long and how often to ask a storage that does not answer well.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::{Error, Result};

/// Bounds of one operation. All waits are functions of these values, the object and the try: nothing is random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Tries in all, at least 1. In a transfer that goes on where it broke, tries without a byte of progress.
    pub tries: u32,
    /// Wait after the first failed try; doubles with each.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// How long one answer, or the next bytes of a body that is read, may take.
    pub attempt: Duration,
    /// How much longer the answer to an upload may take, for each MiB.
    pub upload: Duration,
    /// No new try begins after this.
    pub total: Duration,
    /// Spreads the waits of processes that would otherwise ask in step; give each its own.
    pub jitter: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 6,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(8),
            attempt: Duration::from_secs(30),
            upload: Duration::from_secs(1),
            total: Duration::from_mins(2),
            jitter: 0,
        }
    }
}

impl Patience {
    /// The wait after failed try number `tried` (from 1): doubling, bounded, shortened by up to a half.
    pub fn wait(&self, object: &str, tried: u32) -> Duration {
        let doubled = self.first_wait.saturating_mul(1 << tried.saturating_sub(1).min(20)).min(self.longest_wait);
        let seed = crc32c::crc32c_append((self.jitter ^ (self.jitter >> 32)) as u32 ^ tried, object.as_bytes());
        doubled.mul_f64(0.5 + f64::from(seed) / f64::from(u32::MAX) * 0.5)
    }

    /// How long one upload of this many bytes may take.
    pub(crate) fn of_upload(&self, length: u64) -> Duration {
        self.attempt + self.upload.saturating_mul(u32::try_from(length >> 20).unwrap_or(u32::MAX))
    }
}

/// Counts tries and waits between them.
pub(crate) struct Tries {
    patience: Patience,
    tried: u32,
    since: Instant,
}

impl Tries {
    pub(crate) fn begin(patience: Patience) -> Self {
        Self { patience, tried: 0, since: Instant::now() }
    }

    /// Waits for the next try, or gives up with the reason of the last one.
    pub(crate) async fn next(&mut self, verb: &'static str, object: &str, reason: String) -> Result<()> {
        self.tried += 1;
        let wait = self.patience.wait(object, self.tried);
        if self.tried >= self.patience.tries || self.since.elapsed() + wait > self.patience.total {
            let reason = format!("{reason} (tried {} times)", self.tried);
            return Err(Error::Unavailable { verb, object: object.to_owned(), reason });
        }
        sleep(wait).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_bounds_and_differ_by_process() {
        let patience = Patience::default();
        for tried in 1..40 {
            let full = patience.first_wait.saturating_mul(1 << (tried - 1).min(20)).min(patience.longest_wait);
            let wait = patience.wait("gs://b/a", tried);
            assert!(wait >= full / 2 && wait <= full, "try {tried}: {wait:?} of {full:?}");
            assert_eq!(wait, patience.wait("gs://b/a", tried), "nothing is random");
        }
        let other = Patience { jitter: 1 << 40, ..patience };
        assert_ne!(other.wait("gs://b/a", 1), patience.wait("gs://b/a", 1));
    }
}
