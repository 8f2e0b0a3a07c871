//! Kills workers where it hurts: at chosen states of the store.
//!
//! A worker runs in slices (continued, stopped, looked at), so that a state which lasts a millisecond can be met. The
//! class of a kill is read from the store after the process is dead: what is counted is where it really died.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use reprise_crds::contract::RunPlan;
use rustix::process::{Pid, Signal, kill_process};

use super::World;

/// Where a worker was when it died, by what its request had left in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// No record.
    Listing,
    /// A record, nothing of the prepared data.
    Preparing,
    /// Some prepared data, not its manifest.
    Publish,
    /// All parts of a round (or all contenders), not what comes of them.
    Merge,
    /// Files of the result, not its manifest.
    Manifest,
    /// Anything else before the result's manifest.
    Compute,
    /// The result's manifest is there.
    Done,
}

impl Class {
    pub const WANTED: [Self; 6] = [Self::Listing, Self::Preparing, Self::Publish, Self::Merge, Self::Manifest, Self::Compute];
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // Temporary files of a put that has not happened yet.
    names.retain(|name| !name.starts_with('.'));
    names
}

fn folders(folder: &Path) -> Vec<std::path::PathBuf> {
    let paths = names(folder).into_iter().map(|name| folder.join(name));
    paths.filter(|path| path.is_dir()).collect()
}

/// Reads the class from the store; `kind` is the result's folder.
pub fn class(store: &Path, plan: &RunPlan, kind: &str) -> Class {
    let has = |folder: &Path, name: &str| folder.join(name).exists();
    let request = store.join("requests").join(plan.request_digest.as_str());
    if !has(&request, "record.json") {
        return Class::Listing;
    }
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(request.join("record.json")).unwrap()).unwrap();
    let result = store.join(kind).join(record["identity"].as_str().unwrap());
    if has(&result, "manifest.json") {
        return Class::Done;
    }
    let data = store.join("data").join(record["dataDigest"].as_str().unwrap());
    if !has(&data, "manifest.json") {
        return if names(&data).is_empty() { Class::Preparing } else { Class::Publish };
    }
    let files = names(&result);
    if files.iter().any(|name| name.contains('.')) {
        return Class::Manifest;
    }
    let waits_for_merge = |round: &std::path::PathBuf| {
        let files = names(round);
        let parts = files.iter().filter(|name| name.starts_with("rank-")).count();
        parts == plan.count as usize && !files.iter().any(|name| name == "merged")
    };
    let blocks = folders(&result.join("shards"));
    let waits_for_cut =
        !blocks.is_empty() && blocks.len() >= wanted_blocks(plan) && blocks.iter().all(|block| has(block, "contenders.json.zst"));
    if waits_for_cut || folders(&result.join("rounds")).iter().any(waits_for_merge) { Class::Merge } else { Class::Compute }
}

/// At least two blocks for each shard of these tests.
fn wanted_blocks(plan: &RunPlan) -> usize {
    plan.count as usize + 1
}

pub fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    // A child that has ended is still ours until it is waited for, so the number is never somebody else's.
    kill_process(pid, signal).unwrap();
}

/// A small generator of its own: the seed is printed, so a failure can be had again as far as the machine allows.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Runs a plan to its end, killing on the way what `wanted` asks for (class -> kills still to do). Returns the kills.
pub fn sweep(world: &World, plan: &RunPlan, kind: &str, wanted: &mut BTreeMap<Class, u32>, dice: &mut Dice) -> u32 {
    let mut workers: Vec<Option<Child>> = (0..plan.count).map(|_| None).collect();
    let mut finished = vec![false; workers.len()];
    let mut kills = 0;
    while finished.iter().any(|finished| !finished) {
        for (index, worker) in workers.iter_mut().enumerate() {
            if finished[index] {
                continue;
            }
            let child = worker.get_or_insert_with(|| world.start(plan, index as u32));
            signal(child, Signal::CONT);
            std::thread::sleep(Duration::from_micros(200 + dice.below(1500)));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "worker {index} ended with {status}: {:?}", world.report(index as u32));
                finished[index] = true;
                *worker = None;
                continue;
            }
            signal(child, Signal::STOP);
            let now = class(&world.store(), plan, kind);
            let left = wanted.get(&now).copied().unwrap_or(0);
            // Not at once where a class is a stretch of time: any moment of it should be hit.
            let short = matches!(now, Class::Listing | Class::Publish);
            if left > 0 && (short || dice.below(4) == 0) {
                signal(child, Signal::KILL);
                child.wait().unwrap();
                *worker = None;
                kills += 1;
                wanted.insert(class(&world.store(), plan, kind), left - 1);
            }
        }
    }
    kills
}
