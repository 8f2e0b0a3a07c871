//! The command line. Its texts are documentation.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes:
    0  done
   64  the command line cannot be read
   65  a document or the data were refused; nothing of that run was published
   70  a bug, or a result that should have been the same and is not
   75  something outside failed, also when tried again; the next run resumes
   78  worker, bucket or machine are not set up for this
  130  stopped by Ctrl-C (143: by SIGTERM) after a checkpoint; the next run resumes";

/// Turns one-time customers into repeat customers, country by country: trains, scores and reports on this machine.
#[derive(Debug, Parser)]
#[command(name = "reprise", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes and looks at data.
    #[command(subcommand)]
    Data(DataCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Writes a synthetic brand of three markets, and the truth about its customers beside it.
    ///
    /// The brand's files (crm/) have three dialects of CSV, two currencies, returns, samples, services, corrupt cells,
    /// anonymous visits and a market of 40 customers. What really holds for each one-time customer (truth/) lies
    /// beside them: weekly hazards, preferences, and what they do next. The same seed and size give the same bytes on
    /// every machine, and more customers leave the first ones as they are. examples/ describes the brand to Reprise.
    Demo(DemoArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Folder to write into; files of an earlier demo are overwritten.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Customers of the two larger markets together; two thirds belong to the first one.
    #[arg(long, value_name = "N", default_value_t = 9_000, value_parser = clap::value_parser!(u64).range(2..=100_000_000))]
    pub(crate) customers: u64,
    /// Instead of --customers: as many as it takes to have about so many transaction lines.
    #[arg(long, value_name = "N", conflicts_with = "customers", value_parser = clap::value_parser!(u64).range(2..=1_000_000_000))]
    pub(crate) lines: Option<u64>,
    /// Another seed is another brand.
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) seed: u64,
}
