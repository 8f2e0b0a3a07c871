//! `audience.where`: one boolean SQL expression over a customer's columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt16Type};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;
use reprise_models::Catalogue;
use reprise_models::catalogue::AttributeColumn;

use crate::error::{Error, Fault, Place, Result};
use crate::stack;
use crate::store::{ATTRIBUTE, schema};
use crate::views::{check_expression, config, explain, place_in};

/// The field of the specification that messages name.
const FIELD: &str = "audience.where";

/// Columns of `journeys.parquet` that the expression sees, with their names in the canonical table.
const COLUMNS: [(&str, &str); 8] = [
    ("customer_id", "customer_id"),
    ("first_purchased_on", "first_purchased_at"),
    ("welcome_ended_on", "welcome_ended_at"),
    ("consent", "consent"),
    ("excluded", "excluded"),
    ("adviser_id", "adviser_id"),
    ("store_id", "store_id"),
    ("language", "language"),
];

/// A planned `audience.where`.
#[derive(Clone, Debug)]
pub struct Filter {
    expression: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
}

impl Filter {
    /// Plans one boolean expression over `market`, the canonical columns of customers and the declared `attributes`.
    ///
    /// # Errors
    /// [`Error::FilterAudience`] with line and column, the columns that exist, and what is not allowed.
    pub fn plan(text: &str, attributes: &[AttributeColumn]) -> Result<Self> {
        stack::deep(|| Self::plan_here(text, attributes))
    }

    fn plan_here(text: &str, attributes: &[AttributeColumn]) -> Result<Self> {
        let refused = |error: &DataFusionError| {
            Error::FilterAudience(Fault::new(place_in(FIELD, error), explain(error), "write one condition over these columns"))
        };
        let forbidden =
            |cause: String| Error::FilterAudience(Fault::new(Place::of(FIELD), cause, "write one condition over a customer's columns"));
        let schema = columns(attributes);
        let named = DFSchema::try_from(schema.as_ref().clone()).map_err(|error| refused(&error))?;
        let context = SessionContext::new_with_config(config());
        let expression = context.parse_sql_expr(text, &named).map_err(|error| refused(&error))?;
        if let Some(cause) = check_expression(&expression) {
            return Err(forbidden(cause));
        }
        if expression.exists(|part| Ok(needs_more_than_a_row(part))).map_err(|error| refused(&error))? {
            return Err(forbidden("subqueries, aggregates and windows are not allowed".to_owned()));
        }
        let expression = context.create_physical_expr(expression, &named).map_err(|error| refused(&error))?;
        let yields = expression.data_type(&schema).map_err(|error| refused(&error))?;
        if yields != DataType::Boolean {
            return Err(forbidden(format!("the expression yields {yields}, not true or false")));
        }
        Ok(Self { expression, schema })
    }

    /// For each row of a batch of `journeys.parquet`, whether the expression is true; NULL is false.
    pub(crate) fn matches(&self, batch: &RecordBatch, catalogue: &Catalogue) -> Result<Vec<bool>> {
        let failed = |error: &DataFusionError| {
            let cause = format!("the condition fails on a customer: {}", explain(error));
            Error::FilterAudience(Fault::new(Place::of(FIELD), cause, "use TRY_CAST or NULLIF where a value may not fit"))
        };
        let visible = self.visible(batch, catalogue).map_err(|error| failed(&error.into()))?;
        let values = self.expression.evaluate(&visible).and_then(|value| value.into_array(visible.num_rows()));
        let values = values.map_err(|error| failed(&error))?;
        let truths: &BooleanArray = values.as_boolean();
        Ok((0..truths.len()).map(|row| truths.is_valid(row) && truths.value(row)).collect())
    }

    fn visible(&self, batch: &RecordBatch, catalogue: &Catalogue) -> Result<RecordBatch, arrow::error::ArrowError> {
        let stored = |name: &str| batch.column_by_name(name).cloned();
        let market = batch.column_by_name("market").map(|array| {
            let names = array.as_primitive::<UInt16Type>().iter().map(|index| catalogue.markets.get(usize::from(index?)));
            Arc::new(names.collect::<StringArray>()) as ArrayRef
        });
        let named = COLUMNS.iter().map(|(name, _)| stored(name));
        let attributes = catalogue.attributes.iter().map(|attribute| stored(&format!("{ATTRIBUTE}{}", attribute.name)));
        let columns: Vec<ArrayRef> = std::iter::once(market).chain(named).chain(attributes).flatten().collect();
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}

/// The columns that an expression sees.
fn columns(attributes: &[AttributeColumn]) -> SchemaRef {
    let stored = schema(attributes);
    let mut fields = vec![Field::new("market", DataType::Utf8, true)];
    let renamed = |from: &str, to: &str| stored.field_with_name(from).ok().map(|field| field.clone().with_name(to));
    fields.extend(COLUMNS.iter().filter_map(|(from, to)| renamed(from, to)));
    fields.extend(attributes.iter().filter_map(|attribute| renamed(&format!("{ATTRIBUTE}{}", attribute.name), &attribute.name)));
    Arc::new(Schema::new(fields))
}

fn needs_more_than_a_row(part: &Expr) -> bool {
    matches!(
        part,
        Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::ScalarSubquery(_)
            | Expr::InSubquery(_)
            | Expr::Exists(_)
            | Expr::Unnest(_)
    )
}
