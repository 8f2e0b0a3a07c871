//! Class: numerics on a shop whose law is known.

use super::{Facts, IntentConfig, IntentModel, IntentRow, Request, fit};
use crate::artifact::Fitted;
use crate::examples::{Landmarks, Side, Split, examples};
use crate::learn::{Checkpoint, Error, Journeys, Merged, Part, Progress, Rank, Result, Rounds, Stop};
use crate::report_document::IntentMetrics;
use crate::testing::{END, START, Shop};
use crate::{Day, Journey, JourneyParts};

/// The rounds of a rank that is alone and never dies.
#[derive(Default)]
struct Alone(Vec<Part>);

impl Rounds for Alone {
    fn resume(&self, _: Rank) -> Result<Option<Checkpoint>> {
        Ok(None)
    }
    fn offer(&mut self, round: u32, _: Rank, part: Part) -> Result<()> {
        assert_eq!(self.0.len(), round as usize, "rounds come one after the other");
        self.0.push(part);
        Ok(())
    }
    fn merged(&self, round: u32, _: Rank, merge: &dyn Fn(&[Part]) -> Result<Merged>, _: &Stop) -> Result<Merged> {
        merge(&self.0[round as usize..=round as usize])
    }
    fn keep(&mut self, _: Rank, _: &Checkpoint) -> Result<()> {
        Ok(())
    }
    fn progress(&mut self, _: &Progress) {}
}

fn small() -> IntentConfig {
    IntentConfig { hidden: 16, members: 2, batch: 256, epochs: 4, ..IntentConfig::default() }
}

fn fit_journeys(config: &IntentConfig, journeys: &Journeys<'_>) -> Result<Fitted> {
    let catalogue = Shop::catalogue();
    let facts = Facts { as_of: END, burn_in_days: 0 };
    let rank = Rank { index: 0, count: 1 };
    let request = Request { config, catalogue: &catalogue, facts, journeys, rank, digest: "d" };
    fit(&request, &mut Alone::default(), &Stop::default())
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
    let config = IntentConfig { epochs: 2, patience: 0, ..small() };
    let first = fit_shop(&config, &shop);
    let again = fit_shop(&config, &shop);
    assert_eq!(first.files, again.files);
    assert_eq!(first.metrics.to_json().unwrap(), again.metrics.to_json().unwrap());
    assert_ne!(first.files, fit_shop(&IntentConfig { seed: 8, ..config }, &shop).files);
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
    let split = Split { seed: 9, landmarks: Landmarks::Drawn(4), side: Side::All, as_of: END, known_from: START };
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
