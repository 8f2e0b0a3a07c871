//! Scoring: two rounds over blocks of customers, whose result does not depend on how many workers share them.
//!
//! Round 1 scores a block's customers and tells who may be contacted. One cut over all blocks follows, the same
//! whoever draws it. Round 2 writes the block's rows. Whoever sees all blocks written seals the plan.

mod blocks;
mod exchange;
mod policy;
mod rows;
mod scorer;
mod seal;
mod serving;
mod summary;

use reprise_artifacts::Location;
use reprise_artifacts::manifest::{self, Entry, Published};
use reprise_crds::contract::{Record, ScoreTask, Stage};
use reprise_data::{Filter, Prepared};
use reprise_models::Journey;
use reprise_models::policy::{ContactPolicy, ContactRow, Contender, Cut, Plan, Scored, contact, contend, select, shortlist};

use self::blocks::Blocks;
use self::exchange::Exchange;
use self::scorer::{Scorer, Scores};
use self::summary::Summary;
use crate::failure::{Failure, Result};
use crate::model_files::Models;
use crate::session::Session;

/// Customers that are scored at a time: bounds memory, changes nothing.
const CHUNK: usize = 256;

/// Everything that the rounds of one worker share.
struct Scoring<'a> {
    session: &'a Session,
    prepared: &'a Prepared,
    filter: Option<Filter>,
    policy: ContactPolicy,
    plan: Plan,
    blocks: Blocks,
    scorer: Scorer<'a>,
    exchange: Exchange<'a>,
}

/// Scores this worker's share of the customers and ends with the whole plan's manifest.
///
/// # Errors
/// 65 and 78 for models and conditions that do not fit the data, 75 if another worker or storage does not answer, 143
/// when told to stop: finished blocks are kept.
pub fn run(session: &Session, record: &Record, task: &ScoreTask, prepared: &Prepared, at: &Location) -> Result<Published> {
    let models = Models::load(session, &record.models)?;
    session.board.enter(Stage::Scoring);
    let filter = task.audience.filter.as_ref().map(|text| Filter::plan(text, &prepared.catalogue().attributes)).transpose()?;
    let policy = policy::policy(task)?;
    let blocks = Blocks::of(prepared.quality().shards.iter().sum());
    let exchange = Exchange::new(session, at.clone());
    let bound = models.recommender.as_ref().map(|model| model.model.bind(prepared.catalogue(), prepared.as_of())).transpose()?;
    let lists = policy::lists(&task.recommendations);
    let serving = match &bound {
        Some(bound) => Some(serving::agree(session, &exchange, bound, &lists, (prepared, filter.as_ref(), &policy))?),
        None => None,
    };
    let plan = Plan {
        id: record.identity.to_string(),
        markets: prepared.catalogue().markets.clone(),
        through: prepared.through(),
        intent_digest: models.intent.as_ref().map(|model| model.digest.clone()),
        recommender_digest: models.recommender.as_ref().map(|model| model.digest.clone()),
    };
    let scorer = Scorer::new(&models, prepared, bound.as_ref().zip(serving.as_ref()), lists);
    let scoring = Scoring { session, prepared, filter, policy, plan, blocks, scorer, exchange };
    scoring.first_round()?;
    let cut = scoring.cut()?;
    scoring.second_round(&cut)?;
    let subject = seal::Subject { policy: &scoring.policy, blocks, serving: serving.as_ref() };
    seal::seal(session, record, prepared, &scoring.exchange, &subject)
}

impl Scoring<'_> {
    fn own_blocks(&self) -> Vec<u8> {
        self.blocks.of_worker(self.session.settings.index, self.session.plan.count).collect()
    }

    /// Scores this worker's blocks; what an earlier start of it finished stands.
    fn first_round(&self) -> Result<()> {
        let own = self.own_blocks();
        for (done, block) in own.iter().enumerate() {
            self.session.board.done(done as f64, 2.0 * own.len() as f64);
            if self.exchange.has_contenders(*block)? {
                continue;
            }
            let (scores, contenders) = self.score(*block)?;
            self.exchange.put_scores(*block, &scores)?;
            self.exchange.put_contenders(*block, &shortlist(contenders, &self.policy))?;
        }
        Ok(())
    }

    fn score(&self, block: u8) -> Result<(Vec<Scores>, Vec<Contender>)> {
        let (mut scores, mut contenders) = (Vec::new(), Vec::new());
        for shard in self.blocks.shards(block) {
            let mut shelf = self.scorer.shelf(shard);
            let mut chunk: Vec<Journey> = Vec::with_capacity(CHUNK);
            let mut journeys = self.audience(shard..shard + 1)?;
            loop {
                let next = journeys.next().transpose()?;
                let ended = next.is_none();
                chunk.extend(next);
                if chunk.len() == CHUNK || (ended && !chunk.is_empty()) {
                    self.session.check_stop()?;
                    let scored = self.scorer.score(&chunk, shelf.as_mut())?;
                    for (journey, scores) in chunk.iter().zip(&scored) {
                        let score = self.policy.score(scores.expected.as_ref());
                        let view = journey.as_of(self.prepared.as_of());
                        contenders.extend(contend(&view, scores.first_basket, score, &self.policy));
                    }
                    scores.extend(scored);
                    chunk.clear();
                }
                if ended {
                    break;
                }
            }
        }
        Ok((scores, contenders))
    }

    /// The customers of the stage in these virtual shards, by shard, then id.
    fn audience(&self, shards: std::ops::Range<u8>) -> Result<impl Iterator<Item = Result<Journey>> + '_> {
        audience(self.prepared, self.filter.as_ref(), &self.policy, shards)
    }

    /// The cut over the contenders of all blocks: every worker draws the same.
    fn cut(&self) -> Result<Cut> {
        let mut contenders = Vec::new();
        for block in self.blocks.all() {
            contenders.extend(self.session.poll(&format!("contenders of block {block}"), || self.exchange.contenders(block))?);
        }
        Ok(select(contenders, &self.policy))
    }

    /// Writes this worker's blocks.
    fn second_round(&self, cut: &Cut) -> Result<()> {
        let own = self.own_blocks();
        for (done, block) in own.iter().enumerate() {
            self.session.board.done((own.len() + done) as f64, 2.0 * own.len() as f64);
            self.session.check_stop()?;
            if self.exchange.summary(*block)?.is_some() {
                continue;
            }
            let Some(rows) = self.rows(*block, cut)? else { continue };
            let part = self.write(*block, &rows)?;
            self.exchange.put_summary(*block, &Summary::of(&rows, part))?;
        }
        Ok(())
    }

    /// The block's rows; none when the plan was sealed meanwhile and the scores are gone.
    fn rows(&self, block: u8, cut: &Cut) -> Result<Option<Vec<ContactRow>>> {
        let Some(scores) = self.exchange.scores(block)? else { return Ok(None) };
        let mut rows = Vec::with_capacity(scores.len());
        let mut journeys = self.audience(self.blocks.shards(block))?;
        for scores in scores {
            let Some(journey) = journeys.next().transpose()? else { return Err(out_of_step(block)) };
            let scored = Scored {
                view: journey.as_of(self.prepared.as_of()),
                first_basket: scores.first_basket,
                expected: scores.expected,
                recommendations: scores.recommendations,
                affinities: scores.affinities,
            };
            rows.push(contact(scored, &self.plan, &self.policy, cut));
        }
        if journeys.next().is_some() {
            return Err(out_of_step(block));
        }
        Ok(Some(rows))
    }

    fn write(&self, block: u8, rows: &[ContactRow]) -> Result<Option<Entry>> {
        if rows.is_empty() {
            return Ok(None);
        }
        let bytes = rows::encode(rows)?;
        let name = format!("part-{block:02}.parquet");
        Ok(Some(self.session.wait(manifest::put(self.exchange.at(), &name, bytes))?))
    }
}

/// The known customers of the plan's stage in some virtual shards for whom the condition holds, by shard, then id.
fn audience<'a>(
    prepared: &'a Prepared,
    filter: Option<&'a Filter>,
    policy: &'a ContactPolicy,
    shards: std::ops::Range<u8>,
) -> Result<impl Iterator<Item = Result<Journey>> + 'a> {
    let at = prepared.as_of();
    let journeys = prepared.audience(filter, shards)?;
    Ok(journeys.filter_map(move |journey| match journey {
        Ok((_, journey)) => policy.audience.holds(&journey.as_of(at)).then_some(Ok(journey)),
        Err(error) => Some(Err(Failure::from(error))),
    }))
}

fn out_of_step(block: u8) -> Failure {
    let message = format!("the scores of block {block} are not of these customers");
    Failure::new(reprise_crds::contract::ExitCode::Bug, "OutOfStep", message)
}
