//! Where the workers of one run stand: their processes, their progress, their memory.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reprise_crds::contract::{Progress, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::host;

/// How long an answer about progress may take, and how large it may be: it is for display only.
const PATIENCE: Duration = Duration::from_secs(1);
const LARGEST: u64 = 8 * 1024;

/// One worker, as its tender and the display see it.
#[derive(Clone, Debug, Default)]
struct Seat {
    process: Option<u32>,
    address: Option<String>,
    done: bool,
    peak_memory: u64,
    progress: Option<Progress>,
}

/// All workers of one run.
#[derive(Debug)]
pub(crate) struct Board {
    seats: Mutex<Vec<Seat>>,
    news: Mutex<Vec<String>>,
}

impl Board {
    /// A board for so many workers.
    pub(crate) fn new(count: usize) -> Self {
        Self { seats: Mutex::new(vec![Seat::default(); count]), news: Mutex::default() }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Vec<Seat>) -> T) -> T {
        // A panic elsewhere leaves at worst an old progress.
        change(&mut self.seats.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something happened that the user should know.
    pub(crate) fn tell(&self, news: String) {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).push(news);
    }

    /// What happened since the last call.
    pub(crate) fn news(&self) -> Vec<String> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A worker was started.
    pub(crate) fn started(&self, index: usize, process: Option<u32>) {
        self.with(|seats| seats[index] = Seat { process, peak_memory: seats[index].peak_memory, ..Seat::default() });
    }

    /// A worker serves its progress.
    pub(crate) fn serves(&self, index: usize, address: String) {
        self.with(|seats| seats[index].address = Some(address));
    }

    /// A worker's process is gone.
    pub(crate) fn ended(&self, index: usize, done: bool) {
        self.with(|seats| seats[index] = Seat { done, peak_memory: seats[index].peak_memory, ..Seat::default() });
    }

    /// The most memory that the workers held, each at its worst, together; in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.with(|seats| seats.iter().map(|seat| seat.peak_memory).sum())
    }

    /// Asks all workers where they stand.
    pub(crate) async fn look(&self) -> Option<Progress> {
        let seats = self.with(|seats| seats.clone());
        for (index, seat) in seats.into_iter().enumerate() {
            let memory = seat.process.and_then(host::peak_memory);
            let progress = match &seat.address {
                Some(address) => ask(address).await,
                None => None,
            };
            self.with(|seats| {
                let now = &mut seats[index];
                // The process may have been replaced since.
                if now.process == seat.process {
                    now.peak_memory = now.peak_memory.max(memory.unwrap_or(0));
                    now.progress = progress.or(now.progress.take());
                }
            });
        }
        self.with(|seats| combine(seats))
    }
}

/// One progress for the run: that of the lowest worker at work; where each has its own share, the mean of the shares.
fn combine(seats: &[Seat]) -> Option<Progress> {
    let mut progress = seats.iter().find_map(|seat| seat.progress.clone())?;
    if progress.stage == Stage::Scoring && seats.len() > 1 {
        let share = |seat: &Seat| match (&seat.progress, seat.done) {
            (_, true) => 100.0,
            (Some(progress), false) if progress.stage == Stage::Scoring => progress.percent.unwrap_or(0.0),
            (Some(progress), false) if progress.stage > Stage::Scoring => 100.0,
            _ => 0.0,
        };
        progress.percent = Some(seats.iter().map(share).sum::<f64>() / seats.len() as f64);
        progress.eta_seconds = seats.iter().filter_map(|seat| seat.progress.as_ref()?.eta_seconds).max();
    }
    Some(progress)
}

/// The progress that a worker serves; `None` if it does not answer in time, or not with a progress.
pub(crate) async fn ask(address: &str) -> Option<Progress> {
    tokio::time::timeout(PATIENCE, fetch(address)).await.ok()?
}

async fn fetch(address: &str) -> Option<Progress> {
    let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
    let request = format!("GET /progress HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await.ok()?;
    parse(&answer)
}

fn parse(answer: &[u8]) -> Option<Progress> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let ok = answer.split(|byte| *byte == b' ').nth(1) == Some(b"200");
    ok.then(|| serde_json::from_slice(&answer[end + 4..]).ok()).flatten()
}

/// The address that a `reprise run` on this machine left for those who follow it.
pub(crate) fn left_address(folder: &Path, request: &str) -> Option<String> {
    let address = std::fs::read_to_string(folder.join(request)).ok()?;
    // Only this machine's workers are asked.
    address.parse::<std::net::SocketAddr>().ok().filter(|address| address.ip().is_loopback()).map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(stage: Stage, percent: f64, eta: u64) -> Seat {
        let progress = Progress { percent: Some(percent), eta_seconds: Some(eta), ..Progress::at(stage) };
        Seat { progress: Some(progress), ..Seat::default() }
    }

    #[test]
    fn training_shows_its_lowest_rank_and_scoring_the_mean_of_its_shards() {
        assert_eq!(combine(&[]), None);
        assert_eq!(combine(&[Seat::default(), seat(Stage::Training, 40.0, 9)]).unwrap().percent, Some(40.0));
        let ranks = [seat(Stage::Training, 30.0, 5), seat(Stage::Training, 40.0, 9)];
        assert_eq!(combine(&ranks).unwrap().percent, Some(30.0));
        let done = Seat { done: true, ..Seat::default() };
        let shards = [seat(Stage::Scoring, 20.0, 5), done, seat(Stage::Scoring, 60.0, 9), seat(Stage::Preparing, 90.0, 1)];
        let shown = combine(&shards).unwrap();
        assert_eq!((shown.percent, shown.eta_seconds), (Some(45.0), Some(9)));
    }

    #[test]
    fn only_a_whole_and_good_answer_counts() {
        let body = br#"{"stage":"training","percent":12.5,"etaSeconds":7}"#;
        let answer = |head: &str| [head.as_bytes(), b"\r\ncontent-type: application/json\r\n\r\n", body].concat();
        assert_eq!(parse(&answer("HTTP/1.1 200 OK")).unwrap().percent, Some(12.5));
        assert_eq!(parse(&answer("HTTP/1.1 503 Service Unavailable")), None);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\nnot json"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn followers_ask_this_machine_only() {
        let folder = tempfile::tempdir().unwrap();
        let leave = |address: &str| {
            std::fs::write(folder.path().join("request"), address).unwrap();
            left_address(folder.path(), "request")
        };
        assert_eq!(leave("127.0.0.1:4321"), Some("127.0.0.1:4321".to_owned()));
        assert_eq!(leave("93.184.216.34:80"), None);
        assert_eq!(leave("anything"), None);
        assert_eq!(left_address(folder.path(), "another request"), None);
    }
}
