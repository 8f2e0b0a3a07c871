//! The unit of scoring work: a block of virtual shards.

use std::ops::Range;

use reprise_models::policy::VIRTUAL_SHARDS;

/// Customers that one block holds, about: small enough to be done again after a kill, large enough for one file.
const CUSTOMERS_PER_BLOCK: u64 = 1024;

/// The blocks of a plan: 1, 2, 4 ... or 64 of equal width, a function of the data alone, so that the files of a plan
/// do not depend on the number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    count: u8,
}

impl Blocks {
    /// For so many customers.
    pub(super) fn of(customers: u64) -> Self {
        let wanted = customers.div_ceil(CUSTOMERS_PER_BLOCK).clamp(1, u64::from(VIRTUAL_SHARDS));
        Self { count: wanted.next_power_of_two() as u8 }
    }

    /// Every block.
    pub(super) fn all(self) -> Range<u8> {
        0..self.count
    }

    /// The blocks of worker `index` of `workers`; none for a worker too many.
    pub(super) fn of_worker(self, index: u32, workers: u32) -> impl Iterator<Item = u8> {
        self.all().filter(move |block| u32::from(*block) % workers == index)
    }

    /// The virtual shards of a block.
    pub(super) fn shards(self, block: u8) -> Range<u8> {
        let width = VIRTUAL_SHARDS / self.count;
        block * width..(block + 1) * width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_grow_with_the_customers_up_to_one_per_virtual_shard() {
        for (customers, count) in [(0, 1), (1, 1), (1024, 1), (1025, 2), (3000, 4), (9_000, 16), (10_000_000, 64)] {
            assert_eq!(Blocks::of(customers).all().len(), count, "{customers} customers");
        }
    }

    #[test]
    fn every_virtual_shard_is_worked_once_whatever_the_number_of_workers() {
        for (customers, workers) in [(0, 1), (5_000, 3), (70_000, 64), (70_000, 5)] {
            let blocks = Blocks::of(customers);
            let mut shards: Vec<u8> =
                (0..workers).flat_map(|index| blocks.of_worker(index, workers)).flat_map(|block| blocks.shards(block)).collect();
            shards.sort_unstable();
            assert_eq!(shards, (0..VIRTUAL_SHARDS).collect::<Vec<u8>>(), "{customers} customers, {workers} workers");
        }
    }
}
