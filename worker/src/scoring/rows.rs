//! Contact plan v1 as Parquet: one fixed schema, fixed writer settings, so equal rows make equal bytes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow_json::ReaderBuilder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use reprise_crds::contract::ExitCode;
use reprise_models::policy::ContactRow;

use crate::failure::{Failure, Result};

/// Rows that are encoded at a time.
const BATCH: usize = 4096;

/// The columns of a contact plan, in order. Adding one is a new version of the plan.
pub(super) fn schema() -> Schema {
    let text = |name: &str, absent: bool| Field::new(name, DataType::Utf8, absent);
    let number = |name: &str, absent: bool| Field::new(name, DataType::Float64, absent);
    let day = |name: &str, absent: bool| Field::new(name, DataType::Date32, absent);
    let count = |name: &str, absent: bool| Field::new(name, DataType::Int64, absent);
    let yes = |name: &str| Field::new(name, DataType::Boolean, false);
    let list = |name: &str, item: DataType, absent: bool| Field::new_list(name, Field::new("item", item, false), absent);
    let rows = |fields: Vec<Field>| DataType::Struct(Fields::from(fields));
    Schema::new(vec![
        text("customer_id", false),
        text("market", false),
        text("plan_id", false),
        day("as_of", false),
        day("through", false),
        count("age_days", true),
        text("arm", false),
        yes("selected"),
        text("suppressed", true),
        count("rank", true),
        text("channel", true),
        number("p30", true),
        number("p60", true),
        number("p90", true),
        number("p_horizon", true),
        list("weekly_mass", DataType::Float64, true),
        list("key_periods", rows(vec![day("from", false), day("to", false), number("probability", false), number("lift", false)]), true),
        day("send_from", true),
        day("send_to", true),
        count("median_week", true),
        list("reasons", rows(vec![text("code", false), number("effect", false)]), true),
        list(
            "recommendations",
            rows(vec![
                text("product_id", false),
                text("group_id", false),
                text("role", false),
                Field::new("score", DataType::Float32, false),
                count("rank", false),
            ]),
            false,
        ),
        list("affinities", rows(vec![text("axis", false), number("share", false)]), false),
        text("intent_digest", true),
        text("recommender_digest", true),
    ])
}

/// The rows of one part, in their order.
///
/// # Errors
/// 70 if a row is not of the schema: a bug.
pub(super) fn encode(rows: &[ContactRow]) -> Result<Vec<u8>> {
    let schema = Arc::new(schema());
    let level = ZstdLevel::try_new(3).map_err(refused)?;
    // No statistics of ids in the footer: a plan's file is read whole.
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by("reprise contact plan v1".to_owned())
        .set_max_row_group_row_count(Some(1 << 16))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties)).map_err(refused)?;
    for batch in rows.chunks(BATCH) {
        let mut decoder = ReaderBuilder::new(schema.clone()).with_batch_size(BATCH).build_decoder().map_err(refused)?;
        decoder.serialize(batch).map_err(refused)?;
        if let Some(batch) = decoder.flush().map_err(refused)? {
            writer.write(&batch).map_err(refused)?;
        }
    }
    writer.into_inner().map_err(refused)
}

fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::new(ExitCode::Bug, "ContactPlan", format!("failed to write the contact plan: {error}"))
}
