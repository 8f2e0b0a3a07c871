//! DataSource: where a brand's files lie and how they become the canonical tables.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults;
use crate::value::{Decimal, Folder};

/// Where the files of a brand lie, how each is typed, and which SQL makes the canonical tables of them. It has no
/// controller: each run freezes a snapshot of it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "reprise.dev",
    version = "v1alpha1",
    kind = "DataSource",
    namespaced,
    doc = "Where the files of a brand lie, and how they become the canonical tables.",
    shortname = "dsrc",
    category = "reprise",
    derive = "PartialEq",
    cel
)]
#[serde(rename_all = "camelCase")]
pub struct DataSourceSpec {
    /// The only folder that a worker reads. `file:///` works for `reprise run` only. At most 512 characters.
    #[schemars(length(max = 512))]
    pub location: Folder,
    /// The markets whose customers the files hold; 1 to 64.
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub markets: Vec<Market>,
    /// The files, each one table for the views; 1 to 32. Cells are typed here, before any SQL, so that a bad one is
    /// quarantined with its file, row and column.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub files: Vec<FileSpec>,
    /// The canonical tables as SQL over the files, in the order in which they are planned; 1 to 16.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub views: Vec<ViewSpec>,
    /// Customer attributes that models may use; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["column"]))]
    pub attributes: Vec<AttributeSpec>,
    /// How many bad rows are still fine.
    #[serde(default, skip_serializing_if = "Quarantine::is_default")]
    pub quarantine: Quarantine,
    /// Days at the end of the data that are not complete yet because stores upload late; 0 to 60. Default 0.
    #[serde(default = "defaults::settle_days::value", skip_serializing_if = "defaults::settle_days::is")]
    #[schemars(range(min = 0, max = 60))]
    pub settle_days: i32,
    /// Largest age of the data in days, from its last complete day to today; 0 to 3650. Checked only when a request
    /// is first recorded and asOf is absent. Absent: no check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3650))]
    pub max_age_days: Option<i32>,
    /// Days at the start of the data in which a first purchase is not known to be the customer's first one;
    /// 0 to 3650. Default 90.
    #[serde(default = "defaults::burn_in_days::value", skip_serializing_if = "defaults::burn_in_days::is")]
    #[schemars(range(min = 0, max = 3650))]
    pub burn_in_days: i32,
}

/// A market: customers of one country or region, with one local time and one currency.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Market {
    /// Name as in a run's geography: 2 to 8 capital letters or digits, a letter first. Quote "NO": YAML reads a bare
    /// NO as false.
    #[schemars(regex(pattern = crate::value::Geography::PATTERN), length(max = 8))]
    pub name: String,
    /// IANA time zone in which days are counted, as Europe/Oslo.
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_+/-]*$"), length(max = 64))]
    pub time_zone: String,
    /// ISO 4217 code of amounts that have no currency of their own, as NOK.
    #[schemars(regex(pattern = "^[A-Z]{3}$"), length(max = 3))]
    pub currency: String,
    /// Folder of this market below the location, ending in `/`, at most 256 characters. With it the views run once
    /// per market; without it the views run once and yield a column `market`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([A-Za-z0-9_.=@+-]+/)+$"), length(max = 256))]
    pub path: Option<String>,
}

/// Files of one shape, read as one table. Exactly one of csv, parquet, jsonLines and lines says how.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = kube::core::Rule::new(
    "[has(self.csv), has(self.parquet), has(self.jsonLines), has(self.lines)].filter(given, given).size() == 1"
).message("give exactly one of csv, parquet, jsonLines and lines"))]
pub struct FileSpec {
    /// Name of the table that views read: a small letter, then small letters, digits and `_`; at most 63.
    #[schemars(regex(pattern = NAME_PATTERN), length(max = 63))]
    pub name: String,
    /// Which objects below location and market path: `*` within a folder, `**` across folders, `?`, `[..]` and
    /// `{a,b}`; at most 256 characters. A name ending in .gz or .zst is decompressed.
    #[schemars(regex(pattern = r"^[^/].*$"), length(max = 256))]
    pub path: String,
    /// Comma-separated values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvFormat>,
    /// Apache Parquet, which brings its own types; `columns` retypes what it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parquet: Option<ParquetFormat>,
    /// One JSON object per line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_lines: Option<JsonLinesFormat>,
    /// Any text: a table of one Text column `line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<LinesFormat>,
    /// Types of columns; what is not listed is Text (in Parquet: as stored). At most 512.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 512), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub columns: Vec<ColumnSpec>,
}

/// Pattern of table names: of files and of views.
pub const NAME_PATTERN: &str = "^[a-z][a-z0-9_]{0,62}$";

/// How a file is read: the one of its four formats that is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FileFormat<'a> {
    /// Comma-separated values.
    Csv(&'a CsvFormat),
    /// Apache Parquet.
    Parquet(&'a ParquetFormat),
    /// One JSON object per line.
    JsonLines(&'a JsonLinesFormat),
    /// Any text, line by line.
    Lines(&'a LinesFormat),
}

impl FileSpec {
    /// The format; `None` for a value that gives none or several, which validation refuses.
    pub fn format(&self) -> Option<FileFormat<'_>> {
        match (&self.csv, &self.parquet, &self.json_lines, &self.lines) {
            (Some(csv), None, None, None) => Some(FileFormat::Csv(csv)),
            (None, Some(parquet), None, None) => Some(FileFormat::Parquet(parquet)),
            (None, None, Some(json_lines), None) => Some(FileFormat::JsonLines(json_lines)),
            (None, None, None, Some(lines)) => Some(FileFormat::Lines(lines)),
            _ => None,
        }
    }
}

/// How a CSV file is cut into cells and its cells are read.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CsvFormat {
    /// Separator of cells: one ASCII character. Default `,`.
    #[serde(default = "defaults::delimiter::value", skip_serializing_if = "defaults::delimiter::is")]
    #[schemars(regex(pattern = r"^[\x00-\x7F]$"), length(min = 1, max = 1))]
    pub delimiter: String,
    /// Quote around cells that hold the separator: one ASCII character. Default `"`.
    #[serde(default = "defaults::quote::value", skip_serializing_if = "defaults::quote::is")]
    #[schemars(regex(pattern = r"^[\x00-\x7F]$"), length(min = 1, max = 1))]
    pub quote: String,
    /// Whether the first line names the columns; without it they are `column_1`, `column_2`, ... Default true.
    #[serde(default = "defaults::header::value", skip_serializing_if = "defaults::header::is")]
    pub header: bool,
    /// Whether decimals have a comma, as 12,50. Default false.
    #[serde(default = "defaults::off::value", skip_serializing_if = "defaults::off::is")]
    pub decimal_comma: bool,
    /// strptime format of Timestamp columns that have none of their own, as `%d/%m/%Y %H:%M`; at most 64 characters.
    /// Absent: ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub timestamp_format: Option<String>,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            delimiter: defaults::delimiter::value(),
            quote: defaults::quote::value(),
            header: defaults::header::value(),
            decimal_comma: defaults::off::value(),
            timestamp_format: None,
        }
    }
}

/// Parquet has nothing to say about its reading.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParquetFormat {}

/// How the values of JSON lines are read.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JsonLinesFormat {
    /// strptime format of Timestamp columns that have none of their own; at most 64 characters. Absent: ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub timestamp_format: Option<String>,
}

/// Lines of text have nothing to say about their reading.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinesFormat {}

/// The type of a column's cells.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnSpec {
    /// Name as in the file; at most 128 characters.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// What each cell must be; a cell that is not goes to quarantine with its row.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// strptime format of a Timestamp or Date column, as `%Y%m%d`; at most 64 characters. Absent: the file's, else
    /// ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub format: Option<String>,
    /// IANA time zone of a Timestamp column without an offset; absent: the market's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_+/-]*$"), length(max = 64))]
    pub time_zone: Option<String>,
}

/// What a cell can be.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnType {
    /// UTF-8 text as it stands.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// A decimal number, exact: money.
    Decimal,
    /// A floating-point number, finite.
    Float,
    /// A moment: with an offset, or local in the column's or market's time zone.
    Timestamp,
    /// A local calendar day.
    Date,
    /// true or false, also 1, 0, yes, no, t and f in any case.
    Boolean,
}

/// One canonical table.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewSpec {
    /// The canonical table that it yields (transactions, events, contacts, products, customers, calendar, rates), or
    /// a name of its own for later views; a small letter, then small letters, digits and `_`, at most 63.
    #[schemars(regex(pattern = NAME_PATTERN), length(max = 63))]
    pub name: String,
    /// One SELECT over files and earlier views; at most 4096 characters. No DDL, SET or COPY, and nothing that depends
    /// on the clock or on chance.
    #[schemars(length(min = 1, max = 4096))]
    pub sql: String,
}

/// A customer attribute that models may use.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeSpec {
    /// Column of the customers view; at most 128 characters.
    #[schemars(length(min = 1, max = 128))]
    pub column: String,
    /// How its values are read.
    pub kind: AttributeKind,
    /// Since when the value is known; what becomes known later would leak the future into training.
    pub known: Known,
}

/// How the values of an attribute are read.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeKind {
    /// One of a few words.
    Category,
    /// A number.
    Number,
}

/// Since when an attribute is known.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Known {
    /// At the first purchase, and never changed since.
    AtFirstPurchase,
}

/// How many bad rows are still fine.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    /// Largest share of a file's rows that may be quarantined, 0 to 1; more fails the run. Default "0.01".
    #[serde(default = "defaults::max_share::value", skip_serializing_if = "defaults::max_share::is")]
    #[x_kube(validation = kube::core::Rule::new("double(self) <= 1.0").message("must be a share from 0 to 1"))]
    pub max_share: Decimal,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self { max_share: defaults::max_share::value() }
    }
}

impl Quarantine {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl DataSourceSpec {
    /// This source with only the markets of that name: what a run of those markets depends on.
    #[must_use]
    pub fn cut_to(&self, markets: &[String]) -> Self {
        let mut cut = self.clone();
        cut.markets.retain(|market| markets.contains(&market.name));
        cut
    }

    /// This source with its sets in one order; views keep theirs, since later ones may read earlier ones.
    #[must_use]
    pub fn sorted(&self) -> Self {
        let mut sorted = self.clone();
        sorted.markets.sort_by(|a, b| a.name.cmp(&b.name));
        sorted.attributes.sort_by(|a, b| a.column.cmp(&b.column));
        sorted.files.sort_by(|a, b| a.name.cmp(&b.name));
        for file in &mut sorted.files {
            file.columns.sort_by(|a, b| a.name.cmp(&b.name));
        }
        sorted
    }
}
