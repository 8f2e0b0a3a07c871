//! Which arm of an experiment a customer belongs to.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::learn::{Error, Result};

/// An arm of an experiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Arm {
    /// Chosen by the model, sent in its window.
    #[default]
    Treated,
    /// Never selected and without recommendations: what would have happened anyway.
    Control,
    /// Chosen by the model, sent at once: tells the worth of the window.
    Untimed,
    /// Chosen by recency, then first-basket amount: tells the worth of the model.
    BusinessRule,
}

impl Arm {
    /// The name in a contact plan.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Treated => "treated",
            Self::Control => "control",
            Self::Untimed => "untimed",
            Self::BusinessRule => "businessRule",
        }
    }
}

const BUCKETS: u64 = 10_000;
const CONTROL_FROM: u64 = 0;
const UNTIMED_FROM: u64 = 4_000;
const BUSINESS_RULE_FROM: u64 = 7_000;

/// An experiment. Bands of buckets are fixed: control from 0, untimed from 4,000, businessRule from 7,000, each as
/// wide as its share; everyone else is treated. Raising a share therefore never re-draws anyone who was already in
/// an arm, and never moves anyone between two arms other than treated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experiment {
    name: String,
    salt: String,
    control: u8,
    untimed: u8,
    business_rule: u8,
}

/// Shares of an experiment in percent of all customers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ArmShares {
    /// At most 40.
    pub control: u8,
    /// At most 30.
    pub untimed: u8,
    /// At most 30.
    pub business_rule: u8,
}

impl Experiment {
    /// An experiment of that name; a new salt draws everybody anew.
    ///
    /// # Errors
    /// When a share does not fit its band.
    pub fn new(name: &str, salt: &str, shares: ArmShares) -> Result<Self> {
        let ArmShares { control, untimed, business_rule } = shares;
        let fits = [("control", control, 40), ("untimed", untimed, 30), ("businessRule", business_rule, 30)];
        for (arm, share, most) in fits {
            if share > most {
                return Err(Error::Data(format!("experiment.{arm} is {share} percent; at most {most} fit its band")));
            }
        }
        Ok(Self { name: name.to_owned(), salt: salt.to_owned(), control, untimed, business_rule })
    }

    /// The arm of a customer.
    pub fn arm(&self, customer: &str) -> Arm {
        let bucket = self.bucket(customer);
        let within = |from: u64, percent: u8| (from..from + u64::from(percent) * (BUCKETS / 100)).contains(&bucket);
        if within(CONTROL_FROM, self.control) {
            Arm::Control
        } else if within(UNTIMED_FROM, self.untimed) {
            Arm::Untimed
        } else if within(BUSINESS_RULE_FROM, self.business_rule) {
            Arm::BusinessRule
        } else {
            Arm::Treated
        }
    }

    /// The customer's bucket, 0 to 9,999: sha256 over the UTF-8 bytes of `name`, a line feed, `salt`, a line feed
    /// and the customer id; its first 8 bytes read as a big-endian number, modulo 10,000. In SQL of a warehouse:
    /// `mod(from_big_endian(substr(sha256(name || '\n' || salt || '\n' || customer_id), 1, 8)), 10000)`.
    pub fn bucket(&self, customer: &str) -> u64 {
        let digest = Sha256::digest(format!("{}\n{}\n{customer}", self.name, self.salt).as_bytes());
        digest.iter().take(8).fold(0u64, |number, &byte| number << 8 | u64::from(byte)) % BUCKETS
    }

    /// Of `seats`, those that the businessRule arm fills: its share of all who may be selected, rounded down.
    pub(super) fn rule_seats(&self, seats: u64) -> u64 {
        let selectable = u64::from(100 - self.control);
        (u128::from(seats) * u128::from(self.business_rule) / u128::from(selectable)) as u64
    }
}
