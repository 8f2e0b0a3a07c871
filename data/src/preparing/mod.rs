//! `prepare`: typed tables to a prepared set, one shard of customers in memory at a time.

mod assemble;
mod catalogue;
mod facts;
mod gather;
mod rates;
mod returns;
mod rows;
mod sales;
mod seen;
mod shard;
mod signals;
mod spill;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use reprise_crds::source::AttributeKind;
use reprise_models::catalogue::AttributeColumn;
use reprise_models::{Catalogue, Day};

pub use shard::{SHARDS, shard};

use self::assemble::{Assembled, Assembly, Rows};
use self::facts::Facts;
use self::gather::{Gathered, Range};
use self::rows::Link;
use crate::canonical::{EVENTS, TRANSACTIONS};
use crate::error::{Error, Fault, Place, Result};
use crate::prepared::Prepared;
use crate::quality::Quality;
use crate::store::Writer;
use crate::tables::{QUARANTINE, ScopeTables, Tables};
use crate::views::Views;
use crate::{FORMAT, stack};

/// Runs the views of `tables`, applies the rules of the canonical tables and writes a prepared set into `folder`, an
/// empty folder of its own.
///
/// Rows dated on or after `as_of` are not used; without it, `as_of` is the day after the last day that is complete in
/// every market. The bytes written depend on the tables and `as_of` alone. Memory holds one of 64 shards of customers
/// at a time. Blocks; call it outside of asynchronous code.
///
/// # Errors
/// [`Error::PlanView`], [`Error::RunView`] and [`Error::CheckTable`] for views; [`Error::Prepare`] where a market has no
/// row; [`Error::UseScratch`] when the disk is full.
pub fn prepare(tables: &Tables, as_of: Option<Date>, folder: &Path) -> Result<Prepared> {
    let cut = as_of.map_or(Cut::Complete, |as_of| Cut::At(as_of.into()));
    stack::deep(|| write(tables, cut, folder))?;
    Prepared::open(folder)
}

/// As [`prepare`], with every row that is there: as of the day after the last row of the market that ends last. For
/// looking at a source, whose markets need not be complete together.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_everything(tables: &Tables, folder: &Path) -> Result<Prepared> {
    stack::deep(|| write(tables, Cut::Everything, folder))?;
    Prepared::open(folder)
}

/// Up to which day rows are used.
#[derive(Clone, Copy)]
enum Cut {
    /// Before this day.
    At(Day),
    /// Up to the last day that is complete in every market.
    Complete,
    /// Up to the last day of any market.
    Everything,
}

fn write(tables: &Tables, cut: Cut, folder: &Path) -> Result<()> {
    let as_of = if let Cut::At(day) = cut { Some(day) } else { None };
    let mut gathered = Gathered::new(&tables.source, &tables.markets, as_of, &tables.scratch)?;
    let views = tables.scopes.iter().map(|scope| plan(tables, scope)).collect::<Result<Vec<_>>>()?;
    // Rates of every market come first: transactions are converted as they pass.
    views.iter().try_for_each(|views| gathered.take_rates_of(views))?;
    views.iter().try_for_each(|views| gathered.take(views))?;
    let ranges = ranges(&gathered)?;
    let through = through(&ranges, tables.source.settle_days)?;
    let (as_of, through) = match cut {
        Cut::At(as_of) => (as_of, through.min(as_of.plus(-1))),
        Cut::Complete => (through.plus(1), through),
        Cut::Everything => (ranges.iter().map(|(_, last)| *last).max().unwrap_or(through).plus(1), through),
    };
    join_visitors(&mut gathered, as_of)?;
    let grouped = catalogue::group(&gathered.declared, &gathered.products, as_of);
    let (currencies, of_currency) = currencies(&gathered, as_of);
    let catalogue = catalogue_of(tables, &mut gathered, grouped.groups, currencies);
    let markets = gathered.markets.clone();
    let assembly = Assembly {
        markets: &markets,
        as_of,
        of_product: &grouped.of_product,
        of_currency: &of_currency,
        attributes: catalogue.attributes.len(),
    };
    let mut facts = Facts::new(&markets, &ranges);
    let mut writer = Writer::create(folder, &catalogue.attributes)?;
    let mut shards = Vec::with_capacity(usize::from(SHARDS));
    for shard in 0..SHARDS {
        let journeys = assemble_shard(&mut gathered, &assembly, shard)?;
        for (_, journey) in &journeys {
            facts.see(journey.as_of(as_of));
        }
        shards.push(journeys.len() as u64);
        writer.write(shard, journeys)?;
    }
    writer.finish()?;
    let quality = Quality {
        format: FORMAT,
        as_of: date(as_of)?,
        through: date(through)?,
        burn_in_days: u16::try_from(tables.source.burn_in_days).unwrap_or(u16::MAX),
        markets: facts.finish(&catalogue),
        files: tables.files.clone(),
        // Assembly counts for every table; one that the source does not yield has nothing to tell.
        tables: gathered.counts.into_values().filter(|counts| !counts.name.is_empty()).collect(),
        shards,
    };
    write_json(&folder.join(crate::prepared::CATALOGUE), &catalogue)?;
    write_json(&folder.join(crate::prepared::QUALITY), &quality)?;
    let copied = std::fs::copy(tables.quarantine(), folder.join(QUARANTINE));
    copied.map(drop).map_err(|error| Error::scratch(&tables.quarantine(), error))
}

fn plan(tables: &Tables, scope: &ScopeTables) -> Result<Views> {
    let views = Views::plan(&tables.source.views, &scope.tables, scope.market.as_deref(), tables.memory, &tables.scratch)?;
    if views.schema(TRANSACTIONS.name).is_none() && views.schema(EVENTS.name).is_none() {
        let cause = "the source yields neither transactions nor events";
        return Err(Error::CheckTable(Fault::new(Place::of("views"), cause, "write a view of one of these names")));
    }
    Ok(views)
}

/// Days of each market: of its transactions, of its events where it has none.
fn ranges(gathered: &Gathered) -> Result<Vec<(Day, Day)>> {
    let sold: Vec<Range> = gathered.sold.clone();
    let range = |(index, market): (usize, &gather::MarketContext)| {
        sold[index].or(gathered.signalled[index]).ok_or_else(|| {
            let reason = most_frequent_rule(gathered).map(|rule| format!(" (most rows left: {rule})")).unwrap_or_default();
            let cause = format!("market {} has no transaction and no event before asOf{reason}", market.name);
            let hint = "check its files, its path and its rows in the views, or leave it out of data.markets";
            Error::Prepare(Fault::new(Place::of(format!("markets[{}]", market.name)), cause, hint))
        })
    };
    gathered.markets.iter().enumerate().map(range).collect()
}

/// The rule by which most transactions and events left.
fn most_frequent_rule(gathered: &Gathered) -> Option<&str> {
    let tables = [TRANSACTIONS.name, EVENTS.name].into_iter().filter_map(|name| gathered.counts.get(name));
    let rules = tables.flat_map(|counts| &counts.filtered);
    rules.max_by_key(|(_, rows)| **rows).map(|(rule, _)| rule.as_str())
}

/// The last day that is complete in every market.
fn through(ranges: &[(Day, Day)], settle_days: i32) -> Result<Day> {
    let last = ranges.iter().map(|(_, last)| *last).min();
    last.map(|last| last.plus(-settle_days))
        .ok_or_else(|| Error::Prepare(Fault::new(Place::of("data.markets"), "the run has no market", "name at least one")))
}

/// Gives anonymous visits to the customer as whom the visitor made himself known before `as_of`: to the first one, of
/// which a visit knows from its own time on or from that of the first login, whichever is later.
fn join_visitors(gathered: &mut Gathered, as_of: Day) -> Result<()> {
    for shard in 0..SHARDS {
        let mut links: BTreeMap<String, Link> = BTreeMap::new();
        gathered.links.take(shard, |link| {
            if link.stamp.latest_day() < as_of {
                let known = links.entry(link.visitor.clone()).or_insert_with(|| link.clone());
                if link < *known {
                    *known = link;
                }
            }
            Ok(())
        })?;
        let signals = &mut gathered.signals;
        gathered.visits.take(shard, |mut visit| {
            if let Some(link) = links.get(&visit.owner) {
                visit.owner.clone_from(&link.customer);
                visit.known = true;
                visit.joined = Some(link.stamp);
            }
            signals.push(&visit.owner, &visit)
        })?;
    }
    Ok(())
}

/// Names of the currencies seen before `as_of`, and the index of each by its number.
fn currencies(gathered: &Gathered, as_of: Day) -> (Vec<String>, Vec<Option<u16>>) {
    let mut names = Vec::new();
    let mut index = vec![None; gathered.currencies.len()];
    for (name, number, _) in gathered.currencies.before(as_of) {
        index[number as usize] = u16::try_from(names.len()).ok();
        names.push(name.to_owned());
    }
    (names, index)
}

fn catalogue_of(tables: &Tables, gathered: &mut Gathered, groups: Vec<reprise_models::Group>, currencies: Vec<String>) -> Catalogue {
    let attribute = |declared: &reprise_crds::source::AttributeSpec| AttributeColumn {
        name: declared.column.clone(),
        number: declared.kind == AttributeKind::Number,
    };
    let mut calendar = std::mem::take(&mut gathered.calendar);
    calendar.sort_by(|a, b| (a.market, a.from, a.to, &a.name).cmp(&(b.market, b.from, b.to, &b.name)));
    calendar.dedup();
    Catalogue {
        markets: tables.markets.clone(),
        currencies,
        attributes: tables.source.attributes.iter().map(attribute).collect(),
        groups,
        calendar,
    }
}

/// All journeys of one shard by customer id, then visitors of the same id.
fn assemble_shard(gathered: &mut Gathered, assembly: &Assembly<'_>, shard: u8) -> Result<Vec<Assembled>> {
    let mut owners: BTreeMap<(String, bool), Rows> = BTreeMap::new();
    let mut of = |owner: &str, known: bool, add: &mut dyn FnMut(&mut Rows)| {
        add(owners.entry((owner.to_owned(), !known)).or_default());
        Ok(())
    };
    gathered.people.take(shard, |person| of(&person.customer.clone(), true, &mut |rows| rows.people.push(person.clone())))?;
    gathered.sales.take(shard, |sale| of(&sale.customer.clone(), true, &mut |rows| rows.sales.push(sale.clone())))?;
    gathered.signals.take(shard, |signal| of(&signal.owner.clone(), signal.known, &mut |rows| rows.signals.push(signal.clone())))?;
    gathered.touches.take(shard, |touch| of(&touch.customer.clone(), true, &mut |rows| rows.touches.push(touch.clone())))?;
    let counts = &mut gathered.counts;
    Ok(owners.into_iter().filter_map(|((id, visitor), rows)| assembly.assemble(&id, !visitor, rows, counts)).collect())
}

fn date(day: Day) -> Result<Date> {
    day.date().ok_or_else(|| Error::Prepare(Fault::new(Place::of("data.asOf"), "the day is no date", "write a date of this century")))
}

fn write_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::scratch(path, error.into()))?;
    bytes.push(b'\n');
    std::fs::write(path, bytes).map_err(|error| Error::scratch(path, error))
}
