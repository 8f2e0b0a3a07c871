//! What every step of a worker's run shares.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reprise_artifacts::{Location, Uri, layout};
use reprise_crds::contract::{ExitCode, RunPlan};
use reprise_models::learn::Stop;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::failure::{Failure, Result};
use crate::inputs::Sources;
use crate::progress::Board;
use crate::settings::Settings;

/// How long a worker waits for what another one makes, before it ends with "try again".
const LONGEST_WAIT: Duration = Duration::from_hours(1);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const STOP_CHECK: Duration = Duration::from_millis(100);

/// One worker's run: the plan, which worker it is, and where everything lies.
///
/// Computation is blocking and runs on the caller's thread; storage is asynchronous and is waited for by
/// [`Session::wait`].
#[derive(Clone, Debug)]
pub struct Session {
    /// What is to be done.
    pub plan: Arc<RunPlan>,
    /// Which worker this is.
    pub settings: Arc<Settings>,
    /// `<artifacts>/<geography>/`.
    pub bucket: Location,
    /// Where the sources lie.
    pub source: Location,
    /// What people see.
    pub board: Board,
    /// Asked by SIGTERM.
    pub stop: Arc<Stop>,
    scratch: Arc<TempDir>,
    runtime: Handle,
}

impl Session {
    /// Opens the plan's addresses; nothing is asked of the storage yet.
    ///
    /// # Errors
    /// Exit code 78 if an address can't be opened.
    pub fn open(plan: RunPlan, settings: Settings, board: Board, stop: Arc<Stop>, runtime: Handle) -> Result<Self> {
        let location = |field: &str, address: &str| -> Result<Location> {
            let opened = address.parse::<Uri>().and_then(|uri| runtime.block_on(reprise_artifacts::open(&uri, &settings.stores)));
            opened.map_err(|error| Failure::from(error).field(field))
        };
        let bucket = location("artifacts", plan.artifacts.as_str())?.child(plan.geography.as_str())?;
        let source = location("source.location", plan.source.location.as_str())?;
        let scratch = tempfile::Builder::new().prefix("reprise-worker-").tempdir_in(&settings.scratch);
        let scratch = Arc::new(scratch.map_err(|error| Failure::local("make a folder in the scratch space", &error))?);
        Ok(Self { plan: Arc::new(plan), settings: Arc::new(settings), bucket, source, board, stop, scratch, runtime })
    }

    /// Waits for storage.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The source's folder, and what the run wants of it.
    pub fn sources(&self) -> Sources<'_> {
        Sources { location: &self.source, runtime: &self.runtime, source: &self.plan.source, markets: &self.plan.markets }
    }

    /// The runtime on which background tasks run.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Refuses to go on once somebody asked to stop.
    ///
    /// # Errors
    /// Exit code 143.
    pub fn check_stop(&self) -> Result<()> {
        if self.stop.asked() { Err(Failure::stopped(None)) } else { Ok(()) }
    }

    /// A folder of this process's own in the scratch space, made empty; it goes when the worker ends.
    ///
    /// # Errors
    /// Exit code 75 if the disk refuses.
    pub fn scratch(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.path().join(name);
        std::fs::create_dir(&folder).map_err(|error| Failure::local(&format!("make scratch folder {name}"), &error))?;
        Ok(folder)
    }

    /// Polls until `look` finds something, telling people what is waited for.
    ///
    /// # Errors
    /// 75 after an hour, 143 when told to stop, and whatever `look` fails with.
    pub fn poll<T>(&self, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let since = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(found) = look()? {
                self.board.waiting_for(&[]);
                return Ok(found);
            }
            self.board.waiting_for(&[what.to_owned()]);
            if since.elapsed() > LONGEST_WAIT {
                let message = format!("waited {} s for {what}", LONGEST_WAIT.as_secs());
                return Err(Failure::new(ExitCode::TryAgain, "WaitedTooLong", message).hint("look at the other workers of this run"));
            }
            let until = Instant::now() + pause;
            while Instant::now() < until {
                self.check_stop()?;
                std::thread::sleep(until.saturating_duration_since(Instant::now()).min(STOP_CHECK));
            }
            pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
        }
    }

    /// Where this request's record and claim lie.
    ///
    /// # Errors
    /// None for a plan that was read: a digest is a good name.
    pub fn request(&self) -> Result<Location> {
        let digest = digest(&self.plan.request_digest)?;
        let name = layout::request("", &digest);
        Ok(self.bucket.child(name.trim_start_matches('/'))?)
    }
}

/// The contract's digest as the store's.
///
/// # Errors
/// Exit code 64 for text that is none.
pub fn digest(text: &reprise_crds::value::Digest) -> Result<reprise_artifacts::Digest> {
    text.as_str().parse().map_err(|reason: String| Failure::new(ExitCode::Usage, "Digest", reason))
}
