//! The fixed law of landmarks: at which ages a customer is looked at, whatever became of it.
//!
//! Drawing among a customer's own landmarks would be biased: who buys in week 2 has two, each with the event in
//! sight, who never buys has dozens. So the age is drawn first, the same way for all, and a customer who is not a
//! one-timer (or no longer seen) at that age is skipped.

use crate::draw::{self, Use};

/// Ages are drawn from 1 to this many days after the first purchase.
pub const OLDEST_AGE: u32 = 26 * 7;

/// The age in days of landmark `number` of `count` for a customer: uniform in 1..=[`OLDEST_AGE`] over the landmarks,
/// and spread, one in each of `count` equal spans.
pub fn landmark_age(seed: u64, customer: u64, number: u32, count: u32) -> i32 {
    let place = (f64::from(number) + draw::uniform(seed, Use::Landmark, customer, u64::from(number))) / f64::from(count.max(1));
    1 + ((place * f64::from(OLDEST_AGE)) as i32).min(OLDEST_AGE as i32 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_age_is_equally_likely_and_landmarks_spread() {
        let mut seen = [0_u32; OLDEST_AGE as usize + 1];
        for customer in 0..4000 {
            let ages: Vec<i32> = (0..4).map(|number| landmark_age(7, customer, number, 4)).collect();
            assert!(ages.is_sorted() && ages.iter().all(|age| (1..=OLDEST_AGE as i32).contains(age)));
            for age in ages {
                seen[age as usize] += 1;
            }
        }
        let expected = 16_000.0 / f64::from(OLDEST_AGE);
        assert!(seen[1..].iter().all(|count| (f64::from(*count) - expected).abs() < 5.0 * expected.sqrt()));
    }
}
