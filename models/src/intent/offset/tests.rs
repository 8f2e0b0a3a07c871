use super::super::cohorts::Cohorts;
use super::super::season::Volume;
use super::*;
use crate::testing::{END, START, Shop, age_hazard};

fn cohorts_of(shop: &Shop) -> (Cohorts, Volume) {
    let (mut cohorts, mut volume) = (Cohorts::default(), Volume::default());
    for customer in 0..shop.customers {
        let journey = shop.journey(customer);
        let first = journey.first_order_day().unwrap();
        let outcome = journey.outcome(first.plus(1), END);
        cohorts.see(journey.market(), first, outcome.purchased, outcome.observed_until);
        for day in journey.as_of(END).purchase_days() {
            volume.add(journey.market(), day);
        }
    }
    (cohorts, volume)
}

fn fitted(shop: &Shop) -> Offset {
    let (cohorts, volume) = cohorts_of(shop);
    Offset::fit(&cohorts, volume.seasons(2, END))
}

#[test]
fn curve_and_gamma_come_back() {
    let offset = fitted(&Shop { customers: 8000, basket: 0.0, ..Shop::default() });
    assert!((0.6..1.5).contains(&offset.gamma), "{}", offset.gamma);
    for age in [5_u16, 20, 60, 120] {
        let landmark = Landmark { market: 0, at: START.plus(400), age };
        let truth: f64 = (0..7).map(|day| age_hazard(i32::from(age) + day)).sum();
        let ratio = offset.hazard(landmark, 0, false) / truth;
        assert!((0.75..1.35).contains(&ratio), "age {age}: {ratio}");
    }
}

#[test]
fn a_market_with_few_events_borrows_strength_in_figures() {
    let offset = fitted(&Shop { customers: 6000, basket: 0.0, market: 0.8, ..Shop::default() });
    let [large, small, pool] = [0, 1, 2].map(|market| offset.levels[market]);
    // Market 1 has a tenth of the customers and 0.8 more log hazard.
    assert!(small.factor / large.factor > 1.3 && small.factor < small.events / small.expected, "{small:?} {large:?}");
    assert!(small.own_weight < large.own_weight && small.own_weight > 0.5 && pool.factor == 1.0);
}

#[test]
fn markets_that_do_not_differ_share_one_level() {
    let offset = fitted(&Shop { customers: 3000, basket: 0.0, ..Shop::default() });
    assert!((offset.levels[1].factor - 1.0).abs() < 0.12, "{:?}", offset.levels);
}

#[test]
fn without_events_the_hazard_is_next_to_nothing_and_finite() {
    let mut cohorts = Cohorts::default();
    (0..50).for_each(|day| cohorts.see(0, START.plus(day), None, END));
    let offset = Offset::fit(&cohorts, Volume::default().seasons(1, END));
    let hazard = offset.hazard(Landmark { market: 0, at: END, age: 2000 }, 25, true);
    assert!(hazard > 0.0 && hazard < 0.01, "{hazard}");
}
