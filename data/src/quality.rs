//! What was read, what was refused and what was left out: `quality.json` of a prepared set.

use std::collections::BTreeMap;

use jiff::civil::Date;
use reprise_models::report_document::{DataQuality, Gap, MarketData, Refusal, RowCounts};
use serde::{Deserialize, Serialize};

/// Counts and facts of a prepared set. Rows in = rows out + quarantined + filtered, per file and table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    /// Version of the prepared set's files: [`crate::FORMAT`].
    pub format: u32,
    /// First local day that was not read.
    pub as_of: Date,
    /// Last local day that is complete in every market.
    pub through: Date,
    /// Days at the start of the extract in which a first purchase is not known to be a first one.
    pub burn_in_days: u16,
    /// The markets of the run, sorted by name.
    pub markets: Vec<MarketFacts>,
    /// Every file that was read, by table, then name.
    pub files: Vec<FileCounts>,
    /// Every canonical table that the source yields, by name.
    pub tables: Vec<TableCounts>,
    /// Journeys per shard: as many entries as there are shards.
    pub shards: Vec<u64>,
}

/// Most reasons that a report names.
const MOST_REFUSALS: usize = 20;

impl Quality {
    /// These counts as a report shows them.
    pub fn document(&self) -> DataQuality {
        let files = self.files.iter().map(|file| RowCounts {
            name: file.name.clone(),
            rows_in: file.rows_in,
            rows_out: file.rows_out,
            quarantined: file.quarantined,
            filtered: 0,
        });
        let views = self.tables.iter().map(|table| RowCounts {
            name: table.name.clone(),
            rows_in: table.rows_in,
            rows_out: table.rows_out,
            quarantined: 0,
            filtered: table.filtered.values().sum(),
        });
        DataQuality {
            files: files.collect(),
            views: views.collect(),
            refusals: self.refusals(),
            markets: self.markets.iter().map(MarketFacts::document).collect(),
        }
    }

    /// The most frequent reasons for which rows were refused or left out.
    fn refusals(&self) -> Vec<Refusal> {
        let refusal = |name: &str, column: &str, reason: &str, count: u64| Refusal {
            name: name.to_owned(),
            column: column.to_owned(),
            reason: reason.to_owned(),
            count,
        };
        let cells =
            self.files.iter().flat_map(|file| file.refusals.iter().map(|cell| refusal(&file.name, &cell.column, &cell.reason, cell.rows)));
        let rules = self.tables.iter().flat_map(|table| table.filtered.iter().map(|(rule, rows)| refusal(&table.name, "", rule, *rows)));
        let mut all: Vec<Refusal> = cells.chain(rules).collect();
        all.sort_by(|a, b| (b.count, &a.name, &a.column, &a.reason).cmp(&(a.count, &b.name, &b.column, &b.reason)));
        all.truncate(MOST_REFUSALS);
        all
    }
}

impl MarketFacts {
    fn document(&self) -> MarketData {
        let share = |count: u64| if self.customers == 0 { 0.0 } else { count as f64 / self.customers as f64 };
        MarketData {
            market: self.name.clone(),
            customers: self.customers,
            one_timers: self.one_timers,
            orders: self.orders,
            groups: self.groups,
            routines: self.routines,
            first_day: self.first_day,
            last_day: self.last_day,
            share_with_clicks: share(self.customers_with_clicks),
            share_with_visits: share(self.customers_with_visits),
            gaps: self.gaps.iter().map(|(from, to)| Gap { from: *from, to: *to }).collect(),
        }
    }
}

/// Rows of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileCounts {
    /// Name below the source's location.
    pub name: String,
    /// The file table it belongs to.
    pub table: String,
    /// Rows read.
    pub rows_in: u64,
    /// Rows typed.
    pub rows_out: u64,
    /// Rows in `quarantine.jsonl`.
    pub quarantined: u64,
    /// Why rows are there, by column, then reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<CellRefusal>,
}

/// One reason for which rows of a file were refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CellRefusal {
    /// The column; empty where the row could not be cut into cells.
    pub column: String,
    /// Why, in a few words; never a value.
    pub reason: String,
    /// Rows refused.
    pub rows: u64,
}

/// Rows of one canonical table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableCounts {
    /// Name of the table, which is the view's.
    pub name: String,
    /// Rows that the view yielded.
    pub rows_in: u64,
    /// Rows that were used.
    pub rows_out: u64,
    /// Rows that a rule left out, by the rule.
    pub filtered: BTreeMap<String, u64>,
}

impl TableCounts {
    /// Counts a row that a rule leaves out.
    pub(crate) fn filter(&mut self, rule: &str) {
        self.filter_many(rule, 1);
    }

    /// Counts rows that a rule leaves out.
    pub(crate) fn filter_many(&mut self, rule: &str, rows: u64) {
        if rows > 0 {
            *self.filtered.entry(rule.to_owned()).or_default() += rows;
        }
    }
}

/// What is known of one market.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MarketFacts {
    /// Name of the market.
    pub name: String,
    /// IANA time zone in which its days are counted.
    pub time_zone: String,
    /// Currency of amounts that have none of their own.
    pub currency: String,
    /// Local day of the first transaction (event where there are none): the start of the extract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_day: Option<Date>,
    /// Local day of the last transaction (event where there are none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_day: Option<Date>,
    /// Customers with at least one purchase.
    pub customers: u64,
    /// Of these, those with exactly one purchase day.
    pub one_timers: u64,
    /// Purchases: customer x local day.
    pub purchases: u64,
    /// Orders.
    pub orders: u64,
    /// Lines of orders.
    pub lines: u64,
    /// Distinct groups sold.
    pub groups: u64,
    /// Routines of the catalogue that the market sells.
    pub routines: u64,
    /// Customers with at least one purchase and one e-mail click.
    pub customers_with_clicks: u64,
    /// Customers with at least one purchase and one visit, view, cart or search.
    pub customers_with_visits: u64,
    /// Known customers without a purchase.
    pub without_purchase: u64,
    /// Visitors who are not known customers.
    pub visitors: u64,
    /// Spans of at least 7 days without an order between the first and the last day, as first and last day of each.
    pub gaps: Vec<(Date, Date)>,
}
