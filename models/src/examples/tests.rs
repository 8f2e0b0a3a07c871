use super::*;
use crate::encoder::{Encoder, Fitting};
use crate::journey::Profile;
use crate::testing::{END, START, Shop};
use crate::{Contact, JourneyParts};

fn encoder(shop: &Shop) -> Encoder {
    let catalogue = Shop::catalogue();
    let mut fitting = Fitting::new(7, &catalogue);
    (0..shop.customers).for_each(|customer| fitting.see(shop.journey(customer).as_of(END)));
    fitting.finish().unwrap()
}

fn split(landmarks: Landmarks) -> Split {
    Split { seed: 7, landmarks, as_of: END, from: None, known_from: START }
}

fn one(parts: JourneyParts, split: &Split) -> Dataset {
    let catalogue = Shop::catalogue();
    let encoder = encoder(&Shop { customers: 60, ..Shop::default() });
    let mut data = Dataset::default();
    data.see(&Journey::new(parts), &encoder.bind(&catalogue), split);
    data
}

/// A customer of the shop who bought at START + 100 and again `again` days later.
fn bought(again: Option<i32>) -> JourneyParts {
    let mut parts = Shop::default().parts(3);
    parts.orders.truncate(1);
    parts.events.clear();
    parts.orders[0].day = START.plus(100);
    if let Some(days) = again {
        let mut order = parts.orders[0].clone();
        order.day = START.plus(100 + days);
        parts.orders.push(order);
    }
    parts
}

#[test]
fn who_came_back_before_the_landmark_is_skipped() {
    let on = |day| split(Landmarks::On(START.plus(day)));
    assert_eq!(one(bought(Some(30)), &on(131)).len(), 0);
    let data = one(bought(Some(30)), &on(110));
    assert_eq!((data.ages[0], data.back[0], data.seen(0, 26)), (10, Some(20), Seen { weeks: 3, bought: true }));
    assert_eq!(one(bought(None), &on(100)).len(), 0, "the day of the purchase itself is no landmark");
    let waiting = one(bought(None), &on(590));
    assert_eq!((waiting.observed[0], waiting.seen(0, 26)), (10, Seen { weeks: 1, bought: false }));
}

#[test]
fn a_week_not_seen_whole_does_not_count_even_with_its_purchase() {
    let parts = bought(Some(495));
    let data = one(parts, &split(Landmarks::On(START.plus(585))));
    assert_eq!((data.back[0], data.seen(0, 26)), (Some(10), Seen { weeks: 2, bought: true }));
    let data = one(bought(Some(495)), &split(Landmarks::On(START.plus(588))));
    assert_eq!((data.back[0], data.seen(0, 26)), (Some(7), Seen { weeks: 1, bought: false }));
}

#[test]
fn a_contact_of_our_own_ends_what_is_seen() {
    let mut parts = bought(Some(60));
    parts.contacts.push(Contact { day: START.plus(130), channel: "email".to_owned(), planned: true });
    let data = one(parts.clone(), &split(Landmarks::On(START.plus(110))));
    assert_eq!((data.back[0], data.observed[0]), (None, 21));
    parts.contacts[0].planned = false;
    assert_eq!(one(parts, &split(Landmarks::On(START.plus(110)))).back[0], Some(50));
}

#[test]
fn no_landmark_lies_before_the_day_to_learn_from_and_older_purchases_still_count() {
    let from = |day, landmarks| Split { from: Some(START.plus(day)), ..split(landmarks) };
    assert_eq!(one(bought(None), &from(111, Landmarks::On(START.plus(110)))).len(), 0);
    let data = one(bought(None), &from(110, Landmarks::On(START.plus(110))));
    assert_eq!(data.ages, [10], "the first purchase lies before the day");
    assert_eq!(one(bought(Some(5)), &from(106, Landmarks::On(START.plus(110)))).len(), 0, "an older second one, too");
    let drawn = one(bought(None), &from(200, Landmarks::Drawn(13)));
    assert!(!drawn.is_empty() && drawn.landmarks.iter().all(|day| *day >= START.plus(200)), "{:?}", drawn.landmarks);
}

#[test]
fn first_purchases_of_the_burn_in_count_only_when_stated() {
    let late = Split { known_from: START.plus(101), ..split(Landmarks::On(START.plus(110))) };
    assert_eq!(one(bought(None), &late).len(), 0);
    let stated =
        |day: i32| JourneyParts { profile: Profile { first_purchased_on: Some(START.plus(day)), ..Profile::default() }, ..bought(None) };
    assert_eq!(one(stated(100), &late).len(), 1);
    assert_eq!(one(stated(-500), &split(Landmarks::On(START.plus(110)))).len(), 0, "an earlier purchase lies before the extract");
    let visitor = JourneyParts { known: false, ..bought(None) };
    assert_eq!(one(visitor, &split(Landmarks::On(START.plus(110)))).len(), 0);
}
