//! What the demo promises: the same bytes everywhere, a truth that holds, and the awkward things that it must contain.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::calendar::WEEKS;
use super::hazard::Signs;
use super::*;

fn written(size: Size) -> (tempfile::TempDir, Vec<Written>) {
    let folder = tempfile::tempdir().unwrap();
    let written = write(folder.path(), 7, size, false).unwrap();
    (folder, written)
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn every_machine_writes_the_same_bytes() {
    let (folder, _) = written(Size::Customers(60));
    let mut hasher = Sha256::new();
    for (name, bytes) in files(folder.path()) {
        hasher.update(name.as_bytes());
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    }
    let digest = hasher.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    // A change of this digest is a change of everybody's demo: say so in CHANGELOG.md.
    assert_eq!(digest, "0b42c8abee1485b1404de02c25683127bf322f6e205558f0c2d211e6009419b7");
}

#[test]
fn more_customers_leave_the_first_ones_as_they_were() {
    let (few, _) = written(Size::Customers(30));
    let (more, _) = written(Size::Customers(60));
    let (few, more) = (files(few.path()), files(more.path()));
    for name in ["crm/fr/clients.csv", "crm/no/salg-2024.csv", "crm/fr/evenements-2025.csv", "crm/be/sales-2025.csv"] {
        assert!(more[name].starts_with(&few[name]), "{name}");
    }
}

#[test]
fn lines_are_at_least_those_asked_for_and_hardly_more() {
    let (_, written) = written(Size::Lines(300));
    assert!((200..250).contains(&written[0].lines) && (100..150).contains(&written[1].lines), "{written:?}");
}

#[test]
fn the_small_market_is_small_and_corrupt_rows_are_listed() {
    let (folder, written) = written(Size::Customers(1_500));
    assert_eq!((written[0].customers, written[1].customers, written[2].customers), (1_000, 500, 40));
    let files = files(folder.path());
    let lines = |name: &str| files[name].split(|byte| *byte == b'\n').count() - 2;
    assert_eq!(lines("crm/be/customers.csv"), 40);
    let dirty: u64 = written.iter().map(|market| market.dirty).sum();
    assert!(dirty > 0);
    assert_eq!(lines("truth/faults.csv") as u64, dirty);
    let faults = String::from_utf8(files["truth/faults.csv"].clone()).unwrap();
    for fault in faults.lines().skip(1) {
        let cells: Vec<&str> = fault.split(',').collect();
        let row = String::from_utf8(files[cells[0]].clone()).unwrap().lines().nth(cells[1].parse().unwrap()).unwrap().to_owned();
        assert!(["31/02/2024 25:61", "n/a", "12.3O"].iter().any(|bad| row.contains(bad)), "{fault}: {row}");
    }
}

#[test]
fn three_of_four_buy_once_and_as_many_return_as_the_truth_expects() {
    let world = World::new(7);
    let (mut buyers, mut once) = (0, 0);
    let (mut expected, mut returned) = ([0.0; 2], [0.0; 2]);
    for number in 1..=6_000 {
        let life = people::live(&world, 0, number);
        let bought = life.orders.iter().any(|order| (0..7 * WEEKS).contains(&order.day) && !order.lines.is_empty());
        buyers += u32::from(bought);
        if truth::one_timer(&life).is_none() {
            continue;
        }
        once += 1;
        let chance = 1.0 - truth::hazards(&world, &life).iter().map(|hazard| 1.0 - hazard).product::<f64>();
        let half = usize::from(chance > 0.08);
        expected[half] += chance;
        returned[half] += f64::from(life.orders.iter().any(|order| order.day >= 7 * WEEKS && !order.lines.is_empty()));
    }
    let share = f64::from(once) / f64::from(buyers);
    assert!((0.65..0.80).contains(&share), "{share}");
    for half in 0..2 {
        // Four standard errors of a Poisson count, in the unlikely half and in the likely one.
        assert!((expected[half] - returned[half]).abs() < 4.0 * expected[half].sqrt(), "{expected:?} {returned:?}");
    }
}

#[test]
fn the_truth_is_outside_the_family_of_proportional_hazards() {
    let world = World::new(7);
    let life = people::live(&world, 0, 1);
    let hazards = |gift: bool, clicked: u32| {
        let start = hazard::Start { week: WEEKS - 4, rest: 3, gift, mail: true, web: false, routine: 0.5, lasts: 60.0, ..life.start };
        hazard::true_hazards(&start, &Signs { sent: 1, clicked, ..Signs::default() }, &world.seasons[0])
    };
    let (plain, clicked, present) = (hazards(false, 0), hazards(false, 1), hazards(true, 0));
    assert!(plain.iter().chain(&clicked).chain(&present).all(|hazard| (0.0..0.2).contains(hazard)));
    // A click tells most in the first weeks; a present moves the weeks before Christmas and hardly September.
    let early = clicked[0] / plain[0];
    let late = clicked[25] / plain[25];
    assert!(early > 1.2 * late && late > 1.0, "{early} {late}");
    assert!(present[14] / plain[14] > 1.5 * (present[2] / plain[2]), "{present:?} {plain:?}");
}
