//! Views in little memory, and the function that is ours.

use std::fs::File;

use arrow::array::{AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::physical_plan::ExecutionPlan;
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

use super::*;

const ROWS: i64 = 120_000;
/// The engine keeps 10 MiB of it for the merge of what was spilled.
const LITTLE: usize = 16 << 20;
const PLENTY: usize = 1 << 30;

fn view(name: &str, sql: &str) -> ViewSpec {
    ViewSpec { name: name.to_owned(), sql: sql.to_owned() }
}

/// A table of long texts in no order, about 30 MB of them.
fn table(folder: &Path) -> TypedTable {
    let path = folder.join("wide.parquet");
    let schema = Arc::new(Schema::new(vec![Field::new("key", DataType::Int64, false), Field::new("text", DataType::Utf8, false)]));
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), schema.clone(), None).unwrap();
    for start in (0..ROWS).step_by(8192) {
        let keys: Vec<i64> = (start..(start + 8192).min(ROWS)).map(|row| row * 48_271 % 2_147_483_647).collect();
        let texts: StringArray = keys.iter().map(|key| Some(format!("{key:0>240}"))).collect();
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from(keys)), Arc::new(texts)]).unwrap();
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    TypedTable { name: "wide".to_owned(), path }
}

/// The keys that a view yields, and how many bytes its steps put on the disk.
fn run(memory: usize, sql: &str) -> (Result<Vec<i64>>, usize) {
    let folder = TempDir::new().unwrap();
    let views = Views::plan(&[view("asked", sql)], &[table(folder.path())], None, memory, folder.path()).unwrap();
    let mut keys = Vec::new();
    let ran = views.each("asked", &mut |batch| {
        keys.extend(batch.column_by_name("key").unwrap().as_primitive::<Int64Type>().values());
        Ok(())
    });
    let spills = views.runtime.block_on(async {
        let plan = views.context.table("asked").await.unwrap().create_physical_plan().await.unwrap();
        let stream = datafusion::physical_plan::execute_stream(plan.clone(), views.context.task_ctx());
        // What it yields was looked at above.
        let _ = datafusion::physical_plan::common::collect(stream.unwrap()).await;
        spills_of(plan.as_ref())
    });
    (ran.map(|()| keys), spills)
}

fn spills_of(plan: &dyn ExecutionPlan) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or(0);
    own + plan.children().into_iter().map(|child| spills_of(child.as_ref())).sum::<usize>()
}

#[test]
fn a_view_that_spills_to_scratch_yields_the_same_rows() {
    for sql in [
        "SELECT key, text FROM wide ORDER BY text",
        "SELECT max(key) AS key, text FROM wide GROUP BY text",
        "SELECT key, row_number() OVER (ORDER BY text) AS place FROM wide",
    ] {
        let (plenty, none) = run(PLENTY, sql);
        let (little, some) = run(LITTLE, sql);
        assert!(none == 0 && some > 0, "{sql}: {none} bytes spilled with plenty, {some} with little");
        let (mut plenty, mut little) = (plenty.unwrap(), little.unwrap());
        if !sql.contains("ORDER BY") {
            plenty.sort_unstable();
            little.sort_unstable();
        }
        assert_eq!((plenty.len(), plenty == little), (ROWS as usize, true), "{sql}");
    }
}

#[test]
fn a_view_that_cannot_spill_names_itself_and_the_pool() {
    let (ran, _) = run(LITTLE, "SELECT a.key FROM wide a JOIN wide b ON a.text = b.text");
    assert_eq!(
        ran.unwrap_err().to_string(),
        "views[asked].sql: the view needs more memory at once than the pool of 16 MiB has, and can't spill it; aggregate before joining, \
         write the smaller table on the left of a join, or raise the worker's memory"
    );
}

#[test]
fn positions_number_the_items_of_each_list() {
    let sql = "SELECT unnest(positions(words)) AS key, unnest(words) AS word FROM \
               (SELECT string_to_array(line, ' ') AS words FROM (VALUES ('c a a'), (''), ('b')) AS t(line))";
    assert_eq!(run(PLENTY, sql).0.unwrap(), [1, 2, 3, 1]);
    let folder = TempDir::new().unwrap();
    let refused = Views::plan(&[view("asked", "SELECT positions(1) AS key")], &[], None, PLENTY, folder.path());
    assert!(refused.err().unwrap().to_string().starts_with("views[asked].sql"));
}
