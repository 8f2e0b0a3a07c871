//! What the fuzz targets share: one small source, read from the fuzzer's bytes.
//!
//! Every target checks the same promise: bad bytes are refused with a place and a reason, or counted row by row, and
//! nothing panics. `make fuzz` runs each for 60 seconds from the committed corpus.

use std::path::Path;

use reprise_crds::source::DataSourceSpec;
use reprise_data::{Error, InputFile, Inputs, Tables, find_files, prepare, read};
use serde_json::{Value, json};

/// A header that [`source`] types.
pub const HEADER: &str = "customer,order,at,product,units,amount,market\n";

/// A source of one file with such a format (`csv`, `jsonLines` or `parquet`) and one view.
pub fn source(path: &str, format: &Value, sql: &str) -> Option<DataSourceSpec> {
    let column = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    let mut file = json!({
        "name": "sales", "path": path,
        "columns": [
            column("customer", "Text"), column("order", "Text"), column("at", "Timestamp"), column("product", "Text"),
            column("units", "Integer"), column("amount", "Decimal"), column("market", "Text"),
        ],
    });
    for (name, value) in format.as_object()? {
        file[name] = value.clone();
    }
    serde_json::from_value(json!({
        "location": "gs://brand/",
        "markets": [{ "name": "SE", "timeZone": "Europe/Stockholm", "currency": "SEK" }],
        "files": [file],
        "views": [{ "name": "transactions", "sql": sql }],
        "quarantine": { "maxShare": "1" },
    }))
    .ok()
}

/// The view that fits [`HEADER`].
pub const SQL: &str = "SELECT customer AS customer_id, \"order\" AS order_id, at AS ordered_at, product AS product_id, units AS quantity, amount, market FROM sales";

/// Types the bytes as `source` says, in a scratch folder; the answer is checked, whatever it is.
///
/// # Panics
/// When a promise is broken: that is what the fuzzer looks for.
pub fn type_cells(source: &DataSourceSpec, name: &str, bytes: &[u8], scratch: &Path) -> Option<Tables> {
    only_what_escapes_counts();
    let path = scratch.join("fetched");
    std::fs::write(&path, bytes).ok()?;
    let markets = vec!["SE".to_owned()];
    let found = find_files(source, &markets, &[name.to_owned()]).ok()?.pop()?;
    let inputs = Inputs { markets, files: vec![InputFile { found, path }], memory: 64 << 20 };
    match read(&inputs, source, scratch) {
        Ok(tables) => {
            for file in tables.files() {
                assert_eq!(file.rows_in, file.rows_out + file.quarantined, "rows are lost or made");
            }
            Some(tables)
        }
        Err(error) => {
            refused(&error);
            None
        }
    }
}

/// Lets a panic end the fuzzer only when it leaves our code: of a library's it is ours to make an error, and libFuzzer's
/// own hook would end the process before we can.
fn only_what_escapes_counts() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))));
}

/// Makes a prepared set; a refusal must say where and why.
pub fn make(tables: &Tables, folder: &Path) {
    if let Err(error) = prepare(tables, None, folder) {
        refused(&error);
    }
}

/// A refusal says where and why in its first line.
fn refused(error: &Error) {
    let message = error.to_string();
    let first = message.lines().next().unwrap_or_default();
    assert!(first.contains(": "), "no place and cause in {message:?}");
}
