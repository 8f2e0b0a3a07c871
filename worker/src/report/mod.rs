//! The report beside each artifact and plan: one self-contained page, a pure function of `metrics.json`; and the page
//! on a source, in the same form.
//!
//! The page loads nothing and runs nothing: its style is inline, its charts are inline SVG, and its own content
//! security policy forbids the rest. Every name that comes from data is escaped. Equal documents give equal bytes.

mod chart;
mod format;
mod page;
mod sections;
mod text;

use minijinja::value::Serde;
use minijinja::{Environment, context};
use reprise_models::report_document::{DataQuality, MetricsDocument};

use page::Page;

pub(crate) use format::{decimal, long_date};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");

/// The page could not be written; only a fault of the template itself can do this.
#[derive(Debug, thiserror::Error)]
#[error("failed to render the report")]
pub struct RenderError(#[from] minijinja::Error);

/// Renders the whole page. Sections that the document lacks are absent.
///
/// # Errors
/// [`RenderError`], which no document causes.
pub fn render(document: &MetricsDocument) -> Result<String, RenderError> {
    write(&sections::page(document))
}

/// What `data check` understood of a source.
#[derive(Clone, Copy, Debug)]
pub struct DataCheck<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// Name and value of what else identifies it: location, through and the like.
    pub facts: &'a [(String, String)],
    /// What was read and what was refused.
    pub quality: &'a DataQuality,
    /// Some journeys in words, one each, without any customer's id.
    pub journeys: &'a [String],
    /// How many orders each market had in each month.
    pub orders: &'a [MonthlyOrders],
}

/// The orders of one market by month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonthlyOrders {
    /// The market.
    pub market: String,
    /// Year, month and orders, in order; months without an order are absent.
    pub months: Vec<(i16, i8, u64)>,
}

/// Renders the page on a source, in the form of [`render`].
///
/// # Errors
/// [`RenderError`], which no source causes.
pub fn render_data_check(check: &DataCheck<'_>) -> Result<String, RenderError> {
    write(&sections::data_check_page(check))
}

/// The same as plain text: facts, sentences, tables and journeys; what is drawn stands in the tables too.
pub fn write_data_check(check: &DataCheck<'_>) -> String {
    text::write(&sections::data_check_page(check))
}

fn write(page: &Page) -> Result<String, RenderError> {
    let mut environment = Environment::new();
    // The name's ending turns on escaping for HTML.
    environment.add_template("report.html", TEMPLATE)?;
    let page = Serde(page);
    Ok(environment.get_template("report.html")?.render(context! { page, style => STYLE })?)
}

#[cfg(test)]
mod tests;
