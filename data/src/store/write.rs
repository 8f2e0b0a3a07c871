//! Writes journeys as Parquet, the same bytes for the same journeys.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    UInt8Array, UInt16Array, UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use reprise_models::catalogue::AttributeColumn;
use reprise_models::journey::{EventKind, Value};
use reprise_models::{Contact, Day, Event, Journey, JourneyParts, Order};

use super::{Customer, JOURNEYS, KINDS, contact_fields, event_fields, line_fields, list, order_fields, schema};
use crate::error::{Error, Result};

/// Journeys of one row batch: a bound on memory, not on the file.
const BATCH: usize = 1024;

/// Writes `journeys.parquet`.
pub(crate) struct Writer {
    path: PathBuf,
    schema: SchemaRef,
    attributes: Vec<AttributeColumn>,
    parquet: ArrowWriter<File>,
}

impl Writer {
    /// Starts the file in `folder`.
    pub(crate) fn create(folder: &Path, attributes: &[AttributeColumn]) -> Result<Self> {
        let path = folder.join(JOURNEYS);
        let schema = schema(attributes);
        let file = File::create(&path).map_err(|error| Error::scratch(&path, error))?;
        // Everything that could vary is fixed: the writer's name and version, and where row groups end.
        let properties = WriterProperties::builder()
            .set_created_by("reprise".to_owned())
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()))
            .set_max_row_group_row_count(None)
            .set_max_row_group_bytes(None)
            .build();
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(|error| failed(&path, error))?;
        Ok(Self { path, schema, attributes: attributes.to_vec(), parquet: writer })
    }

    /// Writes the journeys of one shard, sorted by the caller, as one row group.
    pub(crate) fn write(&mut self, shard: u8, journeys: Vec<(Customer, Journey)>) -> Result<()> {
        let mut rest = journeys.into_iter();
        loop {
            let (customers, parts): (Vec<Customer>, Vec<JourneyParts>) =
                rest.by_ref().take(BATCH).map(|(customer, journey)| (customer, journey.into_parts())).unzip();
            if parts.is_empty() {
                break;
            }
            let batch = self.batch(shard, &customers, &parts).map_err(|error| failed(&self.path, error))?;
            self.parquet.write(&batch).map_err(|error| failed(&self.path, error))?;
        }
        self.parquet.flush().map_err(|error| failed(&self.path, error))
    }

    /// Ends the file.
    pub(crate) fn finish(self) -> Result<()> {
        self.parquet.close().map(drop).map_err(|error| failed(&self.path, error))
    }

    fn batch(&self, shard: u8, customers: &[Customer], parts: &[JourneyParts]) -> Result<RecordBatch, ArrowError> {
        let optional = |read: fn(&Customer) -> &Option<String>| -> ArrayRef {
            Arc::new(customers.iter().map(|customer| read(customer).as_deref()).collect::<StringArray>())
        };
        let days = |read: fn(&JourneyParts) -> Option<Day>| -> ArrayRef {
            Arc::new(parts.iter().map(|parts| read(parts).map(|day| day.0)).collect::<Date32Array>())
        };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt8Array::from(vec![shard; parts.len()])),
            Arc::new(StringArray::from_iter_values(parts.iter().map(|parts| &parts.customer))),
            Arc::new(parts.iter().map(|parts| Some(parts.known)).collect::<BooleanArray>()),
            Arc::new(UInt16Array::from_iter_values(parts.iter().map(|parts| parts.market))),
            days(|parts| parts.profile.first_purchased_on),
            days(|parts| parts.profile.welcome_ended_on),
            words(parts, |parts| &parts.profile.consent)?,
            words(parts, |parts| &parts.profile.excluded)?,
            optional(|customer| &customer.adviser),
            optional(|customer| &customer.store),
            optional(|customer| &customer.language),
        ];
        columns.extend(self.attributes.iter().enumerate().map(|(index, attribute)| attribute_column(parts, index, attribute.number)));
        columns.push(lists(parts, |parts| &parts.orders, orders)?);
        columns.push(lists(parts, |parts| &parts.events, events)?);
        columns.push(lists(parts, |parts| &parts.contacts, contacts)?);
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}

fn failed(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::scratch(path, std::io::Error::other(error))
}

fn attribute_column(parts: &[JourneyParts], index: usize, number: bool) -> ArrayRef {
    let values = parts.iter().map(|parts| parts.profile.attributes.get(index));
    if number {
        let numbers = values.map(|value| if let Some(Value::Number(number)) = value { Some(*number) } else { None });
        Arc::new(numbers.collect::<Float64Array>())
    } else {
        let words = values.map(|value| if let Some(Value::Category(word)) = value { Some(word.as_str()) } else { None });
        Arc::new(words.collect::<StringArray>())
    }
}

/// A list column: the items of all rows in one array, cut by offsets.
fn lists<P, T>(parents: &[P], items: fn(&P) -> &Vec<T>, array: fn(&[&T]) -> Result<ArrayRef, ArrowError>) -> Result<ArrayRef, ArrowError> {
    let offsets = OffsetBuffer::from_lengths(parents.iter().map(|parent| items(parent).len()));
    let all: Vec<&T> = parents.iter().flat_map(items).collect();
    let values = array(&all)?;
    let field = Arc::new(Field::new("item", values.data_type().clone(), false));
    Ok(Arc::new(ListArray::try_new(field, offsets, values, None)?))
}

fn words(parts: &[JourneyParts], read: fn(&JourneyParts) -> &Vec<String>) -> Result<ArrayRef, ArrowError> {
    lists(parts, read, |words: &[&String]| Ok(Arc::new(StringArray::from_iter_values(words))))
}

fn structure(fields: Fields, columns: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(StructArray::try_new(fields, columns, None)?))
}

fn orders(orders: &[&Order]) -> Result<ArrayRef, ArrowError> {
    let lines: Vec<_> = orders.iter().flat_map(|order| &order.lines).collect();
    let line_values = structure(
        line_fields(),
        vec![
            Arc::new(UInt32Array::from_iter_values(lines.iter().map(|line| line.group))),
            Arc::new(Float32Array::from_iter_values(lines.iter().map(|line| line.quantity))),
            Arc::new(Float64Array::from_iter_values(lines.iter().map(|line| line.amount))),
            Arc::new(lines.iter().map(|line| line.returned_on.map(|day| day.0)).collect::<Date32Array>()),
        ],
    )?;
    let offsets = OffsetBuffer::from_lengths(orders.iter().map(|order| order.lines.len()));
    let DataType::List(field) = list(DataType::Struct(line_fields())) else { return Err(ArrowError::SchemaError("no list".into())) };
    structure(
        order_fields(),
        vec![
            Arc::new(Date32Array::from_iter_values(orders.iter().map(|order| order.day.0))),
            Arc::new(Int64Array::from_iter_values(orders.iter().map(|order| order.at))),
            Arc::new(UInt16Array::from_iter_values(orders.iter().map(|order| order.currency))),
            Arc::new(orders.iter().map(|order| Some(order.gift)).collect::<BooleanArray>()),
            Arc::new(ListArray::try_new(field, offsets, line_values, None)?),
        ],
    )
}

fn events(events: &[&Event]) -> Result<ArrayRef, ArrowError> {
    structure(
        event_fields(),
        vec![
            Arc::new(Date32Array::from_iter_values(events.iter().map(|event| event.day.0))),
            Arc::new(Int64Array::from_iter_values(events.iter().map(|event| event.at))),
            Arc::new(StringArray::from_iter_values(events.iter().map(|event| kind_name(event.kind)))),
            Arc::new(events.iter().map(|event| event.group).collect::<UInt32Array>()),
            Arc::new(events.iter().map(|event| event.session).collect::<UInt32Array>()),
        ],
    )
}

fn kind_name(kind: EventKind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("other", |(_, name)| name)
}

fn contacts(contacts: &[&Contact]) -> Result<ArrayRef, ArrowError> {
    structure(
        contact_fields(),
        vec![
            Arc::new(Date32Array::from_iter_values(contacts.iter().map(|contact| contact.day.0))),
            Arc::new(StringArray::from_iter_values(contacts.iter().map(|contact| &contact.channel))),
            Arc::new(contacts.iter().map(|contact| Some(contact.planned)).collect::<BooleanArray>()),
        ],
    )
}
