//! Any bytes as Parquet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{SQL, source, type_cells};
use serde_json::json;

fuzz_target!(|bytes: &[u8]| {
    let Some(source) = source("sales.parquet", &json!({ "parquet": {} }), SQL) else { return };
    let Ok(scratch) = tempfile::tempdir() else { return };
    type_cells(&source, "sales.parquet", bytes, scratch.path());
});
