//! The rules of one row of transactions.

use super::gather::Rule;
use crate::canonical::{Batch, FlagColumn, MomentColumn, NumberColumn, TextColumn};
use crate::error::Result;
use crate::time::Stamp;

/// The columns of a batch of transactions.
pub(super) struct Columns {
    customer: TextColumn,
    order: TextColumn,
    ordered_at: MomentColumn,
    product: TextColumn,
    quantity: NumberColumn,
    amount: NumberColumn,
    market: TextColumn,
    kind: TextColumn,
    original: TextColumn,
    currency: TextColumn,
    gift: FlagColumn,
}

/// One row that has what every row must have.
pub(super) struct Line<'a> {
    pub(super) customer: &'a str,
    pub(super) order: &'a str,
    pub(super) stamp: Stamp,
    pub(super) product: &'a str,
    pub(super) market: Option<&'a str>,
    pub(super) original: Option<&'a str>,
    pub(super) currency: Option<&'a str>,
    pub(super) gift: bool,
    /// Units, positive.
    pub(super) quantity: f64,
    /// Positive; 0 for a return.
    pub(super) amount: f64,
    pub(super) returned: bool,
    /// Why the row is neither a sale nor a return, where it is not: its product was still seen.
    pub(super) sold: Result<(), Rule>,
}

impl Columns {
    /// Takes the columns of a batch.
    pub(super) fn new(batch: &Batch<'_>) -> Result<Self> {
        Ok(Self {
            customer: batch.text("customer_id")?,
            order: batch.text("order_id")?,
            ordered_at: batch.moment("ordered_at")?,
            product: batch.text("product_id")?,
            quantity: batch.number("quantity")?,
            amount: batch.number("amount")?,
            market: batch.text("market")?,
            kind: batch.text("kind")?,
            original: batch.text("original_order_id")?,
            currency: batch.text("currency")?,
            gift: batch.flag("is_gift")?,
        })
    }

    /// One row, or the rule that leaves it out.
    pub(super) fn line(&self, row: usize) -> Result<Line<'_>, Rule> {
        let customer = bounded(self.customer.get(row).ok_or("no customer_id")?)?;
        let order = bounded(self.order.get(row).ok_or("no order_id")?)?;
        let product = bounded(self.product.get(row).ok_or("no product_id")?)?;
        let stamp = self.ordered_at.get(row).ok_or("no ordered_at")?;
        let quantity = self.quantity.get(row).ok_or("no quantity")?;
        let amount = self.amount.get(row).ok_or("no amount")?;
        let kind = self.kind.get(row).unwrap_or("sale");
        let returned = kind == "return" || (kind == "sale" && quantity < 0.0);
        let sold = match kind {
            _ if quantity == 0.0 => Err("quantity 0"),
            "return" | "sale" if returned => Ok(()),
            "sale" if amount == 0.0 => Err("amount 0"),
            "sale" if amount < 0.0 => Err("an amount without the sign of the quantity"),
            "sale" => Ok(()),
            "sample" => Err("a sample"),
            "gift_with_purchase" => Err("a gift with purchase"),
            "service" => Err("a service"),
            _ => Err("an unknown kind"),
        };
        Ok(Line {
            customer,
            order,
            stamp,
            product,
            market: self.market.get(row),
            original: self.original.get(row),
            currency: self.currency.get(row),
            gift: self.gift.get(row).unwrap_or(false),
            quantity: quantity.abs(),
            amount: if returned { 0.0 } else { amount },
            returned,
            sold,
        })
    }
}

fn bounded(text: &str) -> Result<&str, Rule> {
    super::gather::check_id(text).map(|()| text)
}
