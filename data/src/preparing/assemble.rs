//! The second pass: the rows of one customer become one journey.

use std::collections::{BTreeMap, BTreeSet};

use reprise_models::journey::{Event, Value};
use reprise_models::{Contact, Day, Journey, JourneyParts, Order, Profile};

use super::gather::MarketContext;
use super::rows::{Person, Sale, Signal, Touch};
use crate::canonical::{CONTACTS, CUSTOMERS, EVENTS, TRANSACTIONS};
use crate::quality::TableCounts;
use crate::store::Customer;
use crate::time::{Moment, Stamp};

/// All rows of one customer or visitor.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) sales: Vec<Sale>,
    pub(super) signals: Vec<Signal>,
    pub(super) touches: Vec<Touch>,
    pub(super) people: Vec<Person>,
}

/// What journeys are assembled with.
pub(super) struct Assembly<'a> {
    pub(super) markets: &'a [MarketContext],
    pub(super) as_of: Day,
    /// Group of each seen product.
    pub(super) of_product: &'a [Option<u32>],
    /// Index in the catalogue of each seen currency.
    pub(super) of_currency: &'a [Option<u16>],
    /// Number of declared attributes.
    pub(super) attributes: usize,
}

/// A customer or visitor with his history.
pub(super) type Assembled = (Customer, Journey);

type Counts = BTreeMap<&'static str, TableCounts>;

impl Assembly<'_> {
    /// The journey of `rows`; `None` where a rule leaves the customer out. Counts every row once: out or filtered.
    pub(super) fn assemble(&self, id: &str, known: bool, mut rows: Rows, counts: &mut Counts) -> Option<Assembled> {
        if rows.people.iter().any(|person| person.objects) {
            count_all(&rows, "the customer objects to profiling", counts);
            return None;
        }
        let later = rows.sales.extract_if(.., |sale| sale.day >= self.as_of).count();
        counts.entry(TRANSACTIONS.name).or_default().filter_many(AFTER, later as u64);
        rows.sales
            .sort_by(|a, b| self.order(a).cmp(&self.order(b)).then(a.amount.total_cmp(&b.amount)).then(a.quantity.total_cmp(&b.quantity)));
        let person = merged(std::mem::take(&mut rows.people), counts);
        let Some(market) = market(&rows, person.as_ref()) else {
            count_all(&rows, "no market", counts);
            counts.entry(CUSTOMERS.name).or_default().filter_many("no market", u64::from(person.is_some()));
            return None;
        };
        let events = self.events(rows.signals, market, counts);
        let contacts = self.contacts(rows.touches, market, counts);
        let (orders, returns_alone) = self.orders(rows.sales, counts);
        let first =
            person.as_ref().and_then(|person| person.first_purchased).and_then(|stamp| self.moment(stamp, market)).map(|moment| moment.day);
        let nothing = orders.is_empty() && events.is_empty() && contacts.is_empty();
        // Nobody could have known this customer: the first purchase lies after the cut.
        let unborn = nothing && first.is_some_and(|day| day >= self.as_of);
        let table = counts.entry(CUSTOMERS.name).or_default();
        match &person {
            Some(_) if unborn => table.filter("first purchase on or after asOf"),
            Some(_) => table.rows_out += 1,
            None => {}
        }
        if unborn || (nothing && person.is_none() && !returns_alone) || (nothing && !known) {
            return None;
        }
        let person = person.unwrap_or_default();
        let profile = self.profile(&person, first, market);
        let customer = Customer { id: id.to_owned(), adviser: person.adviser, store: person.store, language: person.language };
        Some((customer, Journey::new(JourneyParts { customer: id.to_owned(), market, known, profile, orders, events, contacts })))
    }

    /// A total order of sales that depends on nothing but their content.
    fn order<'s>(&self, sale: &'s Sale) -> impl Ord + use<'s> {
        (sale.at, sale.returned, &sale.order, self.group(sale.product), self.of_currency[sale.currency as usize], &sale.original)
    }

    fn group(&self, product: u32) -> Option<u32> {
        self.of_product.get(product as usize).copied().flatten()
    }

    fn moment(&self, stamp: Stamp, market: u16) -> Option<Moment> {
        stamp.in_zone(&self.markets[usize::from(market)].zone)
    }

    /// Orders with their returns, and whether there were returns of nothing known.
    fn orders(&self, sales: Vec<Sale>, counts: &mut Counts) -> (Vec<Order>, bool) {
        let counts = counts.entry(TRANSACTIONS.name).or_default();
        let mut basket = super::returns::Basket::default();
        let mut unmatched = false;
        for sale in sales {
            let group = self.group(sale.product);
            let currency = self.of_currency.get(sale.currency as usize).copied().flatten();
            let (Some(group), Some(currency)) = (group, currency) else {
                // Unreachable: what was seen before the cut has a place in the catalogue.
                counts.filter("no place in the catalogue");
                continue;
            };
            if !sale.returned {
                basket.buy(&sale, group, currency);
                counts.rows_out += 1;
            } else if basket.give_back(&sale, group) {
                counts.rows_out += 1;
            } else {
                unmatched = true;
                counts.filter("a return of nothing that was bought");
            }
        }
        (basket.into_orders(), unmatched)
    }

    fn events(&self, mut signals: Vec<Signal>, market: u16, counts: &mut Counts) -> Vec<Event> {
        let counts = counts.entry(EVENTS.name).or_default();
        signals.sort_by(|a, b| {
            (a.stamp, a.kind, &a.id, &a.session).cmp(&(b.stamp, b.kind, &b.id, &b.session)).then(self.seen(a).cmp(&self.seen(b)))
        });
        let mut ids = BTreeSet::new();
        let mut sessions: BTreeMap<String, u32> = BTreeMap::new();
        let mut events = Vec::with_capacity(signals.len());
        for signal in signals {
            let own = signal.market.unwrap_or(market);
            let Some(moment) = self.moment(signal.stamp, own) else {
                counts.filter("at outside 1970 to 2100");
                continue;
            };
            // A visit counts from the day on which it was known whose it is, or a later login would tell of the future.
            let joined = signal.joined.and_then(|stamp| self.moment(stamp, own)).map_or(moment.day, |joined| joined.day);
            let day = moment.day.max(joined);
            if day >= self.as_of {
                counts.filter(AFTER);
                continue;
            }
            if signal.id.is_some_and(|id| !ids.insert(id)) {
                counts.filter("event_id seen before");
                continue;
            }
            let next = sessions.len() as u32;
            let session = signal.session.map(|session| *sessions.entry(session).or_insert(next));
            let group = signal.product.and_then(|product| self.group(product));
            events.push(Event { day, at: moment.at, kind: signal.kind, group, session });
            counts.rows_out += 1;
        }
        events
    }

    fn seen(&self, signal: &Signal) -> (Option<u32>, Option<u16>, Option<Stamp>) {
        (signal.product.and_then(|product| self.group(product)), signal.market, signal.joined)
    }

    fn contacts(&self, touches: Vec<Touch>, market: u16, counts: &mut Counts) -> Vec<Contact> {
        let counts = counts.entry(CONTACTS.name).or_default();
        let mut contacts = Vec::with_capacity(touches.len());
        for touch in touches {
            match self.moment(touch.stamp, touch.market.unwrap_or(market)) {
                None => counts.filter("at outside 1970 to 2100"),
                Some(moment) if moment.day >= self.as_of => counts.filter(AFTER),
                Some(moment) => {
                    contacts.push(Contact { day: moment.day, channel: touch.channel, planned: touch.planned });
                    counts.rows_out += 1;
                }
            }
        }
        contacts.sort_by(|a, b| (a.day, &a.channel, a.planned).cmp(&(b.day, &b.channel, b.planned)));
        contacts
    }

    fn profile(&self, person: &Person, first: Option<Day>, market: u16) -> Profile {
        let mut attributes = person.attributes.clone();
        attributes.resize(self.attributes, Value::Missing);
        Profile {
            first_purchased_on: first.filter(|day| *day < self.as_of),
            welcome_ended_on: person.welcome_ended.and_then(|stamp| self.moment(stamp, market)).map(|moment| moment.day),
            consent: person.consent.clone(),
            attributes,
            excluded: person.excluded.clone(),
        }
    }
}

const AFTER: &str = "on or after asOf";

/// The market of the first purchase, else of the customers table, else of the first row that names one.
fn market(rows: &Rows, person: Option<&Person>) -> Option<u16> {
    let bought = rows.sales.iter().find(|sale| !sale.returned).or(rows.sales.first()).map(|sale| sale.market);
    let signalled = || rows.signals.iter().filter_map(|signal| Some((signal.stamp, signal.market?))).min().map(|(_, market)| market);
    let touched = || rows.touches.iter().filter_map(|touch| Some((touch.stamp, touch.market?))).min().map(|(_, market)| market);
    bought.or_else(|| person?.market).or_else(signalled).or_else(touched)
}

/// One person of all rows of the customers table: the first in a fixed order; the others are counted as filtered.
fn merged(mut people: Vec<Person>, counts: &mut Counts) -> Option<Person> {
    let counts = counts.entry(CUSTOMERS.name).or_default();
    people.sort_by_cached_key(|person| serde_json::to_string(person).unwrap_or_default());
    counts.filter_many("another row of the same customer", people.len().saturating_sub(1) as u64);
    people.into_iter().next()
}

fn count_all(rows: &Rows, rule: &str, counts: &mut Counts) {
    let all = [
        (&TRANSACTIONS, rows.sales.len()),
        (&EVENTS, rows.signals.len()),
        (&CONTACTS, rows.touches.len()),
        (&CUSTOMERS, rows.people.len()),
    ];
    for (table, rows) in all {
        counts.entry(table.name).or_default().filter_many(rule, rows as u64);
    }
}
