//! `reprise`: the front door without a cluster.
//!
//! It starts the worker binary and follows it; it never links a model, a query engine or a Kubernetes client.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod arguments;
mod data;
mod demo;

use std::process::ExitCode;

use clap::Parser;
use reprise_crds::contract::ExitCode as Exit;

use arguments::{Arguments, Command, DataCommand};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are errors to clap, but none to whoever asked for them.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return if error.print().is_ok() { exit.into() } else { Exit::TryAgain.into() };
        }
    };
    match arguments.command {
        Command::Data(DataCommand::Demo(arguments)) => match data::demo(&arguments) {
            Ok(()) => Exit::Done.into(),
            Err(error) => {
                eprintln!("reprise: {error}");
                Exit::TryAgain.into()
            }
        },
    }
}
