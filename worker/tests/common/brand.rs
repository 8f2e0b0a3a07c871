//! Two markets, a few hundred customers, made by arithmetic: enough for both models to be trained in seconds.

use std::fmt::Write as _;
use std::path::Path;

use reprise_crds::contract::{CONTRACT, ModelRef, PlanData, PlanModels, RunPlan, ScoreTask, Task, TrainTask};
use reprise_crds::run::ArtifactRef;
use reprise_crds::scoring::{Audience, Channel, Contact, Experiment, Recommendations, Select, SelectBy, Stage};
use reprise_crds::source::DataSourceSpec;
use reprise_crds::training::{IntentSpec, ModelSpec, RecommenderSpec};
use reprise_crds::value::Digest;

pub const GEOGRAPHY: &str = "NORD";
const DAYS: u32 = 500;

/// Spreads a counter over all bits (the finalizer of MurmurHash3).
fn spread(counter: u32) -> u32 {
    let mut x = counter.wrapping_add(0x9e37_79b9);
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

fn date(day: u32) -> jiff::civil::Date {
    jiff::civil::date(2024, 1, 1).checked_add(jiff::Span::new().days(i64::from(day))).unwrap()
}

/// Writes `sales.csv`, `visits.csv` and `people.csv` of so many customers.
pub fn write(folder: &Path, customers: u32) {
    std::fs::create_dir_all(folder).unwrap();
    let mut sales = String::from("customer,order,when,product,units,total,market\n");
    let mut visits = String::from("customer,when,type,product\n");
    let mut people = String::from("customer,agreed,market\n");
    for customer in 0..customers {
        let draw = |of: u32| spread(customer.wrapping_mul(64).wrapping_add(of));
        let market = if draw(0).is_multiple_of(5) { "SE" } else { "NO" };
        writeln!(people, "c{customer},{},{market}", ["email", "email;call", ""][draw(3) as usize % 3]).unwrap();
        let mut day = draw(1) % (DAYS - 20);
        for order in 0..4 {
            for line in 0..=draw(10 + order) % 3 {
                let product = (draw(2) % 6) * 5 + (draw(20 + order * 3 + line) % 25) / 5;
                let price = 5 + product * 3;
                writeln!(sales, "c{customer},o{customer}-{order},{}T12:00:00,p{product},1,{price}.50,{market}", date(day)).unwrap();
            }
            let seen = day + 3 + draw(30 + order) % 9;
            if seen < DAYS {
                writeln!(visits, "c{customer},{}T18:30:00,view,p{}", date(seen), draw(40 + order) % 30).unwrap();
            }
            let gap = 14 + draw(50 + order) % 90;
            if draw(60 + order) % 100 >= 40 || day + gap >= DAYS {
                break;
            }
            day += gap;
        }
    }
    std::fs::write(folder.join("sales.csv"), sales).unwrap();
    std::fs::write(folder.join("visits.csv"), visits).unwrap();
    std::fs::write(folder.join("people.csv"), people).unwrap();
}

pub fn source() -> DataSourceSpec {
    let text = |name: &str| serde_json::json!({ "name": name, "type": "Text" });
    let when = serde_json::json!({ "name": "when", "type": "Timestamp" });
    let decimal = |name: &str| serde_json::json!({ "name": name, "type": "Decimal" });
    serde_json::from_value(serde_json::json!({
        "location": "gs://brand-source/",
        "markets": [
            { "name": "NO", "timeZone": "Europe/Oslo", "currency": "NOK" },
            { "name": "SE", "timeZone": "Europe/Stockholm", "currency": "SEK" },
        ],
        "files": [
            { "name": "sales", "path": "sales.csv", "csv": {},
              "columns": [text("customer"), text("order"), when, text("product"), decimal("units"), decimal("total"), text("market")] },
            { "name": "visits", "path": "visits.csv", "csv": {}, "columns": [text("customer"), when, text("type"), text("product")] },
            { "name": "people", "path": "people.csv", "csv": {}, "columns": [text("customer"), text("agreed"), text("market")] },
        ],
        "views": [
            { "name": "transactions", "sql": "SELECT customer AS customer_id, \"order\" AS order_id, \"when\" AS ordered_at, product AS product_id, units AS quantity, total AS amount, market FROM sales" },
            { "name": "events", "sql": "SELECT v.customer AS customer_id, v.\"when\" AS at, v.\"type\" AS type, v.product AS product_id, s.market FROM visits v JOIN (SELECT customer, min(market) AS market FROM sales GROUP BY customer) s ON v.customer = s.customer" },
            { "name": "customers", "sql": "SELECT customer AS customer_id, agreed AS consent, market FROM people" },
        ],
        "burnInDays": 0,
    }))
    .unwrap()
}

fn plan(name: &str, count: u32, task: Task) -> RunPlan {
    RunPlan {
        contract: CONTRACT,
        request_digest: Digest::of(name.as_bytes()),
        geography: GEOGRAPHY.parse().unwrap(),
        artifacts: "gs://brand-store/".parse().unwrap(),
        task,
        source: source(),
        markets: vec!["NO".to_owned(), "SE".to_owned()],
        data: PlanData::default(),
        count,
        seed: 7,
        cluster_uid: "test".to_owned(),
        run_uid: name.to_owned(),
    }
}

pub fn train_intent(ranks: u32) -> RunPlan {
    let model = ModelSpec::Intent(IntentSpec::default());
    plan(&format!("intent of {ranks}"), ranks, Task::Train(TrainTask { model, start_from: None }))
}

pub fn train_recommender(ranks: u32) -> RunPlan {
    let model = ModelSpec::Recommender(RecommenderSpec { embedding: 16, hidden: 16, epochs: 4, ..RecommenderSpec::default() });
    plan(&format!("recommender of {ranks}"), ranks, Task::Train(TrainTask { model, start_from: None }))
}

pub fn score(shards: u32, intent: (String, Digest), recommender: (String, Digest)) -> RunPlan {
    let artifact = |(uri, digest): (String, Digest)| ModelRef::Artifact(ArtifactRef { uri: uri.parse().unwrap(), digest });
    let models = PlanModels { intent: Some(artifact(intent)), recommender: Some(artifact(recommender)) };
    let channel = |name: &str, capacity| Channel { name: name.to_owned(), capacity: Some(capacity) };
    let task = ScoreTask {
        models,
        audience: Audience { stage: Stage::OneTime, welcome_days: None, filter: None, not_contacted_for_days: None, exclude: Vec::new() },
        select: Some(Select { by: SelectBy::P90, top: Some(100) }),
        contact: Some(Contact { lead_time_days: 3, channels: vec![channel("email", 80), channel("call", 20)] }),
        recommendations: Recommendations::default(),
        experiment: Some(Experiment { name: "second".to_owned(), salt: String::new(), control: 10, untimed: 10, business_rule: 10 }),
    };
    plan("score", shards, Task::Score(Box::new(task)))
}
