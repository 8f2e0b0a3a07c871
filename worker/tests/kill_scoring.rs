//! A sharded scoring, killed everywhere, ends in the bytes of an undisturbed one; so does another number of shards.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

mod common;
#[path = "common/kills.rs"]
mod kills;

use std::collections::BTreeMap;

use common::World;
use kills::{Class, Dice, sweep};

/// Enough for four blocks, so that three shards have different shares.
const CUSTOMERS: u32 = 3000;
const SHARDS: u32 = 3;
/// Prepared data come with the models, so four classes remain. Runs are added until each has enough.
const CLASSES: [Class; 4] = [Class::Listing, Class::Compute, Class::Merge, Class::Manifest];
const EACH: u32 = 4;
const SEEDS: [u64; 8] = [5, 17, 29, 43, 53, 67, 79, 89];

#[test]
fn a_scoring_survives_kills_and_does_not_depend_on_the_number_of_shards() {
    let trained = World::of(CUSTOMERS);
    let plan = trained.scoring(SHARDS);
    let undisturbed = trained.copy().run(&plan);
    for shards in [1, 2] {
        let mut other = plan.clone();
        other.count = shards;
        assert_eq!(trained.copy().run(&other), undisturbed, "{shards} shards");
    }
    let mut total: BTreeMap<Class, u32> = CLASSES.into_iter().map(|class| (class, 0)).collect();
    let enough = |total: &BTreeMap<Class, u32>| total.values().sum::<u32>() >= 50 && total.values().all(|kills| *kills >= 12);
    for seed in SEEDS {
        if enough(&total) {
            break;
        }
        let world = trained.copy();
        let mut wanted: BTreeMap<Class, u32> = CLASSES.into_iter().map(|class| (class, EACH)).collect();
        let kills = sweep(&world, &plan, "plans", &mut wanted, &mut Dice(seed));
        println!("seed {seed}: {kills} kills, left to do {wanted:?}");
        for (class, left) in wanted {
            *total.entry(class).or_default() += EACH - left;
        }
        assert_eq!(world.report(0).manifest.unwrap().digest, undisturbed, "seed {seed}");
    }
    println!("all runs: {total:?}");
    assert!(enough(&total), "{total:?}");
}
