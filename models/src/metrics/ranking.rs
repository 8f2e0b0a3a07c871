//! Accuracy of one ranked list against one set of things that then happened.
//!
//! Every function takes the list best first, without repeats, and the target without repeats; both hold group
//! indices. A target is never empty: who has nothing to find is not a test case.

/// How many of the first `k` of `list` are in `target`.
pub fn hits(list: &[u32], target: &[u32], k: usize) -> usize {
    list.iter().take(k).filter(|group| target.contains(group)).count()
}

/// HR@k: 1 when at least one of the first `k` is in the target, else 0.
pub fn hit_rate(list: &[u32], target: &[u32], k: usize) -> f64 {
    if hits(list, target, k) > 0 { 1.0 } else { 0.0 }
}

/// Recall@k: the share of the target found among the first `k`; 0 for an empty target.
pub fn recall(list: &[u32], target: &[u32], k: usize) -> f64 {
    if target.is_empty() {
        return 0.0;
    }
    hits(list, target, k) as f64 / target.len() as f64
}

/// NDCG@k with binary gains: the sum of 1 / log2(rank + 1) over the hits, divided by that of an ideal list of
/// min(k, target size) hits (Järvelin and Kekäläinen, 2002). 0 for an empty target.
pub fn ndcg(list: &[u32], target: &[u32], k: usize) -> f64 {
    let gain = |place: usize| 1.0 / ((place + 2) as f64).log2();
    let found: f64 = (0..k.min(list.len())).filter(|&place| target.contains(&list[place])).map(gain).sum();
    let ideal: f64 = (0..k.min(target.len())).map(gain).sum();
    if ideal > 0.0 { found / ideal } else { 0.0 }
}

/// MRR@k: 1 / rank of the first hit among the first `k`; 0 without one.
pub fn reciprocal_rank(list: &[u32], target: &[u32], k: usize) -> f64 {
    let first = list.iter().take(k).position(|group| target.contains(group));
    first.map_or(0.0, |place| 1.0 / (place + 1) as f64)
}
