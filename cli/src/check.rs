//! `reprise data check`: what is understood of each DataSource.

use std::path::Path;

use reprise_crds::contract::{CONTRACT, DataPlan, ExitCode};
use reprise_crds::source::DataSourceSpec;

use crate::arguments::CheckArguments;
use crate::bucket::Buckets;
use crate::documents;
use crate::errand::Errands;
use crate::failure::{Failure, Result};
use crate::output;
use crate::watch;

/// Looks at every DataSource and prints what was understood; gives the exit code of the first that was refused.
pub(crate) async fn check(arguments: &CheckArguments) -> Result<u8> {
    let documents = documents::read(&arguments.sources.file)?;
    for note in &documents.notes {
        eprintln!("note: {note}");
    }
    if documents.sources.is_empty() {
        return Err(Failure::new(ExitCode::Usage, "there is no DataSource in these files"));
    }
    std::fs::create_dir_all(&arguments.to).map_err(|error| cannot_write(&arguments.to, &error))?;
    let buckets = Buckets::new(arguments.sources.map.iter().cloned().collect());
    let mut errands = Errands::new(&watch::write_map(buckets.map())?)?;
    let mut exit = 0;
    for (name, source) in &documents.sources {
        match check_one(name, source, arguments, &mut errands).await {
            Ok(()) => {}
            Err(failure) if documents.sources.len() == 1 || failure.exit == ExitCode::Stopped => return errands.ended(failure),
            Err(failure) => {
                eprintln!("reprise: {name}: {failure}");
                exit = if exit == 0 { failure.exit.code() } else { exit };
            }
        }
    }
    Ok(exit)
}

async fn check_one(name: &str, source: &DataSourceSpec, arguments: &CheckArguments, errands: &mut Errands) -> Result<()> {
    let markets = markets(name, source, &arguments.markets)?;
    let plan = DataPlan { contract: CONTRACT, name: name.to_owned(), source: source.cut_to(&markets), markets, as_of: arguments.as_of };
    let folder = errands.folder(name)?;
    let worker_arguments = vec!["data".into(), "check".into(), "--to".into(), folder.clone().into_os_string()];
    errands.send(name, worker_arguments, watch::write_plan(&plan)?).await?;
    let text = std::fs::read_to_string(folder.join("check.txt"));
    output::line(text.map_err(|error| Failure::new(ExitCode::Bug, format!("the worker wrote no answer: {error}")))?);
    let (page, refused) = (arguments.to.join(format!("{name}.html")), arguments.to.join(format!("{name}-quarantine.jsonl")));
    for (from, to) in [("check.html", &page), ("quarantine.jsonl", &refused)] {
        std::fs::copy(folder.join(from), to).map_err(|error| cannot_write(to, &error))?;
    }
    let absolute = std::path::absolute(&page).unwrap_or_else(|_| page.clone());
    output::line(format!("Page with pictures: file://{}\nRefused rows: {}\n", absolute.display(), refused.display()));
    Ok(())
}

/// The markets to look at, sorted: those asked for, else all.
fn markets(name: &str, source: &DataSourceSpec, asked: &[String]) -> Result<Vec<String>> {
    let mut known: Vec<String> = source.markets.iter().map(|market| market.name.clone()).collect();
    known.sort();
    if asked.is_empty() {
        return Ok(known);
    }
    if let Some(unknown) = asked.iter().find(|market| !known.contains(market)) {
        let message = format!("DataSource {name} has no market {unknown}; it has {}", known.join(", "));
        return Err(Failure::new(ExitCode::Usage, message));
    }
    known.retain(|market| asked.contains(market));
    Ok(known)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(ExitCode::TryAgain, format!("failed to write {}: {error}", path.display()))
}
