//! SQL views over the typed tables of one scope. DataFusion lives in this module and in `audience`, and nowhere else.

mod functions;
mod guard;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::lit;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use reprise_crds::source::ViewSpec;
use tokio::runtime::Runtime;

pub(crate) use guard::{check_expression, explain, place_in};

use crate::error::{Error, Fault, Place, Result};
use crate::reading::TypedTable;

/// The planned views of one scope.
pub(crate) struct Views {
    runtime: Runtime,
    context: SessionContext,
    schemas: BTreeMap<String, SchemaRef>,
    /// Bytes of the pool, for messages.
    memory: usize,
}

impl Views {
    /// Plans `views`, in order, over `tables`; in a market's folder every view yields `market`.
    ///
    /// SQL uses at most `memory` bytes and spills to `scratch`; it runs on one thread and in one partition.
    ///
    /// # Errors
    /// [`Error::PlanView`] at the first view that is not one plain SELECT over files and earlier views.
    pub(crate) fn plan(views: &[ViewSpec], tables: &[TypedTable], market: Option<&str>, memory: usize, scratch: &Path) -> Result<Self> {
        let engine = |error: &dyn std::fmt::Display| Error::scratch(scratch, std::io::Error::other(error.to_string()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| engine(&error))?;
        let context = session(memory, scratch).map_err(|error| engine(&error))?;
        for table in tables {
            let path = table.path.to_string_lossy();
            let registered = runtime.block_on(context.register_parquet(&table.name, path, ParquetReadOptions::default()));
            registered.map_err(|error| engine(&error))?;
        }
        let mut planned = Self { runtime, context, schemas: BTreeMap::new(), memory };
        let mut sizes = BTreeMap::new();
        for view in views {
            planned.add(view, market, &mut sizes)?;
        }
        Ok(planned)
    }

    fn add(&mut self, view: &ViewSpec, market: Option<&str>, sizes: &mut BTreeMap<String, usize>) -> Result<()> {
        if self.context.table_exist(view.name.as_str()).unwrap_or(true) {
            let cause = "a file or an earlier view has this name";
            return Err(Error::PlanView(Fault::new(place(view), cause, "give each file and view a name of its own")));
        }
        let state = self.context.state();
        let plan = self.runtime.block_on(guard::plan(&state, view))?;
        sizes.insert(view.name.clone(), guard::check_plan(view, &plan, sizes)?);
        let mut frame = DataFrame::new(state, plan);
        if let Some(market) = market.filter(|_| frame.schema().field_with_unqualified_name("market").is_err()) {
            frame = frame.with_column("market", lit(market)).map_err(|error| guard::refused(view, &error))?;
        }
        self.schemas.insert(view.name.clone(), Arc::new(frame.schema().as_arrow().clone()));
        let registered = self.context.register_table(view.name.as_str(), frame.into_view());
        registered.map(drop).map_err(|error| guard::refused(view, &error))
    }

    /// The columns of a view; `None` where the source has no view of that name.
    pub(crate) fn schema(&self, name: &str) -> Option<&SchemaRef> {
        self.schemas.get(name)
    }

    /// Runs a view and hands its rows to `take`, batch by batch.
    ///
    /// # Errors
    /// [`Error::RunView`] when the view fails on its rows, or what `take` gives.
    pub(crate) fn each(&self, name: &str, take: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        let failed = |error: &DataFusionError| {
            let place = Place::of(format!("views[{name}].sql"));
            if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) {
                let pool = self.memory.div_ceil(1 << 20);
                let cause = format!("the view needs more memory at once than the pool of {pool} MiB has, and can't spill it");
                let hint = "aggregate before joining, write the smaller table on the left of a join, or raise the worker's memory";
                return Error::RunView(Fault::new(place, cause, hint));
            }
            let cause = format!("the SQL fails on its rows: {}", explain(error));
            Error::RunView(Fault::new(place, cause, "use TRY_CAST or NULLIF where a row may lack a sound value"))
        };
        let stream = self.runtime.block_on(async { self.context.table(name).await?.execute_stream().await });
        let mut stream = stream.map_err(|error| failed(&error))?;
        while let Some(batch) = self.runtime.block_on(stream.next()) {
            take(&batch.map_err(|error| failed(&error))?)?;
        }
        Ok(())
    }
}

/// A session that can do nothing but read what is registered in it.
fn session(memory: usize, scratch: &Path) -> Result<SessionContext, DataFusionError> {
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![scratch.to_owned()]));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(memory))).with_disk_manager_builder(disk);
    let context = SessionContext::new_with_config_rt(config(), runtime.build_arc()?);
    let functions: Vec<String> = context.state().table_functions().keys().cloned().collect();
    for name in &functions {
        context.deregister_udtf(name);
    }
    context.register_udf(functions::positions());
    Ok(context)
}

/// One partition, names as they are written, the place of every name kept for messages.
pub(crate) fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(8192).with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.parquet.schema_force_view_types = false;
    options.execution.enable_recursive_ctes = false;
    options.execution.time_zone = None;
    config
}

fn place(view: &ViewSpec) -> Place {
    Place::of(format!("views[{}].sql", view.name))
}

#[cfg(test)]
mod tests;
