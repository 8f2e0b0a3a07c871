//! Sequences packed for one pass: time-major, longest first, without padding.

use jiff::civil::Date;

use super::config::{BLOCK, LENGTH};
use super::{Histories, Past, Target};
use crate::Day;

/// Buckets of the days since the moment before; the last one is "no moment before".
pub(super) const GAPS: usize = 11;
/// Calendar months.
pub(super) const MONTHS: usize = 12;

/// A customer of a data set whose latest moments make one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) customer: u32,
    /// First moment and number of moments read.
    pub(super) first: u32,
    pub(super) length: u32,
    /// Whether the label is the customer's own, after the last moment (else the moments' own labels).
    pub(super) judged: bool,
}

/// The sequences from which something can be learned, or that can be judged, in the order of customers.
pub(super) fn sequences(histories: &Histories, target: Target, judged: bool, keep: impl Fn(&Past<'_>) -> bool) -> Vec<Sequence> {
    let mut sequences = Vec::new();
    for customer in 0..histories.len() {
        let past = histories.past(customer);
        if !keep(&past) {
            continue;
        }
        // The last moment of a training sequence is only a label.
        let end = if judged { past.len() } else { past.len().saturating_sub(1) };
        let first = end.saturating_sub(LENGTH);
        let useful =
            if judged { !past.final_label(target).is_empty() } else { (first..end).any(|place| !past.label(place, target).is_empty()) };
        if useful {
            sequences.push(Sequence { customer: customer as u32, first: first as u32, length: (end - first) as u32, judged });
        }
    }
    sequences
}

/// Cuts sequences into batches of about equal length, so that hardly a step is wasted.
pub(super) fn buckets(mut sequences: Vec<Sequence>, size: usize) -> Vec<Vec<Sequence>> {
    sequences.sort_by_key(|sequence| (std::cmp::Reverse(sequence.length), sequence.customer));
    sequences.chunks(size).map(<[Sequence]>::to_vec).collect()
}

/// How moments become numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// What is learned.
    pub(super) target: Target,
    /// The day that follows each customer's last moment.
    pub(super) until: Day,
    /// Row of the item matrix by place in the catalogue; groups without one are left out.
    pub(super) rows: &'a [Option<u32>],
}

/// One batch: row r is one moment of one sequence; the first `sizes[0]` rows are the first moments, and so on.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    /// Sequences that reach each time step, never rising.
    pub(super) sizes: Vec<usize>,
    /// Group, row and weight (1 / sqrt of the set's size) of each line.
    pub(super) line_groups: Vec<u32>,
    pub(super) line_rows: Vec<u32>,
    pub(super) line_weights: Vec<f32>,
    /// Per row.
    pub(super) gaps: Vec<u32>,
    pub(super) months: Vec<u32>,
    pub(super) kinds: Vec<u32>,
    /// Rows whose next moment is predicted, with market and label.
    pub(super) predicted: Vec<u32>,
    pub(super) markets: Vec<u32>,
    pub(super) labels: Vec<Vec<u32>>,
}

impl Batch {
    /// Packs sequences, which must be sorted longest first.
    pub(super) fn pack(histories: &Histories, sequences: &[Sequence], frame: &Frame<'_>) -> Self {
        let mut batch = Self::default();
        let longest = sequences.first().map_or(0, |sequence| sequence.length);
        for time in 0..longest {
            let active = sequences.iter().take_while(|sequence| sequence.length > time);
            let before = batch.gaps.len();
            for sequence in active {
                let past = histories.past(sequence.customer as usize);
                let place = (sequence.first + time) as usize;
                batch.push(&past, place, frame);
                let mut label = match sequence.judged {
                    true if time + 1 == sequence.length => past.final_label(frame.target),
                    true => Vec::new(),
                    false => past.label(place, frame.target),
                };
                label = label.iter().filter_map(|&group| frame.rows[group as usize]).collect();
                if !label.is_empty() {
                    batch.predicted.push(batch.gaps.len() as u32 - 1);
                    batch.markets.push(past.market() as u32);
                    batch.labels.push(label);
                }
            }
            batch.sizes.push(batch.gaps.len() - before);
        }
        batch
    }

    /// Adds a row.
    fn push(&mut self, past: &Past<'_>, place: usize, frame: &Frame<'_>) {
        let row = self.gaps.len() as u32;
        let moment = past.moment(place);
        let weight = 1.0 / (moment.groups.len() as f32).sqrt();
        for group in moment.groups.iter().filter_map(|&group| frame.rows[group as usize]) {
            self.line_groups.push(group);
            self.line_rows.push(row);
            self.line_weights.push(weight);
        }
        let next = if place + 1 < past.len() { past.moment(place + 1).day } else { frame.until };
        self.gaps.push(if place == 0 { GAPS as u32 - 1 } else { gap(moment.day.since(past.moment(place - 1).day)) });
        self.months.push(month(next));
        self.kinds.push(moment.kind());
    }

    /// Adds a row without any group, for sequences that are over.
    fn push_empty(&mut self) {
        self.gaps.push(GAPS as u32 - 1);
        self.months.push(0);
        self.kinds.push(0);
    }

    /// One row for each of [`BLOCK`] places at one time step counted from the end (0 = the latest moment): customers
    /// without such a moment, and places without a customer, get an empty row. `true` marks real rows.
    pub(super) fn slice(histories: &Histories, customers: &[usize], back: usize, frame: &Frame<'_>) -> (Self, Vec<bool>) {
        let mut batch = Self::default();
        let mut real = vec![false; BLOCK];
        for (slot, real) in real.iter_mut().enumerate() {
            let past = customers.get(slot).map(|&customer| histories.past(customer));
            match past.filter(|past| past.len() > back) {
                Some(past) => {
                    batch.push(&past, past.len() - 1 - back, frame);
                    *real = true;
                }
                None => batch.push_empty(),
            }
        }
        (batch, real)
    }
}

fn gap(days: i32) -> u32 {
    [1, 3, 7, 14, 30, 60, 90, 150, 240].iter().take_while(|&&edge| days >= edge).count() as u32
}

fn month(day: Day) -> u32 {
    day.date().map_or(0, |date: Date| date.month() as u32 - 1)
}
