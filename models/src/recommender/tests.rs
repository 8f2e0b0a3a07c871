use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::backtest;
use super::lists::{Order, Shelf};
use super::operate::Operating;
use super::*;
use crate::artifact::{ENCODER, Files, Fitted};
use crate::draw::{Use, below, bits, uniform};
use crate::encoder::steps;
use crate::learn::{Checkpoint, Error, Merged, Part, Progress, Rank, Result, Rounds, Stop};
use crate::metrics::Exposure;
use crate::policy::{CustomerHash, Role};
use crate::report_document::{Groups, MetricsDocument};
use crate::{Catalogue, Day, Group, Journey, JourneyParts, Line, draw};

/// One rank that nothing interrupts.
#[derive(Default)]
struct Alone(RefCell<Vec<Part>>);

impl Rounds for Alone {
    fn resume(&self, _: Rank) -> Result<Option<Checkpoint>> {
        Ok(None)
    }

    fn offer(&mut self, _: u32, _: Rank, part: Part) -> Result<()> {
        *self.0.borrow_mut() = vec![part];
        Ok(())
    }

    fn merged(&self, _: u32, _: Rank, merge: &dyn Fn(&[Part]) -> Result<Merged>, _: &Stop) -> Result<Merged> {
        merge(&self.0.borrow())
    }

    fn keep(&mut self, _: Rank, _: &Checkpoint) -> Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: &Progress) {}
}

const START: i32 = 14_000;
const CUT: i32 = START + 500;

/// Families of ten groups; the first of each family is its best-seller. Family 0 is a routine that is used up.
fn catalogue(families: usize) -> Catalogue {
    let group = |place: usize| Group {
        id: format!("g{place:04}"),
        product: format!("p{place:04}"),
        family: format!("family {}", place / 10),
        axis: if (place / 10).is_multiple_of(2) { "care".to_owned() } else { "colour".to_owned() },
        routine: (place < 10).then(|| ("morning".to_owned(), (place % 3) as u16)),
        replenishment_days: (place < 10).then_some(60),
        recommendable: place % 10 != 9,
        available: true,
        markets: if place % 10 == 8 { vec![1] } else { Vec::new() },
        ..Group::default()
    };
    Catalogue { markets: vec!["NO".to_owned(), "SE".to_owned()], groups: (0..families * 10).map(group).collect(), ..Catalogue::default() }
}

/// Customers who buy within one family, best-sellers far more often, and every second time from the family after it.
fn brand(customers: usize, families: usize) -> Vec<Journey> {
    (0..customers)
        .map(|customer| {
            let pick = |step: u64, bound: u64| below(bound, bits(3, Use::Sample, customer as u64, step));
            let family = pick(0, families as u64);
            let mut day = START + pick(1, 200) as i32;
            let mut orders = Vec::new();
            for number in 0..=pick(2, 5) {
                let family = (family + number % 2) % families as u64;
                let place = |line: u64| {
                    let skewed = uniform(3, Use::Sample, customer as u64, 100 + 10 * number + line).powi(3);
                    (family * 10 + (skewed * 10.0) as u64) as u32
                };
                let groups: BTreeSet<u32> = (0..=pick(10 + number, 3)).map(place).collect();
                let line = |&group: &u32| Line { group, quantity: 1.0, amount: 10.0, returned_on: None };
                let lines = groups.iter().map(line).collect();
                orders.push(crate::Order { day: Day(day), at: i64::from(day) * 86_400, currency: 0, gift: false, lines });
                day += 20 + pick(30 + number, 100) as i32;
            }
            let (customer, market) = (format!("c{customer:05}"), (customer % 2) as u16);
            Journey::new(JourneyParts { customer, market, known: true, orders, ..JourneyParts::default() })
        })
        .collect()
}

struct World {
    catalogue: Catalogue,
    journeys: Vec<Journey>,
}

impl World {
    fn new(customers: usize, families: usize) -> Self {
        Self { catalogue: catalogue(families), journeys: brand(customers, families) }
    }

    fn fit(&self, config: &RecommenderConfig) -> Fitted {
        let journeys = |see: &mut dyn FnMut(Journey) -> Result<()>| self.journeys.iter().cloned().try_for_each(see);
        let rank = Rank { index: 0, count: 1 };
        let request = Request {
            config,
            catalogue: &self.catalogue,
            as_of: Day(CUT),
            learn_from: None,
            journeys: &journeys,
            start: None,
            rank,
            digest: "d",
        };
        fit(&request, &mut Alone::default(), &Stop::default()).unwrap()
    }

    /// Histories at the cut, in the order of ids, with their virtual shards.
    fn histories(&self) -> (Histories, Vec<u8>) {
        let mut histories = Histories::default();
        for journey in &self.journeys {
            let hash = draw::hash(journey.customer());
            histories.push(journey.market(), hash, &steps(journey.as_of(Day(CUT))), &[]);
        }
        let shards = self.journeys.iter().map(|journey| CustomerHash::of(journey.customer()).virtual_shard()).collect();
        (histories, shards)
    }
}

fn small() -> RecommenderConfig {
    RecommenderConfig { embedding: 16, hidden: 24, epochs: 6, ..RecommenderConfig::default() }
}

fn ndcg(metrics: &MetricsDocument, method: &str, groups: Groups) -> f64 {
    let metrics = metrics.recommender.as_ref().unwrap();
    metrics.methods.iter().find(|row| row.method == method && row.groups == groups).unwrap().ndcg
}

/// The model's lists for everybody, worked as the workers would.
fn lists(world: &World, bound: &Bound<'_>, policy: &ListPolicy, serving: &Serving) -> Vec<Shown> {
    let (histories, shards) = world.histories();
    let mut shown = vec![Shown::default(); histories.len()];
    for shard in 0..crate::policy::VIRTUAL_SHARDS {
        let members: Vec<usize> = (0..histories.len()).filter(|&customer| shards[customer] == shard).collect();
        let mut part = Histories::default();
        for &customer in &members {
            part.copy(&histories.past(customer));
        }
        let answers = bound.recommend(&part, policy, serving, &mut bound.shelf(serving, shard)).unwrap();
        for (customer, answer) in members.into_iter().zip(answers) {
            shown[customer] = answer;
        }
    }
    shown
}

#[test]
fn it_learns_what_customers_buy_and_says_so_beside_baselines() {
    let world = World::new(900, 8);
    let fitted = world.fit(&small());
    let served = ndcg(&fitted.metrics, "as served", Groups::New);
    let popular = ndcg(&fitted.metrics, "popularity of the market, 90 days", Groups::New);
    let lstm = ndcg(&fitted.metrics, "LSTM alone", Groups::New);
    assert!(served > 1.3 * popular && lstm > 1.15 * popular, "served {served}, LSTM {lstm}, popularity {popular}");
    let history = fitted.metrics.training.as_ref().unwrap();
    assert!(history.epochs.last().unwrap().loss < history.epochs[0].loss);
    fitted.metrics.to_json().unwrap();
}

#[test]
fn a_tiny_set_is_learned_by_heart() {
    // Three customers, three different habits, told over and over: the next order follows from the last.
    let order = |day: i32, group: u32| {
        let line = Line { group, quantity: 1.0, amount: 1.0, returned_on: None };
        crate::Order { day: Day(START + day), at: i64::from(START + day) * 86_400, currency: 0, gift: false, lines: vec![line] }
    };
    let habit = |customer: usize| {
        let orders = (0..30)
            .map(|number| order(number * 10, [[0, 1, 2, 3], [1, 0, 3, 2], [4, 5, 6, 7]][customer % 3][number as usize % 4]))
            .collect();
        Journey::new(JourneyParts { customer: format!("c{customer}"), known: true, orders, ..JourneyParts::default() })
    };
    let world = World { catalogue: catalogue(2), journeys: (0..12).map(habit).collect() };
    let config = RecommenderConfig { epochs: 60, tau: 0.0, ..small() };
    let fitted = world.fit(&config);
    let losses = fitted.metrics.training.unwrap().epochs;
    assert!(losses.last().unwrap().loss < 1.0, "{losses:?}");
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    let world = World::new(200, 4);
    let config = RecommenderConfig { epochs: 2, ..small() };
    let files: Files = world.fit(&config).files;
    assert_eq!(files, world.fit(&config).files);
    let other = world.fit(&RecommenderConfig { seed: 1, ..config });
    assert_ne!(files["model.safetensors"], other.files["model.safetensors"]);
    let model = RecommenderModel::load(&files).unwrap();
    let own = files.iter().filter(|(name, _)| *name != ENCODER).map(|(name, bytes)| (name.clone(), bytes.clone()));
    assert_eq!(model.files().unwrap(), own.collect());
}

#[test]
fn files_of_two_models_are_refused() {
    let config = RecommenderConfig { epochs: 1, ..small() };
    let mut files = World::new(120, 3).fit(&config).files;
    files.extend(World::new(120, 4).fit(&config).files.into_iter().filter(|(name, _)| name == SOURCES));
    let message = RecommenderModel::load(&files).unwrap_err().to_string();
    assert!(message.contains(SOURCES), "{message}");
}

#[test]
fn a_batch_answers_as_its_singles_do() {
    let world = World::new(150, 4);
    let model = RecommenderModel::load(&world.fit(&RecommenderConfig { epochs: 1, ..small() }).files).unwrap();
    let bound = model.bind(&world.catalogue, Day(CUT)).unwrap();
    let (histories, _) = world.histories();
    let together = bound.logits(&histories).unwrap();
    for customer in (0..histories.len()).step_by(7) {
        let mut alone = Histories::default();
        alone.copy(&histories.past(customer));
        assert_eq!(bound.logits(&alone).unwrap()[0], together[customer], "customer {customer}");
    }
}

#[test]
fn nobody_to_learn_from_is_named() {
    let world = World {
        catalogue: catalogue(2),
        journeys: brand(40, 2).into_iter().filter(|journey| steps(journey.as_of(Day(CUT))).len() == 1).collect(),
    };
    let journeys = |see: &mut dyn FnMut(Journey) -> Result<()>| world.journeys.iter().cloned().try_for_each(see);
    let (config, rank) = (small(), Rank { index: 0, count: 1 });
    let request = Request {
        config: &config,
        catalogue: &world.catalogue,
        as_of: Day(CUT),
        learn_from: None,
        journeys: &journeys,
        start: None,
        rank,
        digest: "d",
    };
    let error = fit(&request, &mut Alone::default(), &Stop::default()).unwrap_err();
    assert!(matches!(&error, Error::Data(message) if message.contains("no customer has two orders")), "{error}");
}

#[test]
fn logit_adjustment_shows_less_popular_groups() {
    let world = World::new(700, 8);
    let popularity = |tau: f64| {
        let fitted = world.fit(&RecommenderConfig { tau, epochs: 8, ..small() });
        let metrics = fitted.metrics.recommender.unwrap();
        metrics.methods.iter().find(|row| row.method == "LSTM alone" && row.groups == Groups::New).unwrap().arp
    };
    let (none, half, full) = (popularity(0.0), popularity(0.5), popularity(1.0));
    assert!(none > half && half > full && none > 1.1 * full, "mean popularity shown {none}, {half}, {full}");
}

#[test]
fn lists_hold_only_what_the_customer_may_be_shown() {
    let world = World::new(400, 6);
    let model = RecommenderModel::load(&world.fit(&RecommenderConfig { epochs: 2, ..small() }).files).unwrap();
    let bound = model.bind(&world.catalogue, Day(CUT)).unwrap();
    let (histories, shards) = world.histories();
    let policy = ListPolicy { target_coverage: Some(0.9), ..ListPolicy::default() };
    let serving = bound.choose_serving(&histories, &shards, &policy).unwrap();
    let (mut replenished, mut completed) = (0, 0);
    for (shown, past) in lists(&world, &bound, &policy, &serving).iter().zip(histories.iter()) {
        let list = &shown.recommendations;
        let ids: BTreeSet<&str> = list.iter().map(|one| one.group_id.as_str()).collect();
        assert!(ids.len() == list.len() && list.len() == policy.top_k);
        assert!(list.iter().zip(1..).all(|(one, rank)| one.rank == rank));
        assert!(list.iter().filter(|one| one.role == Role::Replenish).count() <= policy.replenish);
        for one in list {
            let place = world.catalogue.groups.iter().position(|group| group.id == one.group_id).unwrap() as u32;
            let group = &world.catalogue.groups[place as usize];
            assert!(group.eligible(past.market() as u16, Day(CUT)) && group.product == one.product_id);
            let owned = past.orders().any(|order| order.groups.contains(&place));
            assert_eq!(owned, one.role == Role::Replenish, "an owned group is shown to be bought again, and only so");
            replenished += u32::from(one.role == Role::Replenish);
            completed += u32::from(one.role == Role::CompleteRoutine);
        }
        let shares: f64 = shown.affinities.iter().map(|affinity| affinity.share).sum();
        assert!((shares - 1.0).abs() < 1e-3);
    }
    assert!(replenished > 0 && completed > 0);
}

#[test]
fn the_lstm_alone_orders_lists_where_it_is_asked_to() {
    let world = World::new(400, 6);
    let model = RecommenderModel::load(&world.fit(&RecommenderConfig { epochs: 2, ..small() }).files).unwrap();
    let bound = model.bind(&world.catalogue, Day(CUT)).unwrap();
    let (histories, _) = world.histories();
    let policy = ListPolicy { replenish: 0, sources: Sources::Lstm, ..ListPolicy::default() };
    let opinions = bound.opinions(&histories).unwrap();
    let mut differs = 0;
    for (opinion, past) in opinions.iter().zip(histories.iter()) {
        let order = bound.order(opinion, &policy, 0.0).discover;
        let mut best: Vec<u32> = bound.eligible(opinion);
        best.retain(|place| order.iter().any(|(other, _)| other == place));
        best.sort_by(|a, b| opinion.lstm[*b as usize].total_cmp(&opinion.lstm[*a as usize]).then(a.cmp(b)));
        assert_eq!(order.iter().map(|&(place, _)| place).collect::<Vec<u32>>(), best, "{}", past.hash());
        let all = bound.order(opinion, &ListPolicy { sources: Sources::All, ..policy.clone() }, 0.0).discover;
        differs += usize::from(all.iter().zip(&order).any(|(a, b)| a.0 != b.0));
    }
    assert!(differs > histories.len() / 2, "{differs}");
}

#[test]
fn a_target_is_reached_and_one_above_the_ceiling_means_the_ceiling() {
    let world = World::new(400, 6);
    let model = RecommenderModel::load(&world.fit(&RecommenderConfig { epochs: 2, ..small() }).files).unwrap();
    let bound = model.bind(&world.catalogue, Day(CUT)).unwrap();
    let (histories, shards) = world.histories();
    let eligible = bound.eligible_to_any(&histories);
    let coverage = |policy: &ListPolicy, serving: &Serving| {
        let mut exposure = Exposure::new(eligible.clone());
        for shown in lists(&world, &bound, policy, serving) {
            let places = shown
                .recommendations
                .iter()
                .map(|one| world.catalogue.groups.iter().position(|group| group.id == one.group_id).unwrap() as u32);
            exposure.see(places);
        }
        exposure.coverage(1)
    };
    for (top_k, target) in [(3, 0.6), (3, 0.95), (5, 1.0), (1, 1.0)] {
        let policy = ListPolicy { top_k, target_coverage: Some(target), replenish: 0, ..ListPolicy::default() };
        let serving = bound.choose_serving(&histories, &shards, &policy).unwrap();
        let reached = coverage(&policy, &serving);
        assert!(reached >= target.min(serving.ceiling) - 0.02, "top {top_k}: {reached} of {target}, {serving:?}");
        assert!((reached - serving.coverage).abs() < 0.02, "{reached} {serving:?}");
    }
    let few = ListPolicy { top_k: 1, target_coverage: Some(1.0), replenish: 0, ..ListPolicy::default() };
    let mut ten = Histories::default();
    for customer in 0..10 {
        ten.copy(&histories.past(customer));
    }
    let serving = bound.choose_serving(&ten, &shards[..10], &few).unwrap();
    assert!(serving.ceiling < 0.25 && serving.coverage >= serving.ceiling - 0.02, "{serving:?}");
}

#[test]
fn groups_that_training_never_saw_are_known_by_their_attributes() {
    let world = World::new(500, 6);
    let model = RecommenderModel::load(&world.fit(&small()).files).unwrap();
    let mut catalogue = world.catalogue.clone();
    let template = catalogue.groups[20].clone();
    catalogue.groups.push(Group { id: "new".to_owned(), family: "family 2".to_owned(), ..template });
    let bound = model.bind(&catalogue, Day(CUT)).unwrap();
    let logits = bound.logits(&world.histories().0).unwrap();
    let place = catalogue.groups.len() - 1;
    // Whoever bought in its family last finds it nearer than others do.
    let (histories, _) = world.histories();
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for (past, logits) in histories.iter().zip(&logits) {
        let Some(last) = past.orders().next_back() else { continue };
        let side = if last.groups.iter().all(|group| group / 10 == 1) { &mut inside } else { &mut outside };
        side.push(logits[place]);
    }
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    assert!(mean(&inside) > mean(&outside), "{} {}", mean(&inside), mean(&outside));
}

#[test]
fn those_who_choose_never_judge() {
    let world = World::new(300, 3);
    let (histories, _) = world.histories();
    let choosers = histories.iter().filter(|past| backtest::chooses(past, 0)).count();
    assert!((120..240).contains(&choosers), "{choosers}");
}

#[test]
fn the_point_of_largest_coverage_that_keeps_accuracy_serves() {
    let point = |lambda, slots, ndcg, coverage| super::operate::Point { lambda, slots, ndcg, coverage, gini: 0.0 };
    let operating = Operating::choose(vec![
        point(0.0, 0, 0.100, 0.4),
        point(0.0, 2, 0.099, 0.7),
        point(0.1, 2, 0.0979, 0.9),
        point(0.2, 0, 0.101, 0.6),
    ]);
    assert_eq!((operating.lambda, operating.slots), (0.0, 2));
    let nearly_as_much = Operating::choose(vec![point(0.0, 0, 0.1, 0.3), point(0.0, 1, 0.1, 0.95), point(0.5, 1, 0.11, 0.96)]);
    assert_eq!((nearly_as_much.lambda, nearly_as_much.slots), (0.0, 1), "no strong penalty for a hundredth of coverage");
}

/// Visitors who each look at one family in a fixed order, in sessions on one day each.
fn sessions(visitors: usize, families: u64) -> World {
    let journey = |visitor: usize| {
        let pick = |step: u64, bound: u64| below(bound, bits(9, Use::Sample, visitor as u64, step));
        let (family, day) = (pick(0, families) as u32, START + pick(1, 480) as i32);
        let event = |step: u32| {
            let group = family * 10 + (pick(2, 10) as u32 + step) % 10;
            let at = i64::from(day) * 86_400 + i64::from(step);
            crate::Event { day: Day(day), at, kind: crate::EventKind::View, group: Some(group), session: None }
        };
        let events = (0..4).map(event).collect();
        Journey::new(JourneyParts {
            customer: format!("v{visitor:05}"),
            known: visitor.is_multiple_of(2),
            events,
            ..JourneyParts::default()
        })
    };
    World { catalogue: catalogue(families as usize), journeys: (0..visitors).map(journey).collect() }
}

#[test]
fn sessions_of_unknown_visitors_teach_what_is_seen_next() {
    let world = sessions(900, 6);
    let fitted = world.fit(&RecommenderConfig { target: Target::Event, ..small() });
    let metrics = fitted.metrics.recommender.as_ref().unwrap();
    let of = |name: &str| metrics.methods.iter().find(|row| row.method == name && row.groups == Groups::All).unwrap();
    let (ours, popular) = (of("all sources"), of("popularity of the market, 90 days"));
    assert!(ours.customers > 50 && ours.ndcg > 0.8 && popular.ndcg < 0.4, "{} {} {}", ours.customers, ours.ndcg, popular.ndcg);
    RecommenderModel::load(&fitted.files).unwrap();
}

proptest! {
    #[test]
    fn the_coverage_pass_never_repeats_and_never_shows_what_is_barred(
        orders in prop::collection::vec(prop::collection::btree_set(0u32..40, 0..20), 1..30),
        owed in prop::collection::btree_set(0u32..40, 0..30), slots in 0usize..6, top_k in 1usize..8, shard in 0u8..2, depth in 0usize..20
    ) {
        let mut shelf = Shelf::new(owed.into_iter().filter(|place| (*place % 2) as u8 == shard), slots, depth);
        for groups in orders {
            let discover: Vec<(u32, f32)> = groups.iter().zip(0..).map(|(&group, rank)| (group, -(rank as f32))).collect();
            let order = Order { discover, ..Order::default() };
            let list = shelf.list(&order, top_k, |place| groups.contains(&place));
            let places: BTreeSet<u32> = list.iter().map(|&((place, _), _)| place).collect();
            prop_assert_eq!(places.len(), list.len());
            prop_assert_eq!(list.len(), top_k.min(groups.len()));
            prop_assert!(places.is_subset(&groups));
            prop_assert!(list.windows(2).all(|pair| pair[0].0.1 >= pair[1].0.1));
        }
    }
}

#[test]
fn what_lies_before_the_day_to_learn_from_is_read_and_not_foreseen() {
    let world = World::new(40, 2);
    let labels = |learn_from| {
        let mut histories = Histories::learning_from(learn_from);
        for journey in &world.journeys {
            histories.push(journey.market(), 1, &steps(journey.as_of(Day(CUT))), &[]);
        }
        let moments: usize = histories.iter().map(|past| past.len()).sum();
        let next = |past: Past<'_>| {
            (0..past.len().saturating_sub(1))
                .filter(|&place| !past.label(place, Target::Event).is_empty())
                .map(|place| past.moment(place + 1).day)
                .collect::<Vec<Day>>()
        };
        (moments, histories.iter().flat_map(next).collect::<Vec<Day>>())
    };
    let (moments, all) = labels(None);
    let middle = all[all.len() / 2];
    let late = all.iter().copied().filter(|day| *day >= middle).collect::<Vec<Day>>();
    assert!(late.len() < all.len());
    assert_eq!(labels(Some(middle)), (moments, late));
}
