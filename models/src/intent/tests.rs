//! Class: numerics on a shop whose law is known.

use super::cohorts::Cohorts;
use super::learner::IntentLearner;
use super::network::Network;
use super::offset::Offset;
use super::season::Volume;
use super::{Facts, IntentConfig, IntentModel, IntentRow, Request, fit};
use crate::artifact::Fitted;
use crate::draw::{self, Use};
use crate::examples::{Dataset, Landmarks, Split, examples};
use crate::learn::{Error, Journeys, Rank, Result, Rounds, Stop};
use crate::report_document::IntentMetrics;
use crate::testing::{END, MemoryRounds, START, Shop, Store};
use crate::train::{Fit, train};
use crate::{Day, Journey, JourneyParts};

fn small() -> IntentConfig {
    IntentConfig { hidden: 16, members: 2, batch: 256, epochs: 4, ..IntentConfig::default() }
}

fn fit_rank(config: &IntentConfig, journeys: &Journeys<'_>, rank: Rank, rounds: &mut dyn Rounds) -> Result<Fitted> {
    let catalogue = Shop::catalogue();
    let facts = Facts { as_of: END, learn_from: None, burn_in_days: 0 };
    let request = Request { config, catalogue: &catalogue, facts, journeys, start: None, rank, digest: "d" };
    fit(&request, rounds, &Stop::default())
}

fn fit_journeys(config: &IntentConfig, journeys: &Journeys<'_>) -> Result<Fitted> {
    fit_rank(config, journeys, Rank { index: 0, count: 1 }, &mut MemoryRounds::new(&Store::new(1), None))
}

/// All ranks in threads; rank 0 dies once at its `death`-th call of the store and starts again.
fn fit_ranks(config: &IntentConfig, shop: &Shop, count: u32, death: Option<u64>) -> Fitted {
    let store = Store::new(count);
    let run = |index: u32| {
        let rank = Rank { index, count };
        let pass = |visit: &mut dyn FnMut(Journey) -> Result<()>| shop.pass(visit);
        let first = fit_rank(config, &pass, rank, &mut MemoryRounds::new(&store, death.filter(|_| index == 0)));
        first.or_else(|_| fit_rank(config, &pass, rank, &mut MemoryRounds::new(&store, None))).unwrap()
    };
    let mut ends: Vec<Fitted> = std::thread::scope(|scope| {
        let ranks: Vec<_> = (0..count)
            .map(|index| {
                scope.spawn({
                    let run = &run;
                    move || run(index)
                })
            })
            .collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    });
    assert!(ends.iter().all(|end| *end == ends[0]), "ranks part ways");
    ends.remove(0)
}

fn fit_shop(config: &IntentConfig, shop: &Shop) -> Fitted {
    fit_journeys(config, &|visit| shop.pass(visit)).unwrap()
}

fn rows(model: &IntentModel, shop: &Shop, at: Day) -> Vec<IntentRow> {
    let catalogue = Shop::catalogue();
    let bound = model.encoder().bind(&catalogue);
    let one_timers =
        (0..shop.customers).map(|customer| shop.journey(customer)).filter(|journey| journey.as_of(at).purchase_days().len() == 1);
    let row = |journey: Journey| {
        let view = journey.as_of(at);
        let market = model.market(&catalogue.markets[usize::from(view.market())]);
        IntentRow { features: bound.features(view), market, at, age: at.since(view.purchase_days()[0]) as u16 }
    };
    one_timers.map(row).collect()
}

fn measured<'m>(metrics: &'m IntentMetrics, method: &str, days: u32) -> &'m crate::report_document::IntentRow {
    metrics.methods.iter().find(|row| row.method == method && row.days == days).unwrap()
}

#[test]
fn the_backtest_beats_its_baselines_where_there_is_something_to_learn() {
    let fitted = fit_shop(&small(), &Shop { customers: 4000, ..Shop::default() });
    let metrics = fitted.metrics.intent.as_ref().unwrap();
    for days in [30, 90] {
        let model = measured(metrics, "Hazard model", days);
        for baseline in ["Age curve and season", "Kaplan-Meier given age"] {
            let baseline = measured(metrics, baseline, days);
            assert!(model.auc > baseline.auc.map(|auc| auc + 0.03), "{days} {:?} {:?}", model.auc, baseline.auc);
            assert!(model.log_loss < baseline.log_loss, "{days} {:?} {:?}", model.log_loss, baseline.log_loss);
        }
        assert!(model.debiased_error.unwrap() < 0.03, "{:?}", model.debiased_error);
    }
    let sets = &metrics.key_periods.as_ref().unwrap().sets;
    assert!((sets[0].held - 0.5).abs() < 0.15 && (sets[1].held - 0.8).abs() < 0.15, "{sets:?}");
    fitted.metrics.to_json().unwrap();
}

#[test]
fn without_anything_to_learn_the_model_stays_near_age_and_season() {
    let shop = Shop { basket: 0.0, ..Shop::default() };
    let fitted = fit_shop(&small(), &shop);
    let metrics = fitted.metrics.intent.as_ref().unwrap();
    let (model, baseline) = (measured(metrics, "Hazard model", 90), measured(metrics, "Age curve and season", 90));
    assert!(model.log_loss.unwrap() < baseline.log_loss.unwrap() + 0.01);
}

#[test]
fn equal_requests_make_equal_bytes_and_another_seed_does_not() {
    let shop = Shop { customers: 400, ..Shop::default() };
    let config = IntentConfig { epochs: 2, ..small() };
    let first = fit_shop(&config, &shop);
    let again = fit_shop(&config, &shop);
    assert_eq!(first.files, again.files);
    assert_eq!(first.metrics.to_json().unwrap(), again.metrics.to_json().unwrap());
    assert_ne!(first.files, fit_shop(&IntentConfig { seed: 8, ..config }, &shop).files);
}

#[test]
fn a_rank_that_dies_anywhere_in_either_training_ends_in_the_same_bytes() {
    let shop = Shop { customers: 300, ..Shop::default() };
    let config = IntentConfig { epochs: 2, round_steps: 8, ..small() };
    for count in [1, 2] {
        let undisturbed = fit_ranks(&config, &shop, count, None);
        for death in [3, 9, 20, 27, 33] {
            assert_eq!(fit_ranks(&config, &shop, count, Some(death)), undisturbed, "{count} ranks, death at call {death}");
        }
    }
}

#[test]
fn two_ranks_are_about_as_good_as_one() {
    let shop = Shop { customers: 3000, ..Shop::default() };
    let loss = |count: u32| {
        let fitted = fit_ranks(&small(), &shop, count, None);
        measured(fitted.metrics.intent.as_ref().unwrap(), "Hazard model", 90).log_loss.unwrap()
    };
    let (one, two) = (loss(1), loss(2));
    assert!((two / one - 1.0).abs() < 0.005, "{one} {two}");
}

#[test]
fn a_saved_model_says_the_same_and_a_batch_equals_its_singles_bit_by_bit() {
    let shop = Shop { customers: 1100, ..Shop::default() };
    let fitted = fit_shop(&IntentConfig { epochs: 2, ..small() }, &shop);
    let model = IntentModel::load(&fitted.files).unwrap();
    assert_eq!(model.save().unwrap(), fitted.files);
    let rows = rows(&model, &shop, END);
    assert!(rows.len() > 256 + 10, "more than one block: {}", rows.len());
    let together = model.score(&rows).unwrap();
    for place in [0, 1, 100, 255, 256, rows.len() - 1] {
        assert_eq!(model.score(&rows[place..=place]).unwrap()[0], together[place], "row {place}");
    }
    for score in &together {
        let expected = &score.expected;
        assert!(0.0 < expected.p30 && expected.p30 <= expected.p60 && expected.p60 <= expected.p90 && expected.p90 <= expected.p_horizon);
        assert!((expected.weekly_mass.iter().sum::<f64>() - expected.p_horizon).abs() < 1e-9);
        assert!(score.half_set.len() <= score.most_set.len());
    }
    assert!(together.iter().any(|score| score.expected.reasons.iter().any(|reason| reason.code == "basket")));
}

#[test]
fn predicted_meets_observed_under_the_landmark_law() {
    // No feature matters here: whatever predicted / observed misses is the law's own bias.
    let shop = Shop { customers: 6000, basket: 0.0, season: 0.0, ..Shop::default() };
    let catalogue = Shop::catalogue();
    let config = IntentConfig { epochs: 0, ..small() };
    let model = IntentModel::load(&fit_shop(&config, &shop).files).unwrap();
    let split = Split { seed: 9, landmarks: Landmarks::Drawn(4), as_of: END, from: None, known_from: START };
    let data = examples(&|visit| shop.pass(visit), &model.encoder().bind(&catalogue), &split).unwrap();
    let (mut predicted, mut observed) = (0.0, 0.0);
    for (example, hazards) in model.hazards(&super::fit::rows(&data)).unwrap().iter().enumerate() {
        let seen = data.seen(example, 4);
        predicted += hazards[..seen.weeks].iter().map(|hazard| 1.0 - (-hazard).exp()).sum::<f64>();
        observed += f64::from(u8::from(seen.bought));
    }
    assert!((predicted / observed - 1.0).abs() < 0.06, "{predicted} {observed}");
}

#[test]
fn nothing_on_or_after_the_cut_moves_a_single_byte() {
    let shop = Shop { customers: 400, ..Shop::default() };
    let config = IntentConfig { epochs: 1, ..small() };
    let undisturbed = fit_shop(&config, &shop);
    let later = |customer: u64| {
        let mut parts = shop.parts(customer);
        let mut order = parts.orders[0].clone();
        (order.day, order.at) = (END, i64::from(END.0) * 86_400);
        let event = crate::Event { day: END.plus(3), at: order.at, kind: crate::EventKind::Cart, group: Some(1), session: None };
        parts.orders.push(order);
        parts.events.push(event);
        Journey::new(parts)
    };
    let disturbed = fit_journeys(&config, &|visit| (0..shop.customers).map(later).try_for_each(&mut *visit)).unwrap();
    assert_eq!(undisturbed, disturbed);
}

#[test]
fn a_trace_left_by_buyers_between_landmark_and_label_gives_no_advantage() {
    let shop = Shop { customers: 3000, basket: 0.0, ..Shop::default() };
    let plain = fit_shop(&small(), &shop);
    // Who buys a second time looks at a product on the day of that purchase.
    let traced = |customer: u64| {
        let mut parts = shop.parts(customer);
        if let Some(second) = parts.orders.get(1).map(|order| order.day) {
            parts.events.push(crate::Event {
                day: second,
                at: i64::from(second.0) * 86_400,
                kind: crate::EventKind::Cart,
                group: Some(1),
                session: None,
            });
        }
        Journey::new(parts)
    };
    let traced = fit_journeys(&small(), &|visit| (0..shop.customers).map(traced).try_for_each(&mut *visit)).unwrap();
    let auc = |fitted: &Fitted| measured(fitted.metrics.intent.as_ref().unwrap(), "Hazard model", 90).auc.unwrap();
    assert!((auc(&traced) - auc(&plain)).abs() < 0.02, "{} {}", auc(&traced), auc(&plain));
}

#[test]
fn who_enters_late_is_at_risk_from_then_on() {
    let mut cohorts = Cohorts::from(Some(START.plus(20)));
    for back in [10, 25, 40] {
        cohorts.see(0, START, Some(START.plus(back)), END);
    }
    let mut cells = Vec::new();
    cohorts.for_each(|cell| cells.push((cell.age, cell.at_risk, cell.events)));
    assert_eq!(cohorts.counts(0), (2, 2), "who came back before the day is not seen");
    assert_eq!((cells[0], cells[5], cells.len()), ((20, 2.0, 0.0), (25, 2.0, 1.0), 21));
}

#[test]
fn a_tiny_set_is_learned_by_heart() {
    let data = Dataset {
        width: 3,
        features: (0..24 * 3).map(|index| draw::normal(2, Use::Sample, 1, index) as f32).collect(),
        customers: (0..24).collect(),
        markets: vec![0; 24],
        landmarks: vec![START; 24],
        ages: vec![30; 24],
        observed: vec![28; 24],
        back: (0..24).map(|example| (example % 2 == 0).then_some(8)).collect(),
    };
    let config = IntentConfig { horizon_weeks: 4, members: 1, dropout: 0.0, decay: 0.0, rate: 0.02, epochs: 300, ..small() };
    let mut cohorts = Cohorts::default();
    (0..100).for_each(|day| cohorts.see(0, START, (day % 2 == 0).then_some(START.plus(30 + day / 10)), END));
    let offset = Offset::fit(&cohorts, Volume::default().seasons(1, END));
    let network = Network::new(&config, 4);
    let adam = IntentLearner::adam(&config, 24, 1);
    let learner = IntentLearner { config: &config, network: &network, offset: &offset, training: &data, adam };
    let fit = Fit {
        rank: Rank { index: 0, count: 1 },
        seed: 7,
        batch: 24,
        epochs: config.epochs,
        patience: 0,
        round_steps: 64,
        outer: config.outer,
        initial: network.layout.initial(7),
        digest: String::new(),
        earlier: &[],
    };
    let trained = train(&fit, &learner, &mut MemoryRounds::new(&Store::new(1), None), &Stop::default()).unwrap();
    let (first, last) = (trained.history[0].loss, trained.history[trained.history.len() - 1].loss);
    assert!(last < 0.1 * first, "{first} {last}");
}

#[test]
fn what_is_missing_is_named() {
    let message = |journeys: &Journeys<'_>| match fit_journeys(&small(), journeys) {
        Err(Error::Data(message)) => message,
        other => panic!("{other:?}"),
    };
    assert!(message(&|_| Ok(())).contains("no order before"));
    let once = |customer: u64| {
        let mut parts = Shop::default().parts(customer);
        parts.orders.truncate(1);
        Journey::new(parts)
    };
    assert!(message(&|visit| (0..50).map(once).try_for_each(&mut *visit)).contains("no second purchase"));
}

#[test]
fn a_model_with_files_of_another_is_refused() {
    let shop = Shop { customers: 300, ..Shop::default() };
    let config = IntentConfig { epochs: 1, ..small() };
    let mut files = fit_shop(&config, &shop).files;
    let clicks = fit_shop(&config, &Shop { customers: 300, click: 1.0, seed: 5, ..shop }).files;
    let quiet = |customer: u64| Journey::new(JourneyParts { events: Vec::new(), ..shop.parts(customer) });
    let other = fit_journeys(&config, &|visit| (0..300).map(quiet).try_for_each(&mut *visit));
    let name = crate::artifact::ENCODER;
    files.insert(name.to_owned(), other.unwrap().files[name].clone());
    assert!(IntentModel::load(&files).unwrap_err().to_string().contains("another encoder"));
    files.insert(name.to_owned(), clicks[name].clone());
    files.remove(crate::artifact::WEIGHTS);
    assert!(IntentModel::load(&files).unwrap_err().to_string().contains("lacks model.safetensors"));
}
