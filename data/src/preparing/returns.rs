//! Orders of one customer, and what came back of them.

use std::collections::BTreeMap;

use reprise_models::{Line, Order};

use super::rows::Sale;

/// Lines bought so far, in time order.
#[derive(Debug, Default)]
pub(super) struct Basket {
    /// Orders by number and currency: lines of one order in two currencies can't be added up.
    orders: BTreeMap<(String, u16), Order>,
    /// Lines that can still come back, oldest first.
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    key: (String, u16),
    line: usize,
    product: u32,
    group: u32,
    units: f64,
}

impl Basket {
    /// Adds a line.
    pub(super) fn buy(&mut self, sale: &Sale, group: u32, currency: u16) {
        let key = (sale.order.clone(), currency);
        let order = self.orders.entry(key.clone()).or_insert_with(|| Order {
            day: sale.day,
            at: sale.at,
            currency,
            gift: false,
            lines: Vec::new(),
        });
        order.gift |= sale.gift;
        order.lines.push(Line { group, quantity: sale.quantity as f32, amount: sale.amount, returned_on: None });
        self.open.push(Open { key, line: order.lines.len() - 1, product: sale.product, group, units: sale.quantity });
    }

    /// Takes units back: of the product in the order that the return names, else of the group in the latest earlier
    /// orders. False when no unit of it was bought.
    pub(super) fn give_back(&mut self, sale: &Sale, group: u32) -> bool {
        let named =
            sale.original.as_deref().filter(|order| self.open.iter().any(|open| open.key.0 == **order && open.product == sale.product));
        let mut units = sale.quantity;
        let mut found = false;
        for open in self.open.iter_mut().rev() {
            let fits = match named {
                Some(order) => open.key.0 == order && open.product == sale.product,
                None => open.group == group,
            };
            if !fits || units <= 0.0 {
                continue;
            }
            found = true;
            let back = units.min(open.units);
            units -= back;
            open.units -= back;
            if open.units <= 0.0
                && let Some(order) = self.orders.get_mut(&open.key)
            {
                order.lines[open.line].returned_on = Some(sale.day);
            }
        }
        self.open.retain(|open| open.units > 0.0);
        found
    }

    /// The orders, each with the lines that it ever had.
    pub(super) fn into_orders(self) -> Vec<Order> {
        self.orders.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use reprise_models::Day;

    use super::*;

    fn sale(order: &str, day: i32, product: u32, quantity: f64) -> Sale {
        Sale {
            customer: "c".into(),
            order: order.into(),
            day: Day(day),
            at: i64::from(day) * 86_400,
            market: 0,
            product,
            quantity,
            amount: quantity,
            currency: 0,
            returned: false,
            original: None,
            gift: false,
        }
    }

    fn returned(basket: &Basket) -> Vec<Vec<Option<i32>>> {
        basket.orders.values().map(|order| order.lines.iter().map(|line| line.returned_on.map(|day| day.0)).collect()).collect()
    }

    #[test]
    fn a_return_takes_units_of_the_latest_order_first() {
        let mut basket = Basket::default();
        basket.buy(&sale("a", 1, 7, 2.0), 0, 0);
        basket.buy(&sale("b", 5, 7, 2.0), 0, 0);
        assert!(basket.give_back(&sale("r", 6, 7, 1.0), 0));
        assert_eq!(returned(&basket), [[None], [None]]);
        assert!(basket.give_back(&sale("r", 8, 7, 2.0), 0));
        assert_eq!(returned(&basket), [[None], [Some(8)]]);
        assert!(basket.give_back(&sale("r", 9, 7, 5.0), 0));
        assert_eq!(returned(&basket), [[Some(9)], [Some(8)]]);
        assert!(!basket.give_back(&sale("r", 10, 7, 1.0), 0));
    }

    #[test]
    fn a_return_that_names_its_order_takes_that_one() {
        let mut basket = Basket::default();
        basket.buy(&sale("a", 1, 7, 1.0), 0, 0);
        basket.buy(&sale("b", 5, 7, 1.0), 0, 0);
        assert!(basket.give_back(&Sale { original: Some("a".into()), ..sale("r", 6, 7, 1.0) }, 0));
        assert_eq!(returned(&basket), [[Some(6)], [None]]);
    }

    #[test]
    fn another_shade_of_the_group_comes_back_where_no_order_is_named() {
        let mut basket = Basket::default();
        basket.buy(&sale("a", 1, 7, 1.0), 3, 0);
        assert!(basket.give_back(&sale("r", 2, 8, 1.0), 3));
        assert_eq!(returned(&basket), [[Some(2)]]);
    }
}
