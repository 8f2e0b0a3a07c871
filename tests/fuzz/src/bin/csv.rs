//! Any bytes as CSV: the first byte chooses dialect and compression.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{SQL, source, type_cells};
use serde_json::json;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, body)) = bytes.split_first() else { return };
    let delimiter = [",", ";", "\t", "|"][usize::from(choice & 3)];
    let name = ["sales.csv", "sales.csv.gz", "sales.csv.zst", "sales.csv"][usize::from(choice >> 2 & 3)];
    let decimal_comma = delimiter != "," && choice & 16 != 0;
    let format = json!({ "csv": { "delimiter": delimiter, "decimalComma": decimal_comma } });
    let Some(source) = source(name, &format, SQL) else { return };
    let Ok(scratch) = tempfile::tempdir() else { return };
    type_cells(&source, name, body, scratch.path());
});
