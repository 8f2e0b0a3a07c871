use super::*;
use crate::artifact::Files;
use crate::catalogue::AttributeColumn;
use crate::draw;
use crate::journey::{Profile, Value};
use crate::testing::{END, START, Shop};
use crate::{Event, Journey, JourneyParts, Line};

fn fitted(catalogue: &Catalogue, journeys: impl Iterator<Item = Journey>) -> Encoder {
    let mut fitting = Fitting::new(7, catalogue);
    journeys.for_each(|journey| fitting.see(journey.as_of(END)));
    fitting.finish().unwrap()
}

fn shop(customers: u64) -> (Catalogue, Encoder, Shop) {
    let shop = Shop { customers, ..Shop::default() };
    let catalogue = Shop::catalogue();
    let encoder = fitted(&catalogue, (0..customers).map(|customer| shop.journey(customer)));
    (catalogue, encoder, shop)
}

#[test]
fn rows_are_finite_standardised_and_as_wide_as_promised() {
    let (catalogue, encoder, shop) = shop(400);
    let bound = encoder.bind(&catalogue);
    let names: Vec<String> = encoder.columns().map(|(name, _)| name).collect();
    assert!(names.iter().any(|name| name == "basket.amount") && names.iter().any(|name| name == "engagement.Click.7d"), "{names:?}");
    let rows: Vec<Vec<f32>> = (0..400).map(|customer| bound.features(shop.journey(customer).as_of(END))).collect();
    assert!(rows.iter().all(|row| row.len() == encoder.width() && row.iter().all(|value| value.abs() <= 3.0)));
    let amount = names.iter().position(|name| name == "basket.amount").unwrap();
    // Scales are those of landmarks of one-timers: near, not equal to those of everybody at the cut.
    let square = rows.iter().map(|row| f64::from(row[amount]).powi(2)).sum::<f64>() / 400.0;
    assert!((0.5..2.0).contains(&square), "{square}");
    let nobody = Journey::new(JourneyParts::default());
    assert!(bound.features(nobody.as_of(END)).iter().all(|value| value.is_finite()));
}

#[test]
fn nothing_on_or_after_a_landmark_moves_its_row() {
    let (catalogue, encoder, shop) = shop(200);
    let bound = encoder.bind(&catalogue);
    for customer in 0..50 {
        let whole = shop.journey(customer);
        for at in [START.plus(200), START.plus(420), END] {
            let view = whole.as_of(at);
            let mut parts = view.to_journey().into_parts();
            let before = bound.row(Journey::new(parts.clone()).as_of(at));
            assert_eq!(bound.row(view), before, "a row depends on what its view shows alone");
            if let Some(order) = parts.orders.first().cloned() {
                parts.orders.push(crate::Order { day: at, at: i64::from(at.0) * 86_400, ..order });
            }
            parts.events.push(Event { day: at, at: 0, kind: EventKind::Click, group: Some(2), session: None });
            assert_eq!(bound.row(Journey::new(parts).as_of(at)), before);
        }
    }
}

#[test]
fn an_encoder_reads_another_catalogue_by_names() {
    let (catalogue, encoder, shop) = shop(300);
    let mut other = catalogue.clone();
    other.groups.reverse();
    other.markets.insert(0, "A0".to_owned());
    let turned = |parts: JourneyParts| {
        let mut parts = parts;
        parts.market += 1;
        for line in parts.orders.iter_mut().flat_map(|order| &mut order.lines) {
            line.group = 11 - line.group;
        }
        Journey::new(parts)
    };
    let (here, there) = (encoder.bind(&catalogue), encoder.bind(&other));
    for customer in 0..100 {
        let (own, turned) = (shop.journey(customer), turned(shop.parts(customer)));
        assert_eq!(here.features(own.as_of(END)), there.features(turned.as_of(END)));
    }
}

#[test]
fn attributes_become_scores_and_bounded_categories_with_flags_for_what_is_missing() {
    let columns = [("age", true), ("skin", false)].map(|(name, number)| AttributeColumn { name: name.to_owned(), number });
    let catalogue = Catalogue { attributes: columns.to_vec(), ..Shop::catalogue() };
    let shop = Shop { customers: 300, ..Shop::default() };
    let journey = |customer: u64| {
        let skin = if customer == 7 { "rare".to_owned() } else { format!("s{}", customer % 3) };
        let age = if customer.is_multiple_of(4) { Value::Missing } else { Value::Number(30.0 + (customer % 20) as f64) };
        let profile = Profile { attributes: vec![age, Value::Category(skin)], ..Profile::default() };
        Journey::new(JourneyParts { profile, ..shop.parts(customer) })
    };
    let encoder = fitted(&catalogue, (0..300).map(journey));
    let names: Vec<String> = encoder.columns().map(|(name, _)| name).filter(|name| name.starts_with("profile.")).collect();
    assert_eq!(names, ["profile.age", "profile.skin=s0", "profile.skin=s1", "profile.skin=s2", "profile.age.missing"]);
}

#[test]
fn repeat_shares_are_read_as_of_the_month_before() {
    let catalogue = Shop::catalogue();
    let line = |group| Line { group, quantity: 1.0, amount: 10.0, returned_on: None };
    let buys = |name: usize, days: &[i32]| {
        let mut parts = Shop::default().parts(0);
        let order = parts.orders[0].clone();
        parts.customer = format!("b{name}");
        parts.orders = days.iter().map(|day| crate::Order { day: START.plus(*day), lines: vec![line(1)], ..order.clone() }).collect();
        Journey::new(parts)
    };
    let encoder = fitted(&catalogue, (0..40).map(|name| buys(name, &[10, 50, 90])));
    let bound = encoder.bind(&catalogue);
    let month = |day: i32| products::month(START.plus(day));
    assert_eq!(bound.repeat_share(1, month(10)), None, "nobody had bought it before that month");
    assert!(bound.repeat_share(1, month(50)).is_some());
    assert!(bound.repeat_share(1, month(90)).unwrap() > bound.repeat_share(1, month(50)).unwrap());
    assert_eq!(bound.gap(1), Some(40.0));
}

#[test]
fn an_encoder_survives_its_file_and_a_changed_one_is_refused() {
    let (_, encoder, _) = shop(100);
    let file = encoder.to_json().unwrap();
    let load = |bytes: Vec<u8>| Encoder::load(&Files::from([(ENCODER.to_owned(), bytes)]));
    assert_eq!(load(file.clone()).unwrap(), encoder);
    assert_eq!(load(file.clone()).unwrap().to_json().unwrap(), file);
    let text = String::from_utf8(file).unwrap();
    assert!(load(text.replace("basket.amount", "basket.other").into_bytes()).unwrap_err().to_string().contains("schema digest"));
    assert!(load(text.replace("\"version\":1", "\"version\":9").into_bytes()).unwrap_err().to_string().contains("version 9"));
}

#[test]
fn navigation_of_the_hour_before_an_order_is_its_context() {
    let day = START.plus(5);
    let at = i64::from(day.0) * 86_400 + 40_000;
    let mut parts = Shop::default().parts(0);
    parts.orders.truncate(1);
    (parts.orders[0].day, parts.orders[0].at) = (day, at);
    parts.orders[0].lines = [4, 2, 2].map(|group| Line { group, quantity: 1.0, amount: 5.0, returned_on: None }).to_vec();
    let event = |before: i64, group: u32| Event { day, at: at - before, kind: EventKind::View, group: Some(group), session: None };
    parts.events = vec![event(1000, 9), event(2000, 8), event(2000, 9), event(7200, 7), event(-60, 6)];
    let steps = steps(Journey::new(parts).as_of(END));
    let kinds: Vec<StepKind> = steps.iter().map(|step| step.kind).collect();
    let view = StepKind::Event(EventKind::View);
    assert_eq!(kinds, [view, StepKind::Order, view]);
    assert_eq!(
        (steps[1].groups.as_slice(), steps[1].units.as_slice(), steps[1].context.as_slice()),
        (&[2, 4][..], &[2.0, 1.0][..], &[8, 9][..])
    );
    assert_eq!((steps[0].groups[0], steps[2].groups[0]), (7, 6));
}

#[test]
fn the_sample_of_scales_does_not_depend_on_the_order_of_journeys() {
    let shop = Shop { customers: 200, ..Shop::default() };
    let catalogue = Shop::catalogue();
    let turned = fitted(&catalogue, (0..200).rev().map(|customer| shop.journey(customer)));
    let straight = fitted(&catalogue, (0..200).map(|customer| shop.journey(customer)));
    assert_eq!(turned, straight);
    assert_ne!(draw::hash("a"), draw::hash("b"));
}
