//! The command line. Its texts are documentation.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use reprise_crds::value::LocalDate;

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
    /// Does what `kubectl apply` of the same files would do, on this machine.
    ///
    /// All documents are read first; nothing starts if anything is refused. Runs start in the order of their
    /// references, each with as many worker processes as it asks for (`workers`, `shards`). A request that was answered
    /// before, by anybody anywhere, under any name, takes that answer and trains nothing. Ctrl-C lets the workers write
    /// a checkpoint; the next run resumes from it. Runs that do not need a failed one go on without it.
    Run(RunArguments),
    /// Says what `reprise run` would do, and does nothing.
    ///
    /// For each run, in order: its request's digest, whether it is answered, begun or being worked on, and the files
    /// that it would read. Refuses what `reprise run` would refuse.
    Plan(PlanArguments),
    /// Makes and looks at data.
    #[command(subcommand)]
    Data(DataCommand),
    /// Prints what a cluster needs, for `kubectl apply -f -`.
    #[command(subcommand)]
    Install(InstallCommand),
    /// Makes report.html again, from the figures of a result.
    ///
    /// The page of a result is a function of its metrics.json. A newer version draws old figures in its own way; the
    /// result's own page stays as it is.
    Report(ReportArguments),
}

/// What to read, and where buckets lie.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// A YAML file, or a folder of them (all .yaml and .yml below it). DataSources, TrainingRuns and ScoringRuns may
    /// stand in any file and any order.
    #[arg(short, long = "file", value_name = "FILE|DIR", required = true)]
    pub(crate) file: Vec<PathBuf>,
    /// Reads and writes a bucket in a folder of this machine. Names and digests stay those of the bucket, so a cluster
    /// finds the results if the folder is uploaded.
    #[arg(long, value_name = "gs://BUCKET=DIR", value_parser = parse_map)]
    pub(crate) map: Vec<(String, PathBuf)>,
}

/// Arguments of `reprise run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Asks again what was answered before, with rerunToken again-1, again-2, ... (the first without an answer).
    #[arg(long)]
    pub(crate) again: bool,
    /// Threads of all workers of a run together; every core by default. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
}

/// Arguments of `reprise report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// A metrics.json, or the folder of a result: a folder of this machine, or of a bucket.
    #[arg(value_name = "METRICS|ARTIFACT")]
    pub(crate) of: String,
    /// Where the page goes.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub(crate) to: PathBuf,
    /// Reads a bucket in a folder of this machine.
    #[arg(long, value_name = "gs://BUCKET=DIR", value_parser = parse_map)]
    pub(crate) map: Vec<(String, PathBuf)>,
}

/// Arguments of `reprise data check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Looks at these markets only; without it at all markets of each DataSource.
    #[arg(long = "market", value_name = "NAME")]
    pub(crate) markets: Vec<String>,
    /// Looks as of this local date, exclusive, as a run's data.asOf; without it at every row that is there.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) as_of: Option<LocalDate>,
    /// Folder for a page (NAME.html) and the refused rows (NAME-quarantine.jsonl) of each DataSource.
    #[arg(long, value_name = "DIR", default_value = "data-check")]
    pub(crate) to: PathBuf,
}

/// Arguments of `reprise data init`.
#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The files of an export, all of them: CSV, JSON lines, Parquet or lines of words; .gz and .zst are read.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Where the proposal goes; without it to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}

/// Arguments of `reprise plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
}

fn parse_map(text: &str) -> Result<(String, PathBuf), String> {
    let (bucket, folder) = text.split_once('=').ok_or("write gs://bucket=DIR")?;
    let name = bucket.strip_prefix("gs://").unwrap_or_default().trim_end_matches('/');
    if name.is_empty() || name.contains('/') || folder.is_empty() {
        return Err("write gs://bucket=DIR, the bucket without a path".to_owned());
    }
    // Workers are told absolute paths; the folder need not exist yet.
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
    Ok((format!("gs://{name}"), folder))
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
    /// Says what Reprise understands of the files of a DataSource, and trains nothing.
    ///
    /// Reads and prepares exactly as a run does, and refuses what a run would refuse, with the same exit code. Prints
    /// per market: customers, orders, one-timers, days, clicks and visits, routines and gaps; per file and view: rows
    /// that came in, went on, or were left out, and why; and ten journeys in words, without any customer's id. The
    /// same stands on a page with pictures. A DataSource needs no run for this.
    Check(CheckArguments),
    /// Looks at files and proposes a DataSource for them, to be corrected by you.
    ///
    /// Finds out how each file is cut and written (delimiter, decimals, moments), what its columns seem to mean, and
    /// which SQL makes the canonical tables of them. What is guessed has a comment that says LOOK. Then run
    /// `reprise data check`.
    Init(InitArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum InstallCommand {
    /// Prints a team's namespace: restricted pods, where its runs may publish, an account for workers, and a network
    /// policy for them.
    ///
    /// The account has no rights in the cluster; bind it to the cloud account that may read the team's sources and write
    /// its artifacts.
    Namespace(NamespaceArguments),
}

/// Arguments of `reprise install namespace`.
#[derive(Debug, Args)]
pub(crate) struct NamespaceArguments {
    /// The namespace: at most 63 small letters, digits and '-'.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A folder below which runs of the namespace may publish, as gs://acme-models/crm; may be given several times.
    #[arg(long = "artifacts", value_name = "gs://BUCKET/FOLDER", required = true)]
    pub(crate) artifacts: Vec<String>,
}

/// Arguments of `reprise data demo`.
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
    /// Leaves out events and the truth: many lines quickly, for trials of size. examples/scale describes them.
    #[arg(long)]
    pub(crate) sales_only: bool,
    /// Another seed is another brand.
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) seed: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn maps_name_a_bucket_and_a_folder() {
        assert_eq!(parse_map("gs://demo=/tmp/a=b"), Ok(("gs://demo".to_owned(), PathBuf::from("/tmp/a=b"))));
        assert_eq!(parse_map("gs://demo/=/tmp/x").unwrap().0, "gs://demo");
        assert!(parse_map("gs://demo=here").unwrap().1.is_absolute());
        for bad in ["gs://demo", "demo=/tmp", "gs://=/tmp", "gs://demo/below=/tmp", "gs://demo="] {
            assert!(parse_map(bad).is_err(), "{bad}");
        }
    }
}
