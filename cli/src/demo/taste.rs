//! What a buyer takes: a hidden taste, what is owned already, routines to be completed, things used up, best-sellers.

use super::calendar::Day;
use super::catalogue::{Catalogue, GROUPS, TASTES};
use super::draws::Draws;

/// A group that the customer has, and when it was last bought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    pub(super) group: usize,
    pub(super) day: Day,
}

/// Log evidence for each taste, up to a constant.
pub(super) type Evidence = [f64; TASTES];

/// How likely each taste is for a skin type, before anything was bought.
pub(super) fn prior(skin: usize) -> Evidence {
    std::array::from_fn(|taste| if taste % 4 == skin { libm::log(3.0) } else { 0.0 })
}

/// A hidden taste for a skin type.
pub(super) fn draw_taste(skin: usize, draws: &mut Draws) -> usize {
    draws.pick(&prior(skin).map(libm::exp))
}

/// What each group weighs for a buyer who has `owned`, apart from taste.
pub(super) fn wants(catalogue: &Catalogue, market: usize, day: Day, owned: &[Owned]) -> Vec<f64> {
    let mut wants = catalogue.shelf(market, day.div_euclid(7)).to_vec();
    for (place, have) in owned.iter().enumerate() {
        let newer = owned[place + 1..].iter().any(|later| later.group == have.group);
        if newer {
            continue;
        }
        let group = &catalogue.groups[have.group];
        wants[have.group] *= match group.lasts {
            Some(lasts) => again(f64::from(day - have.day) / f64::from(lasts)),
            None => 0.12,
        };
        if let Some((routine, _)) = group.routine {
            complete(catalogue, routine, owned, &mut wants);
        }
    }
    wants
}

/// A used-up product is wanted much more than any other, a fresh one hardly.
fn again(used: f64) -> f64 {
    0.15 + 9.0 / (1.0 + libm::exp(6.0 * (0.85 - used)))
}

/// Raises the missing steps of a routine of which a step is owned.
fn complete(catalogue: &Catalogue, routine: usize, owned: &[Owned], wants: &mut [f64]) {
    for (index, group) in catalogue.groups.iter().enumerate() {
        if group.routine.is_some_and(|(of, _)| of == routine) && owned.iter().all(|have| have.group != index) {
            wants[index] *= 3.5;
        }
    }
}

/// Takes up to `size` different groups, one after the other, and adds what they tell of the buyer's taste.
pub(super) fn fill_basket(
    catalogue: &Catalogue,
    at: (usize, Day),
    buyer: (usize, &[Owned]),
    size: usize,
    draws: &mut Draws,
) -> (Vec<usize>, Evidence) {
    let (taste, owned) = buyer;
    let mut owned = owned.to_vec();
    let mut basket = Vec::with_capacity(size);
    let mut evidence = [0.0; TASTES];
    for _ in 0..size {
        let mut wants = wants(catalogue, at.0, at.1, &owned);
        for taken in &basket {
            wants[*taken] = 0.0;
        }
        let weights: Vec<f64> = wants.iter().zip(&catalogue.groups).map(|(want, group)| want * group.liking[taste]).collect();
        let group = draws.pick(&weights);
        add_evidence(catalogue, &wants, group, &mut evidence);
        basket.push(group);
        owned.push(Owned { group, day: at.1 });
    }
    (basket, evidence)
}

/// Adds what it says about taste that `group` was taken where groups weighed `wants`.
pub(super) fn add_evidence(catalogue: &Catalogue, wants: &[f64], group: usize, evidence: &mut Evidence) {
    let mut totals = [0.0; TASTES];
    for (want, group) in wants.iter().zip(&catalogue.groups) {
        for (total, liking) in totals.iter_mut().zip(&group.liking) {
            *total += want * liking;
        }
    }
    for (taste, log) in evidence.iter_mut().enumerate() {
        *log += libm::log(catalogue.groups[group].liking[taste] / totals[taste]);
    }
}

/// The probability that the next line of an order is of each group, with taste known only by its evidence.
pub(super) fn preferences(catalogue: &Catalogue, wants: &[f64], evidence: &Evidence) -> [f64; GROUPS] {
    let most = evidence.iter().copied().fold(f64::MIN, f64::max);
    let mut all = [0.0; GROUPS];
    let tastes = evidence.map(|log| libm::exp(log - most));
    let sum: f64 = tastes.iter().sum();
    for (taste, weight) in tastes.iter().enumerate() {
        let total: f64 = wants.iter().zip(&catalogue.groups).map(|(want, group)| want * group.liking[taste]).sum();
        for (index, group) in catalogue.groups.iter().enumerate() {
            all[index] += weight / sum * wants[index] * group.liking[taste] / total;
        }
    }
    all
}
