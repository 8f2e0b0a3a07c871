//! One customer's history. What lies after the landmark cannot be read except as a label.

use serde::{Deserialize, Serialize};

use crate::Day;

/// One line of an order. Samples, gifts with purchase, services and zero amounts are not lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Index of the group in the catalogue.
    pub group: u32,
    /// Units, positive.
    pub quantity: f32,
    /// Line total after discount, tax included, positive, in the order's currency.
    pub amount: f64,
    /// The local day on which all units had come back, where that happened before the data's asOf.
    pub returned_on: Option<Day>,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Local day.
    pub day: Day,
    /// Seconds since 1970-01-01T00:00Z.
    pub at: i64,
    /// Index of the currency in the catalogue.
    pub currency: u16,
    /// Whether the buyer marked it as a present.
    pub gift: bool,
    /// At least one line.
    pub lines: Vec<Line>,
}

impl Order {
    /// Whether, as known at the start of day `at`, every line had come back.
    fn undone_before(&self, at: Day) -> bool {
        self.lines.iter().all(|line| line.returned_on.is_some_and(|day| day < at))
    }

    /// Total of the lines.
    pub fn amount(&self) -> f64 {
        self.lines.iter().map(|line| line.amount).sum()
    }
}

/// What kind of signal an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// An e-mail was sent.
    Sent,
    /// An e-mail was opened (inflated by mail privacy).
    Open,
    /// A link in an e-mail was clicked.
    Click,
    /// A visit to the site.
    Visit,
    /// A product was viewed.
    View,
    /// A product was put into the cart.
    Cart,
    /// A product was put on the wish list.
    Wishlist,
    /// A search.
    Search,
    /// A call with an adviser.
    Call,
    /// A visit to a store.
    StoreVisit,
    /// Any other type that the source names.
    Other,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Local day.
    pub day: Day,
    /// Seconds since 1970-01-01T00:00Z.
    pub at: i64,
    /// What happened.
    pub kind: EventKind,
    /// Index of the group concerned, where there is one.
    pub group: Option<u32>,
    /// Numbers the session within the journey, where the source has sessions.
    pub session: Option<u32>,
}

/// One contact with the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Local day.
    pub day: Day,
    /// The channel's name.
    pub channel: String,
    /// Whether one of our own plans caused it: weeks after such a contact are censored.
    pub planned: bool,
}

/// What is known of a customer apart from time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// First purchase as the source states it (may lie before the extract).
    pub first_purchased_on: Option<Day>,
    /// The end of the welcome programme, where the source states it.
    pub welcome_ended_on: Option<Day>,
    /// Channels to which the customer consented.
    pub consent: Vec<String>,
    /// Values of the catalogue's attribute columns: a number, a category or nothing.
    pub attributes: Vec<Value>,
    /// Marks by which an audience can exclude (employee, reseller, ...).
    pub excluded: Vec<String>,
}

/// One attribute value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Not known.
    #[default]
    Missing,
    /// A number.
    Number(f64),
    /// A category.
    Category(String),
}

/// The parts of a journey, for the crate that makes journeys. Order within the lists does not matter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JourneyParts {
    /// Pseudonymous id.
    pub customer: String,
    /// Index of the market.
    pub market: u16,
    /// False for a visitor who is not a known customer.
    pub known: bool,
    /// See [`Profile`].
    pub profile: Profile,
    /// See [`Order`].
    pub orders: Vec<Order>,
    /// See [`Event`].
    pub events: Vec<Event>,
    /// See [`Contact`].
    pub contacts: Vec<Contact>,
}

/// One customer's whole history. Only [`Journey::as_of`] and [`Journey::outcome`] read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    parts: JourneyParts,
}

impl Journey {
    /// Sorts the parts by time, ties by content, so that equal parts make equal journeys. Orders without lines leave.
    pub fn new(mut parts: JourneyParts) -> Self {
        parts.orders.retain(|order| !order.lines.is_empty());
        for order in &mut parts.orders {
            order.lines.sort_by(|a, b| a.group.cmp(&b.group).then(a.amount.total_cmp(&b.amount)));
        }
        parts.orders.sort_by(|a, b| (a.day, a.at, a.lines[0].group).cmp(&(b.day, b.at, b.lines[0].group)));
        parts.events.sort_by_key(|event| (event.day, event.at, event.kind, event.group, event.session));
        parts.contacts.sort_by(|a, b| (a.day, &a.channel).cmp(&(b.day, &b.channel)));
        Self { parts }
    }

    /// The parts, for the crate that stores journeys.
    pub fn into_parts(self) -> JourneyParts {
        self.parts
    }

    /// Pseudonymous id.
    pub fn customer(&self) -> &str {
        &self.parts.customer
    }

    /// Index of the market.
    pub fn market(&self) -> u16 {
        self.parts.market
    }

    /// The day of the first order, whether or not it came back: where the ages of landmarks are counted from.
    pub(crate) fn first_order_day(&self) -> Option<Day> {
        self.parts.orders.first().map(|order| order.day)
    }

    /// What was known at the start of local day `t`: rows dated before `t` and nothing else.
    pub fn as_of(&self, t: Day) -> View<'_> {
        let orders = self.parts.orders.partition_point(|order| order.day < t);
        let events = self.parts.events.partition_point(|event| event.day < t);
        let contacts = self.parts.contacts.partition_point(|contact| contact.day < t);
        View { parts: &self.parts, at: t, orders, events, contacts }
    }

    /// The label: the first purchase day in `[t, until)`, and the day from which it can no longer be told.
    ///
    /// Purchases that had come back in full before `until` do not count. Observation ends at `until` or, earlier,
    /// on the day after a contact on or after `t` that one of our own plans caused.
    pub fn outcome(&self, t: Day, until: Day) -> Outcome {
        let censored = self.parts.contacts.iter().find(|c| c.planned && c.day >= t).map_or(until, |c| until.min(c.day.plus(1)));
        let purchased = self.parts.orders.iter().find(|o| o.day >= t && o.day < censored && !o.undone_before(until)).map(|o| o.day);
        Outcome { purchased, observed_until: censored }
    }
}

/// What happened from a landmark on: labels only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The first purchase day on or after the landmark, where one was observed.
    pub purchased: Option<Day>,
    /// First day that was not observed any more.
    pub observed_until: Day,
}

/// A journey as it was known at the start of one local day.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    parts: &'a JourneyParts,
    at: Day,
    orders: usize,
    events: usize,
    contacts: usize,
}

impl<'a> View<'a> {
    /// The day at whose start this was known.
    pub fn at(&self) -> Day {
        self.at
    }

    /// Pseudonymous id.
    pub fn customer(&self) -> &'a str {
        &self.parts.customer
    }

    /// Index of the market.
    pub fn market(&self) -> u16 {
        self.parts.market
    }

    /// False for a visitor who is not a known customer.
    pub fn known(&self) -> bool {
        self.parts.known
    }

    /// What is known apart from time.
    pub fn profile(&self) -> &'a Profile {
        &self.parts.profile
    }

    /// Orders before the landmark that had not come back in full by then, oldest first.
    pub fn orders(&self) -> impl DoubleEndedIterator<Item = &'a Order> + use<'a> {
        let at = self.at;
        self.parts.orders[..self.orders].iter().filter(move |order| !order.undone_before(at))
    }

    /// The lines of `order` that had not come back by the landmark.
    pub fn kept<'o>(&self, order: &'o Order) -> impl Iterator<Item = &'o Line> + use<'o> {
        let at = self.at;
        order.lines.iter().filter(move |line| line.returned_on.is_none_or(|day| day >= at))
    }

    /// Distinct local days with a purchase, oldest first. A purchase is customer x local day.
    pub fn purchase_days(&self) -> Vec<Day> {
        let mut days: Vec<Day> = self.orders().map(|order| order.day).collect();
        days.dedup();
        days
    }

    /// What is known at the landmark as a journey of its own: nothing later is in it.
    pub fn to_journey(&self) -> Journey {
        let mut parts = JourneyParts {
            customer: self.parts.customer.clone(),
            market: self.parts.market,
            known: self.parts.known,
            profile: self.parts.profile.clone(),
            orders: self.parts.orders[..self.orders].to_vec(),
            events: self.events().to_vec(),
            contacts: self.contacts().to_vec(),
        };
        for line in parts.orders.iter_mut().flat_map(|order| &mut order.lines) {
            line.returned_on = line.returned_on.filter(|day| *day < self.at);
        }
        Journey { parts }
    }

    /// Events before the landmark, oldest first.
    pub fn events(&self) -> &'a [Event] {
        &self.parts.events[..self.events]
    }

    /// Contacts before the landmark, oldest first.
    pub fn contacts(&self) -> &'a [Contact] {
        &self.parts.contacts[..self.contacts]
    }
}
