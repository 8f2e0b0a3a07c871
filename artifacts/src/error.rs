//! What can go wrong, by what the caller should do about it.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of storage or of what was stored. Objects are named by their full URI.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such object (or no such bucket).
    #[error("{object} does not exist")]
    NotFound {
        /// Full URI.
        object: String,
    },
    /// The object is not at the generation that the caller named: somebody replaced or deleted it.
    #[error("{object} was changed or deleted by somebody else")]
    Changed {
        /// Full URI.
        object: String,
    },
    /// The storage did not answer in time or answered that it can't now. Trying later is right.
    #[error("failed to {verb} {object}: {reason}")]
    Unavailable {
        /// What was tried.
        verb: &'static str,
        /// Full URI.
        object: String,
        /// What the storage or the network said.
        reason: String,
    },
    /// The storage refuses; trying again changes nothing until a person does.
    #[error("failed to {verb} {object}: {reason}; check the address and the account's rights")]
    Denied {
        /// What was tried.
        verb: &'static str,
        /// Full URI.
        object: String,
        /// What the storage said.
        reason: String,
    },
    /// The bytes are not what their sums or their format say.
    #[error("{object} is corrupt: {reason}")]
    Corrupt {
        /// Full URI.
        object: String,
        /// Which sum or which place.
        reason: String,
    },
    /// More than the caller is ready to hold.
    #[error("{object} has {length}, the limit is {limit}")]
    TooLarge {
        /// Full URI.
        object: String,
        /// What was found, with its unit.
        length: String,
        /// The limit, in the same unit.
        limit: u64,
    },
    /// A name, a URI or an option that is refused before anything is asked of the storage.
    #[error("{what} {value:?} is refused: {reason}")]
    Invalid {
        /// Name of the field.
        what: &'static str,
        /// The value, shortened.
        value: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// A file on this machine could not be read or written.
    #[error("failed to {verb} {}: {source}", path.display())]
    Local {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An object of this name holds other bytes than this run made. A bug, or a run on another kernel class.
    #[error("{object} already holds other bytes (sha256 {theirs}) than were made now (sha256 {ours}): the run is not reproducible")]
    NotReproducible {
        /// Full URI.
        object: String,
        /// Digest of the stored bytes.
        theirs: String,
        /// Digest of the bytes that were to be stored.
        ours: String,
    },
    /// What others should have stored did not come within the bound. Trying later is right.
    #[error("waited {seconds} s for {missing}")]
    Waited {
        /// How long.
        seconds: u64,
        /// What was still missing.
        missing: String,
    },
    /// The caller's stop callback said so during a wait.
    #[error("stopped while waiting for {missing}")]
    Stopped {
        /// What was still missing.
        missing: String,
    },
    /// The function that merges the parts of a round failed.
    #[error("failed to merge round {round}: {source}")]
    Merge {
        /// The round.
        round: u32,
        /// What the function said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Waited { .. })
    }

    pub(crate) fn invalid(what: &'static str, value: &str, reason: impl Into<String>) -> Self {
        let shortened: String = value.chars().take(120).collect();
        Self::Invalid { what, value: shortened, reason: reason.into() }
    }

    pub(crate) fn corrupt(object: String, reason: impl Into<String>) -> Self {
        Self::Corrupt { object, reason: reason.into() }
    }

    pub(crate) fn local(verb: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Local { verb, path: path.to_path_buf(), source }
    }
}

/// Makes "not there" a value, for callers to whom it is one.
pub(crate) fn maybe<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
