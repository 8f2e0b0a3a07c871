//! Tests that a machine can't run say so by name.

use std::io::Write;

/// Says that a test can't run here, and why: on stderr, and in the file that `REPRISE_SKIP_LOG` names, from which
/// `make test` counts. The caller returns next; a skipped test is never counted as passed.
///
/// # Panics
/// When the file can't be written: a skip that nobody hears of would pass for a success.
pub fn skip(test: &str, reason: &str) {
    eprintln!("skipped {test}: {reason}");
    let Some(log) = std::env::var_os("REPRISE_SKIP_LOG") else { return };
    let written = std::fs::File::options().append(true).open(&log).and_then(|mut file| writeln!(file, "{test}: {reason}"));
    assert!(written.is_ok(), "REPRISE_SKIP_LOG {} can't be written", log.display());
}
