//! Bounded waiting for what others store.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::{Error, Result};

const SLICE: Duration = Duration::from_millis(100);

/// How often to look, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The first wait; each next one is half as long again.
    pub first: Duration,
    /// The longest wait between two looks.
    pub longest: Duration,
    /// Give up after this long.
    pub bound: Duration,
}

/// A wait with its two callbacks. `stop` is asked at least ten times a second.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// How often and how long.
    pub pace: Pace,
    /// Whether to stop waiting.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Told what is missing before each wait, for progress.
    pub missing: &'a (dyn Fn(&[String]) + Sync),
}

impl std::fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wait").field("pace", &self.pace).finish_non_exhaustive()
    }
}

impl<'a> Wait<'a> {
    /// Waits at this pace, never stopped, telling nobody.
    pub fn at(pace: Pace) -> Self {
        Wait { pace, stop: &|| false, missing: &|_| {} }
    }

    /// Begins to wait.
    pub(crate) fn begin(&self) -> Waiting<'a> {
        Waiting { wait: *self, next: self.pace.first, since: Instant::now() }
    }
}

pub(crate) struct Waiting<'a> {
    wait: Wait<'a>,
    next: Duration,
    since: Instant,
}

impl Waiting<'_> {
    /// Sleeps until the next look; refuses when stopped or when the bound is over.
    pub(crate) async fn pause(&mut self, missing: &[String]) -> Result<()> {
        (self.wait.missing)(missing);
        let left = self.wait.pace.bound.saturating_sub(self.since.elapsed());
        if left.is_zero() {
            let seconds = self.since.elapsed().as_secs();
            return Err(Error::Waited { seconds, missing: missing.join(", ") });
        }
        let until = Instant::now() + self.next.min(left);
        self.next = self.next.mul_f64(1.5).min(self.wait.pace.longest);
        loop {
            if (self.wait.stop)() {
                return Err(Error::Stopped { missing: missing.join(", ") });
            }
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(());
            }
            sleep(rest.min(SLICE)).await;
        }
    }
}
