//! `reprise plan`: what `reprise run` would do, without doing it.

use std::collections::BTreeMap;

use reprise_crds::contract::ExitCode;
use reprise_crds::value::Digest;

use crate::arguments::PlanArguments;
use crate::bucket::{self, Buckets, Request, Standing};
use crate::documents::{self, Run};
use crate::failure::{Failure, Result};
use crate::host;
use crate::output;

/// Prints the plan of all runs, in order.
pub(crate) async fn plan(arguments: &PlanArguments) -> Result<()> {
    let documents = documents::read(&arguments.sources.file)?;
    for note in &documents.notes {
        eprintln!("note: {note}");
    }
    let buckets = Buckets::new(arguments.sources.map.iter().cloned().collect());
    let mut digests = BTreeMap::new();
    for (place, run) in documents.runs.iter().enumerate() {
        let text = describe(run, &buckets, &digests).await?;
        output::line(format!("{}. {}\n", place + 1, text.lines));
        if run.spec.kind() == "TrainingRun" {
            digests.insert(run.name.clone(), text.digest);
        }
    }
    Ok(())
}

struct Text {
    digest: Digest,
    lines: String,
}

async fn describe(run: &Run, buckets: &Buckets, digests: &BTreeMap<String, Digest>) -> Result<Text> {
    let refused = |refusal| Failure::new(ExitCode::Data, format!("{}: {} {}: {refusal}", run.file, run.spec.kind(), run.name));
    let digest = run.spec.request_digest(&run.source, digests).map_err(refused)?;
    let markets = run.spec.markets(&run.source).map_err(refused)?;
    let request = Request { digest: digest.clone(), spec: run.spec.clone() };
    let common = run.spec.common();
    let mut lines = vec![
        format!("{} {} ({})", run.spec.kind(), run.name, run.file),
        format!("request   {digest}"),
        format!("answers   {}{}/{}/", common.artifacts.as_str(), common.geography, run.spec.folder()),
    ];
    lines.extend(run.spec.references().into_iter().map(|(field, name)| format!("after     TrainingRun {name} ({field})")));
    let standing = buckets.look(&request, &host::starter()).await?;
    let found = buckets.inputs(&run.source, &markets).await?;
    let bytes: u64 = found.iter().map(|input| input.length).sum();
    lines.push(format!("inputs    {} file(s), {:.1} MB, for {}", found.len(), bytes as f64 / 1e6, markets.join(", ")));
    let state = match standing {
        Standing::Finished(finished) => {
            let changed = bucket::difference(&finished.record.inputs, &found);
            let changed = changed.map(|difference| format!(" (from other files: {difference})")).unwrap_or_default();
            format!("already done: {}{changed}", finished.published.location().uri())
        }
        Standing::Claimed(claim) => format!("another run works on it ({} {})", claim.cluster_uid, claim.run_uid),
        Standing::Begun => "begun; would go on from its last checkpoint".to_owned(),
        Standing::New if run.spec.count() == 1 => "new; would start a worker".to_owned(),
        Standing::New => format!("new; would start {} workers", run.spec.count()),
    };
    lines.push(format!("state     {state}"));
    Ok(Text { digest, lines: lines.join("\n   ") })
}
