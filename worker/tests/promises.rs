//! What a worker promises about stopping, repeating and refusing, shown on the real program.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

mod common;
#[path = "common/kills.rs"]
mod kills;

use std::time::{Duration, Instant};

use common::{World, brand};
use kills::{Class, class, signal};
use reprise_crds::contract::{ExitCode, Outcome};
use rustix::process::Signal;

const CUSTOMERS: u32 = 600;

/// Waits until the request stands where it should.
fn until(world: &World, plan: &reprise_crds::contract::RunPlan, wanted: Class) {
    let since = Instant::now();
    while class(&world.store(), plan, plan.task.folder()) < wanted {
        assert!(since.elapsed() < Duration::from_mins(2), "{wanted:?} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn checkpoint(world: &World, rank: u32) -> bool {
    let results = std::fs::read_dir(world.store().join("intent")).into_iter().flatten();
    results.flatten().any(|result| result.path().join(format!("ranks/{rank}")).is_dir())
}

fn until_checkpoint(world: &World, rank: u32) {
    let since = Instant::now();
    while !checkpoint(world, rank) {
        assert!(since.elapsed() < Duration::from_mins(2), "no checkpoint of rank {rank}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn two_starts_of_one_plan_at_the_same_time_make_one_result() {
    let world = World::of(CUSTOMERS);
    let plan = brand::train_recommender(1);
    let starts: Vec<_> = (0..2).map(|_| world.start(&plan, 0)).collect();
    for mut start in starts {
        assert!(start.wait().unwrap().success(), "{:?}", world.report(0));
    }
    assert_eq!(world.report(0).manifest.unwrap().digest, World::of(CUSTOMERS).run(&plan));
}

#[test]
fn told_to_stop_it_keeps_a_checkpoint_ends_with_143_and_goes_on_from_there() {
    let world = World::of(CUSTOMERS);
    let plan = brand::train_intent(1);
    let mut worker = world.start(&plan, 0);
    until_checkpoint(&world, 0);
    signal(&worker, Signal::TERM);
    assert_eq!(worker.wait().unwrap().code(), Some(143));
    let report = world.report(0);
    assert_eq!((report.outcome, report.manifest), (Outcome::Stopped, None));
    assert!(report.step.is_some_and(|step| step > 0), "{:?}", report.step);
    assert_eq!(world.run(&plan), World::of(CUSTOMERS).run(&plan));
}

#[test]
fn a_rank_that_was_stopped_and_replaced_changes_nothing_when_it_goes_on() {
    let world = World::of(CUSTOMERS);
    let plan = brand::train_intent(2);
    let (mut first, mut zombie) = (world.start(&plan, 0), world.start(&plan, 1));
    until_checkpoint(&world, 1);
    signal(&zombie, Signal::STOP);
    let mut replacement = world.start(&plan, 1);
    assert!(first.wait().unwrap().success());
    assert!(replacement.wait().unwrap().success());
    let published = world.report(0).manifest.unwrap().digest;
    signal(&zombie, Signal::CONT);
    let ended = zombie.wait().unwrap();
    assert!(ended.code().is_some_and(|code| [0, 75].contains(&code)), "{ended}");
    assert_eq!(world.run(&plan), published, "found again");
    assert_eq!(World::of(CUSTOMERS).run(&plan), published, "as undisturbed");
}

#[test]
fn a_finished_request_is_found_and_not_made_again() {
    let world = World::of(CUSTOMERS);
    let plan = brand::train_recommender(1);
    let first = world.run(&plan);
    assert_eq!(world.report(0).outcome, Outcome::Published);
    std::fs::remove_dir_all(world.source()).unwrap();
    assert_eq!(world.run(&plan), first);
    assert_eq!(world.report(0).outcome, Outcome::AlreadyDone);
}

#[test]
fn an_input_that_changed_before_it_was_prepared_is_refused_with_65() {
    let world = World::of(CUSTOMERS);
    let plan = brand::train_intent(1);
    let mut worker = world.start(&plan, 0);
    until(&world, &plan, Class::Preparing);
    signal(&worker, Signal::KILL);
    worker.wait().unwrap();
    std::fs::write(world.source().join("sales.csv"), "customer,order,when,product,units,total,market\n").unwrap();
    let status = world.start(&plan, 0).wait().unwrap();
    assert_eq!(status.code(), Some(i32::from(ExitCode::Data.code())));
    let error = world.report(0).error.unwrap();
    assert_eq!((error.code.as_str(), error.file.as_deref()), ("InputChanged", Some("sales.csv")));
    assert!(error.hint.unwrap().contains("rerunToken"));
}

#[test]
fn other_bytes_under_a_published_name_are_a_bug_with_70() {
    let world = World::of(CUSTOMERS);
    let plan = brand::train_recommender(1);
    world.run(&plan);
    let result = std::fs::read_dir(world.store().join("recommender")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(result.join("manifest.json")).unwrap();
    std::fs::write(result.join("model.safetensors"), b"something else").unwrap();
    let status = world.start(&plan, 0).wait().unwrap();
    assert_eq!(status.code(), Some(i32::from(ExitCode::Bug.code())));
    let error = world.report(0).error.unwrap();
    assert_eq!(error.code, "NotReproducible");
    assert!(error.message.contains("model.safetensors"), "{}", error.message);
    assert!(!result.join("manifest.json").exists());
}

#[test]
fn a_plan_that_cannot_be_read_is_refused_with_64_and_names_the_variable() {
    let world = World::of(1);
    let mut command = world.command(&brand::train_intent(1), 0);
    let output = command.env("REPRISE_PLAN", "{}").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let error = world.report(0).error.unwrap();
    assert!(error.message.starts_with("REPRISE_PLAN: missing field"), "{}", error.message);
}
