//! CEL rules of the objects. Each names what is wrong and what to do; none reads an absent field without `has`.

use kube::core::Rule;

use crate::defaults;
use crate::run::{Role, RunSpec};

/// The name rule of a run: children are named `<run>-<attempt>` and must stay DNS labels.
pub fn name() -> Rule {
    Rule::new("size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must be at most 40 small letters, digits and '-', starting with a letter and not ending in '-'")
}

/// Freezes every field but the operational ones once the request has a digest: what is executed may not change under
/// it. Before that a rejected spec can be corrected.
pub fn frozen<S: RunSpec>() -> Rule {
    let same = |field: &str| {
        format!(
            "has(self.spec.{field}) == has(oldSelf.spec.{field}) && \
             (!has(self.spec.{field}) || self.spec.{field} == oldSelf.spec.{field})"
        )
    };
    let frozen = S::roles().filter(|(_, role)| *role != Role::Operational);
    let all_same = frozen.map(|(field, _)| same(field)).collect::<Vec<_>>().join(" && ");
    Rule::new(format!("!has(oldSelf.status) || !has(oldSelf.status.requestDigest) || ({all_same})")).message(
        "only suspend, budget, deadlineSeconds and ttlSecondsAfterFinished may change once the request has a digest: \
         make another run",
    )
}

/// Key periods lie inside the horizon; both have defaults.
pub fn key_period_within_horizon() -> Rule {
    let weeks = or_default("keyPeriodWeeks", defaults::key_period_weeks::value());
    let horizon = or_default("horizonWeeks", defaults::horizon_weeks::value());
    Rule::new(format!("{weeks} <= {horizon}")).message("keyPeriodWeeks must be at most horizonWeeks")
}

/// Replenishing takes places of the list.
pub fn replenish_within_top_k() -> Rule {
    let replenish = or_default("replenish", defaults::replenish::value());
    let top_k = or_default("topK", defaults::top_k::value());
    Rule::new(format!("{replenish} <= {top_k}")).message("replenish must be at most topK")
}

/// Ranking customers needs the model that ranks them.
pub fn selection_needs_intent() -> Rule {
    Rule::new("!has(self.select) || has(self.models.intent)").message("select needs models.intent: it ranks customers by the intent model")
}

/// Without a number of customers the channels' capacities are the number.
pub fn capacities_need_selection() -> Rule {
    Rule::new(
        "!has(self.select) || has(self.select.top) || (has(self.contact) && has(self.contact.channels) \
         && size(self.contact.channels) > 0 && self.contact.channels.all(channel, has(channel.capacity)))",
    )
    .message("select needs top, or contact.channels that all have a capacity")
}

fn or_default(field: &str, default: i32) -> String {
    format!("(has(self.{field}) ? self.{field} : {default})")
}
