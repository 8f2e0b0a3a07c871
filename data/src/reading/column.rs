//! Typed values of one column, gathered until a batch is full.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use reprise_crds::source::ColumnType;

use super::cell::{Cell, CellType, PRECISION, Reason, SCALE};

/// One column of a table that is being read.
pub(super) struct Column {
    /// Its name.
    pub(super) name: String,
    /// How its cells are typed.
    pub(super) cells: CellType,
    values: Values,
    /// Whether its timestamps are instants; the first one decides, since a column has one type.
    instants: Option<bool>,
}

enum Values {
    Text { text: String, ends: Vec<Option<usize>> },
    Integer(Vec<Option<i64>>),
    Decimal(Vec<Option<i128>>),
    Float(Vec<Option<f64>>),
    Boolean(Vec<Option<bool>>),
    Day(Vec<Option<i32>>),
    Time(Vec<Option<i64>>),
}

impl Column {
    /// An empty column.
    pub(super) fn new(name: String, cells: CellType) -> Self {
        let values = match cells.kind {
            ColumnType::Text => Values::Text { text: String::new(), ends: Vec::new() },
            ColumnType::Integer => Values::Integer(Vec::new()),
            ColumnType::Decimal => Values::Decimal(Vec::new()),
            ColumnType::Float => Values::Float(Vec::new()),
            ColumnType::Boolean => Values::Boolean(Vec::new()),
            ColumnType::Date => Values::Day(Vec::new()),
            ColumnType::Timestamp => Values::Time(Vec::new()),
        };
        let instants = cells.has_instants().then_some(true);
        Self { name, cells, values, instants }
    }

    /// Fixes whether timestamps are instants before the first one is seen.
    pub(super) fn expect_instants(&mut self, instants: bool) {
        self.instants = Some(instants);
    }

    /// Types a cell and appends it.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let cell = self.cells.parse(bytes)?;
        self.append(cell)
    }

    /// Appends a typed cell.
    pub(super) fn append(&mut self, cell: Cell<'_>) -> Result<(), Reason> {
        if let Cell::Time { instant, .. } = cell
            && *self.instants.get_or_insert(instant) != instant
        {
            return Err(if instant { "has an offset, unlike the column" } else { "has no offset, unlike the column" });
        }
        match (&mut self.values, cell) {
            (Values::Text { text, ends }, Cell::Text(value)) => {
                text.push_str(value);
                ends.push(Some(text.len()));
            }
            (Values::Integer(values), Cell::Integer(value)) => values.push(Some(value)),
            (Values::Decimal(values), Cell::Decimal(value)) => values.push(Some(value)),
            (Values::Float(values), Cell::Float(value)) => values.push(Some(value)),
            (Values::Boolean(values), Cell::Boolean(value)) => values.push(Some(value)),
            (Values::Day(values), Cell::Day(value)) => values.push(Some(value)),
            (Values::Time(values), Cell::Time { micros, .. }) => values.push(Some(micros)),
            (Values::Text { ends, .. }, _) => ends.push(None),
            (Values::Integer(values) | Values::Time(values), _) => values.push(None),
            (Values::Decimal(values), _) => values.push(None),
            (Values::Float(values), _) => values.push(None),
            (Values::Boolean(values), _) => values.push(None),
            (Values::Day(values), _) => values.push(None),
        }
        Ok(())
    }

    /// Takes the last cell back.
    pub(super) fn pop(&mut self) {
        match &mut self.values {
            Values::Text { text, ends } => {
                ends.pop();
                let end = ends.iter().rev().find_map(|end| *end).unwrap_or(0);
                text.truncate(end);
            }
            Values::Integer(values) | Values::Time(values) => drop(values.pop()),
            Values::Decimal(values) => drop(values.pop()),
            Values::Float(values) => drop(values.pop()),
            Values::Boolean(values) => drop(values.pop()),
            Values::Day(values) => drop(values.pop()),
        }
    }

    /// The values so far as an array; the column starts again empty and keeps what it learnt of offsets.
    pub(super) fn finish(&mut self) -> ArrayRef {
        use std::mem::take;
        match &mut self.values {
            Values::Text { text, ends } => {
                let mut from = 0;
                let cells = ends.iter().map(|end| {
                    end.map(|end| {
                        let cell = &text[from..end];
                        from = end;
                        cell
                    })
                });
                let array: ArrayRef = Arc::new(cells.collect::<StringArray>());
                text.clear();
                ends.clear();
                array
            }
            Values::Integer(values) => Arc::new(Int64Array::from(take(values))),
            Values::Decimal(values) => Arc::new(Decimal128Array::from(take(values)).with_data_type(DataType::Decimal128(PRECISION, SCALE))),
            Values::Float(values) => Arc::new(Float64Array::from(take(values))),
            Values::Boolean(values) => Arc::new(BooleanArray::from(take(values))),
            Values::Day(values) => Arc::new(Date32Array::from(take(values))),
            Values::Time(values) => {
                let array = TimestampMicrosecondArray::from(take(values));
                let instants = *self.instants.get_or_insert(false);
                Arc::new(if instants { array.with_timezone(UTC) } else { array })
            }
        }
    }
}

/// The zone of instants in SQL, spelled as an offset: names would need a second time zone database.
pub(super) const UTC: &str = "+00:00";
