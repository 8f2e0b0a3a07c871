//! Who a plan is about, and who of them may be contacted.

use serde::{Deserialize, Serialize};

use crate::{Day, View};

/// The stage of the customer's life that a plan is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The welcome is over and there is still exactly one purchase.
    #[default]
    AfterWelcome,
    /// Exactly one purchase.
    OneTime,
    /// Every known customer, with purchases or without.
    All,
}

/// Who a plan is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Audience {
    /// See [`Stage`].
    pub stage: Stage,
    /// Length of the welcome, days from the first purchase, where the source does not state its end.
    pub welcome_days: u32,
    /// Days for which a contact rules out the next; 0 = never.
    pub not_contacted_for_days: u32,
    /// Marks that rule a customer out, such as employee or reseller.
    pub exclude: Vec<String>,
}

impl Audience {
    /// Whether the customer stands in the plan, as known at the view's day. A purchase is a local day.
    pub fn holds(&self, view: &View<'_>) -> bool {
        if !view.known() {
            return false;
        }
        let days = view.purchase_days();
        match self.stage {
            Stage::All => true,
            Stage::OneTime => days.len() == 1,
            Stage::AfterWelcome => days.len() == 1 && self.welcome_end(view, days[0]) < view.at(),
        }
    }

    /// Why the customer may not be contacted at all, apart from consent.
    pub(super) fn barrier(&self, view: &View<'_>) -> Option<Suppressed> {
        if view.profile().excluded.iter().any(|mark| self.exclude.contains(mark)) {
            return Some(Suppressed::Excluded);
        }
        let since = view.at().plus(-(self.not_contacted_for_days.min(i32::MAX as u32) as i32));
        let recent = view.contacts().iter().any(|contact| contact.day >= since);
        recent.then_some(Suppressed::RecentlyContacted)
    }

    fn welcome_end(&self, view: &View<'_>, first: Day) -> Day {
        let profile = view.profile();
        let first = profile.first_purchased_on.unwrap_or(first);
        profile.welcome_ended_on.unwrap_or_else(|| first.plus(self.welcome_days.min(i32::MAX as u32) as i32))
    }
}

/// Why a customer is not contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppressed {
    /// No consent to any of the plan's channels.
    NoConsent,
    /// A contact within `notContactedForDays`.
    RecentlyContacted,
    /// Good enough, but every channel that consent allows was full.
    Capacity,
    /// Others scored higher.
    BelowThreshold,
    /// Bears a mark that the audience excludes.
    Excluded,
}

impl Suppressed {
    /// The name in a contact plan.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoConsent => "no_consent",
            Self::RecentlyContacted => "recently_contacted",
            Self::Capacity => "capacity",
            Self::BelowThreshold => "below_threshold",
            Self::Excluded => "excluded",
        }
    }
}
