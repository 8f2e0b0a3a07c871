//! One choice for all lists: how much popularity is held back, and what is owed a showing.

use std::collections::BTreeMap;

use reprise_data::{Filter, Prepared};
use reprise_models::draw;
use reprise_models::encoder::{Step, steps};
use reprise_models::policy::{ContactPolicy, CustomerHash};
use reprise_models::recommender::{Bound, Histories, ListPolicy, SAMPLE, Serving};

use super::audience;
use super::exchange::Exchange;
use crate::failure::Result;
use crate::session::Session;

/// Index 0 chooses on the customers with the smallest hashes and tells the others; they wait.
pub(super) fn agree(
    session: &Session,
    exchange: &Exchange<'_>,
    bound: &Bound<'_>,
    lists: &ListPolicy,
    customers: (&Prepared, Option<&Filter>, &ContactPolicy),
) -> Result<Serving> {
    if let Some(serving) = exchange.serving()? {
        return Ok(serving);
    }
    if session.settings.index == 0 {
        let (histories, shards) = sample(session, customers)?;
        exchange.put_serving(&bound.choose_serving(&histories, &shards, lists)?)?;
    }
    session.poll("the choice of lambda", || exchange.serving())
}

struct Sampled {
    shard: u8,
    customer: String,
    market: u16,
    steps: Vec<Step>,
}

/// The sample's histories and virtual shards, by shard, then id.
fn sample(session: &Session, (prepared, filter, policy): (&Prepared, Option<&Filter>, &ContactPolicy)) -> Result<(Histories, Vec<u8>)> {
    let mut nearest: BTreeMap<CustomerHash, Sampled> = BTreeMap::new();
    for shard in 0..reprise_data::SHARDS {
        session.check_stop()?;
        for journey in audience(prepared, filter, policy, shard..shard + 1)? {
            let journey = journey?;
            let hash = CustomerHash::of(journey.customer());
            let farther = nearest.last_key_value().is_some_and(|(farthest, _)| hash > *farthest);
            if nearest.len() == SAMPLE && farther {
                continue;
            }
            let steps = steps(journey.as_of(prepared.as_of()));
            nearest.insert(hash, Sampled { shard, customer: journey.customer().to_owned(), market: journey.market(), steps });
            if nearest.len() > SAMPLE {
                nearest.pop_last();
            }
        }
    }
    let mut sampled: Vec<Sampled> = nearest.into_values().collect();
    sampled.sort_by(|a, b| (a.shard, &a.customer).cmp(&(b.shard, &b.customer)));
    let mut histories = Histories::default();
    for one in &sampled {
        histories.push(one.market, draw::hash(&one.customer), &one.steps, &[]);
    }
    Ok((histories, sampled.iter().map(|one| one.shard).collect()))
}
