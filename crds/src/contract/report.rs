//! What a worker says at its end.

use serde::{Deserialize, Serialize};

use crate::value::{Digest, Folder};

/// The largest termination message that Kubernetes keeps, in bytes.
pub const TERMINATION_MESSAGE_BYTES: usize = 4096;

/// A worker's last word: its termination message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// The request; absent when the plan could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_digest: Option<Digest>,
    /// The result's name; absent before the record is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Digest>,
    /// How it ended.
    pub outcome: Outcome,
    /// The published manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ReportedManifest>,
    /// Step reached, in training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ReportedError>,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The manifest is there and was made by this run.
    Published,
    /// The manifest was there before this worker began.
    AlreadyDone,
    /// Told to stop, and did after a checkpoint.
    Stopped,
    /// It failed; `error` says why.
    Failed,
}

/// A published manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedManifest {
    /// Folder of the result.
    pub uri: Folder,
    /// SHA-256 of the manifest.
    pub digest: Digest,
}

/// What went wrong, where, and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedError {
    /// In one word for programs, as InputChanged.
    pub code: String,
    /// In a sentence for people.
    pub message: String,
    /// The field of the plan at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The source file at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its row, from 1 after the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// Its column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl RunReport {
    /// The report as JSON of at most [`TERMINATION_MESSAGE_BYTES`]: texts of the error that are too long end in `…`.
    pub fn to_termination_message(&self) -> String {
        let whole = json(self);
        if whole.len() <= TERMINATION_MESSAGE_BYTES {
            return whole;
        }
        // Bytes in JSON grow with every kept character, so the largest text that fits is found by halving.
        let (mut fits, mut too_long) = (0, TERMINATION_MESSAGE_BYTES);
        while fits + 1 < too_long {
            let middle = fits.midpoint(too_long);
            if json(&self.cut(middle)).len() <= TERMINATION_MESSAGE_BYTES {
                fits = middle;
            } else {
                too_long = middle;
            }
        }
        json(&self.cut(fits))
    }

    /// This report with each text of its error cut to so many bytes.
    fn cut(&self, bytes: usize) -> Self {
        let mut report = self.clone();
        if let Some(error) = &mut report.error {
            let texts = [&mut error.code, &mut error.message];
            let optional = [&mut error.field, &mut error.file, &mut error.column, &mut error.hint];
            for text in texts.into_iter().chain(optional.into_iter().flatten()) {
                cut(text, bytes);
            }
        }
        report
    }
}

/// A report always serialises: its keys are strings and its numbers whole.
fn json(report: &RunReport) -> String {
    serde_json::to_string(report).unwrap_or_default()
}

fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
    }
}
