//! A training of three ranks, killed everywhere, ends in the bytes of an undisturbed one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

mod common;
#[path = "common/kills.rs"]
mod kills;

use std::collections::BTreeMap;

use common::{World, brand};
use kills::{Class, Dice, sweep};

/// Kills per class and run. Short classes are not always met, so runs are added until every class has enough.
const EACH: u32 = 4;
const CUSTOMERS: u32 = 600;
const SEEDS: [u64; 12] = [11, 23, 37, 41, 59, 61, 73, 83, 97, 101, 113, 127];

#[test]
fn a_training_of_three_ranks_survives_kills_in_every_class() {
    let undisturbed = World::of(CUSTOMERS).run(&brand::train_intent(3));
    let mut total: BTreeMap<Class, u32> = Class::WANTED.into_iter().map(|class| (class, 0)).collect();
    let enough = |total: &BTreeMap<Class, u32>| total.values().sum::<u32>() >= 100 && total.values().all(|kills| *kills >= 15);
    for seed in SEEDS {
        if enough(&total) {
            break;
        }
        let world = World::of(CUSTOMERS);
        let plan = brand::train_intent(3);
        let mut wanted: BTreeMap<Class, u32> = Class::WANTED.into_iter().map(|class| (class, EACH)).collect();
        let kills = sweep(&world, &plan, "intent", &mut wanted, &mut Dice(seed));
        let done: BTreeMap<Class, u32> = wanted.iter().map(|(class, left)| (*class, EACH - left)).collect();
        println!("seed {seed}: {kills} kills {done:?}");
        for (class, count) in done {
            *total.entry(class).or_default() += count;
        }
        assert_eq!(world.report(0).manifest.unwrap().digest, undisturbed, "seed {seed}");
    }
    println!("all runs: {total:?}");
    assert!(enough(&total), "{total:?}");
}
