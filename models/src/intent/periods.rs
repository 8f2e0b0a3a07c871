//! From weekly hazards to probabilities, key periods and sets of weeks.

use crate::Day;
use crate::policy::KeyPeriod;

/// Survival at the start of each week and after the last: one more value than weeks.
pub(super) fn survival(hazards: &[f64]) -> Vec<f64> {
    let mut left = 1.0;
    std::iter::once(1.0)
        .chain(hazards.iter().map(|hazard| {
            left *= (-hazard).exp();
            left
        }))
        .collect()
}

/// Probability of a purchase within `days`, from cumulative weekly hazards: constant inside a week, and after the
/// last week as in it.
pub(super) fn within(hazards: &[f64], days: u32) -> f64 {
    let Some(last) = hazards.last() else { return 0.0 };
    let (whole, rest) = (days as usize / 7, f64::from(days % 7) / 7.0);
    let seen: f64 = hazards.iter().take(whole).sum();
    let beyond = whole.saturating_sub(hazards.len()) as f64 * last;
    -(-(seen + beyond + rest * hazards.get(whole).unwrap_or(last))).exp_m1()
}

/// Probability that the purchase falls into each week.
pub(super) fn weekly_mass(hazards: &[f64]) -> Vec<f64> {
    survival(hazards).windows(2).map(|pair| pair[0] - pair[1]).collect()
}

/// Weeks by falling mass, ties by the earlier one.
fn by_mass(mass: &[f64]) -> Vec<usize> {
    let mut weeks: Vec<usize> = (0..mass.len()).collect();
    weeks.sort_by(|a, b| mass[*b].total_cmp(&mass[*a]).then(a.cmp(b)));
    weeks
}

/// The `most` weeks of largest mass among those that lie above the market's baseline, ascending.
pub(super) fn key_weeks(mass: &[f64], baseline: &[f64], most: u16) -> Vec<usize> {
    let above = |week: &usize| mass[*week] >= baseline[*week] && mass[*week] > 0.0;
    let mut weeks: Vec<usize> = by_mass(mass).into_iter().filter(above).take(usize::from(most)).collect();
    weeks.sort_unstable();
    weeks
}

/// The smallest set of weeks that holds `share` of the mass, ascending.
pub(super) fn smallest_set(mass: &[f64], share: f64) -> Vec<u16> {
    let wanted = share * mass.iter().sum::<f64>();
    let mut held = 0.0;
    let mut weeks: Vec<u16> = Vec::new();
    for week in by_mass(mass) {
        if held >= wanted {
            break;
        }
        held += mass[week];
        weeks.push(week as u16);
    }
    weeks.sort_unstable();
    weeks
}

/// Key weeks as periods of days from `at`, adjacent weeks joined.
pub(super) fn key_periods(mass: &[f64], baseline: &[f64], most: u16, at: Day) -> Vec<KeyPeriod> {
    let weeks = key_weeks(mass, baseline, most);
    let joined = weeks.chunk_by(|a, b| a + 1 == *b);
    let period = |weeks: &[usize]| {
        let (first, last) = (weeks[0], weeks[weeks.len() - 1]);
        let probability: f64 = mass[first..=last].iter().sum();
        let expected: f64 = baseline[first..=last].iter().sum();
        let lift = probability / expected.max(f64::MIN_POSITIVE);
        KeyPeriod { from: at.plus(7 * first as i32), to: at.plus(7 * last as i32 + 6), probability, lift }
    };
    joined.map(period).collect()
}

/// The week, from 1, by which half of the mass has come.
pub(super) fn median_week(mass: &[f64]) -> Option<u32> {
    let half = mass.iter().sum::<f64>() / 2.0;
    let mut sum = 0.0;
    let week = mass.iter().position(|mass| {
        sum += mass;
        sum >= half
    })?;
    (half > 0.0).then_some(week as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_any_number_of_days_meet_at_the_weeks() {
        let hazards = [0.1, 0.2, 0.3];
        assert!((within(&hazards, 7) - (1.0 - (-0.1_f64).exp())).abs() < 1e-12);
        assert!((within(&hazards, 21) - (1.0 - (-0.6_f64).exp())).abs() < 1e-12);
        let middle = 1.0 - (-(0.1 + 0.2 * 3.0 / 7.0_f64)).exp();
        assert!((within(&hazards, 10) - middle).abs() < 1e-12);
        // After the last week the last daily hazard goes on.
        assert!((within(&hazards, 28) - (1.0 - (-0.9_f64).exp())).abs() < 1e-12);
        assert!((0..40).all(|days| within(&hazards, days) <= within(&hazards, days + 1)));
        assert!((weekly_mass(&hazards).iter().sum::<f64>() - within(&hazards, 21)).abs() < 1e-12);
    }

    #[test]
    fn key_periods_are_the_heaviest_weeks_above_the_baseline_joined() {
        let mass = [0.05, 0.10, 0.09, 0.01, 0.20, 0.02];
        let baseline = [0.01, 0.05, 0.05, 0.01, 0.30, 0.01];
        assert_eq!(key_weeks(&mass, &baseline, 3), [0, 1, 2]);
        let periods = key_periods(&mass, &baseline, 2, Day(100));
        assert_eq!((periods.len(), periods[0].from, periods[0].to), (1, Day(107), Day(120)));
        assert!((periods[0].probability - 0.19).abs() < 1e-12 && (periods[0].lift - 1.9).abs() < 1e-12);
        assert!(key_periods(&mass, &[1.0; 6], 4, Day(0)).is_empty());
    }

    #[test]
    fn sets_hold_their_share_with_the_fewest_weeks() {
        let mass = [0.1, 0.4, 0.2, 0.3];
        assert_eq!(smallest_set(&mass, 0.5), [1, 3]);
        assert_eq!(smallest_set(&mass, 0.8), [1, 2, 3]);
        assert_eq!(median_week(&mass), Some(2));
        assert_eq!(median_week(&[0.0, 0.0]), None);
    }
}
