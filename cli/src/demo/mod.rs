//! A synthetic brand of three markets, made outside the family of the models that will be trained on it, with the truth.
//!
//! Everything is a function of the seed and of the customers' numbers: the same bytes on every machine, and the same
//! customers when more are asked for. One customer is held in memory at a time.

mod calendar;
mod catalogue;
mod draws;
mod export;
mod hazard;
mod market;
mod people;
mod shared;
mod table;
mod taste;
#[cfg(test)]
mod tests;
mod truth;

use std::path::{Path, PathBuf};

use calendar::{BEFORE, Occasion, Seasons, WEEKS};
use catalogue::{Catalogue, TASTES};
use draws::{Draws, Purpose};
use export::Export;
use market::{MARKETS, SMALL};
use truth::Truth;

/// Why the demo could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The disk refused.
    #[error("failed to write {path}: {source}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The time zone database lacks a zone.
    #[error("failed to find time zone {zone}: {source}")]
    Zone {
        /// The zone's name.
        zone: &'static str,
        /// What the database said.
        source: jiff::Error,
    },
}

/// Result of this module.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// How much to make. The small market has 40 customers in any case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    /// Customers of the two larger markets together.
    Customers(u64),
    /// At least so many transaction lines in the two larger markets together.
    Lines(u64),
}

/// What was written for one market.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    /// The market's code.
    pub(crate) market: &'static str,
    /// Customers, those among them who bought before the files begin included.
    pub(crate) customers: u64,
    /// Transaction lines, corrupt copies apart.
    pub(crate) lines: u64,
    /// Corrupt copies of transaction lines.
    pub(crate) dirty: u64,
    /// Events.
    pub(crate) events: u64,
    /// Customers with exactly one purchase in the files, which they did not send back.
    pub(crate) one_timers: u64,
    /// Second purchases that the true hazards expect of them in the 26 weeks after `asOf`.
    pub(crate) expected: f64,
    /// Second purchases that really follow in that time.
    pub(crate) returned: u64,
}

/// What all customers have in common.
struct World {
    seed: u64,
    /// Whether sales, and no events and no truth, are written: for trials of size.
    sales_only: bool,
    catalogue: Catalogue,
    occasions: Vec<Vec<Occasion>>,
    seasons: Vec<Seasons>,
    /// Per market: how many customers each week wins, from `-BEFORE` to `WEEKS`, up to a factor.
    wins: Vec<Vec<f64>>,
}

impl World {
    fn new(seed: u64) -> Self {
        let occasions: Vec<Vec<Occasion>> = MARKETS.iter().map(|market| calendar::occasions(market.country)).collect();
        let seasons: Vec<Seasons> = occasions.iter().map(|occasions| Seasons::new(occasions)).collect();
        let won = |seasons: &Seasons, week| {
            let season = seasons.at(week);
            (1.0 + 0.004 * f64::from(week)) * (1.0 + 1.3 * season.gift + 0.6 * season.sale - 0.4 * season.quiet)
        };
        let wins = seasons.iter().map(|seasons| (-BEFORE..WEEKS).map(|week| won(seasons, week)).collect()).collect();
        Self { seed, sales_only: false, catalogue: Catalogue::new(seed), occasions, seasons, wins }
    }
}

/// Writes the brand's files under `folder`/crm and the truth under `folder`/truth; with `sales_only` neither events nor
/// truth.
pub(crate) fn write(folder: &Path, seed: u64, size: Size, sales_only: bool) -> Result<Vec<Written>> {
    let world = World { sales_only, ..World::new(seed) };
    shared::write(folder, &world)?;
    let mut truth = Truth::create(folder)?;
    let written =
        (0..MARKETS.len()).map(|market| write_market(folder, &world, market, share(market, size), &mut truth)).collect::<Result<_>>()?;
    truth.finish()?;
    Ok(written)
}

/// The first market has two thirds, the second one the rest.
fn share(market: usize, size: Size) -> Size {
    let part = |all: u64| if market == 0 { all - all / 3 } else { all / 3 };
    match size {
        _ if market == MARKETS.len() - 1 => Size::Customers(SMALL),
        Size::Customers(all) => Size::Customers(part(all)),
        Size::Lines(all) => Size::Lines(part(all)),
    }
}

fn write_market(folder: &Path, world: &World, market: usize, size: Size, truth: &mut Truth) -> Result<Written> {
    let mut export = Export::create(folder, &MARKETS[market])?;
    let before = (truth.one_timers, truth.expected, truth.returned);
    let mut customers = 0;
    while match size {
        Size::Customers(end) => customers < end,
        Size::Lines(end) => export.lines < end,
    } {
        customers += 1;
        let life = people::live(world, market, customers);
        export.customer(world, &life, &mut truth.faults)?;
        truth.customer(world, &life)?;
        // One mere visitor for two customers.
        if customers.is_multiple_of(2) && !world.sales_only {
            export.visitor(world, customers, &mere_visitor(world, market, customers))?;
        }
    }
    let written = Written {
        market: MARKETS[market].code,
        customers,
        lines: export.lines,
        dirty: export.dirty,
        events: export.signals,
        one_timers: truth.one_timers - before.0,
        expected: truth.expected - before.1,
        returned: truth.returned - before.2,
    };
    export.finish()?;
    Ok(written)
}

/// One to three visits of somebody who never buys.
fn mere_visitor(world: &World, market: usize, number: u64) -> Vec<people::Event> {
    let mut draws = Draws::new(world.seed, Purpose::Visitor, (1 << 63) | ((market as u64) << 40) | number);
    let taste = draws.below(TASTES);
    let start = draws.below(7 * WEEKS as usize - 30) as i32;
    (1..=1 + draws.below(3))
        .flat_map(|session| {
            let day = start + draws.below(30) as i32;
            let visit = people::draw_visit(world, (market, taste), (day, session), &mut draws);
            visit.into_iter().map(|event| people::Event { anonymous: true, ..event }).collect::<Vec<_>>()
        })
        .collect()
}
