//! Canonical rows that passed the rules of their table, as they wait on scratch. Field names are short: there are many.

use reprise_models::Day;
use reprise_models::journey::{EventKind, Value};
use serde::{Deserialize, Serialize};

use crate::time::Stamp;

/// A line of an order, or a return.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sale {
    #[serde(rename = "c")]
    pub(super) customer: String,
    #[serde(rename = "o")]
    pub(super) order: String,
    #[serde(rename = "d")]
    pub(super) day: Day,
    #[serde(rename = "t")]
    pub(super) at: i64,
    #[serde(rename = "m")]
    pub(super) market: u16,
    /// Number of the product among those seen.
    #[serde(rename = "p")]
    pub(super) product: u32,
    /// Units, positive.
    #[serde(rename = "q")]
    pub(super) quantity: f64,
    /// Positive; 0 for a return, whose amount nobody needs.
    #[serde(rename = "a")]
    pub(super) amount: f64,
    /// Number of the currency among those seen.
    #[serde(rename = "u")]
    pub(super) currency: u32,
    /// Whether the units came back.
    #[serde(rename = "r", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) returned: bool,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub(super) original: Option<String>,
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) gift: bool,
}

/// An event of a customer or of a visitor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Signal {
    /// Customer or visitor id.
    #[serde(rename = "c")]
    pub(super) owner: String,
    /// Whether the owner is a customer.
    #[serde(rename = "k")]
    pub(super) known: bool,
    #[serde(rename = "t")]
    pub(super) stamp: Stamp,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(super) market: Option<u16>,
    #[serde(rename = "e")]
    pub(super) kind: EventKind,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(super) product: Option<u32>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<String>,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// For an anonymous visit that was joined to a customer: when the visitor made himself known.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub(super) joined: Option<Stamp>,
}

/// A visitor made himself known as a customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Link {
    #[serde(rename = "v")]
    pub(super) visitor: String,
    #[serde(rename = "t")]
    pub(super) stamp: Stamp,
    #[serde(rename = "c")]
    pub(super) customer: String,
}

/// A contact with a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Touch {
    #[serde(rename = "c")]
    pub(super) customer: String,
    #[serde(rename = "t")]
    pub(super) stamp: Stamp,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(super) market: Option<u16>,
    #[serde(rename = "h")]
    pub(super) channel: String,
    #[serde(rename = "p", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) planned: bool,
}

/// A row of the customers table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) customer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) market: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) first_purchased: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) welcome_ended: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) consent: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) objects: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) excluded: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) adviser: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) store: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attributes: Vec<Value>,
}
