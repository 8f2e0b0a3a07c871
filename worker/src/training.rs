//! Training one model and publishing its artifact.

use reprise_artifacts::manifest::{self, Published};
use reprise_artifacts::{Body, Location, rounds};
use reprise_crds::contract::{Record, Stage, TrainTask};
use reprise_crds::training::ModelSpec;
use reprise_data::Prepared;
use reprise_models::artifact::Fitted;
use reprise_models::intent::{self, IntentConfig, IntentModel};
use reprise_models::learn::{self, Rank};
use reprise_models::recommender::{self, RecommenderConfig, RecommenderModel, Target};
use reprise_models::{Day, Journey};

use crate::failure::{Failure, Result};
use crate::session::Session;
use crate::store_rounds::StoreRounds;
use crate::{documents, model_files, publish};

/// Trains the task's model as this rank and publishes it, or finds it published.
///
/// All ranks end with the same model. Index 0 publishes; the others wait for its manifest, so that success means the
/// same on every rank.
///
/// # Errors
/// 65 if the data can't carry the model, 75 if another rank or storage does not answer, 143 after a checkpoint.
pub fn run(session: &Session, record: &Record, task: &TrainTask, prepared: &Prepared, at: &Location) -> Result<Published> {
    session.board.enter(Stage::Training);
    let fitted = fit(session, record, task, prepared, at)?;
    session.board.enter(Stage::Publishing);
    if session.settings.index != 0 {
        return session.poll("the manifest", || Ok(session.wait(manifest::read(at))?));
    }
    let published = publish(session, record, prepared, fitted, at)?;
    // Read back before anything is thrown away that it could be made from again.
    let published = session.wait(manifest::read_pinned(at, published.digest))?;
    session.wait(rounds::Rounds::new(at.clone()).clear())?;
    Ok(published)
}

fn fit(session: &Session, record: &Record, task: &TrainTask, prepared: &Prepared, at: &Location) -> Result<Fitted> {
    let rank = Rank { index: session.settings.index, count: session.plan.count };
    let mut rounds = StoreRounds::new(session, at.clone());
    let history = session.plan.data.history_days;
    let learn_from = history.map(|days| prepared.as_of().plus(-(days.min(i32::MAX as u32) as i32)));
    let journeys = |see: &mut dyn FnMut(Journey) -> learn::Result<()>| each(session, prepared, learn_from, see);
    let start = model_files::start_from(session, &record.models)?;
    let fitted = match &task.model {
        ModelSpec::Intent(spec) => {
            let config = IntentConfig {
                horizon_weeks: whole(spec.horizon_weeks),
                key_period_weeks: whole(spec.key_period_weeks),
                seed: session.plan.seed,
                ..IntentConfig::default()
            };
            let start = start.as_ref().map(IntentModel::load).transpose()?;
            let facts = intent::Facts { as_of: prepared.as_of(), learn_from, burn_in_days: prepared.burn_in_days() };
            let request = intent::Request {
                config: &config,
                catalogue: prepared.catalogue(),
                facts,
                journeys: &journeys,
                start: start.as_ref(),
                rank,
                digest: record.identity.as_str(),
            };
            intent::fit(&request, &mut rounds, &session.stop)?
        }
        ModelSpec::Recommender(spec) => {
            let config = RecommenderConfig {
                embedding: whole(spec.embedding),
                hidden: whole(spec.hidden),
                target: match spec.target {
                    reprise_crds::training::Target::Purchase => Target::Purchase,
                    reprise_crds::training::Target::Event => Target::Event,
                },
                epochs: whole(spec.epochs),
                tau: spec.popularity.tau.to_f64(),
                seed: session.plan.seed,
            };
            let start = start.as_ref().map(RecommenderModel::load).transpose()?;
            let request = recommender::Request {
                config: &config,
                catalogue: prepared.catalogue(),
                as_of: prepared.as_of(),
                learn_from,
                journeys: &journeys,
                start: start.as_ref(),
                rank,
                digest: record.identity.as_str(),
            };
            recommender::fit(&request, &mut rounds, &session.stop)?
        }
    };
    Ok(fitted)
}

fn publish(session: &Session, record: &Record, prepared: &Prepared, fitted: Fitted, at: &Location) -> Result<Published> {
    let Fitted { files, mut metrics } = fitted;
    documents::complete(&mut metrics, session, prepared);
    let mut bodies: Vec<(String, Body)> = files.into_iter().map(|(name, bytes)| (name, bytes.into())).collect();
    bodies.extend(documents::files(&metrics)?);
    bodies.push(documents::card(&metrics, record)?);
    Ok(session.wait(manifest::publish(at, bodies, publish::facts(&session.plan, record, &metrics)))?)
}

/// Every journey in the order of shards, then ids; events before `from` are left out.
fn each(session: &Session, prepared: &Prepared, from: Option<Day>, see: &mut dyn FnMut(Journey) -> learn::Result<()>) -> learn::Result<()> {
    for journey in prepared.journeys(0..reprise_data::SHARDS).map_err(Failure::from)? {
        session.check_stop()?;
        let (_, journey) = journey.map_err(Failure::from)?;
        see(match from {
            Some(from) => {
                let mut parts = journey.into_parts();
                parts.events.retain(|event| event.day >= from);
                Journey::new(parts)
            }
            None => journey,
        })?;
    }
    Ok(())
}

fn whole<T: TryFrom<i32> + Default>(number: i32) -> T {
    T::try_from(number).unwrap_or_default()
}
