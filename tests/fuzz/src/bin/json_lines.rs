//! Any bytes as JSON Lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{SQL, source, type_cells};
use serde_json::json;

fuzz_target!(|bytes: &[u8]| {
    let Some(source) = source("sales.jsonl", &json!({ "jsonLines": {} }), SQL) else { return };
    let Ok(scratch) = tempfile::tempdir() else { return };
    type_cells(&source, "sales.jsonl", bytes, scratch.path());
});
