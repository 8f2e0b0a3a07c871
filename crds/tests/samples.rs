//! Documents as users write them: accepted ones, and rejected ones with the message that each must give.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use reprise_crds::document::parse;
use reprise_crds::refusal::Refusal;

fn samples(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn accepted_samples_are_accepted() {
    for (path, text) in samples("accepted") {
        parse(&text, "file.yaml").unwrap_or_else(|refusals| panic!("{}: {refusals:?}", path.display()));
    }
}

/// The first line of a rejected sample is `# refused: <message>`; several refusals are joined by ` | `.
#[test]
fn rejected_samples_give_their_message() {
    let mut wrong = Vec::new();
    for (path, text) in samples("rejected") {
        let expected = text.lines().next().unwrap().trim_start_matches("# refused:").trim();
        let found = match parse(&text, "file.yaml") {
            Ok(_) => "accepted".to_owned(),
            Err(refusals) => refusals.iter().map(Refusal::to_string).collect::<Vec<_>>().join(" | "),
        };
        if found != expected {
            wrong.push(format!("{}\n  expected: {expected}\n  found:    {found}", path.file_name().unwrap().display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn documents_that_unfold_without_end_are_refused() {
    let deep = format!("spec: {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(parse(&deep, "file.yaml").unwrap_err().len(), 1);
    let level = |from: char, to: char| format!("{to}: &{to} [*{from}, *{from}, *{from}, *{from}, *{from}, *{from}, *{from}, *{from}]\n");
    let bomb: String = ('a'..='y').zip('b'..='z').map(|(from, to)| level(from, to)).collect();
    assert_eq!(parse(&format!("a: &a [1]\n{bomb}"), "file.yaml").unwrap_err().len(), 1);
}
