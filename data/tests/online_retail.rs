//! A real export of 41 countries in one file, described by YAML alone.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::path::Path;

use reprise_crds::source::DataSourceSpec;
use reprise_data::{InputFile, Inputs, find_files, prepare, read};
use tempfile::TempDir;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/online-retail/source.yaml");
const FILE: &str = "online_retail_II_until_2011-05.csv.zst";

#[derive(serde::Deserialize)]
struct Document {
    spec: DataSourceSpec,
}

#[test]
fn the_counts_are_those_of_another_implementation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(FILE);
    if !path.exists() {
        reprise_doubles::skip("the_counts_are_those_of_another_implementation", "the shared data set is absent");
        return;
    }
    let document: Document = serde_yaml::from_str(&std::fs::read_to_string(EXAMPLE).unwrap()).unwrap();
    let source = document.spec;
    let markets: Vec<String> = source.markets.iter().map(|market| market.name.clone()).collect();
    let found = find_files(&source, &markets, &[FILE.to_owned()]).unwrap();
    let files = found.into_iter().map(|found| InputFile { found, path: path.clone() }).collect();
    let (scratch, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let tables = read(&Inputs { markets, files, memory: 512 << 20 }, &source, scratch.path()).unwrap();
    assert_eq!((tables.files()[0].rows_in, tables.files()[0].quarantined), (734_490, 0));
    let prepared = prepare(&tables, Some("2011-06-01".parse().unwrap()), folder.path()).unwrap();
    let quality = prepared.quality();
    let transactions = quality.tables.iter().find(|counts| counts.name == "transactions").unwrap();
    // Python's csv module and sets over the same file gave these.
    assert_eq!((transactions.rows_in, transactions.rows_out), (538_610, 538_610));
    let sum = |count: fn(&reprise_data::MarketFacts) -> u64| quality.markets.iter().map(count).sum::<u64>();
    assert_eq!(sum(|market| market.lines), 538_610);
    assert_eq!(sum(|market| market.orders), 25_846);
    assert_eq!(sum(|market| market.customers), 4_933);
    assert_eq!(sum(|market| market.purchases), 23_066);
    assert_eq!(sum(|market| market.one_timers), 1_618);
    assert_eq!(quality.markets.len(), 41);
}
