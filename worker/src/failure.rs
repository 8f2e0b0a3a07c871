//! Every way in which a worker can fail, as its exit code and its last word.

use std::fmt;

use reprise_artifacts as artifacts;
use reprise_crds::contract::{ExitCode, ReportedError};
use reprise_models::learn;

/// Result of this crate.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a worker ends without a manifest: made once, where an error of another crate arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// How the process ends.
    pub exit: ExitCode,
    /// What it says. Never a customer's id, never a cell's value.
    pub error: Box<ReportedError>,
    /// Step of the last checkpoint, where training was stopped.
    pub step: Option<u64>,
}

impl Failure {
    /// A failure of this code, told in one word for programs and one sentence for people.
    pub fn new(exit: ExitCode, code: &str, message: impl Into<String>) -> Self {
        let error = ReportedError { code: code.to_owned(), message: message.into(), ..ReportedError::default() };
        Self { exit, error: Box::new(error), step: None }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.error.hint = Some(hint.into());
        self
    }

    /// With the field of the plan that is at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.error.field = Some(field.into());
        self
    }

    /// Told to stop.
    pub fn stopped(step: Option<u64>) -> Self {
        Self { step, ..Self::new(ExitCode::Stopped, "Stopped", "told to stop") }
    }

    /// A file on this machine failed.
    pub fn local(what: &str, error: &std::io::Error) -> Self {
        Self::new(ExitCode::TryAgain, "LocalDisk", format!("failed to {what}: {error}"))
            .hint("free disk space or raise resources.ephemeralStorage")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error.code, self.error.message)?;
        self.error.hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for Failure {}

impl From<artifacts::Error> for Failure {
    fn from(error: artifacts::Error) -> Self {
        use artifacts::Error as E;
        let (exit, code) = match &error {
            E::Stopped { .. } => return Self::stopped(None),
            E::NotFound { .. } => (ExitCode::Configuration, "NotFound"),
            E::Denied { .. } => (ExitCode::Configuration, "Denied"),
            E::Invalid { .. } => (ExitCode::Configuration, "Invalid"),
            E::Corrupt { .. } => (ExitCode::Data, "Corrupt"),
            E::TooLarge { .. } => (ExitCode::Data, "TooLarge"),
            E::NotReproducible { .. } => (ExitCode::Bug, "NotReproducible"),
            E::Changed { .. } => (ExitCode::TryAgain, "Changed"),
            E::Unavailable { .. } => (ExitCode::TryAgain, "Unavailable"),
            E::Waited { .. } => (ExitCode::TryAgain, "WaitedTooLong"),
            E::Local { .. } => (ExitCode::TryAgain, "LocalDisk"),
            E::Merge { .. } => (ExitCode::Bug, "MergeFailed"),
        };
        Self::new(exit, code, error.to_string())
    }
}

impl From<learn::Error> for Failure {
    fn from(error: learn::Error) -> Self {
        let (exit, code) = match error {
            learn::Error::Stopped { step } => return Self::stopped(Some(step)),
            learn::Error::Rounds(inner) => {
                return match inner.downcast::<Failure>() {
                    Ok(failure) => *failure,
                    Err(other) => Self::new(ExitCode::Bug, "Rounds", other.to_string()),
                };
            }
            learn::Error::Data(_) => (ExitCode::Data, "Data"),
            learn::Error::Format(_) => (ExitCode::Data, "Format"),
            learn::Error::Compute(_) => (ExitCode::Bug, "Compute"),
        };
        Self::new(exit, code, error.to_string())
    }
}

impl From<Failure> for learn::Error {
    fn from(failure: Failure) -> Self {
        Self::Rounds(Box::new(failure))
    }
}

impl From<reprise_data::Error> for Failure {
    fn from(error: reprise_data::Error) -> Self {
        use reprise_data::Category;
        let (exit, code) = match error.category() {
            Category::Data => (ExitCode::Data, "Data"),
            Category::Specification => (ExitCode::Configuration, "Specification"),
            Category::Machine => (ExitCode::TryAgain, "LocalDisk"),
        };
        let Some(fault) = error.fault() else { return Self::new(exit, code, error.to_string()) };
        let mut failure = Self::new(exit, code, format!("{}: {}", fault.place, fault.cause)).hint(fault.hint.clone());
        let place = &fault.place;
        let subject = Some(place.subject.clone());
        if matches!(error, reprise_data::Error::ReadFile(_)) {
            failure.error.file = subject;
        } else {
            failure.error.field = subject;
        }
        failure.error.row = place.row;
        failure.error.column.clone_from(&place.column);
        failure
    }
}
