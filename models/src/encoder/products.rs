//! What is learned of products: how soon a family is bought again, and which share of a group's buyers come back for it.
//!
//! A landmark must not see what came after it. So repeat shares are kept month by month: a first purchase in month m
//! reads what stood at the start of m.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Catalogue, Day, View};

/// Buyers of a group whose weight equals that of what is known of all groups.
const SHRINK_BUYERS: f64 = 20.0;
/// Gaps of a family whose weight equals that of all families' median.
const SHRINK_GAPS: f64 = 10.0;
/// Gaps longer than this say nothing of use.
const LONGEST_GAP: usize = 730;

/// Months since year 0.
pub(super) fn month(day: Day) -> i32 {
    day.date().map_or(0, |date| i32::from(date.year()) * 12 + i32::from(date.month()) - 1)
}

/// Buyers and those who bought again, counted up to the start of a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) month: i32,
    pub(super) buyers: u32,
    pub(super) again: u32,
}

/// Learned facts of products, by the names of groups and families: catalogues of other days number them anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Products {
    /// Per group id, counts at the start of each month in which they changed, ascending.
    pub(super) repeats: BTreeMap<String, Vec<Tally>>,
    /// The same over all groups.
    pub(super) all: Vec<Tally>,
    /// Mean repeat share of the groups in first baskets of the month before, per month, ascending.
    pub(super) centre: Vec<(i32, f64)>,
    /// Median days until a family is bought again, shrunken to all families'.
    pub(super) gaps: BTreeMap<String, f64>,
    /// The same over all families; absent where nothing was ever bought twice.
    pub(super) gap: Option<f64>,
}

/// What stood at the start of `month`.
fn standing(tallies: &[Tally], month: i32) -> Tally {
    match tallies.partition_point(|tally| tally.month <= month) {
        0 => Tally::default(),
        place => tallies[place - 1],
    }
}

impl Products {
    /// The repeat share of a group as of the start of `month`, shrunken to that of all groups and relative to the
    /// first baskets of the month before; `None` for a group that nobody had bought.
    pub(super) fn repeat_share(&self, tallies: &[Tally], month: i32) -> Option<f64> {
        let own = standing(tallies, month);
        (own.buyers > 0).then(|| self.shrunken(own, month) - self.centre_at(month))
    }

    fn shrunken(&self, own: Tally, month: i32) -> f64 {
        let all = standing(&self.all, month);
        let prior = (f64::from(all.again) + 1.0) / (f64::from(all.buyers) + 10.0);
        (f64::from(own.again) + SHRINK_BUYERS * prior) / (f64::from(own.buyers) + SHRINK_BUYERS)
    }

    fn centre_at(&self, month: i32) -> f64 {
        match self.centre.partition_point(|(at, _)| *at <= month) {
            0 => self.shrunken(Tally::default(), month),
            place => self.centre[place - 1].1,
        }
    }
}

/// Counts what [`Products`] is made of.
#[derive(Clone, Debug)]
pub(super) struct Counting {
    /// Per group: month -> (new buyers, new repeaters).
    repeats: Vec<BTreeMap<i32, (u32, u32)>>,
    /// Per family: days -> gaps of that length.
    gaps: BTreeMap<String, BTreeMap<u16, u32>>,
    /// Month -> group -> first baskets that hold it.
    firsts: BTreeMap<i32, BTreeMap<u32, u32>>,
}

impl Counting {
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        Self { repeats: vec![BTreeMap::new(); catalogue.groups.len()], gaps: BTreeMap::new(), firsts: BTreeMap::new() }
    }

    pub(super) fn see(&mut self, catalogue: &Catalogue, view: View<'_>, first: Option<Day>) {
        let mut days: BTreeMap<u32, Vec<Day>> = BTreeMap::new();
        for order in view.orders() {
            for line in view.kept(order) {
                let bought = days.entry(line.group).or_default();
                if bought.last() != Some(&order.day) {
                    bought.push(order.day);
                }
            }
        }
        for (group, bought) in days {
            let (Some(counts), Some(described)) = (self.repeats.get_mut(group as usize), catalogue.groups.get(group as usize)) else {
                continue;
            };
            counts.entry(month(bought[0])).or_default().0 += 1;
            if let Some(again) = bought.get(1) {
                counts.entry(month(*again)).or_default().1 += 1;
            }
            for pair in bought.windows(2) {
                let gap = pair[1].since(pair[0]);
                if (1..=LONGEST_GAP as i32).contains(&gap) {
                    *self.gaps.entry(family(described).to_owned()).or_default().entry(gap as u16).or_default() += 1;
                }
            }
            if first == Some(bought[0]) {
                *self.firsts.entry(month(bought[0])).or_default().entry(group).or_default() += 1;
            }
        }
    }

    pub(super) fn finish(self, catalogue: &Catalogue) -> Products {
        let mut products = Products::default();
        let mut all: BTreeMap<i32, (u32, u32)> = BTreeMap::new();
        for (group, counts) in self.repeats.iter().enumerate().filter(|(_, counts)| !counts.is_empty()) {
            for (month, (buyers, again)) in counts {
                let sum = all.entry(*month).or_default();
                *sum = (sum.0 + buyers, sum.1 + again);
            }
            products.repeats.insert(catalogue.groups[group].id.clone(), cumulate(counts));
        }
        products.all = cumulate(&all);
        products.centre = centre(&products, catalogue, &self.firsts);
        (products.gap, products.gaps) = medians(&self.gaps);
        products
    }
}

/// The family of a group, or what comes nearest to one.
pub(super) fn family(group: &crate::Group) -> &str {
    if group.family.is_empty() { &group.category } else { &group.family }
}

/// What happened in a month stands from the start of the next one.
fn cumulate(counts: &BTreeMap<i32, (u32, u32)>) -> Vec<Tally> {
    let mut sum = Tally::default();
    let add = |(month, (buyers, again)): (&i32, &(u32, u32))| {
        sum = Tally { month: month + 1, buyers: sum.buyers + buyers, again: sum.again + again };
        sum
    };
    counts.iter().map(add).collect()
}

fn centre(products: &Products, catalogue: &Catalogue, firsts: &BTreeMap<i32, BTreeMap<u32, u32>>) -> Vec<(i32, f64)> {
    let mean = |(month, groups): (&i32, &BTreeMap<u32, u32>)| {
        let (mut sum, mut count) = (0.0, 0.0);
        for (group, baskets) in groups {
            let tallies = products.repeats.get(&catalogue.groups[*group as usize].id).map_or(&[][..], Vec::as_slice);
            sum += f64::from(*baskets) * products.shrunken(standing(tallies, month + 1), month + 1);
            count += f64::from(*baskets);
        }
        (month + 1, sum / count)
    };
    firsts.iter().map(mean).collect()
}

fn medians(gaps: &BTreeMap<String, BTreeMap<u16, u32>>) -> (Option<f64>, BTreeMap<String, f64>) {
    let mut all: BTreeMap<u16, u32> = BTreeMap::new();
    for (gap, count) in gaps.values().flatten() {
        *all.entry(*gap).or_default() += count;
    }
    let Some((overall, _)) = median(&all) else { return (None, BTreeMap::new()) };
    let shrink = |(family, counts): (&String, &BTreeMap<u16, u32>)| {
        let (own, count) = median(counts)?;
        Some((family.clone(), (own * count + overall * SHRINK_GAPS) / (count + SHRINK_GAPS)))
    };
    (Some(overall), gaps.iter().filter_map(shrink).collect())
}

/// The lower median and the number of values of a histogram.
fn median(counts: &BTreeMap<u16, u32>) -> Option<(f64, f64)> {
    let total: u64 = counts.values().map(|count| u64::from(*count)).sum();
    let mut seen = 0;
    counts.iter().find_map(|(value, count)| {
        seen += u64::from(*count);
        (2 * seen >= total).then_some((f64::from(*value), total as f64))
    })
}
