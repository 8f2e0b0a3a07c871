//! The digests by which a request happens once, against another implementation (`golden/digests.py`), and what they do
//! not depend on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use reprise_crds::contract::{InputObject, data_digest, identity, request_digest};
use reprise_crds::document::{Object, parse};
use reprise_crds::run::RunSpec;
use reprise_crds::source::DataSourceSpec;
use reprise_crds::value::Digest;

/// The source of the goldens, as a user may write it: not sorted, defaults spelled out.
const SOURCE: &str = r#"
apiVersion: reprise.dev/v1alpha1
kind: DataSource
metadata: {name: crm-nordics}
spec:
  location: gs://acme-crm
  markets:
  - {name: SE, timeZone: Europe/Stockholm, currency: SEK, path: se/}
  - {name: "NO", timeZone: Europe/Oslo, currency: NOK, path: no/}
  files:
  - name: sales
    path: "sales-*.csv.zst"
    csv: {delimiter: ";", quote: '"', header: true, decimalComma: false, timestampFormat: "%d/%m/%Y %H:%M"}
    columns: [{name: sold_at, type: Timestamp}, {name: amount, type: Decimal}]
  - {name: people, path: customers.csv, csv: {}}
  views:
  - {name: transactions, sql: "SELECT * FROM sales WHERE store <> 'Åre'"}
  - {name: customers, sql: "SELECT * FROM people"}
  attributes: [{column: skin_type, kind: Category, known: AtFirstPurchase}]
  quarantine: {maxShare: "0.00500"}
  settleDays: 2
  maxAgeDays: 4
  burnInDays: 90
"#;

const SMALLEST: &str = r#"
apiVersion: reprise.dev/v1alpha1
kind: TrainingRun
metadata: {name: intent-no}
spec:
  geography: "NO"
  model: {intent: {}}
  data: {sourceRef: {name: crm-nordics}}
  artifacts: gs://acme-models/crm/
"#;

const LARGEST: &str = r#"
apiVersion: reprise.dev/v1alpha1
kind: TrainingRun
metadata: {name: reco-emea, namespace: crm}
spec:
  geography: EMEA
  model: {recommender: {embedding: 96, hidden: 192, target: Purchase, epochs: 10, popularity: {tau: "0.40"}}}
  data: {sourceRef: {name: crm-nordics}, markets: [SE, "NO"], asOf: "2011-05-31", historyDays: 730}
  startFrom: {runRef: {name: intent-no}}
  artifacts: gs://acme-models/crm/
  workers: 2
  seed: 7
  rerunToken: again-1
  resources: {cpu: "4", memory: 8Gi}
  deadlineSeconds: 7200
  suspend: true
  queueName: team-crm
  budget: {max: "12.00"}
"#;

const RELEASE: &str = r#"
apiVersion: reprise.dev/v1alpha1
kind: TrainingRun
metadata: {name: intent-no}
spec:
  geography: "NO"
  model: {intent: {horizonWeeks: 39, keyPeriodWeeks: 3}}
  data: {sourceRef: {name: crm-nordics}}
  startFrom: {releaseRef: {geography: EMEA, name: live}}
  artifacts: gs://acme-models/crm/
"#;

const SCORING: &str = r#"
apiVersion: reprise.dev/v1alpha1
kind: ScoringRun
metadata: {name: contact-no}
spec:
  geography: "NO"
  models:
    intent: {runRef: {name: intent-no}}
    recommender:
      artifact:
        uri: gs://acme-models/crm/NO/recommender/x/
        digest: "0000000000000000000000000000000000000000000000000000000000000000"
  data: {sourceRef: {name: crm-nordics}, asOf: "2011-05-31"}
  artifacts: gs://acme-models/crm/
  audience:
    stage: AfterWelcome
    welcomeDays: 60
    where: store_id IS NOT NULL
    notContactedForDays: 14
    exclude: [reseller, employee]
  select: {by: P90, top: 20000}
  contact: {leadTimeDays: 5, channels: [{name: email, capacity: 20000}, {name: call, capacity: 300}]}
  recommendations: {topK: 10, popularity: {targetCoverage: "0.60"}, replenish: 2, excludeOwned: false}
  experiment: {name: second-purchase, salt: "2011", control: 10, untimed: 10, businessRule: 10}
  shards: 4
"#;

fn golden(name: &str) -> Digest {
    let goldens: BTreeMap<String, Digest> = serde_json::from_str(include_str!("golden/digests.json")).unwrap();
    goldens[name].clone()
}

fn object(text: &str) -> Object {
    parse(text, "test.yaml").unwrap().pop().unwrap()
}

fn source() -> DataSourceSpec {
    match object(SOURCE) {
        Object::DataSource(source) => source.spec,
        other => panic!("{other:?}"),
    }
}

/// The digest of a document that may refer to the smallest run.
fn digest_of(text: &str, source: &DataSourceSpec) -> Digest {
    let runs = BTreeMap::from([("intent-no".to_owned(), golden("smallest"))]);
    match object(text) {
        Object::TrainingRun(run) => request_digest(&run.spec, source, &runs).unwrap(),
        Object::ScoringRun(run) => request_digest(&run.spec, source, &runs).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_have_the_digests_of_the_other_implementation() {
    for (name, text) in [("smallest", SMALLEST), ("largest", LARGEST), ("release", RELEASE), ("scoring", SCORING)] {
        assert_eq!(digest_of(text, &source()), golden(name), "{name}");
    }
}

fn inputs() -> Vec<InputObject> {
    let input = |name: &str, generation, length, crc32c| InputObject { name: name.to_owned(), generation, length, crc32c };
    vec![input("no/sales-2010.csv.zst", 1, 9_007_199_254_740_991, 7), input("no/customers.csv", 2, 120, u32::MAX)]
}

#[test]
fn data_have_the_digests_of_the_other_implementation() {
    let markets = ["NO".to_owned()];
    let as_of = Some("2011-05-31".parse().unwrap());
    assert_eq!(data_digest(&source(), &markets, &inputs(), as_of, 1), golden("data"));
    assert_eq!(data_digest(&source(), &markets, &inputs(), None, 1), golden("dataWithoutAsOf"));
    let rewritten: Vec<_> = inputs().into_iter().map(|input| InputObject { generation: 99, ..input }).collect();
    assert_eq!(data_digest(&source(), &markets, &rewritten, as_of, 1), golden("data"), "the same bytes, written again");
}

#[test]
fn results_have_the_identities_of_the_other_implementation() {
    let (zeros, ones) = ("0".repeat(64).parse().unwrap(), "1".repeat(64).parse().unwrap());
    let models = BTreeMap::from([("recommender", &zeros), ("intent", &ones)]);
    assert_eq!(identity(&golden("scoring"), &golden("data"), &models, 1), golden("identity"));
    assert_eq!(identity(&golden("smallest"), &golden("data"), &BTreeMap::new(), 1), golden("identityWithoutModels"));
}

#[test]
fn a_field_of_a_later_version_changes_no_digest() {
    /// The TrainingRun of a later version: one optional field more.
    #[derive(Clone, serde::Serialize)]
    struct Later {
        #[serde(flatten)]
        spec: reprise_crds::training::TrainingRunSpec,
        #[serde(skip_serializing_if = "Option::is_none")]
        curriculum: Option<String>,
    }
    impl RunSpec for Later {
        const KIND: &'static str = "TrainingRun";
        const ROLES: &'static [(&'static str, reprise_crds::run::Role)] = &[
            ("model", reprise_crds::run::Role::Request),
            ("startFrom", reprise_crds::run::Role::Request),
            ("workers", reprise_crds::run::Role::Request),
            ("curriculum", reprise_crds::run::Role::Request),
        ];
        fn common(&self) -> &reprise_crds::run::RunCommon {
            self.spec.common()
        }
        fn count(&self) -> i32 {
            self.spec.count()
        }
        fn model_sources(&self) -> Vec<(&'static str, &reprise_crds::run::ModelSource)> {
            self.spec.model_sources()
        }
        fn task(
            &self,
            model: &dyn Fn(
                &str,
                &reprise_crds::run::ModelSource,
            ) -> Result<reprise_crds::contract::ModelRef, reprise_crds::refusal::Refusal>,
        ) -> Result<reprise_crds::contract::Task, reprise_crds::refusal::Refusal> {
            self.spec.task(model)
        }
    }
    let Object::TrainingRun(run) = object(SMALLEST) else { panic!("a TrainingRun") };
    let later = |curriculum| Later { spec: run.spec.clone(), curriculum };
    let digest = |run: &Later| request_digest(run, &source(), &BTreeMap::new()).unwrap();
    assert_eq!(digest(&later(None)), golden("smallest"));
    assert_ne!(digest(&later(Some("short orders first".to_owned()))), golden("smallest"));
}

#[test]
fn what_only_says_where_it_runs_is_not_asked() {
    let elsewhere = SMALLEST
        .replace("intent-no", "another-name")
        .replace("gs://acme-models/crm/", "gs://elsewhere/")
        .replace("sourceRef: {name: crm-nordics}", "sourceRef: {name: renamed}");
    assert_eq!(digest_of(&elsewhere, &source()), golden("smallest"));
    let shards = SCORING.replace("shards: 4", "shards: 7");
    assert_eq!(digest_of(&shards, &source()), golden("scoring"));
}

#[test]
fn what_is_asked_is_digested() {
    let changed = [
        ("historyDays: 730", "historyDays: 731"),
        ("2011-05-31", "2011-06-01"),
        ("workers: 2", "workers: 3"),
        ("seed: 7", "seed: 8"),
        ("again-1", "again-2"),
        ("tau: \"0.40\"", "tau: \"0.41\""),
        ("markets: [SE, \"NO\"]", "markets: [SE]"),
        ("geography: EMEA", "geography: APAC"),
    ];
    for (from, to) in changed {
        assert_ne!(digest_of(&LARGEST.replace(from, to), &source()), golden("largest"), "{to}");
    }
    let mut swapped = source();
    swapped.views.reverse();
    assert_ne!(digest_of(SMALLEST, &swapped), golden("smallest"), "later views may read earlier ones");
    let mut other_market = source();
    other_market.markets.iter_mut().find(|market| market.name == "SE").unwrap().currency = "EUR".to_owned();
    assert_eq!(digest_of(SMALLEST, &other_market), golden("smallest"), "Sweden is not asked about");
}

#[test]
fn unknown_runs_and_markets_are_refused_by_name() {
    let Object::TrainingRun(run) = object(LARGEST) else { panic!("a TrainingRun") };
    let refusal = request_digest(&run.spec, &source(), &BTreeMap::new()).unwrap_err();
    assert_eq!(refusal.field, "spec.startFrom.runRef.name");
    assert_eq!(refusal.message, "there is no TrainingRun intent-no");
    let Object::TrainingRun(run) = object(&SMALLEST.replace("crm-nordics}", "crm-nordics}, markets: [DK]")) else {
        panic!("a TrainingRun")
    };
    let refusal = request_digest(&run.spec, &source(), &BTreeMap::new()).unwrap_err();
    assert_eq!(refusal.to_string(), "spec.data.markets: the DataSource has no market DK (it has NO, SE)");
}

/// Writes a JSON value as flow YAML with the keys of every object in an order drawn from `draws`.
fn shuffled(value: &serde_json::Value, draws: &mut impl Iterator<Item = usize>) -> String {
    match value {
        serde_json::Value::Object(fields) => {
            let mut entries: Vec<_> = fields.iter().collect();
            for last in (1..entries.len()).rev() {
                entries.swap(last, draws.next().unwrap_or(0) % (last + 1));
            }
            let entries: Vec<_> = entries.into_iter().map(|(key, value)| format!("{key}: {}", shuffled(value, draws))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        serde_json::Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shuffled(item, draws)).collect();
            format!("[{}]", items.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_keys_is_not_asked(draws in proptest::collection::vec(any::<usize>(), 256)) {
        let Object::ScoringRun(run) = object(SCORING) else { panic!("a ScoringRun") };
        let text = shuffled(&serde_json::to_value(&run).unwrap(), &mut draws.into_iter());
        prop_assert_eq!(digest_of(&text, &source()), golden("scoring"));
    }

    #[test]
    fn the_order_of_sets_is_not_asked(swaps in proptest::collection::vec(any::<bool>(), 5)) {
        let mut source = source();
        if swaps[0] { source.files.reverse(); }
        if swaps[1] { source.markets.reverse(); }
        if swaps[2] { source.files.iter_mut().for_each(|file| file.columns.reverse()); }
        let largest = if swaps[3] { LARGEST.replace("[SE, \"NO\"]", "[\"NO\", SE]") } else { LARGEST.to_owned() };
        let scoring = if swaps[4] { SCORING.replace("[reseller, employee]", "[employee, reseller]") } else { SCORING.to_owned() };
        prop_assert_eq!(digest_of(&largest, &source), golden("largest"));
        prop_assert_eq!(digest_of(&scoring, &source), golden("scoring"));
    }

    #[test]
    fn the_spelling_of_decimals_is_not_asked(zeros in 0..5_usize, before in 0..5_usize) {
        let spelled = format!("\"{}.4{}\"", "0".repeat(before + 1), "0".repeat(zeros));
        prop_assert_eq!(digest_of(&LARGEST.replace("\"0.40\"", &spelled), &source()), golden("largest"));
    }

    #[test]
    fn spelling_defaults_out_is_not_asked(spelled in proptest::collection::vec(any::<bool>(), 8)) {
        let defaults = ["seed: 0", "rerunToken: \"\"", "workers: 1", "suspend: false", "deadlineSeconds: 86400",
            "pendingDeadlineSeconds: 86400", "ttlSecondsAfterFinished: 86400", "resources: {cpu: \"1\"}"];
        let chosen = defaults.into_iter().zip(&spelled).filter(|(_, spelled)| **spelled).map(|(line, _)| line);
        let text = chosen.fold(SMALLEST.to_owned(), |text, line| format!("{text}  {line}\n"));
        prop_assert_eq!(digest_of(&text, &source()), golden("smallest"));
    }

    #[test]
    fn a_decimal_means_what_it_says(whole in 0..1_000_000_000_000_u64, millionths in 0..1_000_000_u64) {
        let decimal: reprise_crds::value::Decimal = format!("{whole}.{millionths:06}").parse().unwrap();
        prop_assert_eq!(decimal.millionths(), whole * 1_000_000 + millionths);
        prop_assert_eq!(decimal.to_string().parse::<reprise_crds::value::Decimal>().unwrap(), decimal);
    }
}
