//! Any text as a view's SQL, over one sound file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{HEADER, make, source, type_cells};
use serde_json::json;

fuzz_target!(|sql: &str| {
    let Some(source) = source("sales.csv", &json!({ "csv": {} }), sql) else { return };
    let rows = format!("{HEADER}a,1,2024-01-05 10:00,cream,1,100,SE\na,2,2024-03-05 10:00,soap,2,30,SE\n");
    let (Ok(scratch), Ok(folder)) = (tempfile::tempdir(), tempfile::tempdir()) else { return };
    if let Some(tables) = type_cells(&source, "sales.csv", rows.as_bytes(), scratch.path()) {
        make(&tables, folder.path());
    }
});
