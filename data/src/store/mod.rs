//! `journeys.parquet`: one row per customer, in shard order, then by id; one row group per shard that has any.

mod read;
mod write;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use reprise_models::catalogue::AttributeColumn;
use reprise_models::journey::EventKind;

pub(crate) use read::{Reader, Stored};
pub(crate) use write::Writer;

/// Name of the file.
pub(crate) const JOURNEYS: &str = "journeys.parquet";

/// What a contact plan says of a customer beyond the journey. Empty for a visitor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    /// Pseudonymous id.
    pub id: String,
    /// The adviser who looks after the customer.
    pub adviser: Option<String>,
    /// The customer's store.
    pub store: Option<String>,
    /// Language in which the customer is addressed.
    pub language: Option<String>,
}

/// Prefix of the columns of declared attributes, so that none hides another column.
pub(crate) const ATTRIBUTE: &str = "attributes.";

/// Kinds of events by their name in the file.
const KINDS: [(EventKind, &str); 11] = [
    (EventKind::Sent, "sent"),
    (EventKind::Open, "open"),
    (EventKind::Click, "click"),
    (EventKind::Visit, "visit"),
    (EventKind::View, "view"),
    (EventKind::Cart, "cart"),
    (EventKind::Wishlist, "wishlist"),
    (EventKind::Search, "search"),
    (EventKind::Call, "call"),
    (EventKind::StoreVisit, "store_visit"),
    (EventKind::Other, "other"),
];

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, false)))
}

fn line_fields() -> Fields {
    Fields::from(vec![
        Field::new("group", DataType::UInt32, false),
        Field::new("quantity", DataType::Float32, false),
        Field::new("amount", DataType::Float64, false),
        Field::new("returned_on", DataType::Date32, true),
    ])
}

fn order_fields() -> Fields {
    Fields::from(vec![
        Field::new("day", DataType::Date32, false),
        Field::new("at", DataType::Int64, false),
        Field::new("currency", DataType::UInt16, false),
        Field::new("gift", DataType::Boolean, false),
        Field::new("lines", list(DataType::Struct(line_fields())), false),
    ])
}

fn event_fields() -> Fields {
    Fields::from(vec![
        Field::new("day", DataType::Date32, false),
        Field::new("at", DataType::Int64, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("group", DataType::UInt32, true),
        Field::new("session", DataType::UInt32, true),
    ])
}

fn contact_fields() -> Fields {
    Fields::from(vec![
        Field::new("day", DataType::Date32, false),
        Field::new("channel", DataType::Utf8, false),
        Field::new("planned", DataType::Boolean, false),
    ])
}

/// The file's columns, given the declared attributes.
pub(crate) fn schema(attributes: &[AttributeColumn]) -> SchemaRef {
    let mut fields = vec![
        Field::new("shard", DataType::UInt8, false),
        Field::new("customer_id", DataType::Utf8, false),
        Field::new("known", DataType::Boolean, false),
        Field::new("market", DataType::UInt16, false),
        Field::new("first_purchased_on", DataType::Date32, true),
        Field::new("welcome_ended_on", DataType::Date32, true),
        Field::new("consent", list(DataType::Utf8), false),
        Field::new("excluded", list(DataType::Utf8), false),
        Field::new("adviser_id", DataType::Utf8, true),
        Field::new("store_id", DataType::Utf8, true),
        Field::new("language", DataType::Utf8, true),
    ];
    fields.extend(attributes.iter().map(|attribute| {
        let stored = if attribute.number { DataType::Float64 } else { DataType::Utf8 };
        Field::new(format!("{ATTRIBUTE}{}", attribute.name), stored, true)
    }));
    fields.push(Field::new("orders", list(DataType::Struct(order_fields())), false));
    fields.push(Field::new("events", list(DataType::Struct(event_fields())), false));
    fields.push(Field::new("contacts", list(DataType::Struct(contact_fields())), false));
    Arc::new(Schema::new(fields))
}
