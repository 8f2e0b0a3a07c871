//! What a whole set of lists shows: coverage, concentration, popularity.

/// How often each group was shown over many lists, and to which groups a list could have gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    shown: Vec<u64>,
    eligible: Vec<bool>,
    lists: u64,
    longest: usize,
}

impl Exposure {
    /// Starts from nothing shown; `eligible[group]` says whether any list could have shown the group.
    pub fn new(eligible: Vec<bool>) -> Self {
        Self { shown: vec![0; eligible.len()], eligible, lists: 0, longest: 0 }
    }

    /// Counts one list. Groups outside the catalogue are ignored.
    pub fn see(&mut self, list: impl IntoIterator<Item = u32>) {
        self.lists += 1;
        let mut length = 0;
        for group in list {
            length += 1;
            if let Some(count) = self.shown.get_mut(group as usize) {
                *count += 1;
            }
        }
        self.longest = self.longest.max(length);
    }

    /// Counts the lists in which a group stood, where somebody else counted them.
    pub fn add(&mut self, group: u32, lists: u64) {
        if let Some(count) = self.shown.get_mut(group as usize) {
            *count += lists;
        }
    }

    /// Lists seen.
    pub fn lists(&self) -> u64 {
        self.lists
    }

    /// Number of eligible groups: the catalogue that coverage is a share of.
    pub fn eligible(&self) -> usize {
        self.eligible.iter().filter(|&&eligible| eligible).count()
    }

    /// The most that coverage can be: min(1, lists x longest list / eligible groups).
    pub fn ceiling(&self) -> f64 {
        ceiling(self.lists, self.longest, self.eligible())
    }

    /// Share of the eligible groups that stood in at least `times` lists; `times` = 1 is catalogue coverage.
    pub fn coverage(&self, times: u64) -> f64 {
        let covered = self.eligible_counts().filter(|&count| count >= times).count();
        ratio(covered as f64, self.eligible() as f64)
    }

    /// Gini coefficient of the exposures over the eligible groups, those never shown included: 0 when all are
    /// shown alike, near 1 when one has everything.
    pub fn gini(&self) -> f64 {
        let mut counts: Vec<u64> = self.eligible_counts().collect();
        counts.sort_unstable();
        let n = counts.len() as f64;
        let total: u64 = counts.iter().sum();
        let weighted: f64 = counts.iter().enumerate().map(|(place, &count)| (2.0 * (place + 1) as f64 - n - 1.0) * count as f64).sum();
        ratio(weighted, n * total as f64)
    }

    /// ARP: mean over all places shown of the group's popularity in training (Yin et al., 2012).
    pub fn mean_popularity(&self, popularity: &[f64]) -> f64 {
        self.mean_of(|group| popularity.get(group).copied().unwrap_or(0.0))
    }

    /// Mean over all places shown of -log2 p, p = (popularity + 1) / (total + groups) (Vargas and Castells, 2011;
    /// one is added so that a group that nobody bought has a finite novelty).
    pub fn novelty(&self, popularity: &[f64]) -> f64 {
        let total = popularity.iter().sum::<f64>() + popularity.len() as f64;
        self.mean_of(|group| -((popularity.get(group).copied().unwrap_or(0.0) + 1.0) / total).log2())
    }

    /// Exposures of the eligible groups, most shown first: the exposure curve.
    pub fn curve(&self) -> Vec<u64> {
        let mut counts: Vec<u64> = self.eligible_counts().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts
    }

    fn eligible_counts(&self) -> impl Iterator<Item = u64> {
        self.shown.iter().zip(&self.eligible).filter(|&(_, &eligible)| eligible).map(|(&count, _)| count)
    }

    fn mean_of(&self, value: impl Fn(usize) -> f64) -> f64 {
        let sum: f64 = self.shown.iter().enumerate().map(|(group, &count)| count as f64 * value(group)).sum();
        ratio(sum, self.shown.iter().sum::<u64>() as f64)
    }
}

/// The most that coverage can be when `lists` lists of `k` are drawn from `eligible` groups.
pub fn ceiling(lists: u64, k: usize, eligible: usize) -> f64 {
    ratio(lists as f64 * k as f64, eligible as f64).min(1.0)
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
