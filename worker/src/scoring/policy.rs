//! The contract's words for audience, selection and experiment, as the models' policy.

use reprise_crds::contract::ScoreTask;
use reprise_crds::scoring::{Recommendations, SelectBy, Stage as AskedStage};
use reprise_models::policy::{ArmShares, Audience, Channel, ContactPolicy, Experiment, Measure, Stage};
use reprise_models::recommender::{ListPolicy, Sources};

use crate::failure::Result;

/// Length of a welcome programme where neither the run nor the source states it, in days.
const WELCOME_DAYS: u32 = 30;

/// The policy of a scoring.
///
/// # Errors
/// 65 if the arms do not fit their bands or there are too many channels.
pub(super) fn policy(task: &ScoreTask) -> Result<ContactPolicy> {
    let days = |days: Option<i32>, absent: u32| days.map_or(absent, |days| u32::try_from(days).unwrap_or(0));
    let audience = Audience {
        stage: match task.audience.stage {
            AskedStage::AfterWelcome => Stage::AfterWelcome,
            AskedStage::OneTime => Stage::OneTime,
            AskedStage::All => Stage::All,
        },
        welcome_days: days(task.audience.welcome_days, WELCOME_DAYS),
        not_contacted_for_days: days(task.audience.not_contacted_for_days, 0),
        exclude: task.audience.exclude.clone(),
    };
    let contact = task.contact.clone().unwrap_or_default();
    let channel = |channel: reprise_crds::scoring::Channel| Channel {
        capacity: channel.capacity.map(|capacity| u64::try_from(capacity).unwrap_or(0)),
        name: channel.name,
    };
    let policy = ContactPolicy {
        audience,
        by: task.select.as_ref().map(|select| match select.by {
            SelectBy::P30 => Measure::P30,
            SelectBy::P60 => Measure::P60,
            SelectBy::P90 => Measure::P90,
            SelectBy::PHorizon => Measure::PHorizon,
        }),
        top: task.select.as_ref().and_then(|select| select.top).map(|top| u64::try_from(top).unwrap_or(0)),
        lead_time_days: u32::try_from(contact.lead_time_days).unwrap_or(0),
        channels: contact.channels.into_iter().map(channel).collect(),
        experiment: task.experiment.as_ref().map(experiment).transpose()?,
    };
    policy.check()?;
    Ok(policy)
}

fn experiment(asked: &reprise_crds::scoring::Experiment) -> Result<Experiment> {
    let percent = |share: i32| u8::try_from(share).unwrap_or(u8::MAX);
    let shares =
        ArmShares { control: percent(asked.control), untimed: percent(asked.untimed), business_rule: percent(asked.business_rule) };
    Ok(Experiment::new(&asked.name, &asked.salt, shares)?)
}

/// What a list should be.
pub(super) fn lists(asked: &Recommendations) -> ListPolicy {
    let whole = |number: i32| usize::try_from(number).unwrap_or(0);
    ListPolicy {
        top_k: whole(asked.top_k),
        target_coverage: asked.popularity.target_coverage.as_ref().map(reprise_crds::value::Decimal::to_f64),
        replenish: whole(asked.replenish),
        exclude_owned: asked.exclude_owned,
        sources: match asked.sources {
            reprise_crds::scoring::Sources::All => Sources::All,
            reprise_crds::scoring::Sources::Lstm => Sources::Lstm,
        },
    }
}
