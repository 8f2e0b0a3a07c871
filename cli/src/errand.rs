//! Workers that are sent for one thing and are no run: `data check`, `data init`, `report`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reprise_crds::contract::ExitCode;

use crate::arguments::{InitArguments, ReportArguments};
use crate::board::Board;
use crate::bucket::{Buckets, LARGEST_METRICS, METRICS};
use crate::crew::{Crew, Ended};
use crate::display::Display;
use crate::failure::{Failure, Result};
use crate::host;
use crate::output;
use crate::program;
use crate::scratch::Scratch;
use crate::signals::Signals;
use crate::watch;

/// The longest that an errand may take.
const DEADLINE: Duration = Duration::from_hours(24);

/// What lasts over all errands of one command.
pub(crate) struct Errands {
    program: PathBuf,
    map: String,
    scratch: Scratch,
    signals: Signals,
}

impl Errands {
    /// Finds the worker and makes a folder for its answers; `map` says which buckets are folders.
    pub(crate) fn new(map: &str) -> Result<Self> {
        let signals =
            Signals::listen().map_err(|error| Failure::new(ExitCode::TryAgain, format!("failed to listen for signals: {error}")))?;
        Ok(Self { program: program::find()?, map: map.to_owned(), scratch: Scratch::create(&host::starter().run_uid)?, signals })
    }

    /// An empty folder for the answer to one errand.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.path().join(format!("answer-{name}"));
        let made = std::fs::create_dir(&folder);
        made.map_err(|error| Failure::new(ExitCode::TryAgain, format!("failed to create {}: {error}", folder.display())))?;
        Ok(folder)
    }

    /// Sends one worker and waits for it, showing its progress under `name`.
    pub(crate) async fn send(&mut self, name: &str, arguments: Vec<OsString>, plan: String) -> Result<()> {
        let crew = Crew {
            program: self.program.clone(),
            arguments,
            plan,
            count: 1,
            map: self.map.clone(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            scratch: self.scratch.path().join(format!("worker-{name}")),
            address: self.scratch.path().join(format!("address-{name}")),
            board: Arc::new(Board::new(1)),
            deadline: DEADLINE,
        };
        let mut display = Display::new(name);
        let ended = watch::watch(crew, &self.signals, &mut display).await;
        display.clear();
        match ended {
            Ok(Ended::Done) => Ok(()),
            Ok(Ended::Stopped) => Err(Failure::new(ExitCode::Stopped, "stopped")),
            Err(failure) => {
                if failure.message.contains("its log: ") {
                    self.scratch.keep();
                }
                Err(failure)
            }
        }
    }

    /// How the command ends: as the signal says that stopped it, else with the failure.
    pub(crate) fn ended(&self, failure: Failure) -> Result<u8> {
        self.signals.exit().ok_or(failure)
    }
}

/// `reprise data init`: proposes a DataSource.
pub(crate) async fn init(arguments: &InitArguments) -> Result<u8> {
    let mut errands = Errands::new("{}")?;
    let proposal = errands.folder("init")?.join("source.yaml");
    let mut worker_arguments: Vec<OsString> = vec!["data".into(), "init".into(), "--to".into(), proposal.clone().into()];
    for file in &arguments.files {
        worker_arguments.push(absolute(file)?.into());
    }
    if let Err(failure) = errands.send("init", worker_arguments, String::new()).await {
        return errands.ended(failure);
    }
    let text = std::fs::read_to_string(&proposal);
    let text = text.map_err(|error| Failure::new(ExitCode::Bug, format!("the worker wrote no answer: {error}")))?;
    let Some(to) = &arguments.to else {
        output::line(text.trim_end());
        return Ok(0);
    };
    write_new(to, &text)?;
    output::line(format!("{} proposes a DataSource. Read what says LOOK, correct it, then:", to.display()));
    output::line(format!("  reprise data check -f {}", to.display()));
    Ok(0)
}

/// A proposal never overwrites what somebody may have corrected.
fn write_new(to: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    let written = std::fs::File::create_new(to).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new(ExitCode::Usage, format!("{} exists already (name another file, or remove it)", to.display()))
        }
        _ => Failure::new(ExitCode::TryAgain, format!("failed to write {}: {error}", to.display())),
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Failure::new(ExitCode::Usage, format!("{}: {error}", path.display())))
}

/// `reprise report`: makes the page of a result again.
pub(crate) async fn report(arguments: &ReportArguments) -> Result<u8> {
    let mut errands = Errands::new("{}")?;
    let metrics = metrics(arguments, &errands).await?;
    let page = errands.folder("page")?.join("report.html");
    let worker_arguments = vec!["report".into(), metrics.into(), "--to".into(), page.clone().into()];
    if let Err(failure) = errands.send("report", worker_arguments, String::new()).await {
        return errands.ended(failure);
    }
    let copied = std::fs::copy(&page, &arguments.to);
    copied.map_err(|error| Failure::new(ExitCode::TryAgain, format!("failed to write {}: {error}", arguments.to.display())))?;
    output::line(format!("file://{}", absolute(&arguments.to)?.display()));
    Ok(0)
}

/// The `metrics.json` that was meant, on this machine.
async fn metrics(arguments: &ReportArguments, errands: &Errands) -> Result<PathBuf> {
    let buckets = Buckets::new(arguments.map.iter().cloned().collect());
    let of = arguments.of.trim_end_matches('/');
    let in_bucket = of.starts_with("gs://");
    let local = if in_bucket { buckets.file(of) } else { Some(of.strip_prefix("file://").unwrap_or(of).into()) };
    if let Some(path) = local {
        let path = if path.is_dir() { path.join(METRICS) } else { path };
        let missing = || Failure::new(ExitCode::Usage, format!("{}: there is no such file", path.display()));
        return if path.is_file() { absolute(&path) } else { Err(missing()) };
    }
    let folder = of.strip_suffix(METRICS).unwrap_or(of);
    let bytes = buckets.fetch(folder, METRICS, LARGEST_METRICS).await?;
    let path = errands.folder("metrics")?.join(METRICS);
    std::fs::write(&path, bytes).map_err(|error| Failure::new(ExitCode::TryAgain, format!("failed to keep {METRICS}: {error}")))?;
    Ok(path)
}
