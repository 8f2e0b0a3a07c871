//! Lines of words, described by YAML alone: sessions and users of public files.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::path::Path;

use reprise_crds::source::DataSourceSpec;
use reprise_data::{InputFile, Inputs, Prepared, find_files, prepare_everything, read};
use tempfile::TempDir;

#[derive(serde::Deserialize)]
struct Document {
    spec: DataSourceSpec,
}

/// Prepares an example from the public files; `None` where one of them is absent.
fn prepared(example: &str, files: &[&str]) -> Option<(Prepared, TempDir)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared = root.join("../shared/data");
    if files.iter().any(|name| !shared.join(name).exists()) {
        return None;
    }
    let yaml = std::fs::read_to_string(root.join("examples").join(example).join("source.yaml")).unwrap();
    let source = serde_yaml::from_str::<Document>(&yaml).unwrap().spec;
    let markets: Vec<String> = source.markets.iter().map(|market| market.name.clone()).collect();
    let listed: Vec<String> = files.iter().map(|&name| name.to_owned()).collect();
    let found = find_files(&source, &markets, &listed).unwrap();
    let files = found.into_iter().map(|found| InputFile { path: shared.join(&found.name), found }).collect();
    let (scratch, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let tables = read(&Inputs { markets, files, memory: 256 << 20 }, &source, scratch.path()).unwrap();
    Some((prepare_everything(&tables, folder.path()).unwrap(), folder))
}

#[test]
fn sessions_of_a_public_file_are_visitors_and_prefixes_are_customers() {
    let files = ["retailrocket_srgnn_train_sessions.txt.zst", "retailrocket_srgnn_test_visitor_ts_prefix_label.txt.zst"];
    let Some((prepared, _folder)) = prepared("retailrocket", &files) else {
        return reprise_doubles::skip("sessions_of_a_public_file_are_visitors_and_prefixes_are_customers", "the shared data set is absent");
    };
    let quality = prepared.quality();
    // zstd -dc FILE | awk 'NR % 3 == 0 {m++; n += NF} END {print m, n}', and the same of the prefixes' second part.
    assert_eq!((quality.markets[0].visitors, quality.markets[0].without_purchase), (42_056, 15_132));
    let events = quality.tables.iter().find(|counts| counts.name == "events").unwrap();
    let clicks = 228_475 + 113_141;
    assert_eq!((events.rows_in, events.rows_out), (clicks, clicks));
    assert_eq!(prepared.as_of().to_string(), "2001-05-21");
}

#[test]
fn users_of_a_public_file_keep_all_but_their_last_product() {
    let Some((prepared, _folder)) = prepared("beauty", &["amazon_beauty_5core_s3rec.txt.zst"]) else {
        return reprise_doubles::skip("users_of_a_public_file_keep_all_but_their_last_product", "the shared data set is absent");
    };
    let market = &prepared.quality().markets[0];
    // Its README: 22,363 users, 198,502 products bought, of which each user's last one stays out.
    assert_eq!((market.customers, market.orders), (22_363, 198_502 - 22_363));
    assert_eq!(prepared.as_of().to_string(), "2001-01-01");
}
