//! Who is contacted, when and how: arms, audience, consent, one cut over all shards, rows of the contact plan.
//!
//! Everything here is a pure function of customers, scores and policy.

mod arms;
mod audience;
mod contact;
mod hash;
mod row;
mod select;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::View;
use crate::learn::{Error, Result};

pub use arms::{Arm, ArmShares, Experiment};
pub use audience::{Audience, Stage, Suppressed};
pub use contact::{Plan, Scored, contact, contend};
pub use hash::{CustomerHash, VIRTUAL_SHARDS};
pub use row::{Affinity, ContactRow, Expected, KeyPeriod, Reason, Recommendation, Role};
pub use select::{Contender, Cut, Verdict, select, shortlist};

/// The probability by which customers are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// A purchase within 30 days.
    P30,
    /// Within 60 days.
    P60,
    /// Within 90 days.
    #[default]
    P90,
    /// Within the model's horizon.
    PHorizon,
}

/// One channel, in the order in which channels are filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name, as customers consent to it.
    pub name: String,
    /// Most customers that it takes; `None` = no limit.
    pub capacity: Option<u64>,
}

/// Everything that decides about contacts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContactPolicy {
    /// Who the plan is about.
    pub audience: Audience,
    /// The probability by which customers are chosen; `None`: everyone alike, in the order of their hashes.
    pub by: Option<Measure>,
    /// Most customers selected over all channels; `None` = no limit.
    pub top: Option<u64>,
    /// Days between sending and the time at which the message should work.
    pub lead_time_days: u32,
    /// At most 32; none = consent and capacity are not asked.
    pub channels: Vec<Channel>,
    /// The experiment; `None`: everyone is treated.
    pub experiment: Option<Experiment>,
}

impl ContactPolicy {
    /// Refuses what no contact could follow.
    ///
    /// # Errors
    /// More than 32 channels.
    pub fn check(&self) -> Result<()> {
        if self.channels.len() > 32 {
            return Err(Error::Data(format!("contact.channels has {} entries; at most 32 are possible", self.channels.len())));
        }
        Ok(())
    }

    /// The score by which the policy chooses; 0 without a measure or without a model.
    pub fn score(&self, expected: Option<&Expected>) -> f64 {
        match (self.by, expected) {
            (None, _) | (_, None) => 0.0,
            (Some(Measure::P30), Some(expected)) => expected.p30,
            (Some(Measure::P60), Some(expected)) => expected.p60,
            (Some(Measure::P90), Some(expected)) => expected.p90,
            (Some(Measure::PHorizon), Some(expected)) => expected.p_horizon,
        }
    }

    /// The customer's arm.
    pub fn arm(&self, customer: &str) -> Arm {
        self.experiment.as_ref().map_or(Arm::Treated, |experiment| experiment.arm(customer))
    }

    fn allowed(&self, view: &View<'_>) -> u32 {
        let consent = &view.profile().consent;
        let bit = |(index, channel): (usize, &Channel)| u32::from(consent.contains(&channel.name)) << index;
        self.channels.iter().take(32).enumerate().map(bit).fold(0, |mask, bit| mask | bit)
    }
}
