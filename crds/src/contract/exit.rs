//! How a worker ends.

/// Exit codes of a worker. Success is never claimed by one alone: a verified manifest claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitCode {
    /// The manifest is published, by this worker or another.
    Done,
    /// The command line or the plan cannot be read.
    Usage,
    /// The data cannot carry the request, or are not what was recorded. Trying again gives the same.
    Data,
    /// A bug, or a result that should have been the same and is not.
    Bug,
    /// Something outside failed or did not come in time. Trying again may help.
    TryAgain,
    /// The plan and this build do not fit: another contract or recipe, a bucket that is not there or not allowed.
    Configuration,
    /// Told to stop, and did after a checkpoint.
    Stopped,
}

impl ExitCode {
    /// Every code.
    pub const ALL: [Self; 7] = [Self::Done, Self::Usage, Self::Data, Self::Bug, Self::TryAgain, Self::Configuration, Self::Stopped];

    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 64,
            Self::Data => 65,
            Self::Bug => 70,
            Self::TryAgain => 75,
            Self::Configuration => 78,
            Self::Stopped => 143,
        }
    }

    /// The meaning of a number; `None` for one that no worker ends with on purpose.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| i32::from(exit.code()) == code)
    }

    /// Whether another start of the same plan can end otherwise.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::TryAgain | Self::Stopped)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(exit: ExitCode) -> Self {
        Self::from(exit.code())
    }
}
