//! One customer's row of the contact plan.

use super::{
    Affinity, Arm, ContactPolicy, ContactRow, Contender, CustomerHash, Cut, Expected, KeyPeriod, Recommendation, Suppressed, Verdict,
};
use crate::{Day, View};

/// How long a message that need not wait may take to go out.
const AT_ONCE_DAYS: i32 = 7;

/// One customer with everything that models said.
#[derive(Clone, Debug)]
pub struct Scored<'a> {
    /// The customer as known at the plan's day.
    pub view: View<'a>,
    /// First-basket amount, as log ratio to the median of its market and currency; 0 without a purchase.
    pub first_basket: f64,
    /// When the customer is expected; absent without an intent model.
    pub expected: Option<Expected>,
    /// What to show; empty without a recommender.
    pub recommendations: Vec<Recommendation>,
    /// Interests, largest first.
    pub affinities: Vec<Affinity>,
}

/// What all rows of a plan share.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The plan's id.
    pub id: String,
    /// Names of the markets, by index.
    pub markets: Vec<String>,
    /// Last day whose rows are complete.
    pub through: Day,
    /// Digest of the intent model's manifest.
    pub intent_digest: Option<String>,
    /// Digest of the recommender's manifest.
    pub recommender_digest: Option<String>,
}

/// The customer as a contender for a contact, or why there can be none whatever the score.
///
/// # Errors
/// The reason: excluded, then no consent, then contacted recently.
pub fn contend(view: &View<'_>, first_basket: f64, score: f64, policy: &ContactPolicy) -> Result<Contender, Suppressed> {
    let barrier = policy.audience.barrier(view);
    let channels = policy.allowed(view);
    match barrier {
        Some(Suppressed::Excluded) => return Err(Suppressed::Excluded),
        _ if channels == 0 && !policy.channels.is_empty() => return Err(Suppressed::NoConsent),
        Some(reason) => return Err(reason),
        None => {}
    }
    let last = view.orders().next_back().map(|order| order.day);
    Ok(Contender {
        customer: CustomerHash::of(view.customer()),
        arm: policy.arm(view.customer()),
        channels,
        score,
        recency: last.map_or(u32::MAX, |day| view.at().since(day).unsigned_abs()),
        first_basket,
    })
}

/// The customer's row, once the cut is known. Its day is the view's.
pub fn contact(scored: Scored<'_>, plan: &Plan, policy: &ContactPolicy, cut: &Cut) -> ContactRow {
    let Scored { view, first_basket, expected, recommendations, affinities } = scored;
    let (as_of, arm) = (view.at(), policy.arm(view.customer()));
    let score = policy.score(expected.as_ref());
    let verdict = contend(&view, first_basket, score, policy).map_or_else(Verdict::Suppressed, |one| cut.verdict(&one));
    let (rank, channel, suppressed) = match verdict {
        Verdict::Selected { rank, channel } => (Some(rank), channel, None),
        Verdict::Withheld => (None, None, None),
        Verdict::Suppressed(reason) => (None, None, Some(reason)),
    };
    let selected = rank.is_some();
    let timed = if arm == Arm::Treated { expected.as_ref().map_or(&[][..], |expected| &expected.key_periods) } else { &[] };
    let (send_from, send_to) = window(timed, policy.lead_time_days, as_of);
    ContactRow {
        customer_id: view.customer().to_owned(),
        market: plan.markets.get(usize::from(view.market())).cloned().unwrap_or_default(),
        plan_id: plan.id.clone(),
        as_of,
        through: plan.through,
        age_days: view.orders().next().map(|order| as_of.since(order.day).unsigned_abs()),
        arm,
        selected,
        suppressed,
        rank,
        channel: channel.map(|index| policy.channels[index].name.clone()),
        expected,
        send_from: selected.then_some(send_from),
        send_to: selected.then_some(send_to),
        recommendations: if arm == Arm::Control { Vec::new() } else { recommendations },
        affinities,
        intent_digest: plan.intent_digest.clone(),
        recommender_digest: plan.recommender_digest.clone(),
    }
}

/// The days of sending: the likeliest key period (the earlier of equals) moved ahead by the lead time, from the
/// plan's day at the earliest. Without a key period, or when the whole of it has passed: the next seven days.
fn window(periods: &[KeyPeriod], lead_time_days: u32, as_of: Day) -> (Day, Day) {
    let lead = -(lead_time_days.min(i32::MAX as u32) as i32);
    let best = periods
        .iter()
        .map(|period| (period.from.plus(lead).max(as_of), period.to.plus(lead), period.probability))
        .filter(|(_, to, _)| *to >= as_of)
        .reduce(|best, other| if other.2 > best.2 { other } else { best });
    best.map_or((as_of, as_of.plus(AT_ONCE_DAYS - 1)), |(from, to, _)| (from, to))
}
