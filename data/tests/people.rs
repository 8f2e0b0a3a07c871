//! Customers, visitors, products and money: the rules that join tables, and audiences over them.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{Done, Source};
use reprise_data::Filter;
use reprise_models::journey::{EventKind, Value};

const BRAND: &str = r#"
location: gs://brand/
markets: [{name: "NO", timeZone: Europe/Oslo, currency: NOK, path: no/}, {name: SE, timeZone: Europe/Stockholm, currency: SEK, path: se/}]
files:
- {name: sales, path: sales.csv, csv: {delimiter: ";", decimalComma: true, timestampFormat: "%d.%m.%Y %H:%M"},
   columns: [{name: at, type: Timestamp}, {name: units, type: Integer}, {name: amount, type: Decimal}]}
- {name: web, path: web.jsonl, jsonLines: {}, columns: [{name: id, type: Text}, {name: at, type: Timestamp}, {name: what, type: Text},
   {name: visitor, type: Text}, {name: customer, type: Text}, {name: product, type: Text}, {name: session, type: Text}]}
- {name: people, path: people.csv, csv: {}, columns: [{name: objects, type: Boolean}, {name: skin_age, type: Float}, {name: first, type: Date}]}
- {name: goods, path: goods.csv, csv: {}, columns: [{name: sells, type: Boolean}]}
- {name: money, path: money.csv, csv: {}, columns: [{name: day, type: Date}, {name: rate, type: Float}]}
views:
- {name: transactions, sql: "SELECT customer AS customer_id, invoice AS order_id, at AS ordered_at, product AS product_id, units AS quantity, amount, currency FROM sales"}
- {name: events, sql: "SELECT id AS event_id, at, what AS type, visitor AS visitor_id, customer AS customer_id, product AS product_id, session AS session_id FROM web"}
- {name: customers, sql: "SELECT id AS customer_id, consent, objects AS profiling_objection, excluded, store AS store_id, first AS first_purchased_at, skin, skin_age FROM people"}
- {name: products, sql: "SELECT id AS product_id, family AS group_id, name, sells AS recommendable FROM goods"}
- {name: rates, sql: "SELECT currency, day, rate FROM money"}
attributes: [{column: skin, kind: Category, known: AtFirstPurchase}, {column: skin_age, kind: Number, known: AtFirstPurchase}]
"#;

fn brand() -> Source {
    Source::new(BRAND, &["NO", "SE"])
        .file("no/sales.csv", "customer;invoice;at;product;units;amount;currency\na;1;05.01.2024 10:00;cream-50;1;100,50;\nb;2;06.01.2024 10:00;soap;2;10;EUR\nq;3;07.01.2024 10:00;soap;1;10;\n")
        .file("se/sales.csv", "customer;invoice;at;product;units;amount;currency\ns;4;08.01.2024 10:00;cream-30;1;90;SEK\na;5;09.01.2024 10:00;oil;1;70;\nz;6;20.01.2024 10:00;oil;1;70;\n")
        .file("no/web.jsonl", &[
            r#"{"id":"e1","at":"2024-01-03T23:30:00Z","what":"view","visitor":"v1","product":"cream-50","session":"x"}"#,
            r#"{"id":"e2","at":"2024-01-05T09:00:00Z","what":"visit","visitor":"v1","customer":"a","session":"y"}"#,
            r#"{"id":"e2","at":"2024-01-05T09:00:00Z","what":"visit","visitor":"v1","customer":"a","session":"y"}"#,
            r#"{"id":"e3","at":"2024-01-06T09:00:00Z","what":"cart","visitor":"v1","product":"ghost"}"#,
            r#"{"id":"e4","at":"2024-01-06T10:00:00Z","what":"wheel","visitor":"v2","session":"x"}"#,
            r#"{"id":"e5","at":"2024-01-06T10:00:00Z","what":"click","customer":"b"}"#,
            r#"{"id":"e6","at":"2024-01-06T10:00:00Z","what":"click"}"#,
        ].join("\n"))
        .file("se/web.jsonl", "\n{\"id\":\"e7\",\"at\":\"2024-01-06T10:00:00Z\",\"what\":\"view\",\"customer\":\"c\"}\n")
        .file("no/people.csv", "id,consent,objects,excluded,store,first,skin,skin_age\na,\"email, call\",no,,oslo-1,2023-06-01,dry,41.5\nb,,,employee,,,,\nq,email,yes,,,,oily,30\n")
        .file("se/people.csv", "id,consent,objects,excluded,store,first,skin,skin_age\nc,email,,,,,,\nlate,email,,,,2024-01-25,dry,20\n")
        .file("no/goods.csv", "id,family,name,sells\ncream-50,cream,Cream 50 ml,true\nsoap,,Soap,true\n")
        .file("se/goods.csv", "id,family,name,sells\ncream-30,cream,Cream 30 ml,true\ncream-50,cream,Cream 50 ml,true\n")
        .file("no/money.csv", "currency,day,rate\nEUR,2024-01-01,11.5\n")
        .file("se/money.csv", "currency,day,rate\n")
        .cut("2024-01-15")
}

fn done() -> Done {
    brand().prepare().unwrap()
}

#[test]
fn folders_are_markets_and_customers_cross_them() {
    let done = done();
    let journeys = done.journeys();
    let markets: Vec<(&str, u16)> = journeys.iter().map(|(customer, journey)| (customer.as_str(), journey.market)).collect();
    assert_eq!(markets, [("a", 0), ("b", 0), ("c", 1), ("s", 1), ("v2", 0)]);
    assert_eq!(done.orders("a"), ["2024-01-05 NOK creamx1=100.5", "2024-01-09 SEK oilx1=70"]);
    assert_eq!(done.orders("s"), ["2024-01-08 SEK creamx1=90"]);
    assert_eq!(done.prepared.through().to_string(), "2024-01-07");
    assert_eq!(done.prepared.extract_start(1).unwrap().to_string(), "2024-01-08");
}

#[test]
fn foreign_amounts_are_converted_by_the_last_known_rate() {
    assert_eq!(done().orders("b"), ["2024-01-06 NOK soapx2=115"]);
}

#[test]
fn shades_and_sizes_are_one_group_and_the_unlisted_is_not_recommended() {
    let done = done();
    let groups: Vec<String> = done
        .prepared
        .catalogue()
        .groups
        .iter()
        .map(|group| format!("{} {} {:?} {}", group.id, group.product, group.markets, group.recommendable))
        .collect();
    assert_eq!(groups, ["cream cream-30 [0, 1] true", "ghost ghost [] false", "oil oil [] false", "soap soap [0] true"]);
}

#[test]
fn a_visit_belongs_to_the_customer_from_the_day_on_which_that_was_known() {
    let done = done();
    let journeys = done.journeys();
    let events: Vec<String> =
        journeys["a"].events.iter().map(|event| format!("{} {:?} {:?}", event.day, event.kind, event.session)).collect();
    // The view of 4 January was nobody's until the login of the 5th.
    assert_eq!(events, ["2024-01-05 View Some(0)", "2024-01-05 Visit Some(1)", "2024-01-06 Cart None"]);
    assert!(!journeys["v2"].known);
    assert_eq!(journeys["v2"].events[0].kind, EventKind::Other);
    let filtered = done.filtered("events");
    assert_eq!((filtered["event_id seen before"], filtered["neither customer_id nor visitor_id"]), (1, 1));
}

#[test]
fn a_login_after_the_cut_joins_nothing() {
    let source = brand();
    let before = source.clone().file("se/web.jsonl", r#"{"id":"e8","at":"2024-01-06T10:00:00Z","what":"view","visitor":"v9"}"#);
    let login = "{\"id\":\"e9\",\"at\":\"2024-01-15T10:00:00Z\",\"what\":\"visit\",\"visitor\":\"v9\",\"customer\":\"s\"}";
    let planted =
        source.file("se/web.jsonl", &format!("{}\n{login}\n", r#"{"id":"e8","at":"2024-01-06T10:00:00Z","what":"view","visitor":"v9"}"#));
    let (before, planted) = (before.prepare().unwrap().bytes(), planted.prepare().unwrap().bytes());
    assert_eq!(before["journeys.parquet"], planted["journeys.parquet"]);
}

#[test]
fn who_objects_leaves_everything_and_who_was_not_yet_born_is_not_there() {
    let done = done();
    let journeys = done.journeys();
    assert!(!journeys.contains_key("q") && !journeys.contains_key("late") && !journeys.contains_key("z"));
    assert_eq!(done.filtered("transactions")["the customer objects to profiling"], 1);
    assert_eq!(done.filtered("customers")["first purchase on or after asOf"], 1);
    for table in &done.prepared.quality().tables {
        assert_eq!(table.rows_in, table.rows_out + table.filtered.values().sum::<u64>(), "{table:?}");
    }
}

#[test]
fn profiles_keep_consent_marks_and_attributes() {
    let journeys = done().journeys();
    let a = &journeys["a"].profile;
    assert_eq!(a.consent, ["call", "email"]);
    assert_eq!(a.attributes, [Value::Category("dry".into()), Value::Number(41.5)]);
    assert_eq!(a.first_purchased_on.unwrap().to_string(), "2023-06-01");
    assert_eq!((journeys["b"].profile.consent.len(), &journeys["b"].profile.excluded[..]), (0, &["employee".to_owned()][..]));
    assert_eq!(journeys["s"].profile.attributes, [Value::Missing, Value::Missing]);
}

fn audience(done: &Done, condition: &str) -> Result<Vec<String>, String> {
    let filter = Filter::plan(condition, &done.prepared.catalogue().attributes).map_err(|error| error.to_string())?;
    let mut customers: Vec<String> = Vec::new();
    for customer in done.prepared.audience(Some(&filter), 0..64).map_err(|error| error.to_string())? {
        customers.push(customer.map_err(|error| error.to_string())?.0.id);
    }
    customers.sort();
    Ok(customers)
}

#[test]
fn an_audience_is_one_condition_over_a_customer_s_columns() {
    let done = done();
    let check = |condition: &str, expected: &[&str]| assert_eq!(audience(&done, condition).unwrap(), expected, "{condition}");
    check("true", &["a", "b", "c", "s"]);
    check("store_id IS NOT NULL", &["a"]);
    check("market = 'SE'", &["c", "s"]);
    check("skin = 'dry' AND skin_age > 40", &["a"]);
    check("array_has(consent, 'email')", &["a", "c"]);
    check("first_purchased_at < DATE '2024-01-01'", &["a"]);
    check("NOT (skin = 'dry')", &[]);
}

#[test]
fn an_audience_that_is_no_condition_is_refused() {
    let done = done();
    let conditions = [
        "stor_id IS NOT NULL",
        "skin",
        "now() > first_purchased_at",
        "customer_id IN (SELECT customer_id FROM x)",
        "count(*) > 1",
        "true; DROP TABLE x",
        "",
        "skin = $1",
        "CAST(skin AS BIGINT) > 1",
    ];
    let refused = |condition: &&str| format!("{condition}\n    {}\n", audience(&done, condition).unwrap_err());
    let told = conditions.iter().map(refused).collect::<Vec<_>>().concat();
    insta::with_settings!({snapshot_path => "hostile", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("audience", told);
    });
}

#[test]
fn shards_divide_the_customers() {
    let done = done();
    let whole: Vec<String> = done.all().into_iter().map(|(_, parts)| parts.customer).collect();
    let mut parts = Vec::new();
    for range in [0..10, 10..63, 63..64] {
        for journey in done.prepared.journeys(range.clone()).unwrap() {
            let (customer, _) = journey.unwrap();
            assert!(range.contains(&reprise_data::shard(&customer.id)));
            parts.push(customer.id);
        }
    }
    assert_eq!(parts, whole);
    assert_eq!(done.prepared.quality().shards.iter().sum::<u64>(), whole.len() as u64);
}
