//! The raw features of a landmark, before they are standardised. `NaN` stands for what is not known.

use serde::{Deserialize, Serialize};

use super::bound::Bound;
use super::products::month;
use crate::journey::{EventKind, Value};
use crate::{Day, Order, View};

/// What a feature speaks of; reasons are given by these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Topic {
    /// Size and prices of the first basket.
    Basket,
    /// Which products it held.
    Products,
    /// Who the customer is: attributes, consent.
    Profile,
    /// What the customer did since.
    Engagement,
}

impl Topic {
    /// Its name in reasons and documents.
    pub fn code(self) -> &'static str {
        match self {
            Self::Basket => "basket",
            Self::Products => "products",
            Self::Profile => "profile",
            Self::Engagement => "engagement",
        }
    }
}

/// One declared attribute as features.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attribute {
    pub(super) name: String,
    /// The categories that have a feature of their own, ascending; none for a number.
    pub(super) categories: Option<Vec<String>>,
}

/// Spans in days over which engagement fades by the factor e.
const FADE_DAYS: [f64; 2] = [7.0, 30.0];

/// Names and topics, parallel to [`raw`].
pub(super) fn names(kinds: &[EventKind], attributes: &[Attribute]) -> Vec<(String, Topic)> {
    let basket = ["amount", "units", "lines", "groups", "highestPrice", "middlePrice", "routineShare", "routineSteps", "gift"];
    let products = ["rebuyGap", "rebuyDue", "repeatShare"];
    let mut names: Vec<(String, Topic)> = basket.map(|name| (format!("basket.{name}"), Topic::Basket)).to_vec();
    names.extend(products.map(|name| (format!("products.{name}"), Topic::Products)));
    names.push(("profile.consents".to_owned(), Topic::Profile));
    for attribute in attributes {
        match &attribute.categories {
            None => names.push((format!("profile.{}", attribute.name), Topic::Profile)),
            Some(values) => names.extend(values.iter().map(|value| (format!("profile.{}={value}", attribute.name), Topic::Profile))),
        }
    }
    for kind in kinds {
        names.extend(FADE_DAYS.map(|days| (format!("engagement.{kind:?}.{days}d"), Topic::Engagement)));
    }
    names.extend(["clicksPerSent", "quietDays", "contacts"].map(|name| (format!("engagement.{name}"), Topic::Engagement)));
    names
}

/// The raw features of a view.
pub(super) fn raw(bound: &Bound<'_>, view: View<'_>) -> Vec<f64> {
    let mut values = Vec::new();
    let first = view.purchase_days().first().copied();
    basket(bound, view, first, &mut values);
    products(bound, view, first, &mut values);
    profile(bound, view, &mut values);
    engagement(bound, view, &mut values);
    values
}

/// The orders of the first purchase day.
fn first_orders(view: View<'_>, first: Option<Day>) -> impl Iterator<Item = &Order> {
    view.orders().take_while(move |order| Some(order.day) == first)
}

fn basket(bound: &Bound<'_>, view: View<'_>, first: Option<Day>, values: &mut Vec<f64>) {
    let (mut amount, mut units, mut lines, mut gift) = (0.0, 0.0, 0_u32, false);
    let (mut prices, mut groups) = (Vec::new(), Vec::new());
    for order in first_orders(view, first) {
        let median = bound.median_amount(view.market(), order.currency);
        gift |= order.gift;
        for line in view.kept(order) {
            amount += line.amount / median;
            units += f64::from(line.quantity);
            lines += 1;
            prices.push(line.amount / f64::from(line.quantity) / median);
            groups.push(line.group);
        }
    }
    if lines == 0 {
        values.extend([f64::NAN; 9]);
        return;
    }
    prices.sort_by(f64::total_cmp);
    groups.sort_unstable();
    groups.dedup();
    let routines = bound.routine_steps(&groups);
    let in_routines: usize = routines.values().map(|steps| steps.groups).sum();
    let longest = routines.values().map(|steps| steps.steps.len()).max().unwrap_or(0);
    values.extend([amount.ln(), units.ln_1p(), f64::from(lines).ln_1p(), (groups.len() as f64).ln()]);
    values.extend([prices[prices.len() - 1].ln(), prices[prices.len() / 2].ln()]);
    values.extend([in_routines as f64 / groups.len() as f64, (longest as f64).ln_1p(), f64::from(u8::from(gift))]);
}

fn products(bound: &Bound<'_>, view: View<'_>, first: Option<Day>, values: &mut Vec<f64>) {
    let mut groups: Vec<u32> = first_orders(view, first).flat_map(|order| view.kept(order)).map(|line| line.group).collect();
    groups.sort_unstable();
    groups.dedup();
    let Some(first) = first.filter(|_| !groups.is_empty()) else {
        values.extend([f64::NAN; 3]);
        return;
    };
    let gaps: Vec<f64> = groups.iter().filter_map(|group| bound.gap(*group)).collect();
    let gap = mean(&gaps);
    // Neither the highest of the shares nor the share of groups without one: both move with the age of the extract.
    let shares: Vec<f64> = groups.iter().filter_map(|group| bound.repeat_share(*group, month(first))).collect();
    let age = f64::from(view.at().since(first).max(1));
    values.extend([gap.ln(), (age / gap).ln(), mean(&shares)]);
}

/// `NaN` of nothing.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn profile(bound: &Bound<'_>, view: View<'_>, values: &mut Vec<f64>) {
    let profile = view.profile();
    values.push(profile.consent.len() as f64);
    for (attribute, column) in bound.attributes() {
        let value = column.and_then(|column| profile.attributes.get(column)).unwrap_or(&Value::Missing);
        match (&attribute.categories, value) {
            (None, Value::Number(number)) => values.push(*number),
            (None, _) => values.push(f64::NAN),
            (Some(categories), Value::Missing) => values.extend(categories.iter().map(|_| f64::NAN)),
            (Some(categories), value) => {
                let named = |category: &String| matches!(value, Value::Category(value) if value == category);
                values.extend(categories.iter().map(|category| f64::from(u8::from(named(category)))));
            }
        }
    }
}

fn engagement(bound: &Bound<'_>, view: View<'_>, values: &mut Vec<f64>) {
    let faded = |kind: Option<EventKind>, days: f64| -> f64 {
        let events = view.events().iter().filter(|event| kind.is_none_or(|kind| event.kind == kind));
        events.map(|event| (-f64::from(view.at().since(event.day)) / days).exp()).sum()
    };
    for kind in bound.kinds() {
        values.extend(FADE_DAYS.map(|days| faded(Some(*kind), days).ln_1p()));
    }
    let [_, month] = FADE_DAYS;
    let sent = faded(Some(EventKind::Sent), month);
    let mailed = view.events().iter().any(|event| event.kind == EventKind::Sent);
    values.push(if mailed { (faded(Some(EventKind::Click), month) + 0.1) / (sent + 1.0) } else { f64::NAN });
    let own = |kind: EventKind| !matches!(kind, EventKind::Sent | EventKind::Open);
    let last = view.events().iter().rev().find(|event| own(event.kind));
    values.push(last.map_or(f64::NAN, |event| f64::from(view.at().since(event.day)).ln_1p()));
    let contacts = view.contacts().iter().map(|contact| (-f64::from(view.at().since(contact.day)) / month).exp());
    values.push(contacts.sum::<f64>().ln_1p());
}
