//! Products to groups: what is recommended and owned.

use std::collections::{BTreeMap, BTreeSet};

use reprise_models::{Day, Group};

use super::gather::{Rule, check_id};
use super::seen::Seen;
use crate::canonical::Batch;
use crate::error::Result;

/// The products table.
#[derive(Debug, Default)]
pub(super) struct Declared {
    products: BTreeMap<String, Product>,
    present: bool,
}

/// One product as its rows declare it. Rows of several markets are merged so that their order does not matter.
#[derive(Clone, Debug)]
struct Product {
    /// Texts in the order of [`TEXTS`]; empty where unknown.
    texts: [String; TEXTS.len()],
    routine: Option<(String, u16)>,
    replenishment_days: Option<u16>,
    available: bool,
    recommendable: bool,
    launched_on: Option<Day>,
    /// `None`: still on sale.
    discontinued_on: Option<Day>,
    /// `None`: a row without a market, which stands for all.
    markets: Option<BTreeSet<u16>>,
}

const TEXTS: [&str; 7] = ["group_id", "name", "axis", "category", "family", "line", "brand"];

impl Declared {
    /// Takes rows of the products table; `markets` says, row by row, the market or the rule that leaves the row out.
    /// Gives the rows taken and those filtered by rule.
    pub(super) fn take(&mut self, batch: &Batch<'_>, markets: &[Result<Option<u16>, Rule>]) -> Result<(u64, BTreeMap<Rule, u64>)> {
        self.present = true;
        let id = batch.text("product_id")?;
        let mut texts = Vec::with_capacity(TEXTS.len());
        for name in TEXTS {
            texts.push(batch.text(name)?);
        }
        let (routine, step, replenishment) =
            (batch.text("routine_id")?, batch.number("routine_step")?, batch.number("replenishment_days")?);
        let (available, recommendable) = (batch.flag("available")?, batch.flag("recommendable")?);
        let (launched, discontinued) = (batch.moment("launched_at")?, batch.moment("discontinued_at")?);
        let (mut taken, mut filtered) = (0, BTreeMap::new());
        for (row, market) in markets.iter().enumerate() {
            let checked = id.get(row).ok_or("no product_id").and_then(|id| check_id(id).map(|()| id));
            match (checked, *market) {
                (Ok(id), Ok(market)) => {
                    let text = |index: usize| texts[index].owned(row).unwrap_or_default();
                    let product = Product {
                        texts: std::array::from_fn(text),
                        routine: routine.owned(row).map(|routine| (routine, days(step.get(row)).unwrap_or(0))),
                        replenishment_days: days(replenishment.get(row)).filter(|days| *days > 0),
                        available: available.get(row).unwrap_or(true),
                        recommendable: recommendable.get(row).unwrap_or(true),
                        launched_on: launched.day(row),
                        discontinued_on: discontinued.day(row),
                        markets: market.map(|market| BTreeSet::from([market])),
                    };
                    self.merge(id, product);
                    taken += 1;
                }
                (Err(rule), _) | (_, Err(rule)) => *filtered.entry(rule).or_default() += 1,
            }
        }
        Ok((taken, filtered))
    }

    fn merge(&mut self, id: &str, product: Product) {
        match self.products.get_mut(id) {
            Some(known) => known.merge(product),
            None => drop(self.products.insert(id.to_owned(), product)),
        }
    }
}

impl Product {
    fn merge(&mut self, other: Self) {
        for (known, text) in self.texts.iter_mut().zip(other.texts) {
            if known.is_empty() || (!text.is_empty() && text < *known) {
                *known = text;
            }
        }
        self.routine = least(self.routine.take(), other.routine);
        self.replenishment_days = least(self.replenishment_days, other.replenishment_days);
        self.available |= other.available;
        self.recommendable |= other.recommendable;
        self.launched_on = self.launched_on.zip(other.launched_on).map(|(a, b)| a.min(b));
        self.discontinued_on = self.discontinued_on.zip(other.discontinued_on).map(|(a, b)| a.max(b));
        self.markets = self.markets.take().zip(other.markets).map(|(a, b)| &a | &b);
    }
}

fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    a.into_iter().chain(b).min()
}

/// A small count, as a source states it.
fn days(number: Option<f64>) -> Option<u16> {
    number.filter(|number| (0.0..=3650.0).contains(number)).map(|number| number.round() as u16)
}

/// Groups by id, and the group of each seen product.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Sorted by id.
    pub(super) groups: Vec<Group>,
    /// By the product's number; `None` for a product first seen after the cut.
    pub(super) of_product: Vec<Option<u32>>,
}

/// All products declared, and all seen before `as_of`, as groups.
///
/// A product without `group_id` is a group of its own. A product that the source declares nowhere is recommendable only
/// when the source declares no products at all; one that was only ever a sample, a gift or a service is not.
pub(super) fn group(declared: &Declared, seen: &Seen, as_of: Day) -> Groups {
    let mut members: BTreeMap<String, BTreeMap<String, Product>> = BTreeMap::new();
    for (id, product) in &declared.products {
        members.entry(group_of(id, product).to_owned()).or_default().insert(id.clone(), product.clone());
    }
    for (id, _, days) in seen.before(as_of) {
        let never_sold = days.sold >= as_of;
        let group = declared.products.get(id).map_or(id, |product| group_of(id, product)).to_owned();
        let product = members.entry(group).or_default().entry(id.to_owned()).or_insert_with(|| Product::unknown(!declared.present));
        product.recommendable &= !never_sold;
    }
    let index: BTreeMap<&str, u32> = members.keys().enumerate().map(|(index, id)| (id.as_str(), index as u32)).collect();
    let mut of_product = vec![None; seen.len()];
    for (id, number, _) in seen.before(as_of) {
        let group = declared.products.get(id).map_or(id, |product| group_of(id, product));
        of_product[number as usize] = index.get(group).copied();
    }
    Groups { groups: members.iter().map(|(id, products)| merged(id, products)).collect(), of_product }
}

fn group_of<'a>(id: &'a str, product: &'a Product) -> &'a str {
    if product.texts[0].is_empty() { id } else { &product.texts[0] }
}

impl Product {
    fn unknown(recommendable: bool) -> Self {
        Self {
            texts: Default::default(),
            routine: None,
            replenishment_days: None,
            available: true,
            recommendable,
            launched_on: None,
            discontinued_on: None,
            markets: None,
        }
    }
}

/// A group of its products: the first one in id order that can be shown stands for it.
fn merged(id: &str, products: &BTreeMap<String, Product>) -> Group {
    let mut all = products.values().cloned();
    let mut whole = all.next().unwrap_or_else(|| Product::unknown(false));
    all.for_each(|product| whole.merge(product));
    let shown = products.iter().find(|(_, product)| product.available && product.recommendable).or_else(|| products.iter().next());
    let [_, name, axis, category, family, line, brand] = whole.texts;
    let named = shown.map(|(_, product)| product.texts[1].clone()).filter(|name| !name.is_empty());
    Group {
        id: id.to_owned(),
        product: shown.map_or_else(|| id.to_owned(), |(product, _)| product.clone()),
        name: named.unwrap_or(name),
        markets: whole.markets.unwrap_or_default().into_iter().collect(),
        category,
        family,
        brand,
        axis,
        line,
        routine: whole.routine,
        replenishment_days: whole.replenishment_days,
        recommendable: products.values().any(|product| product.recommendable),
        available: products.values().any(|product| product.available),
        launched_on: whole.launched_on,
        discontinued_on: whole.discontinued_on,
    }
}
