//! SQL that makes canonical tables of files, as far as it can be guessed.

use std::collections::BTreeMap;

use super::File;
use super::columns::select;
use super::meaning::{Kind, Role};

/// A proposed view and what is to be looked at in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) name: &'static str,
    pub(super) sql: String,
    pub(super) notes: Vec<String>,
}

/// A canonical table: its kind, its name, and its columns, each with a type.
type Table = (Kind, &'static str, &'static [(&'static str, &'static str)]);

/// Columns of each canonical table, each with the type of an absent value.
const TABLES: [Table; 7] = [
    (
        Kind::Transactions,
        "transactions",
        &[
            ("market", TEXT),
            ("customer_id", TEXT),
            ("order_id", TEXT),
            ("ordered_at", MOMENT),
            ("product_id", TEXT),
            ("quantity", NUMBER),
            ("amount", NUMBER),
            ("kind", TEXT),
            ("original_order_id", TEXT),
            ("currency", TEXT),
            ("is_gift", FLAG),
        ],
    ),
    (
        Kind::Events,
        "events",
        &[
            ("market", TEXT),
            ("event_id", TEXT),
            ("at", MOMENT),
            ("type", TEXT),
            ("customer_id", TEXT),
            ("visitor_id", TEXT),
            ("product_id", TEXT),
            ("session_id", TEXT),
        ],
    ),
    (Kind::Contacts, "contacts", &[("market", TEXT), ("customer_id", TEXT), ("at", MOMENT), ("channel", TEXT)]),
    (
        Kind::Customers,
        "customers",
        &[
            ("market", TEXT),
            ("customer_id", TEXT),
            ("first_purchased_at", MOMENT),
            ("welcome_ended_at", MOMENT),
            ("consent", TEXT),
            ("profiling_objection", FLAG),
            ("excluded", TEXT),
            ("adviser_id", TEXT),
            ("store_id", TEXT),
            ("language", TEXT),
        ],
    ),
    (
        Kind::Products,
        "products",
        &[
            ("market", TEXT),
            ("product_id", TEXT),
            ("group_id", TEXT),
            ("name", TEXT),
            ("axis", TEXT),
            ("category", TEXT),
            ("family", TEXT),
            ("line", TEXT),
            ("brand", TEXT),
            ("routine_id", TEXT),
            ("routine_step", NUMBER),
            ("replenishment_days", NUMBER),
            ("recommendable", FLAG),
            ("available", FLAG),
            ("launched_at", MOMENT),
            ("discontinued_at", MOMENT),
        ],
    ),
    (Kind::Calendar, "calendar", &[("market", TEXT), ("name", TEXT), ("from", MOMENT), ("to", MOMENT)]),
    (Kind::Rates, "rates", &[("currency", TEXT), ("day", MOMENT), ("rate", NUMBER)]),
];
const TEXT: &str = "VARCHAR";
const MOMENT: &str = "TIMESTAMP";
const NUMBER: &str = "DOUBLE";
const FLAG: &str = "BOOLEAN";

/// The views for which there are files, in the order in which they are best read.
pub(super) fn views(files: &[File], several_markets: bool) -> Vec<View> {
    let mut views = Vec::new();
    for (kind, name, columns) in TABLES {
        let mut notes = Vec::new();
        let of_kind = files.iter().filter(|file| file.kind == Some(kind));
        let selects: Vec<(&File, BTreeMap<&str, String>)> = of_kind.map(|file| (file, select(file, kind, &mut notes))).collect();
        if selects.is_empty() {
            continue;
        }
        let wanted = |column: &&(&str, &str)| {
            let any = selects.iter().any(|(_, select)| select.contains_key(column.0));
            any && (column.0 != "market" || several_markets)
        };
        let columns: Vec<(&str, &str)> = columns.iter().filter(wanted).copied().collect();
        let texts = selects.iter().map(|(file, select)| write_select(file, select, &columns));
        let sql = texts.collect::<Vec<_>>().join("\nUNION ALL\n");
        views.push(View { name, sql, notes });
    }
    views.extend(products_of_lines(files, &views));
    let sold = views.iter().any(|view: &View| view.name == "transactions");
    views.extend(files.iter().filter_map(|file| sequences(file, sold)));
    views
}

/// The products as lines of sales name them, where no file lists them.
fn products_of_lines(files: &[File], views: &[View]) -> Option<View> {
    let named = |file: &&File| matches!(file.kind, Some(Kind::Transactions | Kind::Events)) && file.column(Role::Product).is_some();
    let file = files.iter().filter(named).find(|file| file.column(Role::Name).is_some())?;
    if views.iter().any(|view| view.name == "products") {
        return None;
    }
    let product = quoted(&file.column(Role::Product)?.name);
    let of = [("name", Role::Name), ("category", Role::Category), ("family", Role::Family), ("brand", Role::Brand)];
    let columns = of.iter().filter_map(|(alias, role)| Some(format!("max({}) AS {alias}", quoted(&file.column(*role)?.name))));
    let cells = [vec![format!("{product} AS product_id")], columns.collect()].concat();
    let sql = format!("SELECT {}\nFROM {} GROUP BY {product}", wrapped(&cells), file.table);
    let note = "what must never be recommended (postage, fees, samples) gets a column `recommendable` that is false".to_owned();
    Some(View { name: "products", sql, notes: vec![note] })
}

fn write_select(file: &File, select: &BTreeMap<&str, String>, columns: &[(&str, &str)]) -> String {
    let cell = |(alias, kind): &(&str, &str)| {
        let value = select.get(alias).cloned().unwrap_or_else(|| format!("CAST(NULL AS {kind})"));
        let alias = quoted(alias);
        if value == alias { value } else { format!("{value} AS {alias}") }
    };
    let cells: Vec<String> = columns.iter().map(cell).collect();
    format!("SELECT {}\nFROM {}", wrapped(&cells), file.table)
}

/// Values between commas, in lines that can be read.
fn wrapped(cells: &[String]) -> String {
    let (mut text, mut width) = (String::new(), 7);
    for (index, cell) in cells.iter().enumerate() {
        let separator = match index {
            0 => "",
            _ if width + cell.len() > 110 => {
                width = 2;
                ",\n  "
            }
            _ => ", ",
        };
        width += separator.len() + cell.len();
        text.push_str(separator);
        text.push_str(cell);
    }
    text
}

/// A view of lines of words: each word a product, in order; days are made of places, since the file has none.
fn sequences(file: &File, sold: bool) -> Option<View> {
    let named = file.words?;
    let (name, owner, columns) = match (named, sold) {
        (true, false) => (
            "transactions",
            "customer_id",
            "concat(owner, ' ', CAST(place AS VARCHAR)) AS order_id, day AS ordered_at, 1 AS quantity, 1 AS amount",
        ),
        _ => ("events", if named { "customer_id" } else { "visitor_id" }, "day AS at, 'view' AS type"),
    };
    let (owner_of, skipped) = if named { ("words[1]", 1) } else { ("CAST(_row AS VARCHAR)", 0) };
    let sql = format!(
        "SELECT owner AS {owner}, product_id, {columns}\nFROM (SELECT owner, product_id, place,\n    CAST(CAST(11322 - CASE WHEN place = last THEN 0 ELSE 90 + last - place END AS INT) AS DATE) AS day\n  FROM (SELECT {owner_of} AS owner, unnest(words) AS product_id, unnest(positions(words)) AS place, CAST(cardinality(words) AS BIGINT) AS last\n    FROM (SELECT _row, string_to_array(line, ' ') AS words FROM {}))\n  WHERE place > {skipped})",
        file.table
    );
    let notes = vec![
        format!("{}: each line is {}; are these {}?", file.table, if named { "a customer and his products in order" } else { "the products of one session in order" }, if name == "events" { "views" } else { "purchases" }),
        "The file has no days, so that days are made of places: the last product lies 90 days after the one before, and the backtest asks for it.".to_owned(),
    ];
    Some(View { name, sql, notes })
}

/// A name in SQL; quoted where it would not be read as it stands.
pub(super) fn quoted(name: &str) -> String {
    const RESERVED: [&str; 34] = [
        "all", "and", "as", "at", "by", "case", "cast", "date", "day", "distinct", "else", "end", "from", "group", "in", "interval",
        "join", "left", "like", "limit", "not", "null", "on", "or", "order", "right", "select", "table", "then", "to", "union", "user",
        "when", "where",
    ];
    let simple = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if simple && !RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A text in SQL.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
