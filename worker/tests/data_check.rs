//! `data check`, `data init` and `report` as whoever starts the worker program sees them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{World, brand};
use reprise_crds::contract::{CONTRACT, DataPlan, RunReport};
use reprise_crds::document::{self, Object};

fn worker(world: &World, arguments: &[&str], plan: Option<&DataPlan>) -> Output {
    let map = serde_json::json!({ "gs://brand-source": world.source() });
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprise-worker"));
    command
        .args(arguments)
        .env_clear()
        .env("RUST_LOG", "warn")
        .env("REPRISE_MAP", map.to_string())
        .env("REPRISE_SCRATCH", world.path())
        .env("REPRISE_TERMINATION_LOG", world.path().join("report.json"))
        .env("REPRISE_PROGRESS_ADDRESS", "127.0.0.1:0");
    if let Some(plan) = plan {
        command.env("REPRISE_PLAN", serde_json::to_string(plan).unwrap());
    }
    command.output().unwrap()
}

fn plan() -> DataPlan {
    let markets = vec!["NO".to_owned(), "SE".to_owned()];
    DataPlan { contract: CONTRACT, name: "brand".to_owned(), source: brand::source(), markets, as_of: None }
}

fn report(world: &World) -> RunReport {
    serde_json::from_slice(&std::fs::read(world.path().join("report.json")).unwrap()).unwrap()
}

fn answer(world: &World) -> std::path::PathBuf {
    let folder = world.path().join("answer");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn a_check_says_what_was_understood_and_never_who_it_was() {
    let world = World::of(300);
    let folder = answer(&world);
    let output = worker(&world, &["data", "check", "--to", folder.to_str().unwrap()], Some(&plan()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (text, page) = (read(&folder, "check.txt"), read(&folder, "check.html"));
    for part in ["Markets", "One-timers", "Files", "sales.csv", "Views", "transactions", "Journeys in words", "NO: "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("  - ")).count(), 10);
    assert!(page.contains("data-chart=\"orders-months\"") && page.contains("data-chart=\"data-rows\""));
    // Customers are named c0, c1, ...; the shards hold them in another order, and the texts hold none.
    for customer in 0..300 {
        let id = format!("c{customer}");
        let said = |text: &str| text.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| word == id);
        assert!(!said(&text) && !said(&page), "{id}");
    }
    assert_eq!(read(&folder, "quarantine.jsonl"), "");
    assert!(
        std::fs::read_dir(world.path()).unwrap().flatten().all(|entry| !entry.file_name().to_string_lossy().starts_with("reprise-check-"))
    );
}

#[test]
fn a_check_reads_as_of_a_day_when_it_is_told_one() {
    let world = World::of(300);
    let folder = answer(&world);
    let plan = DataPlan { as_of: Some("2024-06-01".parse().unwrap()), ..plan() };
    assert!(worker(&world, &["data", "check", "--to", folder.to_str().unwrap()], Some(&plan)).status.success());
    let text = read(&folder, "check.txt");
    assert!(text.contains("First day not read: 1 Jun 2024") && text.contains("on or after asOf"), "{text}");
}

#[test]
fn what_a_run_would_refuse_a_check_refuses_with_the_same_code() {
    let world = World::of(50);
    let folder = answer(&world);
    let mut wrong = plan();
    wrong.source.files[0].columns[0].name = "no_such".to_owned();
    let output = worker(&world, &["data", "check", "--to", folder.to_str().unwrap()], Some(&wrong));
    let error = report(&world).error.unwrap();
    assert_eq!((output.status.code(), error.file.as_deref(), error.column.as_deref()), (Some(65), Some("sales.csv"), Some("no_such")));
    let mut wrong = plan();
    wrong.source.views[0].sql = "SELECT nothing FROM sales".to_owned();
    let output = worker(&world, &["data", "check", "--to", folder.to_str().unwrap()], Some(&wrong));
    assert_eq!((output.status.code(), report(&world).error.unwrap().field.as_deref()), (Some(78), Some("views[transactions].sql")));
    let output = worker(&world, &["data", "check", "--to", folder.to_str().unwrap()], None);
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn a_proposal_of_the_program_is_a_document() {
    let world = World::of(50);
    let to = world.path().join("proposal.yaml");
    let files: Vec<String> = ["sales.csv", "visits.csv", "people.csv"].map(|name| world.source().join(name).display().to_string()).to_vec();
    let arguments =
        [["data", "init", "--to", to.to_str().unwrap()].as_slice(), &files.iter().map(String::as_str).collect::<Vec<_>>()].concat();
    assert!(worker(&world, &arguments, None).status.success());
    let yaml = std::fs::read_to_string(&to).unwrap();
    let objects = document::parse(&yaml, "proposal.yaml").unwrap();
    assert!(matches!(&objects[..], [Object::DataSource(source)] if source.spec.markets.len() == 2), "{yaml}");
    let missing = worker(&world, &["data", "init", "--to", to.to_str().unwrap(), "/no/such.csv"], None);
    assert_eq!(missing.status.code(), Some(65));
    assert!(report(&world).error.unwrap().message.starts_with("/no/such.csv: there is no such file"));
}

#[test]
fn a_report_that_is_made_again_is_the_one_that_was_published() {
    let world = World::of(300);
    world.run(&brand::train_recommender(1));
    let result = std::fs::read_dir(world.store().join("recommender")).unwrap().next().unwrap().unwrap().path();
    let to = world.path().join("again.html");
    let metrics = result.join("metrics.json");
    assert!(worker(&world, &["report", metrics.to_str().unwrap(), "--to", to.to_str().unwrap()], None).status.success());
    assert_eq!(std::fs::read(to).unwrap(), std::fs::read(result.join("report.html")).unwrap());
}
