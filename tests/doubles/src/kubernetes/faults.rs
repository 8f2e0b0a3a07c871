//! What goes wrong, and what was asked.

use super::address::{Address, Verb};

/// What goes wrong at a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client dies before the write arrives.
    DieBefore,
    /// The write happens; the client dies before it hears of it.
    DieAfter,
    /// The write does not happen and the client lives: an error of the server.
    Fail,
    /// The write happens; the answer is lost and the client lives.
    LoseAnswer,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 4] = [Self::DieBefore, Self::DieAfter, Self::Fail, Self::LoseAnswer];

    pub(super) const fn happens(self) -> bool {
        matches!(self, Self::DieAfter | Self::LoseAnswer)
    }

    pub(super) const fn kills(self) -> bool {
        matches!(self, Self::DieBefore | Self::DieAfter)
    }
}

/// A request, and the status code of its answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// What was asked.
    pub verb: Verb,
    /// Of what.
    pub address: Address,
    /// What was answered; for a lost answer what would have been; 0 for a write that never arrived.
    pub code: u16,
}
