//! Small sources, written to a folder, read and prepared through the crate's own functions.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

use std::collections::BTreeMap;
use std::path::Path;

use reprise_crds::source::DataSourceSpec;
use reprise_data::{Customer, FILES, InputFile, Inputs, Prepared, Result, Tables, find_files, prepare, read};
use reprise_models::journey::JourneyParts;
use tempfile::TempDir;

/// A source of small files.
#[derive(Clone)]
pub struct Source {
    pub yaml: String,
    pub files: BTreeMap<String, Vec<u8>>,
    pub markets: Vec<String>,
    pub as_of: Option<jiff::civil::Date>,
}

/// A prepared set with the folders that it lies in.
pub struct Done {
    pub prepared: Prepared,
    pub folder: TempDir,
    pub quarantine: String,
}

/// The source that most tests use: one CSV of sales in a shared folder.
pub const SALES: &str = r#"
location: gs://brand/
markets: [{name: "NO", timeZone: Europe/Oslo, currency: NOK}, {name: SE, timeZone: Europe/Stockholm, currency: SEK}]
files:
- name: sales
  path: sales*.csv
  csv: {}
  columns: [{name: at, type: Timestamp}, {name: units, type: Integer}, {name: amount, type: Decimal}]
views:
- name: transactions
  sql: >-
    SELECT customer AS customer_id, "order" AS order_id, at AS ordered_at, product AS product_id, units AS quantity,
    amount, market, kind FROM sales
"#;

/// The header of [`SALES`].
pub const HEADER: &str = "customer,order,at,product,units,amount,market,kind\n";

impl Source {
    pub fn new(yaml: &str, markets: &[&str]) -> Self {
        let markets = markets.iter().map(|&name| name.to_owned()).collect();
        Self { yaml: yaml.to_owned(), files: BTreeMap::new(), markets, as_of: None }
    }

    /// [`SALES`] with these rows.
    pub fn sales(rows: &str) -> Self {
        Self::new(SALES, &["NO", "SE"]).file("sales.csv", &format!("{HEADER}{rows}"))
    }

    pub fn file(self, name: &str, text: &str) -> Self {
        self.bytes(name, text.as_bytes())
    }

    pub fn bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        self.files.insert(name.to_owned(), bytes.to_vec());
        self
    }

    pub fn cut(mut self, date: &str) -> Self {
        self.as_of = Some(date.parse().unwrap());
        self
    }

    pub fn markets(mut self, markets: &[&str]) -> Self {
        self.markets = markets.iter().map(|&name| name.to_owned()).collect();
        self
    }

    pub fn replace(mut self, from: &str, to: &str) -> Self {
        assert!(self.yaml.contains(from), "{from}");
        self.yaml = self.yaml.replace(from, to);
        self
    }

    pub fn spec(&self) -> DataSourceSpec {
        serde_yaml::from_str(&self.yaml).unwrap()
    }

    pub fn read(&self, scratch: &Path) -> Result<Tables> {
        let spec = self.spec();
        let listed: Vec<String> = self.files.keys().cloned().collect();
        let mut files = Vec::new();
        for (index, found) in find_files(&spec, &self.markets, &listed)?.into_iter().enumerate() {
            let path = scratch.join(format!("fetched-{index}"));
            std::fs::write(&path, &self.files[&found.name]).unwrap();
            files.push(InputFile { found, path });
        }
        // The order in which files were fetched must not matter.
        files.reverse();
        read(&Inputs { markets: self.markets.clone(), files, memory: 64 << 20 }, &spec, scratch)
    }

    pub fn prepare(&self) -> Result<Done> {
        let scratch = TempDir::new().unwrap();
        let tables = self.read(scratch.path())?;
        let quarantine = std::fs::read_to_string(tables.quarantine()).unwrap();
        let folder = TempDir::new().unwrap();
        let prepared = prepare(&tables, self.as_of, folder.path())?;
        Ok(Done { prepared, folder, quarantine })
    }

    /// The message of a source that must be refused.
    pub fn refusal(&self) -> String {
        match self.prepare() {
            Ok(_) => panic!("accepted"),
            Err(error) => error.to_string(),
        }
    }
}

impl Done {
    /// All journeys by customer.
    pub fn journeys(&self) -> BTreeMap<String, JourneyParts> {
        self.all().into_iter().map(|(_, parts)| (parts.customer.clone(), parts)).collect()
    }

    pub fn all(&self) -> Vec<(Customer, JourneyParts)> {
        let journeys = self.prepared.journeys(0..reprise_data::SHARDS).unwrap();
        journeys.map(|journey| journey.map(|(customer, journey)| (customer, journey.into_parts())).unwrap()).collect()
    }

    /// The bytes of every file of the set.
    pub fn bytes(&self) -> BTreeMap<&'static str, Vec<u8>> {
        FILES.iter().map(|name| (*name, std::fs::read(self.folder.path().join(name)).unwrap())).collect()
    }

    /// Rows that left a table, by rule.
    pub fn filtered(&self, table: &str) -> BTreeMap<String, u64> {
        let counts = self.prepared.quality().tables.iter().find(|counts| counts.name == table);
        counts.map(|counts| counts.filtered.clone()).unwrap_or_default()
    }

    /// One line per order of a customer: day, then group x quantity = amount, and the day it came back.
    pub fn orders(&self, customer: &str) -> Vec<String> {
        let catalogue = self.prepared.catalogue();
        let journeys = self.journeys();
        let orders = journeys[customer].orders.iter().map(|order| {
            let lines = order.lines.iter().map(|line| {
                let group = &catalogue.groups[line.group as usize].id;
                let back = line.returned_on.map(|day| format!(" back {day}")).unwrap_or_default();
                format!(" {group}x{}={}{back}", line.quantity, line.amount)
            });
            format!("{} {}{}", order.day, catalogue.currencies[usize::from(order.currency)], lines.collect::<String>())
        });
        orders.collect()
    }
}
