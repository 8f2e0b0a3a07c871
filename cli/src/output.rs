//! Lines on standard output, the command's answer.

use std::io::Write;

/// Prints a line. Who closed the other end wants no more of it: that is no error, and work goes on.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
