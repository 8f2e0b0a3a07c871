//! Class: determinism. A recommender's artifact is the same bytes whatever the number of threads, and after any stop.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

use reprise_models::artifact::{Files, digest};
use reprise_models::draw::{Use, below, bits};
use reprise_models::learn::{Checkpoint, Error, Merged, Part, Progress, Rank, Result, Rounds, Stop};
use reprise_models::recommender::{RecommenderConfig, Request, fit};
use reprise_models::{Catalogue, Day, Group, Journey, JourneyParts, Line, Order};

/// Set in the children; its value does not matter.
const CHILD: &str = "REPRISE_TEST_RECOMMENDER_CHILD";
const GROUPS: u32 = 1_200;
const CUT: Day = Day(14_400);

/// The store of one rank, which asks to stop at its `patience`-th checkpoint.
struct Store<'s> {
    parts: Vec<Part>,
    kept: Option<Checkpoint>,
    patience: u32,
    stop: &'s Stop,
}

impl Rounds for Store<'_> {
    fn resume(&self, _: Rank) -> Result<Option<Checkpoint>> {
        Ok(self.kept.clone())
    }

    fn offer(&mut self, _: u32, _: Rank, part: Part) -> Result<()> {
        self.parts = vec![part];
        Ok(())
    }

    fn merged(&self, _: u32, _: Rank, merge: &dyn Fn(&[Part]) -> Result<Merged>, _: &Stop) -> Result<Merged> {
        merge(&self.parts)
    }

    fn keep(&mut self, _: Rank, checkpoint: &Checkpoint) -> Result<()> {
        self.kept = Some(checkpoint.clone());
        self.patience = self.patience.saturating_sub(1);
        if self.patience == 0 {
            self.stop.ask();
        }
        Ok(())
    }

    fn progress(&mut self, _: &Progress) {}
}

fn journey(customer: u64) -> Journey {
    let pick = |step: u64, bound: u32| below(u64::from(bound), bits(5, Use::Sample, customer, step)) as u32;
    let home = pick(0, GROUPS / 20) * 20;
    let order = |number: u64| {
        let day = Day(14_000 + pick(1, 100) as i32 + 40 * number as i32);
        let mut groups: Vec<u32> = (0..=u64::from(pick(2 + number, 6))).map(|line| home + pick(100 + 10 * number + line, 20)).collect();
        groups.sort_unstable();
        groups.dedup();
        let line = |group| Line { group, quantity: 1.0, amount: 5.0, returned_on: None };
        Order { day, at: i64::from(day.0) * 86_400, currency: 0, gift: false, lines: groups.into_iter().map(line).collect() }
    };
    let orders = (0..=u64::from(pick(50, 8))).map(order).collect();
    Journey::new(JourneyParts { customer: format!("c{customer}"), known: true, orders, ..JourneyParts::default() })
}

/// Fits until the store's patience ends, then again from its checkpoint, to the end.
fn fitted(customers: u64, patience: u32) -> Files {
    let group = |place: u32| Group { id: format!("g{place:04}"), recommendable: true, available: true, ..Group::default() };
    let catalogue = Catalogue { markets: vec!["NO".to_owned()], groups: (0..GROUPS).map(group).collect(), ..Catalogue::default() };
    let journeys = |see: &mut dyn FnMut(Journey) -> Result<()>| (0..customers).map(journey).try_for_each(see);
    let config = RecommenderConfig { epochs: 2, ..RecommenderConfig::default() };
    let rank = Rank { index: 0, count: 1 };
    let request = Request {
        config: &config,
        catalogue: &catalogue,
        as_of: CUT,
        learn_from: None,
        journeys: &journeys,
        start: None,
        rank,
        digest: "d",
    };
    let mut kept = None;
    let mut patience = patience;
    loop {
        let stop = Stop::default();
        let mut store = Store { parts: Vec::new(), kept, patience, stop: &stop };
        match fit(&request, &mut store, &stop) {
            Ok(fitted) => return fitted.files,
            Err(Error::Stopped { .. }) => (kept, patience) = (store.kept, u32::MAX),
            Err(error) => panic!("{error}"),
        }
    }
}

fn sums(files: &Files) -> String {
    let sums: Vec<String> = files.iter().map(|(name, bytes)| format!("{name} {}", digest(bytes))).collect();
    sums.join(" ")
}

#[test]
fn the_number_of_threads_moves_no_byte() {
    let own = sums(&fitted(120, u32::MAX));
    if std::env::var_os(CHILD).is_some() {
        println!("{own}");
        return;
    }
    for threads in ["1", "3"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_number_of_threads_moves_no_byte", "--nocapture"])
            .envs([(CHILD, "1"), ("RAYON_NUM_THREADS", threads), ("CANDLE_NUM_THREADS", threads)])
            .output()
            .unwrap();
        assert!(String::from_utf8(child.stdout).unwrap().contains(&own), "{threads} threads");
    }
}

#[test]
fn a_training_that_was_stopped_ends_in_the_same_bytes() {
    let whole = sums(&fitted(100, u32::MAX));
    for patience in [1, 3] {
        assert_eq!(sums(&fitted(100, patience)), whole, "stopped after checkpoint {patience}");
    }
}
