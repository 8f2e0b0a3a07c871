//! The page as text: what it holds, what it never holds. The browser's view of it lies in `browser`.

mod browser;
mod charts;
mod documents;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use reprise_models::report_document::{DocumentKind, HazardSeries, HazardWeek, MetricsDocument};

use super::{DataCheck, MonthlyOrders, render, render_data_check, write_data_check};

fn all() -> [(&'static str, MetricsDocument); 4] {
    [("small", documents::small()), ("intent", documents::intent()), ("recommender", documents::recommender()), ("plan", documents::plan())]
}

/// The parts of a text between an opening and a closing mark, in order.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| rest.split_once(close)).map(|(part, _)| part).collect()
}

#[test]
fn a_small_page_reads_as_committed() {
    let page = render(&documents::small()).unwrap();
    let body = page.split_once("<body>").unwrap().1;
    insta::assert_snapshot!(body.split_once("</body>").unwrap().0);
}

#[test]
fn every_section_has_its_charts_and_tables() {
    let mut outline = String::new();
    for (name, document) in all() {
        writeln!(outline, "{name}").unwrap();
        for section in render(&document).unwrap().split("<section id=\"").skip(1) {
            let id = section.split('"').next().unwrap();
            let charts = between(section, "data-chart=\"", "\"").join(", ");
            let tables = between(section, "<caption>", "</caption>").join(", ");
            writeln!(outline, "  {id}: charts [{charts}] tables [{tables}]").unwrap();
        }
    }
    insta::assert_snapshot!(outline);
}

#[test]
fn what_is_missing_is_absent() {
    let page = render(&documents::plain(DocumentKind::Plan)).unwrap();
    assert!(!page.contains("<section") && !page.contains("<svg") && !page.contains("<table") && !page.contains("<nav"), "{page}");
}

#[test]
fn a_document_read_back_gives_the_same_page() {
    for (name, document) in all() {
        let read = MetricsDocument::from_json(&document.to_json().unwrap()).unwrap();
        assert_eq!(render(&read).unwrap(), render(&document).unwrap(), "{name}");
    }
}

#[test]
fn a_page_needs_nothing_but_itself() {
    for (name, document) in all() {
        let page = render(&document).unwrap();
        for outside in ["http:", "https:", "src=", "@import", "url(", "<script", "<link", "<iframe"] {
            assert!(!page.contains(outside), "{name} holds {outside}");
        }
    }
}

#[test]
fn identifiers_are_unique_and_named_ones_exist() {
    for (name, document) in all() {
        let page = render(&document).unwrap();
        let ids = between(&page, " id=\"", "\"");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len(), "{name} repeats an id");
        for names in between(&page, "aria-labelledby=\"", "\"") {
            assert!(names.split(' ').all(|id| unique.contains(id)), "{name}: {names}");
        }
        for target in between(&page, "href=\"#", "\"") {
            assert!(unique.contains(target), "{name}: {target}");
        }
    }
}

#[test]
fn a_source_has_a_page_of_its_own() {
    let quality = documents::quality();
    let facts = [("Location".to_owned(), "gs://acme/".to_owned())];
    let journeys = ["A customer of NO bought 3 products on 4 May 2011 <b> and was seen again after 40 days.".to_owned()];
    let orders = [
        MonthlyOrders { market: "NO".to_owned(), months: vec![(2010, 11, 4), (2011, 1, 6)] },
        MonthlyOrders { market: "IS".to_owned(), months: vec![(2010, 12, 1)] },
    ];
    let check = DataCheck { source: "crm-nordics", facts: &facts, quality: &quality, journeys: &journeys, orders: &orders };
    let page = render_data_check(&check).unwrap();
    assert_eq!(between(&page, "<h2>", "</h2>"), ["What it means", "Orders", "Data", "Journeys in words"]);
    let told = "A customer of NO bought 3 products on 4 May 2011 &lt;b&gt; and was seen again after 40 days.";
    assert!(between(&page, "<li>", "</li>").contains(&told), "{page}");
    let series = charts::series(&page);
    assert_eq!(series["data-rows"]["Rows out"][0], serde_json::json!(["sales", 710_759, 734_490]));
    assert_eq!(series["data-days"]["IS"], serde_json::json!([["2009-12-01", "2010-07-02"], ["2010-07-25", "2011-05-30"]]));
    // A month without an order is drawn as zero, not left out.
    assert_eq!(series["orders-months"]["NO"], serde_json::json!([["2010-11", 4.0], ["2010-12", 0.0], ["2011-01", 6.0]]));
    insta::assert_snapshot!(write_data_check(&check));
}

#[test]
fn more_markets_than_lines_are_drawn_together() {
    let quality = documents::quality();
    let market = |index: u64| MonthlyOrders { market: format!("M{index}"), months: vec![(2011, 1, index), (2011, 2, 1)] };
    let orders: Vec<MonthlyOrders> = (0..9).map(market).collect();
    let page = render_data_check(&DataCheck { source: "many", facts: &[], quality: &quality, journeys: &[], orders: &orders }).unwrap();
    let series = charts::series(&page);
    let names: Vec<&String> = series["orders-months"].keys().collect();
    assert_eq!(names, ["5 other markets", "M5", "M6", "M7", "M8"]);
    assert_eq!(series["orders-months"]["5 other markets"], serde_json::json!([["2011-01", 10.0], ["2011-02", 5.0]]));
}

#[test]
fn text_for_a_terminal_holds_no_control_characters() {
    let quality = documents::quality();
    let journeys = ["a name with \u{1b}[2Jclear".to_owned()];
    let text = write_data_check(&DataCheck { source: "crm", facts: &[], quality: &quality, journeys: &journeys, orders: &[] });
    assert!(!text.contains('\u{1b}') && text.contains("[2Jclear"));
}

/// A name that would be markup, an attribute's end or a template, had anybody forgotten to escape it.
pub(super) const HOSTILE: &str = "<script>alert(1)</script>\"'><img onerror=x>{{ page }}</style></svg>&lt;";

/// Every document with every text replaced by a hostile one.
fn hostile() -> Vec<MetricsDocument> {
    // Texts that choose a variant or are a date stay, or the document would not be one.
    fn spoil(value: &mut serde_json::Value, field: &str) {
        use serde_json::Value;
        match value {
            Value::String(text)
                if !["kind", "unit", "better", "role", "groups"].contains(&field) && text.parse::<jiff::civil::Date>().is_err() =>
            {
                HOSTILE.clone_into(text);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, field)),
            Value::Object(fields) => {
                let free = ["settings", "metrics", "suppressed"].contains(&field);
                let spoilt = std::mem::take(fields).into_iter().map(|(name, mut value)| {
                    spoil(&mut value, &name);
                    (if free { format!("{HOSTILE}{name}") } else { name }, value)
                });
                *fields = spoilt.collect();
            }
            _ => {}
        }
    }
    let spoilt = all().into_iter().map(|(_, document)| {
        let mut value: serde_json::Value = serde_json::from_slice(&document.to_json().unwrap()).unwrap();
        spoil(&mut value, "");
        MetricsDocument::from_json(value.to_string().as_bytes()).unwrap()
    });
    spoilt.collect()
}

#[test]
fn hostile_names_stay_text() {
    for document in hostile() {
        let page = render(&document).unwrap();
        assert!(page.contains("&lt;script&gt;alert(1)&lt;"));
        assert!(page.contains("{{ page }}"), "a name was read as a template");
        for markup in ["<script", "<img", "\"'>"] {
            assert!(!page.contains(markup), "{markup} was not escaped");
        }
        assert_eq!(page.matches("</style>").count(), 1);
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }
}

#[test]
fn numbers_that_are_none_are_left_out_of_charts() {
    let mut document = documents::intent();
    let week = |week: u32, observed: f64| HazardWeek { week, observed, ..HazardWeek::default() };
    document.intent.as_mut().unwrap().hazard =
        vec![HazardSeries { market: "all".into(), weeks: vec![week(1, 0.05), week(2, f64::NAN), week(3, f64::INFINITY), week(4, 1e300)] }];
    let page = render(&document).unwrap();
    let chart = page.split("data-chart=\"hazard-0\"").nth(1).unwrap().split("</svg>").next().unwrap();
    assert!(!chart.contains("NaN") && !chart.contains("inf"), "{chart}");
    assert_eq!(charts::series(&page)["hazard-0"]["Observed"], serde_json::json!([[1.0, 0.05], [4.0, 1e300]]));
}
