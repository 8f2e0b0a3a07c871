//! One journey in words. Nobody can tell from them who it was: no id, no name of a person.

use reprise_models::journey::EventKind;
use reprise_models::{Catalogue, Event, Order, View};

use crate::report::{decimal, long_date};

/// Orders told one by one; those between them and the last one are counted.
const MOST_ORDERS: usize = 4;
/// Products named per order.
const MOST_PRODUCTS: usize = 3;

/// Events as they are said, for one and for many.
const KINDS: [(EventKind, &str, &str); 11] = [
    (EventKind::Sent, "e-mail sent", "e-mails sent"),
    (EventKind::Open, "e-mail opened", "e-mails opened"),
    (EventKind::Click, "click", "clicks"),
    (EventKind::Visit, "visit", "visits"),
    (EventKind::View, "product viewed", "products viewed"),
    (EventKind::Cart, "put into the cart", "put into the cart"),
    (EventKind::Wishlist, "put on the wish list", "put on the wish list"),
    (EventKind::Search, "search", "searches"),
    (EventKind::Call, "call", "calls"),
    (EventKind::StoreVisit, "visit to a store", "visits to a store"),
    (EventKind::Other, "other event", "other events"),
];

/// What is known of a customer at the view's day, as one paragraph.
pub(super) fn tell(view: View<'_>, catalogue: &Catalogue) -> String {
    let market = &catalogue.markets[usize::from(view.market())];
    let orders: Vec<&Order> = view.orders().collect();
    let mut said = Vec::new();
    let mut events = view.events();
    let mut before: Option<&Order> = None;
    let shown = if orders.len() > MOST_ORDERS + 1 { MOST_ORDERS } else { orders.len() };
    for &order in &orders[..shown] {
        let earlier = events.partition_point(|event| (event.day, event.at) < (order.day, order.at));
        said.extend(signals(&events[..earlier]));
        events = &events[earlier..];
        said.push(format!("{}{}", when(before, order), bought(view, order, catalogue)));
        before = Some(order);
    }
    if let Some(last) = orders.last().filter(|_| shown < orders.len()) {
        let earlier = events.partition_point(|event| event.day <= last.day);
        said.extend(signals(&events[..earlier]));
        events = &events[earlier..];
        said.push(format!("{} more orders until {}", orders.len() - shown, long_date_of(last)));
        before = Some(last);
    }
    said.extend(signals(events));
    if let Some(last) = before {
        said.push(format!("nothing more in the {} days to {}", view.at().since(last.day), view.at()));
    }
    format!("{market}: {}.", said.join("; "))
}

fn long_date_of(order: &Order) -> String {
    order.day.date().map_or_else(|| order.day.to_string(), long_date)
}

fn when(before: Option<&Order>, order: &Order) -> String {
    match before.map(|before| order.day.since(before.day)) {
        None => format!("on {} bought ", long_date_of(order)),
        Some(0) => "the same day bought ".to_owned(),
        Some(1) => "1 day later bought ".to_owned(),
        Some(days) => format!("{days} days later bought "),
    }
}

fn bought(view: View<'_>, order: &Order, catalogue: &Catalogue) -> String {
    let name = |group: u32| {
        let group = &catalogue.groups[group as usize];
        let name = if group.name.is_empty() { &group.id } else { &group.name };
        name.chars().take(40).collect::<String>()
    };
    let mut groups: Vec<u32> = order.lines.iter().map(|line| line.group).collect();
    groups.dedup();
    let names: Vec<String> = groups.iter().take(MOST_PRODUCTS).map(|group| name(*group)).collect();
    let more = groups.len().saturating_sub(MOST_PRODUCTS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let currency = catalogue.currencies.get(usize::from(order.currency)).map_or("", String::as_str);
    let gift = if order.gift { ", as a present" } else { "" };
    let kept = view.kept(order).count();
    let back = order.lines.len() - kept;
    let back = if back > 0 { format!(", {back} of {} lines came back", order.lines.len()) } else { String::new() };
    format!("{}{more} for {} {currency}{gift}{back}", names.join(", "), decimal(order.amount(), 2))
}

/// What happened between two orders, by kind; nothing where nothing happened.
fn signals(events: &[Event]) -> Option<String> {
    let counted = KINDS.iter().filter_map(|(kind, one, many)| match events.iter().filter(|event| event.kind == *kind).count() {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    });
    let counted: Vec<String> = counted.collect();
    (!counted.is_empty()).then(|| counted.join(", "))
}

#[cfg(test)]
mod tests {
    use reprise_models::catalogue::Group;
    use reprise_models::journey::Line;
    use reprise_models::{Day, Journey, JourneyParts};

    use super::*;

    fn order(day: i32, groups: &[u32]) -> Order {
        let line = |group: &u32| Line { group: *group, quantity: 1.0, amount: 12.5, returned_on: None };
        Order { day: Day(day), at: i64::from(day) * 86_400, currency: 0, gift: false, lines: groups.iter().map(line).collect() }
    }

    fn event(day: i32, kind: EventKind) -> Event {
        Event { day: Day(day), at: i64::from(day) * 86_400, kind, group: None, session: None }
    }

    fn told(orders: Vec<Order>, events: Vec<Event>) -> String {
        let group = |id: &str, name: &str| Group { id: id.into(), name: name.into(), ..Group::default() };
        let catalogue = Catalogue {
            markets: vec!["NO".into()],
            currencies: vec!["NOK".into()],
            groups: vec![group("a", "Cream"), group("b", ""), group("c", "Oil"), group("d", "Soap")],
            ..Catalogue::default()
        };
        let journey = Journey::new(JourneyParts { customer: "secret-7".into(), known: true, orders, events, ..JourneyParts::default() });
        tell(journey.as_of(Day(200)), &catalogue)
    }

    #[test]
    fn a_journey_is_told_in_order_and_without_its_id() {
        let mut second = order(163, &[2]);
        second.gift = true;
        let events =
            vec![event(90, EventKind::View), event(110, EventKind::Click), event(111, EventKind::Click), event(190, EventKind::Call)];
        insta::assert_snapshot!(told(vec![order(100, &[0, 1, 2, 3]), second], events), @"NO: 1 product viewed; on 11 Apr 1970 bought Cream, b, Oil and 1 more for 50.00 NOK; 2 clicks; 63 days later bought Oil for 12.50 NOK, as a present; 1 call; nothing more in the 37 days to 1970-07-20.");
    }

    #[test]
    fn many_orders_are_counted_and_returns_are_said() {
        let mut first = order(10, &[0, 2]);
        first.lines[1].returned_on = Some(Day(20));
        let orders = [vec![first], (2..9).map(|index| order(index * 10, &[3])).collect()].concat();
        insta::assert_snapshot!(told(orders, Vec::new()), @"NO: on 11 Jan 1970 bought Cream, Oil for 25.00 NOK, 1 of 2 lines came back; 10 days later bought Soap for 12.50 NOK; 10 days later bought Soap for 12.50 NOK; 10 days later bought Soap for 12.50 NOK; 4 more orders until 22 Mar 1970; nothing more in the 120 days to 1970-07-20.");
        insta::assert_snapshot!(told(Vec::new(), vec![event(1, EventKind::Other)]), @"NO: 1 other event.");
    }
}
