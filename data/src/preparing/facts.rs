//! What a market's journeys look like from above.

use std::collections::BTreeSet;

use reprise_models::journey::EventKind;
use reprise_models::{Catalogue, Day, View};

use super::gather::MarketContext;
use crate::quality::MarketFacts;

/// Days without an order from which on a gap is reported.
const GAP_DAYS: i32 = 7;

/// Counts journeys as they pass.
pub(super) struct Facts {
    markets: Vec<MarketFacts>,
    groups: Vec<BTreeSet<u32>>,
    days: Vec<BTreeSet<Day>>,
}

impl Facts {
    /// Nothing counted yet; `ranges` are the first and last days of the markets.
    pub(super) fn new(markets: &[MarketContext], ranges: &[(Day, Day)]) -> Self {
        let facts = |(market, range): (&MarketContext, &(Day, Day))| MarketFacts {
            name: market.name.clone(),
            time_zone: market.zone_name.clone(),
            currency: market.currency.clone(),
            first_day: range.0.date(),
            last_day: range.1.date(),
            ..MarketFacts::default()
        };
        let count = markets.len();
        Self {
            markets: markets.iter().zip(ranges).map(facts).collect(),
            groups: vec![BTreeSet::new(); count],
            days: vec![BTreeSet::new(); count],
        }
    }

    /// Counts one journey as it was known at the cut.
    pub(super) fn see(&mut self, view: View<'_>) {
        let market = usize::from(view.market());
        let facts = &mut self.markets[market];
        let purchases = view.purchase_days().len() as u64;
        if purchases == 0 {
            if view.known() {
                facts.without_purchase += 1;
            } else {
                facts.visitors += 1;
            }
            return;
        }
        facts.customers += 1;
        facts.one_timers += u64::from(purchases == 1);
        facts.purchases += purchases;
        for order in view.orders() {
            facts.orders += 1;
            self.days[market].insert(order.day);
            for line in view.kept(order) {
                facts.lines += 1;
                self.groups[market].insert(line.group);
            }
        }
        let with = |kinds: &[EventKind]| u64::from(view.events().iter().any(|event| kinds.contains(&event.kind)));
        facts.customers_with_clicks += with(&[EventKind::Click]);
        facts.customers_with_visits += with(&[EventKind::Visit, EventKind::View, EventKind::Cart, EventKind::Search]);
    }

    /// The facts of all markets.
    pub(super) fn finish(self, catalogue: &Catalogue) -> Vec<MarketFacts> {
        let counted = self.markets.into_iter().zip(self.groups).zip(self.days);
        let finished = counted.map(|((mut facts, groups), days)| {
            let routines = groups.iter().filter_map(|group| catalogue.groups[*group as usize].routine.as_ref());
            facts.routines = routines.map(|(routine, _)| routine).collect::<BTreeSet<_>>().len() as u64;
            facts.groups = groups.len() as u64;
            facts.gaps = gaps(&days);
            facts
        });
        finished.collect()
    }
}

fn gaps(days: &BTreeSet<Day>) -> Vec<(jiff::civil::Date, jiff::civil::Date)> {
    let pairs = days.iter().zip(days.iter().skip(1));
    let long = pairs.filter(|(day, next)| next.since(**day) > GAP_DAYS);
    long.filter_map(|(day, next)| day.plus(1).date().zip(next.plus(-1).date())).collect()
}
