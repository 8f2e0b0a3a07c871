//! What the models say of customers.

use reprise_data::Prepared;
use reprise_models::encoder::{self, steps};
use reprise_models::intent::{IntentModel, IntentRow};
use reprise_models::policy::{Affinity, Expected, Recommendation};
use reprise_models::recommender::{Bound, Histories, ListPolicy, Serving, Shelf};
use reprise_models::{Day, Journey, draw};
use serde::{Deserialize, Serialize};

use crate::failure::Result;
use crate::model_files::{Loaded, Models};

/// What is kept of a customer between the rounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Scores {
    /// First-basket amount, as log ratio to the median of its market and currency.
    pub(super) first_basket: f64,
    /// Absent without an intent model, and for whoever does not have exactly one purchase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expected: Option<Expected>,
    /// Empty without a recommender.
    pub(super) recommendations: Vec<Recommendation>,
    /// Empty without a recommender.
    pub(super) affinities: Vec<Affinity>,
}

/// The models, bound to the prepared catalogue and the day of the plan.
pub(super) struct Scorer<'a> {
    at: Day,
    intent: Option<Intent<'a>>,
    baskets: Option<encoder::Bound<'a>>,
    recommender: Option<(&'a Bound<'a>, &'a Serving)>,
    lists: ListPolicy,
}

struct Intent<'a> {
    model: &'a IntentModel,
    encoder: encoder::Bound<'a>,
    /// The model's index of each market of the catalogue.
    markets: Vec<u16>,
}

impl<'a> Scorer<'a> {
    /// Binds the models to the data.
    pub(super) fn new(
        models: &'a Models,
        prepared: &'a Prepared,
        recommender: Option<(&'a Bound<'a>, &'a Serving)>,
        lists: ListPolicy,
    ) -> Self {
        let catalogue = prepared.catalogue();
        let intent = models.intent.as_ref().map(|Loaded { model, .. }| Intent {
            encoder: model.encoder().bind(catalogue),
            markets: catalogue.markets.iter().map(|market| model.market(market)).collect(),
            model,
        });
        let baskets = models.encoder().map(|encoder| encoder.bind(catalogue));
        Self { at: prepared.as_of(), intent, baskets, recommender, lists }
    }

    /// What a virtual shard owes a showing; none without a recommender.
    pub(super) fn shelf(&self, shard: u8) -> Option<Shelf> {
        self.recommender.map(|(bound, serving)| bound.shelf(serving, shard))
    }

    /// Scores customers of one virtual shard in the order of their ids; how many come in one call changes nothing.
    pub(super) fn score(&self, journeys: &[Journey], shelf: Option<&mut Shelf>) -> Result<Vec<Scores>> {
        let basket = |journey: &Journey| self.baskets.as_ref().map_or(0.0, |bound| bound.first_basket(journey.as_of(self.at)));
        let mut scores: Vec<Scores> =
            journeys.iter().map(|journey| Scores { first_basket: basket(journey), ..Scores::default() }).collect();
        if let Some(intent) = &self.intent {
            intent.score(journeys, self.at, &mut scores)?;
        }
        if let (Some((bound, serving)), Some(shelf)) = (self.recommender, shelf) {
            let mut histories = Histories::default();
            for journey in journeys {
                histories.push(journey.market(), draw::hash(journey.customer()), &steps(journey.as_of(self.at)), &[]);
            }
            for (scores, shown) in scores.iter_mut().zip(bound.recommend(&histories, &self.lists, serving, shelf)?) {
                (scores.recommendations, scores.affinities) = (shown.recommendations, shown.affinities);
            }
        }
        Ok(scores)
    }
}

impl Intent<'_> {
    /// The model speaks of one-time customers: given no second purchase before the day.
    fn score(&self, journeys: &[Journey], at: Day, scores: &mut [Scores]) -> Result<()> {
        let (mut places, mut rows) = (Vec::new(), Vec::new());
        for (place, journey) in journeys.iter().enumerate() {
            let view = journey.as_of(at);
            if let [first] = view.purchase_days()[..] {
                places.push(place);
                rows.push(IntentRow {
                    features: self.encoder.features(view),
                    market: self.markets.get(usize::from(journey.market())).copied().unwrap_or(u16::MAX),
                    at,
                    age: at.since(first).clamp(1, i32::from(u16::MAX)) as u16,
                });
            }
        }
        for (place, said) in places.into_iter().zip(self.model.score(&rows)?) {
            scores[place].expected = Some(said.expected);
        }
        Ok(())
    }
}
