//! Reads `journeys.parquet` back, whatever its bytes are: a damaged file is a typed error.

use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{Date32Type, Float32Type, Float64Type, Int64Type, UInt8Type, UInt16Type, UInt32Type};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use reprise_models::journey::{EventKind, Value};
use reprise_models::{Catalogue, Contact, Day, Event, Journey, JourneyParts, Line, Order, Profile};

use super::{ATTRIBUTE, Customer, JOURNEYS, KINDS, schema};
use crate::error::{Error, Fault, Place, Result};

/// Journeys read at a time.
const BATCH: usize = 512;

/// Batches of the journeys of some shards.
pub(crate) struct Reader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    shards: Range<u8>,
}

impl Reader {
    /// Opens the file in `folder` for the shards in `shards`.
    ///
    /// # Errors
    /// [`Error::OpenPrepared`] when it is no sound file of this format and of `catalogue`'s attributes.
    pub(crate) fn open(folder: &Path, catalogue: &Catalogue, shards: Range<u8>) -> Result<Self> {
        let path = folder.join(JOURNEYS);
        let file = File::open(&path).map_err(|error| damaged(&path, &error))?;
        let reader = guarded(&path, || {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(&path, &error))?;
            if *builder.schema().fields() != *schema(&catalogue.attributes).fields() {
                return Err(damaged(&path, &"the columns are not those of this format"));
            }
            let groups = row_groups(builder.metadata(), &shards).ok_or_else(|| damaged(&path, &"a row group doesn't say its shard"))?;
            builder.with_row_groups(groups).with_batch_size(BATCH).build().map_err(|error| damaged(&path, &error))
        })?;
        Ok(Self { path, batches: reader, shards })
    }

    /// The next journeys; `None` at the end.
    pub(crate) fn next(&mut self, catalogue: &Catalogue) -> Result<Option<Stored>> {
        let Self { path, batches, shards } = self;
        guarded(path, || match batches.next() {
            None => Ok(None),
            Some(Err(error)) => Err(damaged(path, &error)),
            Some(Ok(batch)) => {
                check(&batch, catalogue, shards).map_err(|cause| damaged(path, &cause))?;
                Ok(Some(Stored { batch }))
            }
        })
    }
}

fn damaged(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let cause: String = format!("the prepared set is damaged: {cause}").chars().take(240).collect();
    Error::OpenPrepared(Fault::new(Place::of(name), cause, "delete the prepared set; the next run prepares it again"))
}

/// The library panics on some damaged files; here that is an error like any other.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(damaged(path, &"the reader gave up")))
}

/// Row groups with any of `shards`, by their statistics; `None` when one has none.
fn row_groups(metadata: &ParquetMetaData, shards: &Range<u8>) -> Option<Vec<usize>> {
    let mut wanted = Vec::new();
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let Some(Statistics::Int32(statistics)) = group.columns().first()?.statistics() else { return None };
        let shard = u8::try_from(*statistics.min_opt()?).ok()?;
        if shards.contains(&shard) {
            wanted.push(index);
        }
    }
    Some(wanted)
}

/// Checks whatever an index or a number could break later.
fn check(batch: &RecordBatch, catalogue: &Catalogue, shards: &Range<u8>) -> Result<(), &'static str> {
    let below = |array: &ArrayRef, bound: usize| array.as_primitive::<UInt32Type>().iter().flatten().all(|index| (index as usize) < bound);
    if !batch.column(0).as_primitive::<UInt8Type>().values().iter().all(|shard| shards.contains(shard)) {
        return Err("a row of another shard");
    }
    if !column(batch, "market").as_primitive::<UInt16Type>().values().iter().all(|market| usize::from(*market) < catalogue.markets.len()) {
        return Err("a market beyond the catalogue");
    }
    let orders = column(batch, "orders").as_list::<i32>().values().as_struct();
    if !member(orders, "currency")
        .as_primitive::<UInt16Type>()
        .values()
        .iter()
        .all(|index| usize::from(*index) < catalogue.currencies.len())
    {
        return Err("a currency beyond the catalogue");
    }
    let lines = member(orders, "lines").as_list::<i32>().values().as_struct();
    let events = column(batch, "events").as_list::<i32>().values().as_struct();
    if !below(member(lines, "group"), catalogue.groups.len()) || !below(member(events, "group"), catalogue.groups.len()) {
        return Err("a group beyond the catalogue");
    }
    let amounts = member(lines, "amount").as_primitive::<Float64Type>().values().iter().all(|amount| amount.is_finite() && *amount > 0.0);
    let quantities = member(lines, "quantity").as_primitive::<Float32Type>().values().iter().all(|units| units.is_finite() && *units > 0.0);
    if amounts && quantities { Ok(()) } else { Err("an amount or a quantity that is not positive") }
}

/// Journeys of one batch whose columns and indices were checked.
pub(crate) struct Stored {
    pub(crate) batch: RecordBatch,
}

impl Stored {
    /// Number of journeys.
    pub(crate) fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// The journey in a row.
    pub(crate) fn journey(&self, row: usize) -> (Customer, Journey) {
        let batch = &self.batch;
        let text = |name: &str| optional_text(column(batch, name).as_string(), row);
        let id = text("customer_id").unwrap_or_default();
        let customer = Customer { id: id.clone(), adviser: text("adviser_id"), store: text("store_id"), language: text("language") };
        let parts = JourneyParts {
            customer: id,
            market: column(batch, "market").as_primitive::<UInt16Type>().value(row),
            known: self.known(row),
            profile: Profile {
                first_purchased_on: optional_day(column(batch, "first_purchased_on"), row),
                welcome_ended_on: optional_day(column(batch, "welcome_ended_on"), row),
                consent: words(batch, "consent", row),
                excluded: words(batch, "excluded", row),
                attributes: attributes(batch, row),
            },
            orders: items(batch, "orders", row, order),
            events: items(batch, "events", row, event),
            contacts: items(batch, "contacts", row, contact),
        };
        (customer, Journey::new(parts))
    }

    /// Whether the row is a known customer's.
    pub(crate) fn known(&self, row: usize) -> bool {
        column(&self.batch, "known").as_boolean().value(row)
    }
}

/// A column that the checked schema has.
fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    batch.column(batch.schema_ref().index_of(name).unwrap_or_default())
}

/// A member that the checked schema has.
fn member<'a>(structure: &'a StructArray, name: &str) -> &'a ArrayRef {
    let place = structure.fields().iter().position(|field| field.name() == name);
    structure.column(place.unwrap_or_default())
}

fn optional_text(array: &StringArray, row: usize) -> Option<String> {
    array.is_valid(row).then(|| array.value(row).to_owned())
}

fn optional_day(array: &ArrayRef, row: usize) -> Option<Day> {
    array.is_valid(row).then(|| Day(array.as_primitive::<Date32Type>().value(row)))
}

fn range(list: &ListArray, row: usize) -> Range<usize> {
    let offsets = list.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

fn items<T>(batch: &RecordBatch, name: &str, row: usize, item: fn(&StructArray, usize) -> T) -> Vec<T> {
    let list = column(batch, name).as_list::<i32>();
    range(list, row).map(|index| item(list.values().as_struct(), index)).collect()
}

fn words(batch: &RecordBatch, name: &str, row: usize) -> Vec<String> {
    let list = column(batch, name).as_list::<i32>();
    range(list, row).map(|index| list.values().as_string::<i32>().value(index).to_owned()).collect()
}

fn attributes(batch: &RecordBatch, row: usize) -> Vec<Value> {
    let fields = batch.schema_ref().fields().iter().zip(batch.columns());
    let declared = fields.filter(|(field, _)| field.name().starts_with(ATTRIBUTE)).map(|(_, array)| array);
    let value = |array: &ArrayRef| match array.as_primitive_opt::<Float64Type>() {
        _ if array.is_null(row) => Value::Missing,
        Some(numbers) => Value::Number(numbers.value(row)),
        None => Value::Category(array.as_string::<i32>().value(row).to_owned()),
    };
    declared.map(value).collect()
}

fn order(orders: &StructArray, index: usize) -> Order {
    let lines = member(orders, "lines").as_list::<i32>();
    Order {
        day: Day(member(orders, "day").as_primitive::<Date32Type>().value(index)),
        at: member(orders, "at").as_primitive::<Int64Type>().value(index),
        currency: member(orders, "currency").as_primitive::<UInt16Type>().value(index),
        gift: member(orders, "gift").as_boolean().value(index),
        lines: range(lines, index).map(|line_index| line(lines.values().as_struct(), line_index)).collect(),
    }
}

fn line(lines: &StructArray, index: usize) -> Line {
    Line {
        group: member(lines, "group").as_primitive::<UInt32Type>().value(index),
        quantity: member(lines, "quantity").as_primitive::<Float32Type>().value(index),
        amount: member(lines, "amount").as_primitive::<Float64Type>().value(index),
        returned_on: optional_day(member(lines, "returned_on"), index),
    }
}

fn event(events: &StructArray, index: usize) -> Event {
    let number = |name: &str| {
        let array = member(events, name);
        array.is_valid(index).then(|| array.as_primitive::<UInt32Type>().value(index))
    };
    let kind = member(events, "kind").as_string::<i32>().value(index);
    Event {
        day: Day(member(events, "day").as_primitive::<Date32Type>().value(index)),
        at: member(events, "at").as_primitive::<Int64Type>().value(index),
        kind: KINDS.iter().find(|(_, name)| *name == kind).map_or(EventKind::Other, |(kind, _)| *kind),
        group: number("group"),
        session: number("session"),
    }
}

fn contact(contacts: &StructArray, index: usize) -> Contact {
    Contact {
        day: Day(member(contacts, "day").as_primitive::<Date32Type>().value(index)),
        channel: member(contacts, "channel").as_string::<i32>().value(index).to_owned(),
        planned: member(contacts, "planned").as_boolean().value(index),
    }
}
