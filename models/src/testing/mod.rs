//! For tests: a store of rounds in memory, and a shop with a known law (hazards of the second purchase by age, season,
//! market, basket and clicks).

mod memory;

pub(crate) use memory::{MemoryRounds, Store};

use crate::draw::{self, Use};
use crate::learn::Result;
use crate::{Catalogue, Day, Event, EventKind, Group, Journey, JourneyParts, Line, Order};

/// First day with an order.
pub(crate) const START: Day = Day(14_600);
/// Days of history.
pub(crate) const DAYS: i32 = 600;
/// The day after the last.
pub(crate) const END: Day = START.plus(DAYS);

/// What the shop's customers are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shop {
    pub(crate) customers: u64,
    pub(crate) seed: u64,
    /// Effect on the log hazard of one standard deviation of the log amount of the first basket.
    pub(crate) basket: f64,
    /// Effect on the log hazard of a click within the last 14 days.
    pub(crate) click: f64,
    /// Amplitude of the yearly wave in all volume, log.
    pub(crate) season: f64,
    /// Log hazard of market 1 against market 0.
    pub(crate) market: f64,
}

impl Default for Shop {
    fn default() -> Self {
        Self { customers: 1500, seed: 1, basket: 0.7, click: 0.0, season: 0.5, market: 0.0 }
    }
}

/// The daily hazard at an age, without anything else.
pub(crate) fn age_hazard(age: i32) -> f64 {
    0.02 * (-f64::from(age) / 25.0).exp() + 0.002
}

impl Shop {
    pub(crate) fn season_at(&self, day: Day) -> f64 {
        self.season * (std::f64::consts::TAU * f64::from(day.since(START)) / 364.0).sin()
    }

    pub(crate) fn catalogue() -> Catalogue {
        let group = |place: u32| Group {
            id: format!("g{place}"),
            product: format!("p{place}"),
            family: format!("f{}", place % 3),
            recommendable: true,
            available: true,
            routine: (place < 4).then(|| ("r".to_owned(), place as u16)),
            ..Group::default()
        };
        Catalogue {
            markets: vec!["AA".to_owned(), "BB".to_owned()],
            currencies: vec!["XXX".to_owned()],
            groups: (0..12).map(group).collect(),
            ..Catalogue::default()
        }
    }

    /// A pass over all journeys, sorted by customer.
    pub(crate) fn pass(&self, visit: &mut dyn FnMut(Journey) -> Result<()>) -> Result<()> {
        (0..self.customers).try_for_each(|customer| visit(self.journey(customer)))
    }

    pub(crate) fn journey(&self, customer: u64) -> Journey {
        Journey::new(self.parts(customer))
    }

    /// The customer's whole life up to [`END`].
    pub(crate) fn parts(&self, customer: u64) -> JourneyParts {
        let uniform = |index: u64| draw::uniform(self.seed, Use::Sample, customer, index);
        let first = self.first_day(customer);
        let size = draw::normal(self.seed, Use::Weights, customer, 0);
        let market = u16::from(customer.is_multiple_of(10));
        let mut parts = JourneyParts { customer: format!("c{customer:05}"), market, known: true, ..JourneyParts::default() };
        parts.orders.push(order(first, 50.0 * (0.6 * size).exp(), (12.0 * uniform(0)) as u32));
        let mut last_click = None;
        for age in 1..END.since(first) {
            let day = first.plus(age);
            let clicked = last_click.is_some_and(|click| day.since(click) <= 14);
            let effect =
                self.basket * size + self.season_at(day) + self.market * f64::from(market) + self.click * f64::from(u8::from(clicked));
            let chance = 1.0 - (-age_hazard(age) * effect.exp()).exp();
            if uniform(2 * age as u64 + 100) < chance {
                parts.orders.push(order(day, 40.0, (12.0 * uniform(1)) as u32));
                break;
            }
            if uniform(2 * age as u64 + 101) < 0.02 {
                parts.events.push(Event { day, at: i64::from(day.0) * 86_400, kind: EventKind::Click, group: None, session: None });
                last_click = Some(day);
            }
        }
        parts
    }

    /// A day of the first purchase, by rejection on the season.
    fn first_day(&self, customer: u64) -> Day {
        let highest = self.season.abs().exp();
        let tries = (0..1000)
            .map(|index| draw::uniform(self.seed, Use::Order, customer, 2 * index))
            .zip((0..1000).map(|index| draw::uniform(self.seed, Use::Order, customer, 2 * index + 1)));
        let days = tries.map(|(day, height)| (START.plus((day * f64::from(DAYS)) as i32), height));
        days.into_iter().find(|(day, height)| height * highest < self.season_at(*day).exp()).map_or(START, |(day, _)| day)
    }
}

fn order(day: Day, amount: f64, group: u32) -> Order {
    let lines = vec![Line { group, quantity: 1.0, amount, returned_on: None }];
    Order { day, at: i64::from(day.0) * 86_400 + 3600, currency: 0, gift: false, lines }
}
