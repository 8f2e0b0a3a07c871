//! Counter-based randomness: a draw is a function of its place, so that no generator has a state to keep.
//!
//! A killed and resumed training, another number of threads and another number of ranks see the same draws.
//! The mixing function is the finalizer of SplitMix64 (Steele, Lea, Flood 2014), applied once per word of the place.

/// What a draw is for. Two uses never share a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Use {
    /// Initial weights: step = place of the tensor, index = place in it.
    Weights = 1,
    /// The order of an epoch's examples: step = epoch.
    Order = 2,
    /// Dropout masks: step = global step, index = place of the unit.
    Dropout = 3,
    /// Negative samples: step = global step, index = number of the sample.
    Negatives = 4,
    /// Landmarks of training: step = hash of the customer, index = number of the landmark.
    Landmark = 5,
    /// Which customers are held out: step = hash of the customer.
    Holdout = 6,
    /// Which customers stand for all when scales are fitted: step = hash of the customer.
    Sample = 7,
    /// Resamples of a bootstrap: step = number of the resample.
    Bootstrap = 8,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finalizer: a bijection of 64 bits in which every input bit moves every output bit.
pub const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// 64 uniform bits.
pub const fn bits(seed: u64, purpose: Use, step: u64, index: u64) -> u64 {
    let word = mix(seed.wrapping_add(GOLDEN) ^ (purpose as u64).rotate_right(8));
    let word = mix(word.wrapping_add(step.wrapping_mul(GOLDEN)));
    mix(word.wrapping_add(GOLDEN) ^ mix(index.wrapping_add(GOLDEN)))
}

/// Uniform in `[0, 1)`, a multiple of 2^-53.
pub fn uniform(seed: u64, purpose: Use, step: u64, index: u64) -> f64 {
    (bits(seed, purpose, step, index) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Uniform in `0..bound`; 0 when `bound` is 0. The bias is below bound / 2^64.
pub const fn below(bound: u64, bits: u64) -> u64 {
    ((bits as u128 * bound as u128) >> 64) as u64
}

/// Nearly standard normal: twelve 16-bit uniforms, centred (Irwin-Hall), so within 6 of 0.
///
/// Integer sums instead of logarithms and cosines: the same bytes with every mathematics library.
pub fn normal(seed: u64, purpose: Use, step: u64, index: u64) -> f64 {
    let first = bits(seed, purpose, step, index);
    let words = [first, mix(first ^ GOLDEN), mix(first ^ GOLDEN.rotate_left(32))];
    let sum: u64 = words.iter().flat_map(|word| (0..4).map(move |lane| (word >> (16 * lane)) & 0xffff)).sum();
    // A 16-bit uniform k stands for the middle of its step: (k + 1/2) / 2^16.
    (sum as f64 + 6.0) / 65536.0 - 6.0
}

/// A permutation of `0..count` (Fisher-Yates).
pub fn permutation(seed: u64, purpose: Use, step: u64, count: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    for last in (1..count).rev() {
        let other = below(last as u64 + 1, bits(seed, purpose, step, last as u64)) as usize;
        order.swap(last, other);
    }
    order
}

/// A stable 64-bit hash of a name (FNV-1a, mixed), to draw by customer.
pub fn hash(name: &str) -> u64 {
    mix(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_is_splitmix64() {
        // Java: new SplittableRandom(0).nextLong(), twice; the generator adds GOLDEN before it mixes.
        assert_eq!(mix(GOLDEN), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(GOLDEN.wrapping_mul(2)), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn draws_are_uniform_and_normal_and_unrelated() {
        let count = 20_000_u64;
        let (mut sum, mut square, mut cross) = (0.0, 0.0, 0.0);
        for index in 0..count {
            let here = normal(7, Use::Weights, 3, index);
            sum += here;
            square += here * here;
            cross += here * normal(7, Use::Dropout, 3, index) + here * normal(7, Use::Weights, 4, index);
        }
        let count = count as f64;
        assert!((sum / count).abs() < 0.03 && (square / count - 1.0).abs() < 0.03 && (cross / count).abs() < 0.04);
        let mean = (0..1000).map(|index| uniform(1, Use::Order, 0, index)).sum::<f64>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.03);
    }

    #[test]
    fn a_permutation_holds_every_number_once_and_moves_with_the_epoch() {
        let order = permutation(7, Use::Order, 0, 100);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<u32>>());
        assert_ne!(order, permutation(7, Use::Order, 1, 100));
        assert!(permutation(7, Use::Order, 0, 0).is_empty());
    }
}
