//! The columns of canonical tables as SQL over the columns of a file.

use std::collections::BTreeMap;

use super::File;
use super::meaning::{Kind, Role};
use super::places::market_name;
use super::sql::{quoted, text};

/// Words of kinds of lines in several languages, by what Reprise calls them.
const LINE_KINDS: [(&str, &[&str]); 5] = [
    ("sale", &["sale", "sold", "vente", "verkauf", "salg", "purchase", "order", "venta", "s"]),
    ("return", &["return", "returned", "retour", "refund", "retur", "ruckgabe", "credit", "cancelled", "r"]),
    ("sample", &["sample", "echantillon", "échantillon", "muster", "prove", "prøve", "tester"]),
    ("gift_with_purchase", &["gift_with_purchase", "gwp", "cadeau", "gave", "geschenk", "gift", "g"]),
    ("service", &["service", "tjeneste", "dienst", "fee", "postage"]),
];
/// Words of kinds of events.
const EVENT_KINDS: [(&str, &[&str]); 6] = [
    ("view", &["pageview", "page_view", "detail", "product_view"]),
    ("cart", &["addtocart", "add_to_cart", "add-to-cart", "basket"]),
    ("open", &["opened", "email_open"]),
    ("click", &["clicked", "email_click"]),
    ("sent", &["delivered", "email_sent"]),
    ("store_visit", &["storevisit", "store visit"]),
];
/// What Reprise itself calls events.
const OWN_EVENTS: [&str; 10] = ["sent", "open", "click", "visit", "view", "cart", "wishlist", "search", "call", "store_visit"];
/// Words for yes.
const YES: [&str; 8] = ["oui", "ja", "si", "sí", "y", "j", "o", "x"];

/// The columns of a canonical table that a file has, as SQL.
pub(super) fn select(file: &File, kind: Kind, notes: &mut Vec<String>) -> BTreeMap<&'static str, String> {
    let mut select = BTreeMap::new();
    let mut put = |alias: &'static str, value: Option<String>| drop(value.map(|value| select.insert(alias, value)));
    let plain = |role: Role| file.column(role).map(|column| quoted(&column.name));
    let market = file.market.as_ref().map(|name| text(name)).or_else(|| market(file));
    match kind {
        Kind::Transactions => transactions(file, market, notes, &mut put),
        Kind::Events => {
            put("market", market);
            put("event_id", plain(Role::Event));
            put("at", file.moment(Role::Time));
            put("type", Some(event_kind(file, notes)));
            put("customer_id", plain(Role::Customer));
            put("visitor_id", plain(Role::Visitor).or_else(|| plain(Role::Session).filter(|_| plain(Role::Customer).is_none())));
            put("product_id", plain(Role::Product));
            put("session_id", plain(Role::Session));
        }
        Kind::Contacts => {
            put("market", market);
            put("customer_id", plain(Role::Customer));
            put("at", file.moment(Role::Time));
            let channel = plain(Role::Channel);
            if channel.is_none() {
                notes.push(format!("{}: by which channel were these customers contacted?", file.table));
            }
            put("channel", channel.or_else(|| Some("'call'".to_owned())));
        }
        Kind::Customers => {
            put("market", market);
            put("customer_id", plain(Role::Customer));
            put("first_purchased_at", file.moment(Role::FirstPurchase));
            put("welcome_ended_at", file.moment(Role::WelcomeEnd));
            put("consent", plain(Role::Consent));
            put("profiling_objection", file.flag(Role::Objection));
            put("excluded", plain(Role::Excluded));
            put("adviser_id", plain(Role::Adviser));
            put("store_id", plain(Role::Store));
            put("language", plain(Role::Language));
        }
        Kind::Products => products(file, market, &mut put),
        Kind::Calendar => {
            put("market", market);
            put("name", plain(Role::Name));
            put("from", file.moment(Role::From));
            put("to", file.moment(Role::To));
        }
        Kind::Rates => {
            put("currency", plain(Role::Currency));
            put("day", file.moment(Role::Time));
            put("rate", plain(Role::Rate));
        }
    }
    select
}

fn transactions(file: &File, market: Option<String>, notes: &mut Vec<String>, put: &mut dyn FnMut(&'static str, Option<String>)) {
    let plain = |role: Role| file.column(role).map(|column| quoted(&column.name));
    put("market", market);
    put("customer_id", plain(Role::Customer));
    put("order_id", plain(Role::Order).or_else(|| order_of_day(file, notes)));
    put("ordered_at", file.moment(Role::Time));
    put("product_id", plain(Role::Product));
    put("quantity", plain(Role::Quantity).or_else(|| Some("1".to_owned())));
    put("amount", Some(amount(file, notes)));
    put("kind", line_kind(file, notes));
    put("original_order_id", plain(Role::OriginalOrder));
    put("currency", plain(Role::Currency));
    put("is_gift", file.flag(Role::Gift));
}

fn products(file: &File, market: Option<String>, put: &mut dyn FnMut(&'static str, Option<String>)) {
    let roles = [
        ("product_id", Role::Product),
        ("group_id", Role::Group),
        ("name", Role::Name),
        ("axis", Role::Axis),
        ("category", Role::Category),
        ("family", Role::Family),
        ("line", Role::Line),
        ("brand", Role::Brand),
        ("routine_id", Role::Routine),
        ("routine_step", Role::RoutineStep),
        ("replenishment_days", Role::Replenishment),
    ];
    put("market", market);
    for (alias, role) in roles {
        put(alias, file.column(role).map(|column| quoted(&column.name)));
    }
    put("recommendable", file.flag(Role::Recommendable));
    put("available", file.flag(Role::Available));
    put("launched_at", file.moment(Role::Launched));
    put("discontinued_at", file.moment(Role::Discontinued));
}

/// What the file's own column calls markets, as markets are named here.
fn market(file: &File) -> Option<String> {
    let column = file.column(Role::Market)?;
    let name = quoted(&column.name);
    let renamed: Vec<(&String, String)> =
        file.market_words.iter().map(|word| (word, market_name(word))).filter(|(word, name)| *word != name).collect();
    if renamed.is_empty() {
        return Some(name);
    }
    let cases: Vec<String> = renamed.iter().map(|(word, name)| format!("WHEN {} THEN {}", text(word), text(name))).collect();
    Some(format!("CASE {name}\n  {}\n  ELSE {name} END", cases.chunks(4).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n  ")))
}

/// An order where the file names none: what one customer bought on one day.
fn order_of_day(file: &File, notes: &mut Vec<String>) -> Option<String> {
    let customer = quoted(&file.column(Role::Customer)?.name);
    notes.push(format!("{}: no column names the order, so that all lines of a customer's day are one", file.table));
    Some(format!("concat({customer}, ' ', CAST(CAST({} AS DATE) AS VARCHAR))", file.moment(Role::Time)?))
}

fn amount(file: &File, notes: &mut Vec<String>) -> String {
    let name = |role: Role| file.column(role).map(|column| quoted(&column.name));
    if let Some(amount) = name(Role::Amount) {
        return amount;
    }
    match (name(Role::Quantity), name(Role::Price)) {
        (Some(quantity), Some(price)) => {
            notes.push(format!("{}: the amount of a line is its quantity times the price of one; tax included, discount off?", file.table));
            format!("{quantity} * {price}")
        }
        (_, Some(price)) => price,
        _ => {
            notes.push(format!("{}: no column says what a line cost, so that each counts 1", file.table));
            "1".to_owned()
        }
    }
}

fn line_kind(file: &File, notes: &mut Vec<String>) -> Option<String> {
    let column = file.column(Role::Kind)?;
    let name = quoted(&column.name);
    let own = |word: &&String| LINE_KINDS.iter().all(|(kind, _)| kind != word);
    let unknown: Vec<&String> = column.words.keys().filter(own).collect();
    if unknown.is_empty() {
        return Some(name);
    }
    let found = |word: &str| {
        let small = word.to_lowercase();
        LINE_KINDS.iter().find(|(_, words)| words.contains(&small.as_str())).map(|(kind, _)| *kind)
    };
    // The commonest word of a file of sales means a sale, whatever it is.
    let commonest = column.words.iter().max_by_key(|(_, count)| **count).map(|(word, _)| word);
    let guess = |word: &String| found(word).or((Some(word) == commonest).then_some("sale"));
    let cases: Vec<String> = unknown.iter().filter_map(|word| Some(format!("WHEN {} THEN {}", text(word), text(guess(word)?)))).collect();
    let left: Vec<&str> = unknown.iter().filter(|word| guess(word).is_none()).map(|word| word.as_str()).collect();
    let says = column.words.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    notes.push(format!(
        "{}: {} says {says}; Reprise knows sale, return, sample, gift_with_purchase and service{}",
        file.table,
        column.name,
        if left.is_empty() { String::new() } else { format!(", and leaves out lines of {}", left.join(", ")) }
    ));
    Some(format!("CASE {name} {} ELSE {name} END", cases.join(" ")))
}

fn event_kind(file: &File, notes: &mut Vec<String>) -> String {
    let Some(column) = file.column(Role::Kind) else {
        notes.push(format!("{}: no column says what happened; a view?", file.table));
        return "'view'".to_owned();
    };
    let name = quoted(&column.name);
    let mapped = |word: &String| {
        let small = word.to_lowercase();
        let known = EVENT_KINDS.iter().find(|(_, words)| words.contains(&small.as_str())).map(|(kind, _)| *kind);
        known.map(|kind| format!("WHEN {} THEN {}", text(word), text(kind)))
    };
    let cases: Vec<String> = column.words.keys().filter_map(mapped).collect();
    let other: Vec<&str> = column
        .words
        .keys()
        .filter(|word| mapped(word).is_none() && !OWN_EVENTS.contains(&word.to_lowercase().as_str()))
        .map(String::as_str)
        .collect();
    if !other.is_empty() {
        notes.push(format!(
            "{}: events that Reprise does not know count as other: {}; it knows {}",
            file.table,
            other.join(", "),
            OWN_EVENTS.join(", ")
        ));
    }
    if cases.is_empty() { name } else { format!("CASE {name} {} ELSE {name} END", cases.join(" ")) }
}

impl File {
    /// A moment as SQL.
    fn moment(&self, role: Role) -> Option<String> {
        let column = self.column(role)?;
        let name = quoted(&column.name);
        let counts = column.guess().is_number() && column.counts_milliseconds();
        Some(if counts { format!("arrow_cast({name}, 'Timestamp(Millisecond, Some(\"+00:00\"))')") } else { name })
    }

    /// A flag as SQL.
    fn flag(&self, role: Role) -> Option<String> {
        let column = self.column(role)?;
        let name = quoted(&column.name);
        if column.is_flag() {
            return Some(name);
        }
        let yes = column.words.keys().find(|word| YES.contains(&word.to_lowercase().as_str()))?;
        Some(format!("{name} = {}", text(yes)))
    }
}
