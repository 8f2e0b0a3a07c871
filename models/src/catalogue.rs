//! What can be recommended: groups of products (all shades and sizes of one thing).

use serde::{Deserialize, Serialize};

use crate::Day;

/// One group of products: the unit that is owned, bought again and recommended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Group {
    /// The group's id, unique in the catalogue.
    pub id: String,
    /// The product that stands for the group in a contact plan.
    pub product: String,
    /// A name for people; may be empty.
    pub name: String,
    /// Indices of the markets that sell it; empty means all.
    pub markets: Vec<u16>,
    /// Category, family, brand, axis and line, as the source gave them; empty where unknown.
    pub category: String,
    /// See `category`.
    pub family: String,
    /// See `category`.
    pub brand: String,
    /// See `category`.
    pub axis: String,
    /// See `category`.
    pub line: String,
    /// The routine it belongs to and its place in it.
    pub routine: Option<(String, u16)>,
    /// Declared days until a unit is used up.
    pub replenishment_days: Option<u16>,
    /// False for samples, services and whatever the source marks so.
    pub recommendable: bool,
    /// False when out of stock everywhere.
    pub available: bool,
    /// First local day on sale, where known.
    pub launched_on: Option<Day>,
    /// First local day no longer on sale, where known.
    pub discontinued_on: Option<Day>,
}

impl Group {
    /// Whether a customer of `market` may be shown it on local day `on`.
    pub fn eligible(&self, market: u16, on: Day) -> bool {
        self.recommendable
            && self.available
            && (self.markets.is_empty() || self.markets.contains(&market))
            && self.launched_on.is_none_or(|day| day <= on)
            && self.discontinued_on.is_none_or(|day| day > on)
    }
}

/// All groups of a prepared set, sorted by id; a group's place is its index everywhere else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalogue {
    /// Names of the markets, sorted; a market's place is its index everywhere else.
    pub markets: Vec<String>,
    /// Names of the currencies, sorted.
    pub currencies: Vec<String>,
    /// The declared customer attributes, in the order of the source's declaration.
    pub attributes: Vec<AttributeColumn>,
    /// The groups, sorted by id.
    pub groups: Vec<Group>,
    /// Named calendar periods per market.
    pub calendar: Vec<CalendarPeriod>,
}

/// One declared customer attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeColumn {
    /// The column's name.
    pub name: String,
    /// Whether values are numbers (else categories).
    pub number: bool,
}

/// A named period of one market's calendar, both ends inclusive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarPeriod {
    /// Index of the market.
    pub market: u16,
    /// The period's name, such as a sale or a holiday.
    pub name: String,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}
