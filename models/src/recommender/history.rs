//! Journeys as the recommender reads them: flat lists of moments.

use std::ops::Range;

use super::Target;
use crate::Day;
use crate::encoder::{Step, StepKind};
use crate::journey::EventKind;

/// Kinds of moments that the network tells apart.
pub(super) const KINDS: usize = 6;
const ORDER: u8 = 0;

/// One moment: all orders of one day as one set, or one navigation event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment<'a> {
    /// Local day.
    pub day: Day,
    kind: u8,
    /// Distinct groups, ascending; never empty.
    pub groups: &'a [u32],
}

impl Moment<'_> {
    /// Whether it is an order.
    pub fn is_order(&self) -> bool {
        self.kind == ORDER
    }

    pub(super) fn kind(&self) -> u32 {
        u32::from(self.kind)
    }
}

#[derive(Clone, Debug)]
struct Stored {
    day: Day,
    kind: u8,
    groups: Range<usize>,
}

#[derive(Clone, Debug)]
struct Person {
    market: u16,
    hash: u64,
    moments: Range<usize>,
    target: Range<usize>,
}

/// Many customers' moments and what they did next, in flat lists.
#[derive(Clone, Debug, Default)]
pub struct Histories {
    people: Vec<Person>,
    moments: Vec<Stored>,
    groups: Vec<u32>,
    /// Moments before this day are read, but none is a label.
    learn_from: Option<Day>,
}

/// One customer's moments.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    all: &'a Histories,
    person: &'a Person,
}

impl Histories {
    /// None yet. Moments before `learn_from` will be read, but nobody learns to foresee them.
    pub fn learning_from(learn_from: Option<Day>) -> Self {
        Self { learn_from, ..Self::default() }
    }

    /// Adds a customer: the steps known at the cut, oldest first, and the groups that were bought or seen next
    /// (labels; none where unknown). `hash` divides customers into those who choose and those who judge.
    pub fn push(&mut self, market: u16, hash: u64, steps: &[Step], target: &[u32]) {
        let first = self.moments.len();
        for step in steps {
            let kind = kind(step.kind);
            let start = self.groups.len();
            match self.moments[first..].last_mut() {
                Some(last) if last.kind == ORDER && kind == ORDER && last.day == step.day => {
                    // The last moment's groups are the last ones of the list.
                    let from = last.groups.start;
                    self.groups.extend(step.groups.iter().copied());
                    self.groups[from..].sort_unstable();
                    let mut kept = self.groups.split_off(from);
                    kept.dedup();
                    self.groups.append(&mut kept);
                    last.groups.end = self.groups.len();
                }
                _ => {
                    self.groups.extend(step.groups.iter().copied());
                    self.moments.push(Stored { day: step.day, kind, groups: start..self.groups.len() });
                }
            }
        }
        let start = self.groups.len();
        self.groups.extend_from_slice(target);
        let target = start..self.groups.len();
        self.people.push(Person { market, hash, moments: first..self.moments.len(), target });
    }

    /// Number of customers.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether there is no customer.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// One customer.
    pub fn past(&self, customer: usize) -> Past<'_> {
        Past { all: self, person: &self.people[customer] }
    }

    /// The same customers in pieces of at most `size`.
    pub(super) fn chunks(&self, size: usize) -> impl Iterator<Item = Histories> {
        self.people.chunks(size).map(|people| {
            let mut chunk = Histories::default();
            for person in people {
                chunk.copy(&Past { all: self, person });
            }
            chunk
        })
    }

    /// Adds a customer of another set.
    pub(super) fn copy(&mut self, past: &Past<'_>) {
        let first = self.moments.len();
        for moment in past.moments() {
            let start = self.groups.len();
            self.groups.extend_from_slice(moment.groups);
            self.moments.push(Stored { day: moment.day, kind: moment.kind, groups: start..self.groups.len() });
        }
        let start = self.groups.len();
        self.groups.extend_from_slice(past.target());
        let target = start..self.groups.len();
        self.people.push(Person { market: past.person.market, hash: past.person.hash, moments: first..self.moments.len(), target });
    }

    /// All customers.
    pub fn iter(&self) -> impl Iterator<Item = Past<'_>> {
        self.people.iter().map(|person| Past { all: self, person })
    }
}

fn kind(step: StepKind) -> u8 {
    match step {
        StepKind::Order => ORDER,
        StepKind::Event(EventKind::View) => 1,
        StepKind::Event(EventKind::Cart) => 2,
        StepKind::Event(EventKind::Wishlist) => 3,
        StepKind::Event(EventKind::Click) => 4,
        StepKind::Event(_) => 5,
    }
}

impl<'a> Past<'a> {
    /// Index of the market.
    pub fn market(&self) -> usize {
        usize::from(self.person.market)
    }

    /// Stable hash of the customer.
    pub fn hash(&self) -> u64 {
        self.person.hash
    }

    /// Number of moments.
    pub fn len(&self) -> usize {
        self.person.moments.len()
    }

    /// Whether there is no moment.
    pub fn is_empty(&self) -> bool {
        self.person.moments.is_empty()
    }

    /// A moment, oldest first.
    pub fn moment(&self, place: usize) -> Moment<'a> {
        let stored = &self.all.moments[self.person.moments.start + place];
        Moment { day: stored.day, kind: stored.kind, groups: &self.all.groups[stored.groups.clone()] }
    }

    /// All moments, oldest first.
    pub fn moments(&self) -> impl DoubleEndedIterator<Item = Moment<'a>> + use<'a> {
        let this = *self;
        (0..this.len()).map(move |place| this.moment(place))
    }

    /// All orders, oldest first.
    pub fn orders(&self) -> impl DoubleEndedIterator<Item = Moment<'a>> + use<'a> {
        self.moments().filter(Moment::is_order)
    }

    /// Groups of the label.
    pub fn target(&self) -> &'a [u32] {
        &self.all.groups[self.person.target.clone()]
    }

    /// What a list made after moment `place` should hold: for purchases, the next order's groups that the order
    /// before lacks, where the next moment is an order; for events, the next moment's groups. Empty where nothing
    /// is to be learned.
    pub(super) fn label(&self, place: usize, target: Target) -> Vec<u32> {
        if place + 1 >= self.len() {
            return Vec::new();
        }
        let next = self.moment(place + 1);
        match target {
            _ if Some(next.day) < self.all.learn_from => Vec::new(),
            Target::Event => next.groups.to_vec(),
            Target::Purchase if next.is_order() => self.fresh(next.groups, place),
            Target::Purchase => Vec::new(),
        }
    }

    /// The customer's own label as [`Past::label`] would cut it.
    pub(super) fn final_label(&self, target: Target) -> Vec<u32> {
        match (target, self.len()) {
            (_, 0) => Vec::new(),
            (Target::Event, _) => self.target().to_vec(),
            (Target::Purchase, len) => self.fresh(self.target(), len - 1),
        }
    }

    fn fresh(&self, groups: &[u32], place: usize) -> Vec<u32> {
        let last = (0..=place).rev().map(|place| self.moment(place)).find(Moment::is_order);
        let current = last.map_or(&[][..], |order| order.groups);
        groups.iter().copied().filter(|group| current.binary_search(group).is_err()).collect()
    }
}
