//! The canonical tables: which columns a view must yield, and typed access to a batch of them.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use reprise_models::Day;

use crate::error::{Error, Fault, Place, Result};
use crate::time::Stamp;

/// What a canonical column must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text, or a whole number read as text: ids and names.
    Text,
    /// Any number.
    Number,
    /// A timestamp or a date.
    Moment,
    /// True or false.
    Flag,
    /// Text of words between commas, or a list of text.
    Words,
}

/// One canonical table.
#[derive(Debug)]
pub(crate) struct TableRule {
    /// Name of the view that yields it.
    pub(crate) name: &'static str,
    required: &'static [(&'static str, Kind)],
    optional: &'static [(&'static str, Kind)],
}

use Kind::{Flag, Moment, Number, Text, Words};

pub(crate) const TRANSACTIONS: TableRule = TableRule {
    name: "transactions",
    required: &[
        ("customer_id", Text),
        ("order_id", Text),
        ("ordered_at", Moment),
        ("product_id", Text),
        ("quantity", Number),
        ("amount", Number),
    ],
    optional: &[("market", Text), ("kind", Text), ("original_order_id", Text), ("currency", Text), ("is_gift", Flag)],
};

pub(crate) const EVENTS: TableRule = TableRule {
    name: "events",
    required: &[("at", Moment), ("type", Text)],
    optional: &[
        ("customer_id", Text),
        ("visitor_id", Text),
        ("event_id", Text),
        ("product_id", Text),
        ("session_id", Text),
        ("market", Text),
    ],
};

pub(crate) const CONTACTS: TableRule = TableRule {
    name: "contacts",
    required: &[("customer_id", Text), ("at", Moment), ("channel", Text)],
    optional: &[("plan_id", Text), ("delivered", Flag), ("market", Text)],
};

pub(crate) const PRODUCTS: TableRule = TableRule {
    name: "products",
    required: &[("product_id", Text)],
    optional: &[
        ("market", Text),
        ("group_id", Text),
        ("name", Text),
        ("axis", Text),
        ("category", Text),
        ("family", Text),
        ("line", Text),
        ("brand", Text),
        ("routine_id", Text),
        ("routine_step", Number),
        ("replenishment_days", Number),
        ("available", Flag),
        ("recommendable", Flag),
        ("launched_at", Moment),
        ("discontinued_at", Moment),
    ],
};

pub(crate) const CUSTOMERS: TableRule = TableRule {
    name: "customers",
    required: &[("customer_id", Text)],
    optional: &[
        ("market", Text),
        ("first_purchased_at", Moment),
        ("welcome_ended_at", Moment),
        ("consent", Words),
        ("profiling_objection", Flag),
        ("excluded", Words),
        ("adviser_id", Text),
        ("store_id", Text),
        ("language", Text),
    ],
};

pub(crate) const CALENDAR: TableRule =
    TableRule { name: "calendar", required: &[("name", Text), ("from", Moment), ("to", Moment)], optional: &[("market", Text)] };

pub(crate) const RATES: TableRule =
    TableRule { name: "rates", required: &[("currency", Text), ("day", Moment), ("rate", Number)], optional: &[("market", Text)] };

impl TableRule {
    /// Checks the columns of the view of this name.
    ///
    /// # Errors
    /// [`Error::CheckTable`] naming the column that is missing or of another type.
    pub(crate) fn check(&self, schema: &Schema) -> Result<()> {
        for (name, kind) in self.required {
            if schema.field_with_name(name).is_err() {
                let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                let cause = format!("the view yields no column {name}; it yields {}", columns.join(", "));
                let hint = format!("select something AS {name}, {}", expected(*kind));
                return Err(Error::CheckTable(Fault::new(self.place(name), cause, hint)));
            }
        }
        for (name, kind) in self.required.iter().chain(self.optional) {
            if let Ok(field) = schema.field_with_name(name) {
                self.check_column(field, *kind)?;
            }
        }
        Ok(())
    }

    /// Checks one more column, which the source declares.
    pub(crate) fn check_column(&self, field: &Field, kind: Kind) -> Result<()> {
        if fits(field.data_type(), kind) {
            return Ok(());
        }
        let cause = format!("the column holds {}, it must hold {}", field.data_type(), expected(kind));
        Err(Error::CheckTable(Fault::new(self.place(field.name()), cause, "declare its type under files, or CAST it in the view")))
    }

    /// Whether `name` is a column of this table.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.required.iter().chain(self.optional).any(|(column, _)| *column == name)
    }

    /// The place of a column in messages.
    pub(crate) fn place(&self, column: &str) -> Place {
        Place::of(format!("views[{}]", self.name)).column(column)
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Text => "text or a whole number",
        Number => "a number",
        Moment => "a timestamp or a date",
        Flag => "true or false",
        Words => "text of words between commas, or a list of text",
    }
}

fn fits(stored: &DataType, kind: Kind) -> bool {
    let text = matches!(stored, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match (stored, kind) {
        (DataType::Null, _) => true,
        (DataType::Dictionary(_, values), _) => fits(values, kind),
        (DataType::List(item), Words) => fits(item.data_type(), Text),
        (stored, Text) => text || stored.is_integer(),
        (stored, Number) => stored.is_numeric(),
        (stored, Moment) => matches!(stored, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64),
        (stored, Flag) => *stored == DataType::Boolean,
        (_, Words) => text,
    }
}

/// A batch that a view yielded, whose columns were checked.
pub(crate) struct Batch<'a> {
    rule: &'a TableRule,
    batch: &'a RecordBatch,
}

impl<'a> Batch<'a> {
    /// Wraps a batch of the view of `rule`.
    pub(crate) fn new(rule: &'a TableRule, batch: &'a RecordBatch) -> Self {
        Self { rule, batch }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    fn column(&self, name: &str, target: &DataType) -> Result<Option<ArrayRef>> {
        let Some(array) = self.batch.column_by_name(name) else { return Ok(None) };
        let failed = |error: arrow::error::ArrowError| {
            let cause = format!("the column can't be read: {}", error.to_string().chars().take(60).collect::<String>());
            Error::RunView(Fault::new(self.rule.place(name), cause, "CAST it in the view"))
        };
        cast(array, target).map(Some).map_err(failed)
    }

    /// A text column.
    pub(crate) fn text(&self, name: &str) -> Result<TextColumn> {
        Ok(TextColumn(self.column(name, &DataType::Utf8)?.map(|array| array.as_string().clone())))
    }

    /// A column of numbers.
    pub(crate) fn number(&self, name: &str) -> Result<NumberColumn> {
        Ok(NumberColumn(self.column(name, &DataType::Float64)?.map(|array| array.as_primitive().clone())))
    }

    /// A column of true and false.
    pub(crate) fn flag(&self, name: &str) -> Result<FlagColumn> {
        Ok(FlagColumn(self.column(name, &DataType::Boolean)?.map(|array| array.as_boolean().clone())))
    }

    /// A column of timestamps or dates.
    pub(crate) fn moment(&self, name: &str) -> Result<MomentColumn> {
        let stored = self.batch.column_by_name(name).map(Array::data_type);
        let zone = match stored {
            Some(DataType::Timestamp(_, zone)) => zone.clone(),
            _ => None,
        };
        let target = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
        let values = self.column(name, &target)?.map(|array| array.as_primitive().clone());
        Ok(MomentColumn { values, instants: zone.is_some() })
    }

    /// A column of words.
    pub(crate) fn words(&self, name: &str) -> Result<WordsColumn> {
        let stored = self.batch.column_by_name(name).map(Array::data_type);
        if !matches!(stored, Some(DataType::List(_))) {
            return self.text(name).map(WordsColumn::Text);
        }
        let target = DataType::List(Field::new("item", DataType::Utf8, true).into());
        Ok(WordsColumn::List(self.column(name, &target)?.map(|array| array.as_list().clone())))
    }
}

/// Values of a text column; an empty text is no value.
pub(crate) struct TextColumn(Option<StringArray>);

impl TextColumn {
    /// The value in a row.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let array = self.0.as_ref()?;
        Some(array.value(row)).filter(|text| array.is_valid(row) && !text.is_empty())
    }

    /// The value in a row, owned.
    pub(crate) fn owned(&self, row: usize) -> Option<String> {
        self.get(row).map(str::to_owned)
    }
}

/// Values of a column of numbers; what is not finite is no value.
pub(crate) struct NumberColumn(Option<Float64Array>);

impl NumberColumn {
    /// The value in a row.
    pub(crate) fn get(&self, row: usize) -> Option<f64> {
        let array = self.0.as_ref()?;
        Some(array.value(row)).filter(|number| array.is_valid(row) && number.is_finite())
    }
}

/// Values of a column of true and false.
pub(crate) struct FlagColumn(Option<BooleanArray>);

impl FlagColumn {
    /// The value in a row.
    pub(crate) fn get(&self, row: usize) -> Option<bool> {
        let array = self.0.as_ref()?;
        array.is_valid(row).then(|| array.value(row))
    }
}

/// Values of a column of timestamps or dates.
pub(crate) struct MomentColumn {
    values: Option<TimestampMicrosecondArray>,
    instants: bool,
}

impl MomentColumn {
    /// The value in a row.
    pub(crate) fn get(&self, row: usize) -> Option<Stamp> {
        let array = self.values.as_ref()?;
        let micros = array.is_valid(row).then(|| array.value(row))?;
        Some(if self.instants { Stamp::Instant(micros) } else { Stamp::Local(micros) })
    }

    /// The day in a row as it is written, for columns that are calendar days and no moments.
    pub(crate) fn day(&self, row: usize) -> Option<Day> {
        let (Stamp::Local(micros) | Stamp::Instant(micros)) = self.get(row)?;
        Stamp::Local(micros).latest_day().date().map(Day::from)
    }
}

/// Values of a column of words.
pub(crate) enum WordsColumn {
    /// Words between commas.
    Text(TextColumn),
    /// A list.
    List(Option<ListArray>),
}

impl WordsColumn {
    /// The distinct words in a row, sorted.
    pub(crate) fn get(&self, row: usize) -> Vec<String> {
        let mut words: Vec<String> = match self {
            Self::Text(column) => column.get(row).unwrap_or_default().split(',').map(|word| word.trim().to_owned()).collect(),
            Self::List(Some(array)) if array.is_valid(row) => {
                array.value(row).as_string::<i32>().iter().flatten().map(|word| word.trim().to_owned()).collect()
            }
            Self::List(_) => Vec::new(),
        };
        words.retain(|word| !word.is_empty());
        words.sort();
        words.dedup();
        words
    }
}
