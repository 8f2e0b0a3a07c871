//! Counter-based draws: a stream is a function of (seed, purpose, entity), so no customer's draws depend on another's.

/// What a stream of draws is for; streams of different purposes never share a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Catalogue = 1,
    Shelf = 2,
    Customer = 3,
    Visitor = 4,
    Dirt = 5,
}

/// A stream of draws. Integer arithmetic and `libm` only: equal on every machine.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    key: u64,
    taken: u64,
}

impl Draws {
    /// The stream of one entity.
    pub(super) fn new(seed: u64, purpose: Purpose, entity: u64) -> Self {
        let key = mix(mix(mix(seed) ^ purpose as u64) ^ entity);
        Self { key, taken: 0 }
    }

    /// 64 uniform bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.taken += 1;
        mix(self.key ^ self.taken.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    /// Uniform in [0, 1).
    pub(super) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with the given probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Uniform in `0..end`; 0 where `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.uniform() * end as f64) as usize
    }

    /// Standard normal (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Poisson with a small mean (Knuth's product of uniforms).
    pub(super) fn count(&mut self, mean: f64) -> u32 {
        let end = libm::exp(-mean);
        let mut product = self.uniform();
        let mut count = 0;
        while product > end {
            product *= self.uniform();
            count += 1;
        }
        count
    }

    /// An index with probability proportional to its weight; the last one with a weight if rounding runs over.
    pub(super) fn pick(&mut self, weights: &[f64]) -> usize {
        let mut left = self.uniform() * weights.iter().sum::<f64>();
        let mut last = 0;
        for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            last = index;
            if left < *weight {
                break;
            }
            left -= weight;
        }
        last
    }
}

/// The finalizer of splitmix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
