//! The rules of one row of events.

use reprise_models::Day;
use reprise_models::journey::EventKind;

use super::gather::{Gathered, id, widen};
use super::rows::{Link, Signal};
use crate::canonical::{Batch, EVENTS};
use crate::error::Result;
use crate::time::Stamp;

impl Gathered {
    /// Takes rows of events: a customer's to his shard, a visitor's to that of the visitor, and whoever is both links them.
    pub(super) fn take_events(&mut self, batch: &Batch<'_>) -> Result<()> {
        let (at, kind, customer) = (batch.moment("at")?, batch.text("type")?, batch.text("customer_id")?);
        let (visitor, event, product) = (batch.text("visitor_id")?, batch.text("event_id")?, batch.text("product_id")?);
        let (session, market) = (batch.text("session_id")?, batch.text("market")?);
        for row in 0..batch.rows() {
            let read = || {
                let stamp = at.get(row).ok_or("no at")?;
                let kind = event_kind(kind.get(row).ok_or("no type")?);
                let owner = id(customer.get(row).or(visitor.get(row)), "neither customer_id nor visitor_id")?;
                Ok((stamp, kind, owner, self.market(market.get(row))?))
            };
            let (stamp, kind, owner, market) = match read() {
                Ok(read) => read,
                Err(rule) => {
                    self.count(&EVENTS).filter(rule);
                    continue;
                }
            };
            let Some(day) = self.event_day(stamp, market) else {
                self.count(&EVENTS).filter("at outside 1970 to 2100");
                continue;
            };
            let product = product.get(row).map(|name| self.products.number((&EVENTS, "product_id"), name, day, true)).transpose()?;
            let known = customer.get(row).is_some();
            let signal =
                Signal { owner, known, stamp, market, kind, product, session: session.owned(row), id: event.owned(row), joined: None };
            match visitor.get(row) {
                Some(visitor) if known => {
                    self.links.push(visitor, &Link { visitor: visitor.to_owned(), stamp, customer: signal.owner.clone() })?;
                }
                _ => {}
            }
            if known { self.signals.push(&signal.owner, &signal)? } else { self.visits.push(&signal.owner, &signal)? }
        }
        Ok(())
    }

    /// The local day of an event, which widens its market's range; in no market, the latest day that it can be.
    fn event_day(&mut self, stamp: Stamp, market: Option<u16>) -> Option<Day> {
        let Some(market) = market.map(usize::from) else { return Some(stamp.latest_day()) };
        let day = stamp.in_zone(&self.markets[market].zone)?.day;
        if self.as_of.is_none_or(|as_of| day < as_of) {
            widen(&mut self.signalled[market], day);
        }
        Some(day)
    }
}

fn event_kind(name: &str) -> EventKind {
    match name.to_ascii_lowercase().as_str() {
        "sent" => EventKind::Sent,
        "open" => EventKind::Open,
        "click" => EventKind::Click,
        "visit" => EventKind::Visit,
        "view" => EventKind::View,
        "cart" => EventKind::Cart,
        "wishlist" => EventKind::Wishlist,
        "search" => EventKind::Search,
        "call" => EventKind::Call,
        "store_visit" => EventKind::StoreVisit,
        _ => EventKind::Other,
    }
}
