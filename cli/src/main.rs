//! `reprise`: the front door without a cluster.
//!
//! It starts the worker binary and follows it; it never links a model, a query engine or a Kubernetes client.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod arguments;
mod board;
mod bucket;
mod check;
mod crew;
mod data;
mod demo;
mod display;
mod documents;
mod errand;
mod failure;
mod host;
mod install;
mod order;
mod output;
mod plan;
mod program;
mod run;
mod scratch;
mod signals;
mod spec;
mod summary;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use reprise_crds::contract::ExitCode as Exit;

use arguments::{Arguments, Command, DataCommand, InstallCommand};
use failure::{Failure, Result};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are errors to clap, but none to whoever asked for them.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return if error.print().is_ok() { exit.into() } else { Exit::TryAgain.into() };
        }
    };
    match execute(&arguments.command) {
        Ok(code) => code.into(),
        Err(failure) => {
            eprintln!("reprise: {failure}");
            failure.exit.into()
        }
    }
}

fn execute(command: &Command) -> Result<u8> {
    match command {
        Command::Run(arguments) => wait(run::run(arguments))?,
        Command::Plan(arguments) => wait(plan::plan(arguments))?.map(|()| 0),
        Command::Data(DataCommand::Demo(arguments)) => data::demo(arguments).map(|()| 0),
        Command::Data(DataCommand::Check(arguments)) => wait(check::check(arguments))?,
        Command::Data(DataCommand::Init(arguments)) => wait(errand::init(arguments))?,
        Command::Install(InstallCommand::Namespace(arguments)) => install::namespace(arguments).map(|()| 0),
        Command::Report(arguments) => wait(errand::report(arguments))?,
    }
}

/// Waits for a command that talks to workers and buckets.
fn wait<T>(command: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map(|runtime| runtime.block_on(command)).map_err(|error| Failure::new(Exit::TryAgain, format!("failed to start: {error}")))
}
