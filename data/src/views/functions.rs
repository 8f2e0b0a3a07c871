//! The one function that views have beyond SQL's own.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, Int64Array, ListArray, OffsetSizeTrait};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ArrayFunctionArgument, ArrayFunctionSignature, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

/// `positions(list)`: 1, 2, 3, ... for each item of a list; as long as the list, and so as bounded as the list.
///
/// Beside `unnest(list)`, `unnest(positions(list))` says which item stood where: an order that SQL does not keep.
pub(super) fn positions() -> ScalarUDF {
    ScalarUDF::from(Positions::new())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Positions {
    signature: Signature,
}

impl Positions {
    fn new() -> Self {
        let list = ArrayFunctionSignature::Array { arguments: vec![ArrayFunctionArgument::Array], array_coercion: None };
        Self { signature: Signature::new(TypeSignature::ArraySignature(list), Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Positions {
    fn name(&self) -> &'static str {
        "positions"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let [list] = &args.args[..] else { return exec_err!("positions takes one list") };
        let list = list.to_array(rows)?;
        let counted = match list.data_type() {
            DataType::List(_) => count(list.as_list::<i32>()),
            DataType::LargeList(_) => count(list.as_list::<i64>()),
            DataType::FixedSizeList(_, _) => {
                let fixed = list.as_fixed_size_list();
                numbered((0..fixed.len()).map(|row| if fixed.is_null(row) { None } else { Some(fixed.value_length() as usize) }))
            }
            other => return exec_err!("positions takes a list, not {other}"),
        };
        Ok(ColumnarValue::Array(counted))
    }
}

fn item() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Int64, true))
}

fn count<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> ArrayRef {
    numbered((0..list.len()).map(|row| if list.is_null(row) { None } else { Some(list.value_length(row).as_usize()) }))
}

/// Lists that count to these lengths; a list of no value has no positions.
fn numbered(lengths: impl Iterator<Item = Option<usize>>) -> ArrayRef {
    let lengths: Vec<usize> = lengths.map(Option::unwrap_or_default).collect();
    let values: Int64Array = lengths.iter().flat_map(|length| 1..=*length as i64).collect();
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(ListArray::new(item(), offsets, Arc::new(values), None))
}
