//! The first pass: canonical rows are checked against the rules of their table and shared out by customer.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;
use reprise_crds::source::{AttributeKind, DataSourceSpec};
use reprise_models::Day;
use reprise_models::catalogue::CalendarPeriod;
use reprise_models::journey::Value;

use super::catalogue::Declared;
use super::rates::Rates;
use super::rows::{Link, Person, Sale, Signal, Touch};
use super::seen::Seen;
use super::spill::Spill;
use crate::canonical::{Batch, CALENDAR, CONTACTS, CUSTOMERS, EVENTS, Kind, PRODUCTS, RATES, TRANSACTIONS, TableRule};
use crate::error::{Error, Fault, Place, Result};
use crate::quality::TableCounts;
use crate::time::zone;
use crate::views::Views;

/// The rule by which a row leaves; its name is what `quality.json` counts.
pub(super) type Rule = &'static str;

/// Longest id of a customer, an order or a product, in bytes.
const LONGEST_ID: usize = 256;

/// A market of the run.
#[derive(Clone, Debug)]
pub(super) struct MarketContext {
    pub(super) name: String,
    pub(super) zone_name: String,
    pub(super) zone: TimeZone,
    pub(super) currency: String,
}

/// First and last day with rows.
pub(super) type Range = Option<(Day, Day)>;

/// Everything that the canonical tables hold: small tables in memory, large ones on scratch by shard.
pub(super) struct Gathered {
    pub(super) markets: Vec<MarketContext>,
    pub(super) as_of: Option<Day>,
    pub(super) products: Seen,
    pub(super) currencies: Seen,
    pub(super) declared: Declared,
    pub(super) calendar: Vec<CalendarPeriod>,
    rates: Rates,
    attributes: Vec<(String, AttributeKind)>,
    /// Per market: days of transactions and of events before the cut.
    pub(super) sold: Vec<Range>,
    pub(super) signalled: Vec<Range>,
    pub(super) counts: BTreeMap<&'static str, TableCounts>,
    pub(super) sales: Spill<Sale>,
    pub(super) signals: Spill<Signal>,
    pub(super) visits: Spill<Signal>,
    pub(super) links: Spill<Link>,
    pub(super) touches: Spill<Touch>,
    pub(super) people: Spill<Person>,
}

impl Gathered {
    /// An empty one for `markets` of `source`, in name order.
    pub(super) fn new(source: &DataSourceSpec, markets: &[String], as_of: Option<Day>, scratch: &Path) -> Result<Self> {
        let context = |name: &String| {
            let found = source.markets.iter().find(|market| market.name == *name);
            let market = found.ok_or_else(|| {
                Error::FindFiles(Fault::new(
                    Place::of("data.markets"),
                    format!("the source has no market {name}"),
                    "name one of its markets",
                ))
            })?;
            let zone = zone(&format!("markets[{name}].timeZone"), &market.time_zone)?;
            Ok(MarketContext { name: name.clone(), zone_name: market.time_zone.clone(), zone, currency: market.currency.clone() })
        };
        let markets: Vec<MarketContext> = markets.iter().map(context).collect::<Result<_>>()?;
        let attributes = source.attributes.iter().map(|attribute| (attribute.column.clone(), attribute.kind)).collect();
        Ok(Self {
            sold: vec![None; markets.len()],
            signalled: vec![None; markets.len()],
            markets,
            as_of,
            products: Seen::default(),
            currencies: Seen::default(),
            declared: Declared::default(),
            calendar: Vec::new(),
            rates: Rates::default(),
            attributes,
            counts: BTreeMap::new(),
            sales: Spill::new(scratch, "sales"),
            signals: Spill::new(scratch, "signals"),
            visits: Spill::new(scratch, "visits"),
            links: Spill::new(scratch, "links"),
            touches: Spill::new(scratch, "touches"),
            people: Spill::new(scratch, "people"),
        })
    }

    /// Checks the tables of one scope and takes its rates.
    ///
    /// # Errors
    /// [`Error::CheckTable`] for a view without a required column, [`Error::RunView`] for one that fails.
    pub(super) fn take_rates_of(&mut self, views: &Views) -> Result<()> {
        self.check(views)?;
        self.each(views, &RATES, Self::take_rates)
    }

    /// Takes all other tables of one scope.
    ///
    /// # Errors
    /// [`Error::RunView`] for a view that fails.
    pub(super) fn take(&mut self, views: &Views) -> Result<()> {
        self.each(views, &CALENDAR, Self::take_calendar)?;
        self.each(views, &PRODUCTS, Self::take_products)?;
        self.each(views, &CUSTOMERS, Self::take_customers)?;
        self.each(views, &TRANSACTIONS, Self::take_transactions)?;
        self.each(views, &EVENTS, Self::take_events)?;
        self.each(views, &CONTACTS, Self::take_contacts)
    }

    /// Checks all tables before the first row is read.
    fn check(&self, views: &Views) -> Result<()> {
        for rule in [&TRANSACTIONS, &EVENTS, &CONTACTS, &PRODUCTS, &CUSTOMERS, &CALENDAR, &RATES] {
            let Some(schema) = views.schema(rule.name) else { continue };
            rule.check(schema)?;
            let needs_market = [TRANSACTIONS.name, CALENDAR.name].contains(&rule.name) && self.markets.len() > 1;
            if needs_market && schema.field_with_name("market").is_err() {
                let hint = "select something AS market, or give each market a path";
                return Err(Error::CheckTable(Fault::new(rule.place("market"), "the view yields no column market", hint)));
            }
        }
        let customers = views.schema(CUSTOMERS.name);
        for (column, kind) in &self.attributes {
            let field = customers.and_then(|schema| schema.field_with_name(column).ok());
            let Some(field) = field.filter(|_| !CUSTOMERS.has(column)) else {
                let cause = "the attribute is no column of its own of the view customers";
                let hint = "select it in the view customers, or leave it out of attributes";
                return Err(Error::CheckTable(Fault::new(Place::of(format!("attributes[{column}]")), cause, hint)));
            };
            CUSTOMERS.check_column(field, if *kind == AttributeKind::Number { Kind::Number } else { Kind::Text })?;
        }
        Ok(())
    }

    fn each(&mut self, views: &Views, rule: &'static TableRule, take: fn(&mut Self, &Batch<'_>) -> Result<()>) -> Result<()> {
        if views.schema(rule.name).is_none() {
            return Ok(());
        }
        self.counts.entry(rule.name).or_insert_with(|| TableCounts { name: rule.name.to_owned(), ..TableCounts::default() });
        views.each(rule.name, &mut |batch| {
            let batch = Batch::new(rule, batch);
            self.count(rule).rows_in += batch.rows() as u64;
            take(self, &batch)
        })
    }

    pub(super) fn count(&mut self, rule: &'static TableRule) -> &mut TableCounts {
        self.counts.entry(rule.name).or_default()
    }

    /// The market of a row: of its column, else the only one.
    pub(super) fn market(&self, name: Option<&str>) -> Result<Option<u16>, Rule> {
        match name {
            Some(name) => {
                let found = self.markets.binary_search_by(|market| market.name.as_str().cmp(name));
                found.map(|index| Some(index as u16)).map_err(|_| "another market")
            }
            None => Ok((self.markets.len() == 1).then_some(0)),
        }
    }

    fn take_rates(&mut self, batch: &Batch<'_>) -> Result<()> {
        let (currency, day, rate) = (batch.text("currency")?, batch.moment("day")?, batch.number("rate")?);
        for row in 0..batch.rows() {
            match (currency.get(row), day.day(row), rate.get(row).filter(|rate| *rate > 0.0)) {
                (Some(currency), Some(day), Some(rate)) => {
                    self.rates.insert(currency, day, rate);
                    self.count(&RATES).rows_out += 1;
                }
                _ => self.count(&RATES).filter("an empty column, or a rate that is not positive"),
            }
        }
        Ok(())
    }

    fn take_calendar(&mut self, batch: &Batch<'_>) -> Result<()> {
        let (market, name) = (batch.text("market")?, batch.text("name")?);
        let (from, to) = (batch.moment("from")?, batch.moment("to")?);
        for row in 0..batch.rows() {
            let period = match (self.market(market.get(row)), name.owned(row), from.day(row), to.day(row)) {
                (Ok(Some(market)), Some(name), Some(from), Some(to)) if from <= to => Ok(CalendarPeriod { market, name, from, to }),
                (Err(rule), ..) => Err(rule),
                _ => Err("an empty column, or an end before the start"),
            };
            match period {
                Ok(period) => {
                    self.calendar.push(period);
                    self.count(&CALENDAR).rows_out += 1;
                }
                Err(rule) => self.count(&CALENDAR).filter(rule),
            }
        }
        Ok(())
    }

    fn take_products(&mut self, batch: &Batch<'_>) -> Result<()> {
        let market = batch.text("market")?;
        let kept = (0..batch.rows()).map(|row| self.market(market.get(row)).map(|found| found.filter(|_| market.get(row).is_some())));
        let kept: Vec<_> = kept.collect();
        let (taken, filtered) = self.declared.take(batch, &kept)?;
        let counts = self.count(&PRODUCTS);
        counts.rows_out += taken;
        for (rule, rows) in filtered {
            counts.filter_many(rule, rows);
        }
        Ok(())
    }

    fn take_customers(&mut self, batch: &Batch<'_>) -> Result<()> {
        let (customer, market) = (batch.text("customer_id")?, batch.text("market")?);
        let (first, welcome) = (batch.moment("first_purchased_at")?, batch.moment("welcome_ended_at")?);
        let (consent, excluded, objects) = (batch.words("consent")?, batch.words("excluded")?, batch.flag("profiling_objection")?);
        let (adviser, store, language) = (batch.text("adviser_id")?, batch.text("store_id")?, batch.text("language")?);
        let attributes = self.attributes.iter().map(|(name, kind)| attribute(batch, name, *kind)).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.rows() {
            let person = id(customer.get(row), "no customer_id").and_then(|customer| Ok((customer, self.market(market.get(row))?)));
            match person {
                Ok((customer, market)) => {
                    let person = Person {
                        customer,
                        market,
                        first_purchased: first.get(row),
                        welcome_ended: welcome.get(row),
                        consent: consent.get(row),
                        objects: objects.get(row).unwrap_or(false),
                        excluded: excluded.get(row),
                        adviser: adviser.owned(row),
                        store: store.owned(row),
                        language: language.owned(row),
                        attributes: attributes.iter().map(|values| values[row].clone()).collect(),
                    };
                    self.people.push(&person.customer, &person)?;
                }
                Err(rule) => self.count(&CUSTOMERS).filter(rule),
            }
        }
        Ok(())
    }

    fn take_contacts(&mut self, batch: &Batch<'_>) -> Result<()> {
        let (customer, at, channel) = (batch.text("customer_id")?, batch.moment("at")?, batch.text("channel")?);
        let (plan, delivered, market) = (batch.text("plan_id")?, batch.flag("delivered")?, batch.text("market")?);
        for row in 0..batch.rows() {
            let touch = || {
                let customer = id(customer.get(row), "no customer_id")?;
                let stamp = at.get(row).ok_or("no at")?;
                let channel = id(channel.get(row), "no channel")?;
                if delivered.get(row) == Some(false) {
                    return Err("not delivered");
                }
                let market = self.market(market.get(row))?;
                Ok(Touch { customer, stamp, market, channel, planned: plan.get(row).is_some() })
            };
            match touch() {
                Ok(touch) => self.touches.push(&touch.customer, &touch)?,
                Err(rule) => self.count(&CONTACTS).filter(rule),
            }
        }
        Ok(())
    }

    fn take_transactions(&mut self, batch: &Batch<'_>) -> Result<()> {
        let columns = super::sales::Columns::new(batch)?;
        for row in 0..batch.rows() {
            match self.sale(&columns, row)? {
                Ok(sale) => self.sales.push(&sale.customer, &sale)?,
                Err(rule) => self.count(&TRANSACTIONS).filter(rule),
            }
        }
        Ok(())
    }

    /// One row of transactions, or the rule that leaves it out.
    fn sale(&mut self, columns: &super::sales::Columns, row: usize) -> Result<Result<Sale, Rule>> {
        let line = match columns.line(row).and_then(|line| Ok((self.market(line.market)?.ok_or("no market")?, line))) {
            Ok(line) => line,
            Err(rule) => return Ok(Err(rule)),
        };
        let (market, line) = line;
        let context = &self.markets[usize::from(market)];
        let Some(moment) = line.stamp.in_zone(&context.zone) else { return Ok(Err("ordered_at outside 1970 to 2100")) };
        let sold = line.sold.is_ok() && !line.returned;
        let product = self.products.number((&TRANSACTIONS, "product_id"), line.product, moment.day, sold)?;
        if let Err(rule) = line.sold {
            return Ok(Err(rule));
        }
        let own = line.currency.unwrap_or(&context.currency);
        let (currency, factor) = match self.rates.factor(own, &context.currency, moment.day) {
            Some(factor) => (context.currency.as_str(), factor),
            None => (own, 1.0),
        };
        let currency = self.currencies.number((&TRANSACTIONS, "currency"), currency, moment.day, false)?;
        if self.as_of.is_none_or(|as_of| moment.day < as_of) {
            widen(&mut self.sold[usize::from(market)], moment.day);
        }
        Ok(Ok(Sale {
            customer: line.customer.to_owned(),
            order: line.order.to_owned(),
            day: moment.day,
            at: moment.at,
            market,
            product,
            quantity: line.quantity,
            amount: line.amount * factor,
            currency,
            returned: line.returned,
            original: line.original.map(str::to_owned),
            gift: line.gift,
        }))
    }
}

pub(super) fn widen(range: &mut Range, day: Day) {
    let (first, last) = range.unwrap_or((day, day));
    *range = Some((first.min(day), last.max(day)));
}

/// An id, bounded.
pub(super) fn id(text: Option<&str>, missing: Rule) -> Result<String, Rule> {
    let text = text.ok_or(missing)?;
    check_id(text).map(|()| text.to_owned())
}

/// Whether an id has a sound length.
pub(super) fn check_id(text: &str) -> Result<(), Rule> {
    if text.len() > LONGEST_ID { Err("an id longer than 256 bytes") } else { Ok(()) }
}

fn attribute(batch: &Batch<'_>, name: &str, kind: AttributeKind) -> Result<Vec<Value>> {
    let rows = 0..batch.rows();
    Ok(match kind {
        AttributeKind::Number => {
            let numbers = batch.number(name)?;
            rows.map(|row| numbers.get(row).map_or(Value::Missing, Value::Number)).collect()
        }
        AttributeKind::Category => {
            let words = batch.text(name)?;
            rows.map(|row| words.owned(row).map_or(Value::Missing, Value::Category)).collect()
        }
    })
}
