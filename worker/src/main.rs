//! The worker program: one plan, one index, one exit code.

use std::process::ExitCode as ProcessExit;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use reprise_crds::contract::{ContractLine, ExitCode, Outcome, RunReport, StartLine, Task};
use reprise_models::learn::Stop;
use reprise_worker::failure::{Failure, Result};
use reprise_worker::progress::{self, Board};
use reprise_worker::session::Session;
use reprise_worker::settings::Settings;
use reprise_worker::{data_check, publish, run, signals, termination};

/// Trains and scores what a plan says. Started by the operator in pods and by `reprise run` as processes.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train the model of the plan in REPRISE_PLAN
    Train,
    /// Score the customers of the plan in REPRISE_PLAN
    Score,
    /// Print the contract that this worker speaks, as one line of JSON
    Contract,
    /// Look at sources
    #[command(subcommand)]
    Data(DataCommand),
    /// Make report.html again from a metrics.json
    Report {
        /// The metrics.json
        metrics: std::path::PathBuf,
        /// Where the page goes
        #[arg(long, default_value = "report.html")]
        to: std::path::PathBuf,
    },
}

#[derive(Subcommand)]
enum DataCommand {
    /// Read and prepare the source of the data plan in REPRISE_PLAN, and write what was understood
    Check {
        /// An existing folder for check.txt, check.html and quarantine.jsonl
        #[arg(long)]
        to: std::path::PathBuf,
    },
    /// Look at files and propose a DataSource for them
    Init {
        /// The files
        #[arg(required = true)]
        files: Vec<std::path::PathBuf>,
        /// Where the YAML goes
        #[arg(long)]
        to: std::path::PathBuf,
    },
}

fn main() -> ProcessExit {
    tracing_subscriber::fmt()
        .json()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .init();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A failing stdout leaves nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage.into() } else { ProcessExit::SUCCESS };
        }
    };
    match arguments.command {
        Command::Contract => {
            println!("{}", serde_json::json!(ContractLine::of(env!("CARGO_PKG_VERSION"))));
            ProcessExit::SUCCESS
        }
        Command::Report { metrics, to } => finish(remake_report(&metrics, &to)),
        Command::Data(DataCommand::Check { to }) => finish(check_data(&to)),
        Command::Data(DataCommand::Init { files, to }) => finish(propose_source(&files, &to)),
        Command::Train => work(|task| matches!(task, Task::Train(_))),
        Command::Score => work(|task| matches!(task, Task::Score(_))),
    }
}

fn finish(result: Result<()>) -> ProcessExit {
    match result {
        Ok(()) => ProcessExit::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            let exit = failure.exit;
            termination::write(&RunReport { error: Some(*failure.error), ..unfinished() });
            exit.into()
        }
    }
}

/// A report before anything is known.
fn unfinished() -> RunReport {
    RunReport { request_digest: None, identity: None, outcome: Outcome::Failed, manifest: None, step: None, error: None }
}

fn start_runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Failure::local("start the runtime", &error))
}

/// Serves progress and says where, as whoever started this process expects.
fn serve(board: &Board, settings: &Settings, runtime: &tokio::runtime::Runtime) -> Result<()> {
    let address = runtime.block_on(progress::serve(board.clone(), settings.progress_address));
    let address = address.map_err(|error| Failure::local("serve progress", &error).hint("set REPRISE_PROGRESS_ADDRESS to a free one"))?;
    println!("{}", serde_json::json!(StartLine { progress_address: address.to_string() }));
    Ok(())
}

fn check_data(to: &std::path::Path) -> Result<()> {
    let (plan, settings) = Settings::read_data()?;
    let (board, runtime) = (Board::default(), start_runtime()?);
    serve(&board, &settings, &runtime)?;
    data_check::check(&plan, &settings, &board, runtime.handle(), to)
}

fn propose_source(files: &[std::path::PathBuf], to: &std::path::Path) -> Result<()> {
    let proposal = reprise_data::propose(files)?;
    std::fs::write(to, proposal).map_err(|error| Failure::local("write the proposal", &error))
}

fn remake_report(metrics: &std::path::Path, to: &std::path::Path) -> Result<()> {
    let refused = |error: &std::io::Error| Failure::new(ExitCode::Usage, "Usage", format!("{}: {error}", metrics.display()));
    let bytes = std::fs::read(metrics).map_err(|error| refused(&error))?;
    let document = reprise_models::report_document::MetricsDocument::from_json(&bytes)?;
    let page = reprise_worker::report::render(&document);
    let page = page.map_err(|error| Failure::new(ExitCode::Bug, "Report", error.to_string()))?;
    std::fs::write(to, page).map_err(|error| Failure::local("write the report", &error))
}

/// Runs the plan, leaves the report, and gives the exit code.
fn work(expected: fn(&Task) -> bool) -> ProcessExit {
    let mut report = unfinished();
    let exit = match attempt(expected, &mut report) {
        Ok(()) => ExitCode::Done,
        Err(failure) => {
            report.step = failure.step;
            if failure.exit == ExitCode::Stopped {
                tracing::info!(step = failure.step, "stopped");
                report.outcome = Outcome::Stopped;
            } else {
                tracing::error!(exit = failure.exit.code(), "{failure}");
                report.error = Some(*failure.error);
            }
            failure.exit
        }
    };
    termination::write(&report);
    exit.into()
}

/// What is known when something fails stays in the report.
fn attempt(expected: fn(&Task) -> bool, report: &mut RunReport) -> Result<()> {
    let (plan, settings) = Settings::read()?;
    report.request_digest = Some(plan.request_digest.clone());
    if !expected(&plan.task) {
        return Err(Failure::new(ExitCode::Usage, "Usage", "the plan's task is not this subcommand's"));
    }
    let (board, stop) = (Board::default(), Arc::new(Stop::default()));
    let runtime = start_runtime()?;
    signals::listen(runtime.handle(), stop.clone(), report.clone()).map_err(|error| Failure::local("listen for signals", &error))?;
    serve(&board, &settings, &runtime)?;
    let session = Session::open(plan, settings, board, stop, runtime.handle().clone())?;
    let ended = run::run(&session)?;
    report.identity = Some(ended.record.identity.clone());
    report.outcome = ended.outcome;
    report.manifest = Some(publish::reported(&ended.published)?);
    Ok(())
}
