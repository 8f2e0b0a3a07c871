//! The end of a scoring: figures, report and manifest over the parts of all blocks.

use reprise_artifacts::manifest::{self, Published};
use reprise_artifacts::{layout, pointers};
use reprise_crds::contract::{Record, ReportedManifest, Stage};
use reprise_crds::value::LocalDate;
use reprise_data::Prepared;
use reprise_models::metrics::Exposure;
use reprise_models::policy::ContactPolicy;
use reprise_models::recommender::Serving;
use reprise_models::report_document::{Better, DocumentKind, Headline, MetricsDocument, PlanCoverage, Unit};
use serde::{Deserialize, Serialize};

use super::blocks::Blocks;
use super::exchange::Exchange;
use super::summary::Summary;
use crate::failure::Result;
use crate::session::Session;
use crate::{documents, publish};

/// What the plan is made of, beside its rows.
pub(super) struct Subject<'a> {
    /// Who is contacted.
    pub(super) policy: &'a ContactPolicy,
    /// The blocks that must be written.
    pub(super) blocks: Blocks,
    /// How lists were made.
    pub(super) serving: Option<&'a Serving>,
}

/// The newest plan of a geography; it moves only forward in asOf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Latest {
    as_of: LocalDate,
    plan: ReportedManifest,
}

/// Waits until all blocks are written, then seals the plan, or finds it sealed. Every worker makes the same manifest,
/// so it does not matter whose comes first.
pub(super) fn seal(
    session: &Session,
    record: &Record,
    prepared: &Prepared,
    exchange: &Exchange<'_>,
    subject: &Subject<'_>,
) -> Result<Published> {
    let at = exchange.at();
    let summaries = session.poll("the other blocks", || {
        if let Some(published) = session.wait(manifest::read(at))? {
            return Ok(Some(Err(published)));
        }
        // All of them are there or have been cleared away behind a manifest: then the next look finds that.
        let summaries: Option<Vec<Summary>> = subject.blocks.all().map(|block| exchange.summary(block)).collect::<Result<Option<_>>>()?;
        Ok(summaries.map(Ok))
    })?;
    let published = match summaries {
        Err(published) => published,
        Ok(summaries) => {
            session.board.enter(Stage::Publishing);
            publish_plan(session, record, prepared, (exchange, subject), &summaries)?
        }
    };
    let published = session.wait(manifest::read_pinned(at, published.digest))?;
    let plans = session.bucket.child("plans")?;
    let latest = Latest { as_of: LocalDate(prepared.as_of_date()), plan: publish::reported(&published)? };
    session.wait(pointers::forward(&plans, layout::LATEST, &latest, |next, found| next.as_of.0 >= found.as_of.0 && next != found))?;
    if session.settings.index == 0 {
        exchange.clear()?;
    }
    Ok(published)
}

fn publish_plan(
    session: &Session,
    record: &Record,
    prepared: &Prepared,
    (exchange, subject): (&Exchange<'_>, &Subject<'_>),
    summaries: &[Summary],
) -> Result<Published> {
    let mut sum = Summary::default();
    for summary in summaries {
        sum.add(summary);
    }
    let metrics = document(session, prepared, subject, &sum);
    let mut entries: Vec<_> = summaries.iter().filter_map(|summary| summary.part.clone()).collect();
    for (name, body) in documents::files(&metrics)? {
        entries.push(session.wait(manifest::put(exchange.at(), &name, body))?);
    }
    Ok(session.wait(manifest::seal(exchange.at(), entries, publish::facts(&session.plan, record, &metrics)))?)
}

fn document(session: &Session, prepared: &Prepared, subject: &Subject<'_>, sum: &Summary) -> MetricsDocument {
    let mut plan = sum.metrics(subject.policy, prepared.as_of());
    plan.coverage = subject.serving.map(|serving| coverage(prepared, serving, sum));
    let count = |name: &str, value: u64| Headline {
        name: name.to_owned(),
        value: value as f64,
        unit: Unit::Count,
        better: Better::Neither,
        ..Headline::default()
    };
    let mut headline = vec![count("customers", plan.customers), count("to be contacted", plan.selected)];
    headline.extend(plan.coverage.map(|coverage| Headline {
        name: "catalogue coverage".to_owned(),
        value: coverage.reached,
        unit: Unit::Share,
        ..Headline::default()
    }));
    let mut metrics = MetricsDocument { kind: DocumentKind::Plan, headline, plan: Some(plan), ..MetricsDocument::default() };
    documents::complete(&mut metrics, session, prepared);
    metrics
}

fn coverage(prepared: &Prepared, serving: &Serving, sum: &Summary) -> PlanCoverage {
    let catalogue = prepared.catalogue();
    let sold = |group: &reprise_models::Group| (0..catalogue.markets.len()).any(|market| group.eligible(market as u16, prepared.as_of()));
    let mut exposure = Exposure::new(catalogue.groups.iter().map(sold).collect());
    let mut shown = 0;
    for (place, group) in (0..).zip(&catalogue.groups) {
        let lists = sum.exposures.get(&group.id).copied().unwrap_or(0);
        shown += u64::from(lists > 0);
        exposure.add(place, lists);
    }
    let eligible = catalogue.groups.iter().filter(|group| sold(group)).count() as u64;
    let share = |part: u64| if eligible == 0 { 0.0 } else { part as f64 / eligible as f64 };
    let slots: u64 = sum.exposures.values().sum();
    PlanCoverage {
        eligible_groups: eligible,
        shown_groups: shown,
        reached: share(shown),
        target: serving.target,
        ceiling: share(slots.min(eligible)),
        lambda: serving.lambda,
        slots: serving.slots as u32,
        ndcg_kept: serving.ndcg_kept,
        gini: exposure.gini(),
    }
}
