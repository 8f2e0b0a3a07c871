//! What really holds for every one-timer at `asOf`, beside the files and never among them.

use std::path::Path;

use super::calendar::{Day, HORIZON, WEEKS, date_of};
use super::export::customer_id;
use super::hazard;
use super::market::MARKETS;
use super::people::{Life, Order};
use super::table::Table;
use super::taste::{self, Evidence, Owned};
use super::{Result, World};

/// Length of the list of preferred groups.
const PREFERRED: usize = 20;
const AS_OF: Day = 7 * WEEKS;

/// The open files of the truth, for all markets.
pub(super) struct Truth {
    hazards: Table,
    preferences: Table,
    outcomes: Table,
    /// Corrupt copies by file, row and column.
    pub(super) faults: Table,
    /// One-timers, whose truth was written.
    pub(super) one_timers: u64,
    /// Expected and real second purchases among them within the horizon.
    pub(super) expected: f64,
    /// See `expected`.
    pub(super) returned: u64,
}

impl Truth {
    /// Opens the files under `folder`/truth.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let weeks: Vec<String> = (1..=HORIZON).map(|week| format!("week_{week}")).collect();
        let header: Vec<&str> = ["customer_id", "market"].into_iter().chain(weeks.iter().map(String::as_str)).collect();
        let table = |name: &str, header: &[&str]| Table::create(folder, format!("truth/{name}.csv"), b',', header);
        Ok(Self {
            hazards: table("hazards", &header)?,
            preferences: table("preferences", &["customer_id", "market", "rank", "group_id", "probability"])?,
            outcomes: table("outcomes", &["customer_id", "market", "purchased_on", "groups"])?,
            faults: table("faults", &["file", "row", "column", "reason"])?,
            one_timers: 0,
            expected: 0.0,
            returned: 0,
        })
    }

    /// Writes the truth about a customer who is a one-timer at `asOf`; others have none.
    pub(super) fn customer(&mut self, world: &World, life: &Life) -> Result<()> {
        let Some(first) = one_timer(life) else { return Ok(()) };
        self.one_timers += 1;
        if world.sales_only {
            return Ok(());
        }
        let market = &MARKETS[life.person.market];
        let id = customer_id(market, life.person.number);
        let hazards = hazards(world, life);
        let cells = hazards.iter().map(|hazard| format!("{hazard:.7}"));
        self.hazards.row(&[id.clone(), market.code.to_owned()].into_iter().chain(cells).collect::<Vec<_>>())?;
        for (rank, (group, probability)) in preferred(world, life, first).into_iter().enumerate() {
            let group = world.catalogue.groups[group].id.clone();
            self.preferences.row(&[id.clone(), market.code.to_owned(), (rank + 1).to_string(), group, format!("{probability:.7}")])?;
        }
        let second = life.orders.iter().filter(|order| order.day >= AS_OF && !order.lines.is_empty()).min_by_key(|order| order.day);
        let groups: Vec<&str> =
            second.iter().flat_map(|order| order.lines.iter().map(|line| world.catalogue.groups[line.group].id.as_str())).collect();
        let day = second.map(|order| date_of(order.day).to_string()).unwrap_or_default();
        self.outcomes.row(&[id, market.code.to_owned(), day, groups.join(" ")])?;
        self.expected += 1.0 - hazards.iter().map(|hazard| 1.0 - hazard).product::<f64>();
        self.returned += u64::from(second.is_some());
        Ok(())
    }

    /// Closes the files.
    pub(super) fn finish(self) -> Result<()> {
        [self.hazards, self.preferences, self.outcomes, self.faults].into_iter().try_for_each(Table::finish)
    }
}

/// The only purchase of a customer who has exactly one before `asOf`, stands whole in the files and kept something.
pub(super) fn one_timer(life: &Life) -> Option<&Order> {
    let mut before = life.orders.iter().filter(|order| order.day < AS_OF && !order.lines.is_empty());
    let first = before.next()?;
    (before.next().is_none() && first.day >= 0 && !first.undone(AS_OF)).then_some(first)
}

/// Weekly hazards of the second purchase from `asOf` on, given all that the files show.
pub(super) fn hazards(world: &World, life: &Life) -> Vec<f64> {
    let mut signs = life.signs;
    if !life.start.web {
        // Nothing links such a customer's visits: the files do not show them.
        (signs.visits, signs.exposure) = (0, 0.0);
    }
    hazard::true_hazards(&life.start, &signs, &world.seasons[life.person.market])
}

/// The most probable groups of the next order's first line, were it placed on `asOf`.
fn preferred(world: &World, life: &Life, first: &Order) -> Vec<(usize, f64)> {
    let catalogue = &world.catalogue;
    let owned: Vec<Owned> = first.lines.iter().map(|line| Owned { group: line.group, day: first.day }).collect();
    let wants = taste::wants(catalogue, life.person.market, AS_OF, &owned);
    let probabilities = taste::preferences(catalogue, &wants, &taste_evidence(world, life));
    let mut all: Vec<(usize, f64)> = probabilities.into_iter().enumerate().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(PREFERRED);
    all
}

/// Skin type and first order, and the products looked at where visits can be linked.
fn taste_evidence(world: &World, life: &Life) -> Evidence {
    let mut evidence = life.evidence;
    if life.start.web {
        for event in life.events.iter().filter(|event| event.kind == "view" && (0..AS_OF).contains(&event.day)) {
            let Some(product) = event.product else { continue };
            let shelf = world.catalogue.shelf(life.person.market, event.day.div_euclid(7));
            taste::add_evidence(&world.catalogue, shelf, world.catalogue.products[product].group, &mut evidence);
        }
    }
    evidence
}
