//! The examples as typed values. They are one brand's: what one names, another holds.

use super::annotate::annotated;
use crate::run::{ModelSource, ObjectRef, RunCommon};
use crate::scoring::{
    Audience, Channel, Contact, Experiment, ModelSources, Recommendations, ScoringPopularity, ScoringRun, ScoringRunSpec, Select, SelectBy,
    Stage,
};
use crate::source::{
    AttributeKind, AttributeSpec, ColumnSpec, ColumnType, CsvFormat, DataSource, DataSourceSpec, FileSpec, Known, Market, Quarantine,
    ViewSpec,
};
use crate::training::{IntentSpec, ModelSpec, RecommenderSpec, TrainingPopularity, TrainingRun, TrainingRunSpec};
use crate::value::{Decimal, Folder, Geography, LocalDate};

/// Each example: the name of its file and its text.
pub(super) fn texts() -> Result<Vec<(&'static str, String)>, serde_yaml::SerializeError> {
    Ok(vec![
        ("datasource", annotated(&DataSource::new("crm-nordics", source()), "DataSource")?),
        ("trainingrun-intent", annotated(&TrainingRun::new("intent-no", intent()), "TrainingRun")?),
        ("trainingrun-recommender", annotated(&TrainingRun::new("recommender-no", recommender()), "TrainingRun")?),
        ("scoringrun", annotated(&ScoringRun::new("second-purchase-no", scoring()), "ScoringRun")?),
    ])
}

/// A value of this file; the test that accepts the examples would fail on one that is none.
fn value<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| unreachable!("{text} is a valid value"))
}

fn decimal(text: &str) -> Decimal {
    value(text)
}

fn market(name: &str, time_zone: &str, currency: &str, path: &str) -> Market {
    Market { name: name.to_owned(), time_zone: time_zone.to_owned(), currency: currency.to_owned(), path: Some(path.to_owned()) }
}

fn column(name: &str, kind: ColumnType) -> ColumnSpec {
    ColumnSpec { name: name.to_owned(), kind, format: None, time_zone: None }
}

fn file(name: &str, path: &str, csv: CsvFormat, columns: Vec<ColumnSpec>) -> FileSpec {
    FileSpec { name: name.to_owned(), path: path.to_owned(), csv: Some(csv), parquet: None, json_lines: None, lines: None, columns }
}

fn view(name: &str, sql: &str) -> ViewSpec {
    ViewSpec { name: name.to_owned(), sql: sql.to_owned() }
}

fn source() -> DataSourceSpec {
    let sales = CsvFormat { delimiter: ";".to_owned(), timestamp_format: Some("%d/%m/%Y %H:%M".to_owned()), ..CsvFormat::default() };
    DataSourceSpec {
        location: value("gs://acme-crm/"),
        markets: vec![market("NO", "Europe/Oslo", "NOK", "no/"), market("SE", "Europe/Stockholm", "SEK", "se/")],
        files: vec![
            file(
                "sales",
                "sales-*.csv.zst",
                sales,
                vec![
                    column("sold_at", ColumnType::Timestamp),
                    column("quantity", ColumnType::Integer),
                    column("amount", ColumnType::Decimal),
                ],
            ),
            file("people", "customers.csv", CsvFormat::default(), Vec::new()),
        ],
        views: vec![
            view(
                "transactions",
                "SELECT customer_id, order_id, sold_at AS ordered_at, sku AS product_id, quantity, amount\nFROM sales\nWHERE customer_id <> ''",
            ),
            view("customers", "SELECT customer_id, consent, store_id, skin_type FROM people"),
        ],
        attributes: vec![AttributeSpec { column: "skin_type".to_owned(), kind: AttributeKind::Category, known: Known::AtFirstPurchase }],
        quarantine: Quarantine { max_share: decimal("0.005") },
        settle_days: 2,
        max_age_days: Some(4),
        burn_in_days: 180,
    }
}

fn common() -> RunCommon {
    let artifacts: Folder = value("gs://acme-models/crm/");
    let geography: Geography = value("NO");
    RunCommon::new(geography, "crm-nordics", artifacts)
}

fn intent() -> TrainingRunSpec {
    let mut common = common();
    let as_of: LocalDate = value("2011-05-31");
    common.data.markets = vec!["NO".to_owned()];
    common.data.as_of = Some(as_of);
    common.data.history_days = Some(1095);
    common.seed = 7;
    TrainingRunSpec {
        common,
        model: ModelSpec::Intent(IntentSpec { horizon_weeks: 39, key_period_weeks: 3 }),
        start_from: None,
        workers: 2,
    }
}

fn recommender() -> TrainingRunSpec {
    let mut common = common();
    common.resources.cpu = value("4");
    common.resources.memory = value("8Gi");
    common.resources.ephemeral_storage = value("20Gi");
    common.deadline_seconds = 7200;
    TrainingRunSpec {
        common,
        model: ModelSpec::Recommender(RecommenderSpec {
            embedding: 96,
            hidden: 192,
            epochs: 20,
            popularity: TrainingPopularity { tau: decimal("0.4") },
            ..RecommenderSpec::default()
        }),
        start_from: Some(ModelSource::RunRef(ObjectRef { name: "recommender-emea".to_owned() })),
        workers: 1,
    }
}

fn scoring() -> ScoringRunSpec {
    let run = |name: &str| Some(ModelSource::RunRef(ObjectRef { name: name.to_owned() }));
    let channel = |name: &str, capacity| Channel { name: name.to_owned(), capacity: Some(capacity) };
    ScoringRunSpec {
        common: common(),
        models: ModelSources { intent: run("intent-no"), recommender: run("recommender-no") },
        audience: Audience {
            stage: Stage::AfterWelcome,
            welcome_days: Some(60),
            filter: Some("store_id IS NOT NULL".to_owned()),
            not_contacted_for_days: Some(14),
            exclude: vec!["employee".to_owned(), "reseller".to_owned()],
        },
        select: Some(Select { by: SelectBy::P90, top: Some(20_000) }),
        contact: Some(Contact { lead_time_days: 5, channels: vec![channel("email", 20_000), channel("call", 300)] }),
        recommendations: Recommendations {
            top_k: 8,
            popularity: ScoringPopularity { target_coverage: Some(decimal("0.6")) },
            replenish: 1,
            ..Recommendations::default()
        },
        experiment: Some(Experiment {
            name: "second-purchase".to_owned(),
            salt: "2011".to_owned(),
            control: 10,
            untimed: 10,
            business_rule: 10,
        }),
        shards: 4,
    }
}
