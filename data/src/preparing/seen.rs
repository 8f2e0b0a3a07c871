//! What the rows name: products and currencies, numbered as they are met, with the first day on which each was seen.

use std::collections::BTreeMap;

use reprise_models::Day;

use crate::canonical::TableRule;
use crate::error::{Error, Fault, Result};

/// Names with numbers, and the first day of each: what was first seen after the cut was never seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    numbers: BTreeMap<String, u32>,
    first: Vec<Days>,
}

/// The first days on which a name was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Days {
    /// At all.
    pub(super) seen: Day,
    /// Sold, where it is a product.
    pub(super) sold: Day,
}

const NEVER: Day = Day(i32::MAX);

/// Most names of one kind: a brand has no more products than this.
const MOST: usize = 2_000_000;

impl Seen {
    /// The number of `name`, which stands in a column of a table on `day`.
    ///
    /// # Errors
    /// [`Error::Prepare`] when there are more names than a brand can have.
    pub(super) fn number(&mut self, (table, column): (&TableRule, &str), name: &str, day: Day, sold: bool) -> Result<u32> {
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None if self.first.len() == MOST => {
                let cause = format!("more than {MOST} distinct values");
                return Err(Error::Prepare(Fault::new(table.place(column), cause, "select the product, not the line or the order")));
            }
            None => {
                let number = self.first.len() as u32;
                self.numbers.insert(name.to_owned(), number);
                self.first.push(Days { seen: NEVER, sold: NEVER });
                number
            }
        };
        let days = &mut self.first[number as usize];
        days.seen = days.seen.min(day);
        if sold {
            days.sold = days.sold.min(day);
        }
        Ok(number)
    }

    /// Names first seen before `as_of`, in name order, with their number and first days.
    pub(super) fn before(&self, as_of: Day) -> impl Iterator<Item = (&str, u32, Days)> {
        let all = self.numbers.iter().map(|(name, number)| (name.as_str(), *number, self.first[*number as usize]));
        all.filter(move |(_, _, days)| days.seen < as_of)
    }

    /// Number of names.
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }
}
