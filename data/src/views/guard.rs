//! What SQL may say, and how a refusal reads.

use std::collections::BTreeMap;

use datafusion::common::SchemaError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::parser::ParserError;
use reprise_crds::source::ViewSpec;

use super::place;
use crate::error::{Error, Fault, Place, Result};

/// Most steps of a view with all the views that it uses: enough for any mapping, too few for a plan that doubles.
const MOST_STEPS: usize = 2_000;

/// Functions whose result can be of any size.
const UNBOUNDED: [&str; 4] = ["repeat", "array_repeat", "range", "generate_series"];

/// Plans one view.
pub(super) async fn plan(state: &SessionState, view: &ViewSpec) -> Result<LogicalPlan> {
    let dialect = state.config_options().sql_parser.dialect;
    let statement = state.sql_to_statement(&view.sql, &dialect).map_err(|error| refused(view, &error))?;
    let query = matches!(&statement, Statement::Statement(statement) if matches!(**statement, ast::Statement::Query(_)));
    if !query {
        return Err(Error::PlanView(Fault::new(place(view), "this is no SELECT", "write one SELECT per view")));
    }
    state.statement_to_plan(statement).await.map_err(|error| refused(view, &error))
}

/// Refuses a plan that does more than read, depends on the clock or on chance, or is too large. Gives its steps.
pub(super) fn check_plan(view: &ViewSpec, plan: &LogicalPlan, sizes: &BTreeMap<String, usize>) -> Result<usize> {
    let mut steps = 0;
    let mut fault = None;
    let walked = plan.apply_with_subqueries(|node| {
        steps += 1;
        match node {
            LogicalPlan::TableScan(scan) => steps += sizes.get(scan.table_name.table()).copied().unwrap_or(0),
            LogicalPlan::Ddl(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::RecursiveQuery(_) => {
                fault = Some(format!("{} is not allowed", node.display()));
            }
            _ => {}
        }
        node.apply_expressions(|expression| {
            if fault.is_none() {
                fault = check_expression(expression);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    walked.map_err(|error| refused(view, &error))?;
    if let Some(cause) = fault {
        return Err(Error::PlanView(Fault::new(place(view), cause, "a view reads files and earlier views, and nothing else")));
    }
    if steps > MOST_STEPS {
        let cause = format!("the view has {steps} steps with all the views that it uses, {MOST_STEPS} are allowed");
        return Err(Error::PlanView(Fault::new(place(view), cause, "use each earlier view once, or write fewer joins")));
    }
    Ok(steps)
}

/// Why an expression is not allowed: it depends on the clock, on chance or on the session, or has no bound.
pub(crate) fn check_expression(expression: &Expr) -> Option<String> {
    let mut fault = None;
    // The closure never fails.
    let _ = expression.apply(|part| {
        let function = match part {
            Expr::ScalarFunction(call) => Some((call.func.name(), call.func.signature().volatility)),
            Expr::AggregateFunction(call) => Some((call.func.name(), call.func.signature().volatility)),
            Expr::ScalarVariable(..) | Expr::Placeholder(_) => {
                fault = Some("variables and placeholders are not allowed".to_owned());
                None
            }
            _ => None,
        };
        if let Some((name, volatility)) = function {
            if volatility != Volatility::Immutable {
                fault = Some(format!("the function {name} depends on the clock or on chance"));
            } else if UNBOUNDED.contains(&name) {
                fault = Some(format!("the function {name} has no bound"));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    fault
}

/// A planning error with its line and column.
pub(super) fn refused(view: &ViewSpec, error: &DataFusionError) -> Error {
    let mut place = place(view);
    if let Some((line, column)) = position(error) {
        place = place.row(line).column(column.to_string());
    }
    Error::PlanView(Fault::new(place, explain(error), "correct the view's SQL"))
}

/// Line and column of an error: of the name at fault where the planner kept it, else out of the parser's words.
fn position(error: &DataFusionError) -> Option<(u64, u64)> {
    let mut spans = error.iter().filter_map(|error| error.diagnostic()).filter_map(|diagnostic| diagnostic.span);
    if let Some(span) = spans.next().filter(|span| span.start.line > 0) {
        return Some((span.start.line, span.start.column));
    }
    let text = error.to_string();
    let (_, rest) = text.split_once("at Line: ")?;
    let (line, rest) = rest.split_once(", Column: ")?;
    let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// What an error says, short, with the columns that exist, and without any value that may come from a row.
pub(crate) fn explain(error: &DataFusionError) -> String {
    let text = match error.find_root() {
        DataFusionError::SchemaError(schema, _) => unknown_field(schema).unwrap_or_else(|| schema.to_string()),
        DataFusionError::SQL(parser, _) => match parser.as_ref() {
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => {
                text.split(" at Line: ").next().unwrap_or_default().to_owned()
            }
            ParserError::RecursionLimitExceeded => "the expression nests too deep".to_owned(),
        },
        DataFusionError::Plan(text) | DataFusionError::NotImplemented(text) => text.clone(),
        other => without_quoted(&other.strip_backtrace()),
    };
    // The engine's own name for where tables live means nothing to who wrote the view.
    let text = text.lines().next().unwrap_or_default().replace("datafusion.public.", "");
    text.chars().take(400).collect()
}

/// A name that no column has, with those that exist.
fn unknown_field(error: &SchemaError) -> Option<String> {
    let SchemaError::FieldNotFound { field, valid_fields } = error else { return None };
    let names: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).filter(|name| !name.starts_with('_')).take(60).collect();
    let exist = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Some(format!("no column {}; the columns are {exist}", field.name))
}

/// The text with everything between quotes left out: engines quote the value they failed on.
fn without_quoted(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut open = None;
    for character in text.chars() {
        match open {
            Some(quote) if character == quote => {
                kept.push_str("...");
                kept.push(character);
                open = None;
            }
            Some(_) => {}
            None => {
                kept.push(character);
                open = matches!(character, '\'' | '"' | '`').then_some(character);
            }
        }
    }
    kept
}

/// A place in an expression given as a field of a specification.
pub(crate) fn place_in(field: &str, error: &DataFusionError) -> Place {
    position(error).map_or_else(|| Place::of(field), |(line, column)| Place::of(field).row(line).column(column.to_string()))
}
