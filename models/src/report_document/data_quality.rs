//! What was read and what was refused.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Counts of the data behind a run; a row is out, quarantined or filtered, never two of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DataQuality {
    /// One row per file of the source, in the order in which the source names them.
    pub files: Vec<RowCounts>,
    /// One row per view of the source, in the order in which the source names them.
    pub views: Vec<RowCounts>,
    /// The most frequent refusals, most frequent first.
    pub refusals: Vec<Refusal>,
    /// One row per market, by name.
    pub markets: Vec<MarketData>,
}

/// Rows of one file or view: `rows_in = rows_out + quarantined + filtered`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RowCounts {
    /// Name in the source.
    pub name: String,
    /// Rows that came in.
    pub rows_in: u64,
    /// Rows that went on.
    pub rows_out: u64,
    /// Rows with a value that cannot be read.
    pub quarantined: u64,
    /// Good rows that a rule leaves out: another market, a sample, a duplicate.
    pub filtered: u64,
}

/// One reason for which rows were refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// File or view.
    pub name: String,
    /// Column of it.
    pub column: String,
    /// Why, in a few words; never a value.
    pub reason: String,
    /// Rows refused.
    pub count: u64,
}

/// What is known of one market.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MarketData {
    /// Name of the market.
    pub market: String,
    /// Customers with at least one purchase.
    pub customers: u64,
    /// Of these, those with exactly one purchase day.
    pub one_timers: u64,
    /// Orders.
    pub orders: u64,
    /// Product groups sold.
    pub groups: u64,
    /// Routines found in the catalogue.
    pub routines: u64,
    /// First local day with an order; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_day: Option<Date>,
    /// Last local day with an order; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_day: Option<Date>,
    /// Share of customers with at least one e-mail click, 0..=1.
    pub share_with_clicks: f64,
    /// Share of customers with at least one visit, 0..=1.
    pub share_with_visits: f64,
    /// Spans without any order that are long for this market, earliest first.
    pub gaps: Vec<Gap>,
}

/// Days without any order, both ends inclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// First day without an order.
    pub from: Date,
    /// Last day without an order.
    pub to: Date,
}
