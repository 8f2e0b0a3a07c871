//! Intervals by resampling customers.

use std::ops::Range;

use crate::draw::{Use, uniform};

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The figure on all customers.
    pub value: f64,
    /// 2.5 % quantile of the resampled figures.
    pub low: f64,
    /// 97.5 % quantile of the resampled figures.
    pub high: f64,
}

/// Percentile bootstrap of any figure over `customers` clusters: `figure(weights)` gets how often each customer
/// was drawn (all 1 for the value itself). Resamples on which the figure is not finite are left out.
pub fn bootstrap(customers: usize, draws: u32, seed: u64, figure: impl Fn(&[f64]) -> f64) -> Interval {
    let value = figure(&vec![1.0; customers]);
    let mut figures: Vec<f64> =
        (0..draws).map(|draw| figure(&weights(customers, seed, draw))).filter(|figure| figure.is_finite()).collect();
    figures.sort_by(f64::total_cmp);
    Interval { value, low: quantile(&figures, 0.025), high: quantile(&figures, 0.975) }
}

/// Paired bootstrap of mean(a) - mean(b), where `rows[c]` is the range of customer c's rows in both: one draw
/// takes all rows of a customer in both at once, so what is common to the two cancels.
pub fn paired_difference(a: &[f64], b: &[f64], rows: &[Range<usize>], draws: u32, seed: u64) -> Interval {
    let sums: Vec<(f64, f64)> = rows
        .iter()
        .map(|range| {
            let difference = range.clone().map(|row| a[row] - b[row]).sum();
            (difference, range.len() as f64)
        })
        .collect();
    bootstrap(rows.len(), draws, seed, |weights| {
        let (sum, count) =
            sums.iter().zip(weights).fold((0.0, 0.0), |(sum, count), ((s, n), weight)| (sum + weight * s, count + weight * n));
        sum / count
    })
}

/// AUC with its percentile interval over customers; `customers[case]` names the customer of a case. `None` where one
/// of the classes is absent.
pub fn auc_interval(scores: &[f64], happened: &[bool], customers: &[u64], draws: u32, seed: u64) -> Option<Interval> {
    super::auc(scores, happened)?;
    let mut names = customers.to_vec();
    names.sort_unstable();
    names.dedup();
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let places: Vec<usize> = order.iter().map(|case| names.partition_point(|name| *name < customers[*case])).collect();
    let figure = |weights: &[f64]| {
        let (mut above, mut wins, mut negatives) = (0.0, 0.0, 0.0);
        let (mut positive, mut negative) = (0.0, 0.0);
        for (place, case) in order.iter().enumerate() {
            *if happened[*case] { &mut positive } else { &mut negative } += weights[places[place]];
            if order.get(place + 1).is_none_or(|next| scores[*next] < scores[*case]) {
                wins += negative * (above + positive / 2.0);
                above += positive;
                negatives += negative;
                (positive, negative) = (0.0, 0.0);
            }
        }
        wins / (above * negatives)
    };
    Some(bootstrap(names.len(), draws, seed, figure))
}

fn weights(customers: usize, seed: u64, draw: u32) -> Vec<f64> {
    let mut weights = vec![0.0; customers];
    for index in 0..customers {
        let drawn = uniform(seed, Use::Bootstrap, u64::from(draw), index as u64) * customers as f64;
        weights[(drawn as usize).min(customers - 1)] += 1.0;
    }
    weights
}

/// Linear interpolation between order statistics (Hyndman and Fan's type 7); NaN for no values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}
