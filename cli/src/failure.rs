//! Why a command or a run ended badly, and with which exit code.

use reprise_crds::contract::{ExitCode, ReportedError};

/// What went wrong, for people, and how the process ends for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) exit: ExitCode,
    /// One line or several.
    pub(crate) message: String,
}

/// Result of a command or a run.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn new(exit: ExitCode, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// What a worker reported.
    pub(crate) fn reported(exit: ExitCode, error: &ReportedError) -> Self {
        let row = error.row.map(|row| format!("row {row}"));
        let column = error.column.as_ref().map(|column| format!("column {column}"));
        let place = [error.file.clone(), row, column, error.field.clone()].into_iter().flatten().map(|part| part + ": ");
        // A message that begins with its place has said it.
        let said = [&error.file, &error.field].into_iter().flatten().any(|subject| error.message.starts_with(subject.as_str()));
        let place = place.filter(|_| !said);
        let code = (!error.code.is_empty()).then(|| format!(" [{}]", error.code));
        let hint = error.hint.as_ref().map(|hint| format!("\n  {hint}"));
        let message = place.chain([error.message.clone()]).chain(code).chain(hint).collect();
        Self { exit, message }
    }
}

impl From<reprise_artifacts::Error> for Failure {
    fn from(error: reprise_artifacts::Error) -> Self {
        use reprise_artifacts::Error as E;
        let exit = match &error {
            E::Corrupt { .. } | E::TooLarge { .. } => ExitCode::Data,
            E::NotReproducible { .. } | E::Merge { .. } => ExitCode::Bug,
            E::NotFound { .. } | E::Denied { .. } | E::Invalid { .. } => ExitCode::Configuration,
            E::Changed { .. } | E::Unavailable { .. } | E::Local { .. } | E::Waited { .. } | E::Stopped { .. } => ExitCode::TryAgain,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<crate::documents::Error> for Failure {
    fn from(error: crate::documents::Error) -> Self {
        let exit = match &error {
            crate::documents::Error::Read { .. } => ExitCode::Usage,
            crate::documents::Error::Refused(_) => ExitCode::Data,
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_error_names_its_place_and_what_to_do() {
        let error = ReportedError {
            code: "TooManyBadRows".into(),
            message: "31 of 2000 rows are bad, more than maxShare 0.01".into(),
            file: Some("fr/ventes-2024.csv".into()),
            row: Some(17),
            column: Some("montant_ttc".into()),
            hint: Some("see quarantine.jsonl".into()),
            field: None,
        };
        let expected = "fr/ventes-2024.csv: row 17: column montant_ttc: 31 of 2000 rows are bad, more than maxShare 0.01 [TooManyBadRows]\n  see quarantine.jsonl";
        assert_eq!(Failure::reported(ExitCode::Data, &error).message, expected);
        let placed =
            ReportedError { message: "sales.csv:3:amount: not a number".into(), file: Some("sales.csv".into()), row: Some(3), ..error };
        assert_eq!(
            Failure::reported(ExitCode::Data, &placed).message,
            "sales.csv:3:amount: not a number [TooManyBadRows]\n  see quarantine.jsonl"
        );
        let bare = ReportedError { message: "out of luck".into(), ..ReportedError::default() };
        assert_eq!(Failure::reported(ExitCode::Bug, &bare).message, "out of luck");
    }
}
