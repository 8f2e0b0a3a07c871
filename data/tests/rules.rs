//! Tables of small files and what becomes of them: the rules of the canonical tables.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Done, SALES, Source};
use reprise_models::Day;

fn check(rows: &str, customer: &str, orders: &[&str]) -> Done {
    let done = Source::sales(rows).markets(&["NO"]).prepare().unwrap();
    assert_eq!(done.orders(customer), orders);
    balanced(&done);
    done
}

/// Rows in = rows out + quarantined + filtered, everywhere.
fn balanced(done: &Done) {
    for file in &done.prepared.quality().files {
        assert_eq!(file.rows_in, file.rows_out + file.quarantined, "{file:?}");
    }
    for table in &done.prepared.quality().tables {
        assert_eq!(table.rows_in, table.rows_out + table.filtered.values().sum::<u64>(), "{table:?}");
    }
}

#[test]
fn lines_of_one_order_are_one_step() {
    let done = check(
        "a,1,2024-01-05 10:00,cream,1,100,NO,\na,1,2024-01-05 10:00,soap,2,50.5,NO,sale\na,2,2024-02-01 09:00,soap,1,25,NO,sale\n",
        "a",
        &["2024-01-05 NOK creamx1=100 soapx2=50.5", "2024-02-01 NOK soapx1=25"],
    );
    assert_eq!(done.prepared.through().to_string(), "2024-02-01");
    assert_eq!(done.prepared.as_of().to_string(), "2024-02-02");
    let facts = &done.prepared.quality().markets[0];
    assert_eq!((facts.customers, facts.one_timers, facts.purchases, facts.orders, facts.lines), (1, 0, 2, 2, 3));
    assert_eq!(facts.gaps.len(), 1);
}

#[test]
fn what_is_no_sale_makes_no_purchase() {
    let rows = "a,1,2024-01-25 10:00,cream,1,100,NO,sale\na,2,2024-01-06 10:00,mini,1,0,NO,sample\na,3,2024-01-07 10:00,bag,1,0,NO,gift_with_purchase\n\
                a,4,2024-01-08 10:00,facial,1,80,NO,service\na,5,2024-01-09 10:00,cream,1,0,NO,sale\na,6,2024-01-10 10:00,cream,0,5,NO,sale\n\
                a,7,2024-01-11 10:00,cream,1,-5,NO,sale\na,8,2024-01-12 10:00,cream,1,5,NO,barter\n,9,2024-01-13 10:00,cream,1,5,NO,sale\n";
    let done = check(rows, "a", &["2024-01-25 NOK creamx1=100"]);
    let filtered: Vec<String> = done.filtered("transactions").into_iter().map(|(rule, rows)| format!("{rule}: {rows}")).collect();
    assert_eq!(
        filtered,
        [
            "a gift with purchase: 1",
            "a sample: 1",
            "a service: 1",
            "amount 0: 1",
            "an amount without the sign of the quantity: 1",
            "an unknown kind: 1",
            "no customer_id: 1",
            "quantity 0: 1"
        ]
    );
    let catalogue = done.prepared.catalogue();
    let shown: Vec<(&str, bool)> = catalogue.groups.iter().map(|group| (group.id.as_str(), group.recommendable)).collect();
    assert_eq!(shown, [("bag", false), ("cream", true), ("facial", false), ("mini", false)]);
}

#[test]
fn an_order_that_came_back_is_undone_from_the_day_after() {
    let done = check(
        "a,1,2024-01-05 10:00,cream,2,100,NO,sale\na,2,2024-01-20 10:00,cream,-2,-100,NO,sale\nb,3,2024-01-30 10:00,soap,1,9,NO,sale\n",
        "a",
        &["2024-01-05 NOK creamx2=100 back 2024-01-20"],
    );
    let (_, journey) = done.prepared.journeys(0..64).unwrap().map(Result::unwrap).find(|(customer, _)| customer.id == "a").unwrap();
    let day = |text: &str| Day::from(text.parse::<jiff::civil::Date>().unwrap());
    assert_eq!(journey.as_of(day("2024-01-20")).purchase_days().len(), 1);
    assert_eq!(journey.as_of(day("2024-01-21")).purchase_days().len(), 0);
}

#[test]
fn a_return_of_nothing_is_counted() {
    let done =
        check("a,1,2024-01-05 10:00,cream,1,100,NO,sale\na,2,2024-01-20 10:00,soap,1,10,NO,return\n", "a", &["2024-01-05 NOK creamx1=100"]);
    assert_eq!(done.filtered("transactions")["a return of nothing that was bought"], 1);
}

#[test]
fn a_customer_belongs_to_the_market_of_the_first_purchase() {
    let rows =
        "a,1,2024-01-05 10:00,cream,1,100,SE,sale\na,2,2024-01-06 10:00,cream,1,90,NO,sale\nb,3,2024-01-07 10:00,cream,1,80,NO,sale\n";
    let done = Source::sales(rows).cut("2024-01-08").prepare().unwrap();
    let journeys = done.journeys();
    assert_eq!(done.prepared.catalogue().markets, ["NO", "SE"]);
    assert_eq!((journeys["a"].market, journeys["b"].market), (1, 0));
    assert_eq!(done.orders("a"), ["2024-01-05 SEK creamx1=100", "2024-01-06 NOK creamx1=90"]);
    // The day that is complete in both markets, not the last one of any.
    assert_eq!(done.prepared.through().to_string(), "2024-01-05");
}

#[test]
fn rows_of_other_markets_leave() {
    let rows = "a,1,2024-01-05 10:00,cream,1,100,SE,sale\nb,3,2024-01-07 10:00,cream,1,80,NO,sale\n";
    let done = Source::sales(rows).markets(&["NO"]).prepare().unwrap();
    assert_eq!(done.journeys().keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(done.filtered("transactions")["another market"], 1);
    balanced(&done);
}

#[test]
fn days_are_local_and_an_offset_in_the_data_wins() {
    // 2024-03-31 has 23 hours in Oslo; 22:30Z of the day before is half past midnight there.
    let rows = "a,1,2024-03-30T23:30:00Z,cream,1,1,NO,sale\nb,2,2024-03-31T22:30:00Z,cream,1,1,NO,sale\nc,3,2024-03-31T21:59:59+00:00,cream,1,1,NO,sale\n";
    let done = Source::sales(rows).markets(&["NO"]).prepare().unwrap();
    let days: Vec<String> = ["a", "b", "c"].iter().map(|customer| done.orders(customer)[0][..10].to_owned()).collect();
    assert_eq!(days, ["2024-03-31", "2024-04-01", "2024-03-31"]);
}

#[test]
fn settle_days_move_the_end() {
    let rows = "a,1,2024-01-05 10:00,cream,1,100,NO,sale\nb,3,2024-01-07 10:00,cream,1,80,NO,sale\n";
    let done = Source::sales(rows).markets(&["NO"]).replace("views:", "settleDays: 1\nviews:").prepare().unwrap();
    assert_eq!((done.prepared.through().to_string(), done.prepared.as_of().to_string()), ("2024-01-06".into(), "2024-01-07".into()));
    assert_eq!(done.journeys().len(), 1);
    assert_eq!(done.filtered("transactions")["on or after asOf"], 1);
    balanced(&done);
}

#[test]
fn a_market_without_rows_is_named() {
    let rows = "a,1,2024-01-05 10:00,cream,1,100,NO,sale\n";
    assert_eq!(
        Source::sales(rows).refusal(),
        "markets[SE]: market SE has no transaction and no event before asOf; check its files, its path and its rows in the views, or leave it out of data.markets"
    );
}

#[test]
fn nothing_after_the_cut_moves_a_byte_of_what_models_read() {
    let before = "a,1,2024-01-05 10:00,cream,1,100,NO,sale\nb,2,2024-01-07 10:00,soap,1,80,SE,sale\n";
    let after =
        "a,9,2024-01-08 00:00,cream,-1,-100,NO,sale\na,3,2024-01-08 00:00,lotion,1,70,NO,sale\nc,4,2024-02-01 10:00,oil,1,60,SE,sale\n";
    let plain = Source::sales(before).cut("2024-01-08").prepare().unwrap().bytes();
    let planted = Source::sales(&format!("{before}{after}")).cut("2024-01-08").prepare().unwrap().bytes();
    for name in ["journeys.parquet", "catalogue.json"] {
        assert_eq!(plain[name], planted[name], "{name}");
    }
    assert_ne!(plain["quality.json"], planted["quality.json"]);
}

#[test]
fn the_same_rows_make_the_same_bytes_whatever_their_order_and_their_files() {
    let rows = [
        "a,1,2024-01-05 10:00,cream,1,100,NO,sale\n",
        "a,1,2024-01-05 10:00,soap,2,40,NO,sale\n",
        "b,2,2024-01-07 10:00,soap,1,80,NO,sale\n",
    ];
    let header = common::HEADER;
    let one = Source::sales(&rows.concat()).markets(&["NO"]);
    let again = one.prepare().unwrap().bytes();
    assert_eq!(one.prepare().unwrap().bytes(), again);
    let split = Source::new(SALES, &["NO"])
        .file("sales-1.csv", &format!("{header}{}", rows[2]))
        .file("sales-2.csv", &format!("{header}{}{}", rows[1], rows[0]));
    assert_eq!(split.prepare().unwrap().bytes()["journeys.parquet"], again["journeys.parquet"]);
}

#[test]
fn the_column_order_and_extra_columns_of_a_file_do_not_matter() {
    let one = Source::sales("a,1,2024-01-05 10:00,cream,1,100,NO,sale\n").markets(&["NO"]);
    let other = Source::new(SALES, &["NO"])
        .file("sales.csv", "note,kind,market,amount,units,product,at,order,customer\nx,sale,NO,100,1,cream,2024-01-05 10:00,1,a\n");
    assert_eq!(one.prepare().unwrap().bytes()["journeys.parquet"], other.prepare().unwrap().bytes()["journeys.parquet"]);
}
