//! Numerics: every metric equals what numpy, scipy and scikit-learn say (`goldens/metrics.py`).
#![allow(clippy::unwrap_used, clippy::panic)]

use reprise_models::metrics::{
    Exposure, Followed, auc, auc_interval, bootstrap, brier, calibration, calibration_bins, calibration_error, concordance,
    debiased_calibration_error, hit_rate, lift, log_loss, ndcg, paired_difference, pr_auc, recall, reciprocal_rank,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

fn golden(section: &str) -> Value {
    let file: Value = serde_json::from_str(include_str!("goldens/metrics.json")).unwrap();
    file[section].clone()
}

fn read<T: DeserializeOwned>(section: &Value, field: &str) -> T {
    serde_json::from_value(section[field].clone()).unwrap_or_else(|error| panic!("{field}: {error}"))
}

fn check(ours: f64, section: &Value, field: &str, tolerance: f64) {
    let golden: f64 = read(section, field);
    assert!((ours - golden).abs() <= tolerance, "{field}: ours {ours}, golden {golden}");
}

#[test]
fn probabilities() {
    let golden = golden("binary");
    let (p, y): (Vec<f64>, Vec<bool>) = (read(&golden, "probabilities"), read(&golden, "happened"));
    check(auc(&p, &y).unwrap(), &golden, "auc", 1e-12);
    check(pr_auc(&p, &y).unwrap(), &golden, "pr_auc", 1e-12);
    // Three cases each; ends of a bootstrap of 4,000 draws have a standard error of about .001 here.
    let customers: Vec<u64> = (0..p.len() as u64).map(|case| case / 3).collect();
    let interval = auc_interval(&p, &y, &customers, 4_000, 1).unwrap();
    check(interval.value, &golden, "auc", 1e-12);
    check(interval.low, &golden, "auc_low", 0.005);
    check(interval.high, &golden, "auc_high", 0.005);
    check(brier(&p, &y), &golden, "brier", 1e-12);
    check(log_loss(&p, &y), &golden, "log_loss", 1e-12);
    let fit = calibration(&p, &y).unwrap();
    check(fit.slope, &golden, "slope", 1e-5);
    check(fit.slope_error, &golden, "slope_error", 1e-5);
    check(fit.intercept, &golden, "intercept", 1e-6);
    check(fit.intercept_error, &golden, "intercept_error", 1e-6);
}

#[test]
fn calibration_curve_and_error() {
    let golden = golden("distinct");
    let (p, y): (Vec<f64>, Vec<bool>) = (read(&golden, "probabilities"), read(&golden, "happened"));
    let (predicted, observed): (Vec<f64>, Vec<f64>) = (read(&golden, "predicted"), read(&golden, "observed"));
    for (bin, (predicted, observed)) in calibration_bins(&p, &y, 10).iter().zip(predicted.into_iter().zip(observed)) {
        assert!((bin.predicted - predicted).abs() < 1e-12 && (bin.observed - observed).abs() < 1e-12 && bin.cases == 40);
    }
    check(calibration_error(&p, &y, 10), &golden, "ece", 1e-12);
    // Both means are of random draws, each with a standard error of about .0002.
    check(debiased_calibration_error(&p, &y, 10, 4_000, 1), &golden, "debiased", 0.001);
    check(lift(&p, &y, 0.1).unwrap(), &golden, "lift", 1e-12);
}

#[test]
fn a_calibrated_model_has_no_debiased_error_on_average() {
    let p: Vec<f64> = (0..1_000).map(|case| 0.05 + 0.2 * f64::from(case) / 1_000.0).collect();
    let truth = |case: usize, run: u64| reprise_models::draw::uniform(run, reprise_models::draw::Use::Sample, 0, case as u64);
    let mean = (0..20)
        .map(|run| {
            let y: Vec<bool> = p.iter().enumerate().map(|(case, &p)| truth(case, run) < p).collect();
            debiased_calibration_error(&p, &y, 10, 100, 1) / 20.0
        })
        .sum::<f64>();
    assert!(mean.abs() < 0.004, "{mean}");
}

type Metric = fn(&[u32], &[u32], usize) -> f64;

#[test]
fn ranked_lists() {
    let golden = golden("ranking");
    let (lists, targets): (Vec<Vec<u32>>, Vec<Vec<u32>>) = (read(&golden, "lists"), read(&golden, "targets"));
    let all: [(&str, Metric); 4] = [("hit_rate", hit_rate), ("recall", recall), ("ndcg", ndcg), ("mrr", reciprocal_rank)];
    for (name, metric) in all {
        let expected: Vec<f64> = read(&golden, name);
        for ((list, target), expected) in lists.iter().zip(&targets).zip(expected) {
            assert!((metric(list, target, 10) - expected).abs() < 1e-12, "{name} {list:?} {target:?}");
        }
    }
}

#[test]
fn exposures() {
    let (golden, ranking) = (golden("exposure"), golden("ranking"));
    let eligible: Vec<bool> = read(&golden, "eligible");
    let popularity: Vec<f64> = read(&golden, "popularity");
    let mut exposure = Exposure::new(eligible.clone());
    for list in read::<Vec<Vec<u32>>>(&ranking, "lists") {
        exposure.see(list.into_iter().take(10).filter(|&group| eligible[group as usize]));
    }
    check(exposure.coverage(1), &golden, "coverage", 1e-12);
    check(exposure.coverage(5), &golden, "coverage5", 1e-12);
    check(exposure.gini(), &golden, "gini", 1e-12);
    check(exposure.mean_popularity(&popularity), &golden, "arp", 1e-9);
    check(exposure.novelty(&popularity), &golden, "novelty", 1e-12);
    assert_eq!((exposure.lists(), exposure.eligible(), exposure.ceiling()), (40, 25, 1.0));
    assert!(exposure.curve().windows(2).all(|pair| pair[0] >= pair[1]));
}

#[test]
fn censored_times() {
    let golden = golden("survival");
    let survival: Vec<Vec<f64>> = read(&golden, "survival");
    let (bins, happened): (Vec<usize>, Vec<bool>) = (read(&golden, "bins"), read(&golden, "happened"));
    let customers: Vec<Followed<'_>> = survival
        .iter()
        .zip(bins.into_iter().zip(happened))
        .map(|(survival, (bin, happened))| Followed { survival, bin, happened })
        .collect();
    check(concordance(&customers).unwrap(), &golden, "concordance", 1e-12);
}

#[test]
fn intervals_by_customer() {
    let golden = golden("bootstrap");
    let (a, b): (Vec<f64>, Vec<f64>) = (read(&golden, "a"), read(&golden, "b"));
    let customers: Vec<usize> = read(&golden, "rows");
    let rows: Vec<_> =
        (0..80).map(|customer| customers.partition_point(|&c| c < customer)..customers.partition_point(|&c| c <= customer)).collect();
    let interval = paired_difference(&a, &b, &rows, 10_000, 1);
    check(interval.value, &golden, "value", 1e-12);
    // Ends of a bootstrap of 10,000 draws have a standard error of about .003 here.
    check(interval.low, &golden, "low", 0.012);
    check(interval.high, &golden, "high", 0.012);
    assert_eq!(interval, paired_difference(&a, &b, &rows, 10_000, 1));
}

#[test]
fn degenerate_inputs_have_no_figure() {
    assert_eq!((auc(&[0.1, 0.2], &[true, true]), pr_auc(&[0.1], &[false]), lift(&[0.1], &[false], 0.1)), (None, None, None));
    assert_eq!(auc_interval(&[0.1, 0.2], &[true, true], &[1, 2], 10, 1), None);
    assert_eq!(calibration(&[0.1, 0.9], &[false, true]), None);
    assert_eq!(concordance(&[]), None);
    assert_eq!((brier(&[], &[]), ndcg(&[1], &[], 10), recall(&[1], &[], 10)), (0.0, 0.0, 0.0));
    let empty = Exposure::new(Vec::new());
    assert_eq!((empty.coverage(1), empty.gini(), empty.ceiling(), empty.novelty(&[])), (0.0, 0.0, 0.0, 0.0));
    assert!(bootstrap(0, 10, 1, |_| f64::NAN).low.is_nan());
}
