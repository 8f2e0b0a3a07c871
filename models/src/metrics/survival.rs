//! Ranking of times that may be censored.

/// One customer followed for whole bins of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Followed<'a> {
    /// S after bin 1, 2, ...: the predicted chance of no event up to the end of each bin. At least one bin.
    pub survival: &'a [f64],
    /// The bin, from 0, of the event, or the last bin that was seen whole without one.
    pub bin: usize,
    /// Whether the event was seen.
    pub happened: bool,
}

/// Time-dependent concordance (Antolini, Boracchi and Biganzoli, 2005): over pairs (i, j) where i's event was seen
/// in a bin before j's own end (or in the bin in which j was censored), the share with S_i < S_j at i's event
/// bin; ties count one half. `None` without a comparable pair. Quadratic in the number of customers.
pub fn concordance(customers: &[Followed<'_>]) -> Option<f64> {
    let (mut concordant, mut pairs) = (0.0, 0.0);
    for first in customers.iter().filter(|customer| customer.happened) {
        let own = at(first.survival, first.bin);
        for second in customers {
            let later = second.bin > first.bin || (second.bin == first.bin && !second.happened);
            if !later {
                continue;
            }
            pairs += 1.0;
            let other = at(second.survival, first.bin);
            concordant += if own < other { 1.0 } else { f64::from(u8::from(own == other)) / 2.0 };
        }
    }
    (pairs > 0.0).then(|| concordant / pairs)
}

fn at(survival: &[f64], bin: usize) -> f64 {
    survival.get(bin).or(survival.last()).copied().unwrap_or(1.0)
}
