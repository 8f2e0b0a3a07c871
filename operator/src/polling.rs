//! How far workers are: asked from the worker of the lowest running index. For display; nothing is decided by it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reprise_crds::contract::Progress;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::kind::Run;
use crate::names;
use crate::observed::{PodPhase, PodSeen};

/// Seconds between two answers of one run that are used: each costs a write.
const EVERY_SECONDS: i64 = 30;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest answer, with its headers.
const LARGEST: u64 = 4096 + 1024;

/// When each run was last asked.
#[derive(Debug, Default)]
pub struct Polling(Mutex<BTreeMap<String, i64>>);

impl Polling {
    /// What the worker of the lowest running index says; `None` if none runs, none answers, or it is too early.
    pub async fn ask(&self, run: &Run, pods: &[PodSeen], now: Timestamp) -> Option<Progress> {
        let running = pods.iter().filter(|pod| pod.phase == PodPhase::Running && pod.ends.is_none());
        let address = running.min_by_key(|pod| pod.index)?.address.clone()?;
        if self.lock().get(&run.uid).is_some_and(|last| now.as_second() < last + EVERY_SECONDS) {
            return None;
        }
        let progress = tokio::time::timeout(PATIENCE, fetch(address.parse().ok()?)).await.ok().flatten()?;
        self.lock().insert(run.uid.clone(), now.as_second());
        Some(progress)
    }

    /// Forgets a run that has ended.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetch(address: IpAddr) -> Option<Progress> {
    let mut stream = tokio::net::TcpStream::connect((address, names::PROGRESS_PORT)).await.ok()?;
    stream.write_all(b"GET /progress HTTP/1.0\r\nHost: worker\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await.ok()?;
    parse(&answer)
}

fn parse(answer: &[u8]) -> Option<Progress> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let is_well = answer.split(|byte| *byte == b' ').nth(1) == Some(b"200");
    is_well.then(|| serde_json::from_slice(&answer[end + 4..]).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reprise_crds::contract::Stage;

    #[test]
    fn only_a_whole_good_answer_counts() {
        let good = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"stage\":\"training\",\"percent\":12.5}";
        let progress = parse(good).unwrap();
        assert_eq!((progress.stage, progress.percent), (Stage::Training, Some(12.5)));
        for bad in [
            &b"HTTP/1.1 500 Oh\r\n\r\n{\"stage\":\"training\"}"[..],
            b"HTTP/1.1 200 OK\r\n\r\n{\"stage\":",
            b"",
            b"HTTP/1.1 200 OK\r\n\r\n{\"stage\":\"x\"}",
        ] {
            assert_eq!(parse(bad), None);
        }
    }
}
