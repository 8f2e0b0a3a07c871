//! What can go wrong between a source file and a prepared set.

use std::fmt;
use std::path::Path;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a source could not become a prepared set, or a prepared set could not be read.
///
/// Every message reads `place: cause; next step`. It never holds a value of a cell or a customer's id.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listing does not hold what the source describes.
    #[error("{0}")]
    FindFiles(Box<Fault>),
    /// A source file is not what the source says it is.
    #[error("{0}")]
    ReadFile(Box<Fault>),
    /// The SQL of a view can't be planned or isn't allowed.
    #[error("{0}")]
    PlanView(Box<Fault>),
    /// A view failed on the rows it was given.
    #[error("{0}")]
    RunView(Box<Fault>),
    /// What a view yields is not the canonical table of its name.
    #[error("{0}")]
    CheckTable(Box<Fault>),
    /// The canonical tables hold nothing that could be prepared.
    #[error("{0}")]
    Prepare(Box<Fault>),
    /// An audience's `where` can't be planned or isn't allowed.
    #[error("{0}")]
    FilterAudience(Box<Fault>),
    /// A stored prepared set is damaged or of another format.
    #[error("{0}")]
    OpenPrepared(Box<Fault>),
    /// The scratch folder can't be written or read.
    #[error("scratch {name}: {source}; free disk space or raise resources.ephemeralStorage")]
    UseScratch {
        /// File or folder name within the scratch folder.
        name: String,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Whose turn it is after an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// The data must change: exit code 65.
    Data,
    /// The specification must change: exit code 78.
    Specification,
    /// Trying again may help: exit code 75.
    Machine,
}

impl Error {
    /// Whose turn it is.
    pub fn category(&self) -> Category {
        match self {
            Self::FindFiles(_) | Self::ReadFile(_) | Self::RunView(_) | Self::Prepare(_) | Self::OpenPrepared(_) => Category::Data,
            Self::PlanView(_) | Self::CheckTable(_) | Self::FilterAudience(_) => Category::Specification,
            Self::UseScratch { .. } => Category::Machine,
        }
    }

    /// Place, cause and next step, for a structured report; `None` for a fault of the machine.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::FindFiles(fault)
            | Self::ReadFile(fault)
            | Self::PlanView(fault)
            | Self::RunView(fault)
            | Self::CheckTable(fault)
            | Self::Prepare(fault)
            | Self::FilterAudience(fault)
            | Self::OpenPrepared(fault) => Some(fault),
            Self::UseScratch { .. } => None,
        }
    }

    pub(crate) fn scratch(path: &Path, source: std::io::Error) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self::UseScratch { name, source }
    }
}

/// Where, why and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is.
    pub place: Place,
    /// What is wrong there.
    pub cause: String,
    /// What to do about it.
    pub hint: String,
}

impl Fault {
    #[expect(clippy::unnecessary_box_returns, reason = "an error that is passed up every call stays one word wide")]
    pub(crate) fn new(place: Place, cause: impl Into<String>, hint: impl Into<String>) -> Box<Self> {
        Box::new(Self { place, cause: shortened(cause.into()), hint: hint.into() })
    }
}

/// A cause that quotes names or SQL stays a sentence.
fn shortened(cause: String) -> String {
    const LONGEST: usize = 600;
    match cause.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ...", &cause[..end]),
        None => cause,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.cause, self.hint)
    }
}

/// A file or field, and how far in. Displayed as `subject:row:column`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file as listed, or the path of a field of the specification.
    pub subject: String,
    /// Line of a text file or of a SQL text, row of a Parquet file; from 1.
    pub row: Option<u64>,
    /// Name of a column, or the character within a line of SQL, from 1.
    pub column: Option<String>,
}

impl Place {
    pub(crate) fn of(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), row: None, column: None }
    }

    pub(crate) fn row(mut self, row: u64) -> Self {
        self.row = Some(row);
        self
    }

    pub(crate) fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if let Some(row) = self.row {
            write!(f, ":{row}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ":{column}")?;
        }
        Ok(())
    }
}
