//! Session-kNN: what stood in sequences like the customer's own.

use serde::{Deserialize, Serialize};

use super::pairs::counts;
use super::{Histories, Past, Target};

/// Sequences kept: the latest. Bounds memory.
const MOST_PATHS: usize = 500_000;
/// Groups kept of one sequence, and read of the customer's own: the latest.
const LONGEST: usize = 100;
const LONGEST_QUERY: usize = 30;
/// Answers kept of one search: the best.
const ANSWERS: usize = 200;

/// Sequences of distinct groups, each at its last place, oldest sequence first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paths {
    /// Groups of all sequences, one sequence after the other, in the order of their last places.
    groups: Vec<u32>,
    /// Moment of each group within its sequence.
    steps: Vec<u16>,
    /// End of each sequence in `groups`.
    ends: Vec<u32>,
}

/// One way of searching (Jannach and Ludewig, 2017; the settings are those of two good, unlike neighbourhoods).
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// Latest sequences read of each group.
    sampled: usize,
    /// Nearest sequences that vote.
    neighbours: usize,
    /// What a vote loses per step that the match lies back.
    decay: f32,
    /// Power of a matching group's rarity.
    rarity: f32,
    /// Weight of how recent a sequence is.
    recency: f32,
    /// How quickly votes fall with the distance from the match.
    spread: f32,
    /// Power of a group's place in the customer's own sequence: later ones count more.
    order: f32,
}

const BROAD: Setting = Setting { sampled: 1_000, neighbours: 2_000, decay: 0.1, rarity: 1.0, recency: 0.0, spread: 0.25, order: 1.0 };
const CLOSE: Setting = Setting { sampled: 1_000, neighbours: 1_000, decay: 0.2, rarity: 0.5, recency: 0.5, spread: 1.0, order: 0.5 };
const WIDE: Setting = Setting { sampled: 5_000, neighbours: 2_000, decay: 0.1, rarity: 1.0, recency: 0.0, spread: 2.0, order: 1.0 };
const EVEN: Setting = Setting { sampled: 5_000, neighbours: 2_000, decay: 0.2, rarity: 1.0, recency: 0.0, spread: 0.25, order: 1.0 };

/// The two settings of a target.
pub(super) fn settings(target: Target) -> [Setting; 2] {
    match target {
        Target::Event => [BROAD, CLOSE],
        Target::Purchase => [WIDE, EVEN],
    }
}

/// Group and moment of one past's sequence: distinct groups at their last moments.
fn distinct(moments: &[(usize, &[u32])], rows: impl Fn(u32) -> Option<u32>, most: usize) -> Vec<(u32, usize)> {
    let mut seen = std::collections::BTreeSet::new();
    let mut sequence = Vec::new();
    for (step, groups) in moments.iter().rev() {
        for row in groups.iter().rev().filter_map(|&group| rows(group)) {
            if sequence.len() < most && seen.insert(row) {
                sequence.push((row, *step));
            }
        }
    }
    sequence.reverse();
    sequence
}

impl Paths {
    /// All sequences of histories: a customer's orders are one, navigation is cut where a day passes without any.
    pub(super) fn of(histories: &Histories, rows: &[Option<u32>], target: Target) -> Self {
        let mut found: Vec<(i32, Vec<(u32, usize)>)> = Vec::new();
        for past in histories.iter() {
            let mut moments: Vec<(usize, &[u32])> = Vec::new();
            let mut last = None;
            let mut close = |moments: &mut Vec<(usize, &[u32])>, last: Option<i32>| {
                let path = distinct(moments, |group| rows[group as usize], LONGEST);
                if let (Some(day), true) = (last, path.len() > 1) {
                    found.push((day, path));
                }
                moments.clear();
            };
            for moment in past.moments().filter(|moment| counts(moment, target)) {
                if target == Target::Event && last.is_some_and(|last| moment.day.0 > last + 1) {
                    close(&mut moments, last);
                }
                moments.push((moments.len(), moment.groups));
                last = Some(moment.day.0);
            }
            close(&mut moments, last);
        }
        found.sort_by_key(|(day, _)| *day);
        let mut paths = Self::default();
        for (_, path) in found.iter().skip(found.len().saturating_sub(MOST_PATHS)) {
            paths.add(path.iter().copied());
        }
        paths
    }

    fn add(&mut self, path: impl Iterator<Item = (u32, usize)>) {
        for (row, step) in path {
            self.groups.push(row);
            self.steps.push(step.min(usize::from(u16::MAX)) as u16);
        }
        self.ends.push(self.groups.len() as u32);
    }

    /// Whether the lists fit each other and name only rows below `rows`.
    pub(super) fn is_whole(&self, rows: usize) -> bool {
        let ends =
            self.ends.windows(2).all(|pair| pair[0] <= pair[1]) && self.ends.last().copied().unwrap_or(0) as usize == self.groups.len();
        ends && self.groups.len() == self.steps.len() && self.groups.iter().all(|&row| (row as usize) < rows)
    }

    fn iter(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| start as usize..end as usize)
    }

    /// The same sequences by place in a catalogue; groups that it lacks leave.
    pub(super) fn rearranged(&self, place: &[Option<u32>]) -> Self {
        let mut paths = Self::default();
        for range in self.iter() {
            let kept = range.filter_map(|at| Some((place[self.groups[at] as usize]?, usize::from(self.steps[at]))));
            paths.add(kept);
        }
        paths
    }
}

/// Sequences with an index by group.
#[derive(Clone, Debug, Default)]
pub(super) struct PathFinder {
    paths: Paths,
    ranges: Vec<std::ops::Range<usize>>,
    /// Sequences of each group and the group's step in them, oldest first; `starts[group]` begins its part.
    starts: Vec<usize>,
    holders: Vec<(u32, u16)>,
    rarity: Vec<f32>,
}

/// What a search needs beside the index; cleaned by whoever used it.
#[derive(Default)]
pub(super) struct Scratch {
    similar: Vec<f32>,
    /// Steps that the last match lies back, and its step in the sequence.
    matched: Vec<(u16, u16)>,
    touched: Vec<u32>,
    votes: Vec<f32>,
    voted: Vec<u32>,
}

impl PathFinder {
    /// Indexes sequences over `groups` places.
    pub(super) fn new(paths: Paths, groups: usize) -> Self {
        let ranges: Vec<_> = paths.iter().collect();
        let mut starts = vec![0; groups + 1];
        for &group in &paths.groups {
            starts[group as usize + 1] += 1;
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut holders = vec![(0, 0); paths.groups.len()];
        for (path, range) in ranges.iter().enumerate() {
            for at in range.clone() {
                let slot = &mut next[paths.groups[at] as usize];
                holders[*slot] = (path as u32, paths.steps[at]);
                *slot += 1;
            }
        }
        let count = ranges.len().max(1) as f32;
        let rarity = (0..groups).map(|group| (count / (starts[group + 1] - starts[group]).max(1) as f32).ln().max(0.0)).collect();
        Self { paths, ranges, starts, holders, rarity }
    }

    /// Room for searches.
    pub(super) fn scratch(&self) -> Scratch {
        Scratch {
            similar: vec![0.0; self.ranges.len()],
            matched: vec![(0, 0); self.ranges.len()],
            votes: vec![0.0; self.rarity.len()],
            ..Scratch::default()
        }
    }

    /// Votes for groups by the sequences nearest to the past's, as shares of the best answers' sum, by place.
    pub(super) fn search(&self, past: &Past<'_>, target: Target, setting: &Setting, scratch: &mut Scratch) -> Vec<(u32, f32)> {
        let latest: Vec<_> = past.moments().rev().filter(|moment| counts(moment, target)).take(LONGEST_QUERY).collect();
        let moments: Vec<(usize, &[u32])> = latest.iter().rev().enumerate().map(|(step, moment)| (step, moment.groups)).collect();
        let query = distinct(&moments, |group| (group as usize + 1 < self.starts.len()).then_some(group), LONGEST_QUERY);
        let length = moments.len();
        for &(group, step) in &query {
            let weight = ((step + 1) as f32 / length as f32).powf(setting.order) * self.rarity[group as usize].powf(setting.rarity);
            let (start, end) = (self.starts[group as usize], self.starts[group as usize + 1]);
            for &(path, at) in &self.holders[start.max(end.saturating_sub(setting.sampled))..end] {
                let slot = &mut scratch.similar[path as usize];
                if *slot == 0.0 {
                    scratch.touched.push(path);
                }
                *slot += weight.max(1e-9);
                scratch.matched[path as usize] = ((length - step) as u16, at);
            }
        }
        let mut nearest: Vec<(u32, f32)> = Vec::with_capacity(scratch.touched.len());
        let count = self.ranges.len() as f32;
        for path in scratch.touched.drain(..) {
            let size = self.ranges[path as usize].len() as f32;
            let age = (count - path as f32) / count;
            let similar = scratch.similar[path as usize] / (size * length as f32).sqrt() * (-setting.recency * age).exp();
            nearest.push((path, similar));
            scratch.similar[path as usize] = 0.0;
        }
        best(&mut nearest, setting.neighbours);
        self.vote(&nearest, setting, scratch)
    }

    fn vote(&self, nearest: &[(u32, f32)], setting: &Setting, scratch: &mut Scratch) -> Vec<(u32, f32)> {
        for &(path, similar) in nearest {
            let (back, step) = scratch.matched[path as usize];
            let weight = (1.0 - setting.decay * f32::from(back)).max(0.0) * similar;
            if weight <= 0.0 {
                continue;
            }
            for at in self.ranges[path as usize].clone() {
                let distance = i32::from(self.paths.steps[at]) - i32::from(step);
                let nearness = match distance {
                    0 => 1.0,
                    ahead if ahead > 0 => 1.0 / (1.0 + setting.spread * (ahead - 1) as f32),
                    behind => 1.0 / (1.0 - setting.spread * behind as f32),
                };
                let group = self.paths.groups[at];
                if scratch.votes[group as usize] == 0.0 {
                    scratch.voted.push(group);
                }
                scratch.votes[group as usize] += weight * nearness * (1.0 + 0.5 * self.rarity[group as usize]);
            }
        }
        let mut answers: Vec<(u32, f32)> =
            scratch.voted.drain(..).map(|group| (group, std::mem::take(&mut scratch.votes[group as usize]))).collect();
        best(&mut answers, ANSWERS);
        shares(answers)
    }
}

/// Keeps the largest, in a fixed order: by value, ties by number.
pub(super) fn best(values: &mut Vec<(u32, f32)>, most: usize) {
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if values.len() > most {
        values.select_nth_unstable_by(most - 1, order);
        values.truncate(most);
    }
    values.sort_unstable_by(order);
}

/// Divides by the sum, best first.
pub(super) fn shares(mut answers: Vec<(u32, f32)>) -> Vec<(u32, f32)> {
    let sum: f32 = answers.iter().map(|&(_, value)| value).sum();
    for (_, value) in &mut answers {
        *value /= sum.max(1e-12);
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Day;
    use crate::encoder::{Step, StepKind};
    use crate::journey::EventKind;

    fn visit(day: i32, groups: &[u32]) -> Vec<Step> {
        let step = |(place, &group): (usize, &u32)| Step {
            kind: StepKind::Event(EventKind::View),
            day: Day(day),
            at: i64::from(day) * 86_400 + place as i64,
            gap_days: 0,
            session: None,
            groups: vec![group],
            units: vec![1.0],
            context: Vec::new(),
        };
        groups.iter().enumerate().map(step).collect()
    }

    #[test]
    fn sequences_like_the_own_one_vote_and_others_do_not() {
        let mut histories = Histories::default();
        for (day, groups) in [(10, &[0, 1, 2][..]), (11, &[0, 1, 3]), (12, &[4, 5]), (13, &[6])] {
            histories.push(0, 0, &visit(day, groups), &[]);
        }
        // Two visits of one visitor, days apart, are two sequences.
        let two: Vec<Step> = visit(14, &[7, 8]).into_iter().chain(visit(20, &[8, 2])).collect();
        histories.push(0, 0, &two, &[]);
        let rows: Vec<Option<u32>> = (0..9).map(Some).collect();
        let paths = Paths::of(&histories, &rows, Target::Event);
        assert!(paths.is_whole(9) && !paths.is_whole(8));
        assert_eq!(paths.ends, [3, 6, 8, 10, 12]);
        let finder = PathFinder::new(paths, 9);
        let mut scratch = finder.scratch();
        let mut asked = Histories::default();
        asked.push(0, 0, &visit(30, &[0, 1]), &[]);
        for setting in settings(Target::Event) {
            let answers = finder.search(&asked.past(0), Target::Event, &setting, &mut scratch);
            let of = |group: u32| answers.iter().find(|answer| answer.0 == group).map_or(0.0, |answer| answer.1);
            assert!(of(2) > 0.0 && of(3) > 0.0 && of(4) == 0.0 && of(7) == 0.0, "{answers:?}");
            assert!((answers.iter().map(|answer| answer.1).sum::<f32>() - 1.0).abs() < 1e-5);
            assert_eq!(answers, finder.search(&asked.past(0), Target::Event, &setting, &mut scratch), "nothing is left behind");
        }
    }
}
