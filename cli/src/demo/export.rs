//! Writes one market's files: what its shops, site and CRM tool would export up to `asOf`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::calendar::{Day, WEEKS, date_of};
use super::catalogue::{Catalogue, SKINS};
use super::draws::{Draws, Purpose};
use super::market::{MARKETS, Market};
use super::people::{Event, Life, Line, Order, Person};
use super::table::{Pen, Table};
use super::{Result, World};

/// Samples in the catalogue.
pub(super) const SAMPLES: usize = 6;
/// First day that stands in no file.
const END: Day = 7 * WEEKS;
/// Share of sales lines that are followed by a corrupt copy.
const DIRT: f64 = 0.0015;
/// Share of events that are exported twice.
const TWICE: f64 = 0.001;

/// The open files of one market.
pub(super) struct Export {
    folder: PathBuf,
    market: &'static Market,
    pen: Pen,
    sales: BTreeMap<i16, Table>,
    events: BTreeMap<i16, Table>,
    customers: Table,
    calls: Option<Table>,
    /// Transaction lines written, corrupt copies apart.
    pub(super) lines: u64,
    /// Corrupt copies written.
    pub(super) dirty: u64,
    /// Events written.
    pub(super) signals: u64,
}

impl Export {
    /// Opens the files of a market under `folder`/crm.
    pub(super) fn create(folder: &Path, market: &'static Market) -> Result<Self> {
        let dialect = &market.dialect;
        let name = |file: &str| format!("crm/{}/{file}.csv", market.folder);
        // Only the first market's CRM tool exports its advisers' calls.
        let calls = (market.folder == MARKETS[0].folder)
            .then(|| Table::create(folder, name("appels"), dialect.delimiter, &["client", "date_heure", "canal"]))
            .transpose()?;
        Ok(Self {
            folder: folder.to_path_buf(),
            market,
            pen: Pen::new(market)?,
            sales: BTreeMap::new(),
            events: BTreeMap::new(),
            customers: Table::create(folder, name(dialect.files[2]), dialect.delimiter, &dialect.customers)?,
            calls,
            lines: 0,
            dirty: 0,
            signals: 0,
        })
    }

    /// Writes a customer's rows; corrupt copies are listed in `faults`.
    pub(super) fn customer(&mut self, world: &World, life: &Life, faults: &mut Table) -> Result<()> {
        let id = customer_id(self.market, life.person.number);
        self.profile(&id, life)?;
        let mut dirt = Draws::new(world.seed, Purpose::Dirt, ((life.person.market as u64) << 40) | life.person.number);
        for order in life.orders.iter().filter(|order| (0..END).contains(&order.day)) {
            self.order(world, &id, (&life.person, order), (&mut dirt, faults))?;
        }
        let visitor = visitor_id(world, life.person.market, life.person.number);
        for (index, event) in life.events.iter().enumerate().filter(|(_, event)| (0..END).contains(&event.day)) {
            // Drawn in any case: the same customers with and without their events.
            let twice = dirt.chance(TWICE);
            if world.sales_only {
                continue;
            }
            for _ in 0..=usize::from(twice) {
                self.event(&world.catalogue, (&format!("{id}-{index}"), &id, &visitor), event)?;
            }
        }
        self.call(&id, life, &mut dirt)
    }

    /// Writes the visits of somebody who never becomes a customer.
    pub(super) fn visitor(&mut self, world: &World, number: u64, events: &[Event]) -> Result<()> {
        let market = MARKETS.iter().position(|market| market.code == self.market.code).unwrap_or_default();
        // Customers and mere visitors are numbered apart.
        let visitor = visitor_id(world, market, number | (1 << 39));
        for (index, event) in events.iter().enumerate().filter(|(_, event)| (0..END).contains(&event.day)) {
            self.event(&world.catalogue, (&format!("{visitor}-{index}"), "", &visitor), event)?;
        }
        Ok(())
    }

    /// Closes the files.
    pub(super) fn finish(self) -> Result<()> {
        let yearly = self.sales.into_values().chain(self.events.into_values());
        yearly.chain([self.customers]).chain(self.calls).try_for_each(Table::finish)
    }

    fn profile(&mut self, id: &str, life: &Life) -> Result<()> {
        let person = &life.person;
        // Only the first market's CRM tool knows first purchases from before its export.
        let first = if self.calls.is_some() { self.pen.date(life.orders[0].day) } else { String::new() };
        let consent = match (person.mail, person.phone) {
            (true, true) => "email,call",
            (true, false) => "email",
            (false, _) => "",
        };
        self.customers.row(&[
            id,
            &first,
            consent,
            self.pen.flag(person.objection),
            person.excluded,
            &store(self.market, person.store),
            self.market.language,
            SKINS[person.skin],
            &person.born.to_string(),
            &person.adviser.map(|adviser| format!("A{adviser:02}")).unwrap_or_default(),
        ])
    }

    fn order(&mut self, world: &World, id: &str, what: (&Person, &Order), dirt: (&mut Draws, &mut Table)) -> Result<()> {
        let (person, order) = what;
        let (draws, faults) = dirt;
        let catalogue = &world.catalogue;
        let ticket = format!("{id}T{:02}", order.number);
        for (place, line) in order.lines.iter().enumerate() {
            let ticket = if order.split && place > 0 { format!("{ticket}B") } else { ticket.clone() };
            let at = self.pen.moment(order.day, order.minute);
            let product = &catalogue.products[line.product].id;
            let cells = self.cells((id, &ticket, at), (product, line.quantity, line.amount, 0), "", (person, order));
            self.sale(order.day, &cells)?;
            if draws.chance(DIRT) {
                self.corrupt(order.day, cells, draws.below(3), faults)?;
            }
            if let Some(back) = line.sent_back.filter(|back| *back < END) {
                self.refund(catalogue, (id, &ticket), (back, line), (person, order))?;
            }
        }
        let at = self.pen.moment(order.day, order.minute);
        let extras = [
            order.sample.map(|sample| (format!("S{:02}", sample + 1), 0, 2)),
            order.with_purchase.then(|| ("GWP1".to_owned(), 0, 3)),
            order.service.then(|| ("SRV1".to_owned(), (2_500.0 * self.market.rate) as i64, 4)),
        ];
        for (product, amount, kind) in extras.into_iter().flatten() {
            let cells = self.cells((id, &ticket, at.clone()), (&product, 1, amount, kind), "", (person, order));
            self.sale(order.day, &cells)?;
        }
        self.order_events(world, id, (person, order))
    }

    fn refund(&mut self, catalogue: &Catalogue, of: (&str, &str), back: (Day, &Line), what: (&Person, &Order)) -> Result<()> {
        let (id, ticket) = of;
        let (day, line) = back;
        let at = self.pen.moment(day, 15 * 60 + 10);
        let goods = (catalogue.products[line.product].id.as_str(), -line.quantity, -line.amount, 1);
        let cells = self.cells((id, &format!("{ticket}R{}", line.group), at), goods, ticket, what);
        self.sale(day, &cells)
    }

    /// The cells of a sales row: of (customer, order, moment), (product, quantity, amount, kind), the order sent back.
    fn cells(&self, of: (&str, &str, String), goods: (&str, i64, i64, usize), original: &str, what: (&Person, &Order)) -> [String; 12] {
        let (person, order) = what;
        let (id, ticket, at) = of;
        let (product, quantity, amount, kind) = goods;
        [
            id.to_owned(),
            ticket.to_owned(),
            at,
            product.to_owned(),
            quantity.to_string(),
            self.pen.money(amount),
            self.pen.dialect.kinds[kind].to_owned(),
            original.to_owned(),
            if order.web { "web" } else { "store" }.to_owned(),
            if order.web { String::new() } else { store(self.market, person.store) },
            self.pen.money(if order.discount && amount > 0 { amount * 3 / 7 } else { 0 }),
            self.pen.flag(order.gift).to_owned(),
        ]
    }

    fn sale(&mut self, day: Day, cells: &[String; 12]) -> Result<()> {
        self.lines += 1;
        yearly(&mut self.sales, &self.folder, self.market, day, 0)?.row(cells)
    }

    /// Writes a copy of a row with one cell that no type accepts.
    fn corrupt(&mut self, day: Day, mut cells: [String; 12], fault: usize, faults: &mut Table) -> Result<()> {
        let (column, cell, reason) =
            [(2, "31/02/2024 25:61", "no such moment"), (4, "n/a", "no number"), (5, "12.3O", "a letter in a number")][fault];
        cell.clone_into(&mut cells[column]);
        self.dirty += 1;
        let table = yearly(&mut self.sales, &self.folder, self.market, day, 0)?;
        table.row(&cells)?;
        faults.row(&[table.name.as_str(), &(table.lines - 1).to_string(), self.market.dialect.sales[column], reason])
    }

    /// A web order is preceded by a visit that carries both ids: this is what links earlier visits to the customer.
    fn order_events(&mut self, world: &World, id: &str, what: (&Person, &Order)) -> Result<()> {
        let (person, order) = what;
        if !order.web || world.sales_only {
            return Ok(());
        }
        let visitor = visitor_id(world, person.market, person.number);
        let session = 1_000 + order.number;
        let event = |kind, product, minute| Event { day: order.day, minute, kind, product, session, campaign: None, anonymous: false };
        let carts =
            order.lines.iter().enumerate().map(|(place, line)| event("cart", Some(line.product), order.minute - 5 + (place as i32).min(4)));
        let events: Vec<Event> = std::iter::once(event("visit", None, order.minute - 8)).chain(carts).collect();
        for (index, event) in events.iter().enumerate() {
            self.event(&world.catalogue, (&format!("{id}-o{}-{index}", order.number), id, &visitor), event)?;
        }
        Ok(())
    }

    fn event(&mut self, catalogue: &Catalogue, of: (&str, &str, &str), event: &Event) -> Result<()> {
        let (event_id, id, visitor) = of;
        let mail = event.campaign.is_some();
        let cells = [
            event_id.to_owned(),
            self.pen.moment(event.day, event.minute),
            event.kind.to_owned(),
            if event.anonymous { String::new() } else { id.to_owned() },
            if mail { String::new() } else { visitor.to_owned() },
            event.product.map(|product| catalogue.products[product].id.clone()).unwrap_or_default(),
            if mail { String::new() } else { format!("{visitor}-{}", event.session) },
            event.campaign.map(|week| format!("{}-{week:03}", self.market.code)).unwrap_or_default(),
        ];
        self.signals += 1;
        yearly(&mut self.events, &self.folder, self.market, event.day, 1)?.row(&cells)
    }

    fn call(&mut self, id: &str, life: &Life, draws: &mut Draws) -> Result<()> {
        let day = life.orders[0].day + 30 + draws.below(300) as Day;
        let called = life.person.phone && life.person.adviser.is_some() && (0..END).contains(&day);
        match &mut self.calls {
            Some(table) if called => table.row(&[id, &self.pen.moment(day, 10 * 60 + 30), "telephone"]),
            _ => Ok(()),
        }
    }
}

/// The table of the year of `day`: sales (0) or events (1).
fn yearly<'a>(
    tables: &'a mut BTreeMap<i16, Table>,
    folder: &Path,
    market: &'static Market,
    day: Day,
    which: usize,
) -> Result<&'a mut Table> {
    let year = date_of(day).year();
    match tables.entry(year) {
        std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
        std::collections::btree_map::Entry::Vacant(entry) => {
            let dialect = &market.dialect;
            let name = format!("crm/{}/{}-{year}.csv", market.folder, dialect.files[which]);
            let header: &[&str] = if which == 0 { &dialect.sales } else { &dialect.events };
            Ok(entry.insert(Table::create(folder, name, dialect.delimiter, header)?))
        }
    }
}

/// A customer's id in the files and in the truth.
pub(super) fn customer_id(market: &Market, number: u64) -> String {
    format!("{}{number:07}", market.code)
}

fn visitor_id(world: &World, market: usize, number: u64) -> String {
    format!("{:016x}", Draws::new(world.seed, Purpose::Visitor, ((market as u64) << 40) | number).bits())
}

fn store(market: &Market, store: usize) -> String {
    format!("{}-{:02}", market.code, store + 1)
}
