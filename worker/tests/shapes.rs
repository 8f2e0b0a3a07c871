//! The committed examples of other shapes, run from their own YAML over small files: lines of clicks, lines of purchases.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use arrow::array::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use reprise_crds::contract::{ReferencedRun, RunPlan, RunReport, Starter, resolve};
use reprise_crds::document::{self, Object};
use reprise_crds::run::{ArtifactRef, RunSpec};
use reprise_crds::source::DataSourceSpec;

/// Products of a ring: whoever took one takes the next one then.
const RING: u32 = 40;

fn objects(example: &str) -> Vec<Object> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example);
    ["source.yaml", "runs.yaml"]
        .iter()
        .flat_map(|name| document::parse(&std::fs::read_to_string(folder.join(name)).unwrap(), name).unwrap())
        .collect()
}

struct World {
    folder: tempfile::TempDir,
    example: &'static str,
}

impl World {
    fn of(example: &'static str, files: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["data", "store", "scratch"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        for (name, text) in files {
            std::fs::write(folder.path().join("data").join(name), text).unwrap();
        }
        Self { folder, example }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs one worker to its end and gives what it published.
    fn work(&self, command: &str, plan: &RunPlan) -> ArtifactRef {
        let store = format!("gs://{}", self.example);
        let map = serde_json::json!({ "gs://public-data": self.path("data"), store: self.path("store") });
        let output = Command::new(env!("CARGO_BIN_EXE_reprise-worker"))
            .arg(command)
            .env_clear()
            .envs([("RUST_LOG", "warn"), ("RAYON_NUM_THREADS", "1"), ("CANDLE_NUM_THREADS", "1"), ("REPRISE_INDEX", "0")])
            .env("REPRISE_PLAN", serde_json::to_string(plan).unwrap())
            .env("REPRISE_MAP", map.to_string())
            .env("REPRISE_SCRATCH", self.path("scratch"))
            .env("REPRISE_TERMINATION_LOG", self.path("report.json"))
            .env("REPRISE_PROGRESS_ADDRESS", "127.0.0.1:0")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: RunReport = serde_json::from_slice(&std::fs::read(self.path("report.json")).unwrap()).unwrap();
        let manifest = report.manifest.unwrap();
        ArtifactRef { uri: manifest.uri, digest: manifest.digest }
    }

    /// Trains and scores what the example's documents say; gives each customer's recommendations.
    fn run(&self) -> BTreeMap<String, Vec<String>> {
        let (mut source, mut runs, mut plan) = (None, BTreeMap::new(), None);
        for object in objects(self.example) {
            match object {
                Object::DataSource(object) => source = Some(object.spec),
                Object::TrainingRun(object) => {
                    let training = told(&object.spec, source.as_ref().unwrap(), &runs);
                    let request_digest = training.request_digest.clone();
                    let artifact = Some(self.work("train", &training));
                    runs.insert(object.metadata.name.unwrap(), ReferencedRun { request_digest, artifact });
                }
                Object::ScoringRun(object) => plan = Some(told(&object.spec, source.as_ref().unwrap(), &runs)),
                Object::Foreign { kind, name } => panic!("{kind} {name}"),
            }
        }
        let published = self.work("score", &plan.unwrap());
        let below = published.uri.as_str().split_once("gs://").unwrap().1.split_once('/').unwrap().1.to_owned();
        lists(&self.path("store").join(below))
    }

    /// The text of every catalogue that was prepared.
    fn catalogues(&self) -> String {
        let mut found = String::new();
        let mut folders = vec![self.path("store")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else if entry.file_name() == "catalogue.json" {
                    found += &std::fs::read_to_string(entry.path()).unwrap();
                }
            }
        }
        found
    }
}

fn told<S: RunSpec>(spec: &S, source: &DataSourceSpec, runs: &BTreeMap<String, ReferencedRun>) -> RunPlan {
    let starter = Starter { cluster_uid: "test".to_owned(), run_uid: "test".to_owned() };
    resolve(spec, source, runs, starter).unwrap()
}

/// Recommended products by customer, of all parts of a contact plan.
fn lists(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut lists = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().extension().is_none_or(|extension| extension != "parquet") {
            continue;
        }
        let file = std::fs::File::open(entry.path()).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let customers = batch.column_by_name("customer_id").unwrap().as_string::<i32>();
            let recommended = batch.column_by_name("recommendations").unwrap().as_list::<i32>();
            for row in 0..batch.num_rows() {
                let items = recommended.value(row);
                let products = items.as_struct().column_by_name("product_id").unwrap().as_string::<i32>();
                lists.insert(customers.value(row).to_owned(), products.iter().flatten().map(str::to_owned).collect());
            }
        }
    }
    lists
}

fn ring(start: u32, length: u32) -> Vec<String> {
    (start..start + length).map(|item| (item % RING + 1).to_string()).collect()
}

/// Of a hundred lists, how many hold what comes next on the ring.
fn hits(lists: &BTreeMap<String, Vec<String>>, next: impl Fn(&str) -> String) -> usize {
    lists.iter().filter(|(customer, list)| list.contains(&next(customer))).count() * 100 / lists.len()
}

#[test]
fn sessions_as_lines_train_on_events_and_get_lists() {
    let sessions: Vec<String> = (0..600).map(|row| ring(row * 7, 2 + row % 5).join(" ")).collect();
    let prefixes: Vec<String> = (0..80).map(|row| format!("{row} 1441940543 | {} | secret-{row}", ring(row, 3).join(" "))).collect();
    let world = World::of(
        "retailrocket",
        &[
            ("retailrocket_srgnn_train_sessions.txt", sessions.join("\n")),
            ("retailrocket_srgnn_test_visitor_ts_prefix_label.txt", prefixes.join("\n")),
        ],
    );
    let lists = world.run();
    assert_eq!(lists.len(), 80, "one list for each prefix, none for a visitor");
    assert!(lists.values().all(|list| list.len() == 20));
    // The row of a prefix counts from 1; its last click is its third.
    let next = |customer: &str| ((customer.strip_prefix("prefix-").unwrap().parse::<u32>().unwrap() - 1 + 3) % RING + 1).to_string();
    assert!(hits(&lists, next) >= 90, "{}", hits(&lists, next));
    assert!(!world.catalogues().contains("secret"), "the answer was read");
}

#[test]
fn users_as_lines_train_without_their_last_product() {
    let user = |row: u32| format!("user{row} {} secret-{row}", ring(row * 3, 4 + row % 6).join(" "));
    let users: Vec<String> = (0..500).map(user).collect();
    let world = World::of("beauty", &[("amazon_beauty_5core_s3rec.txt", users.join("\n"))]);
    let lists = world.run();
    assert_eq!(lists.len(), 500);
    assert!(lists.values().all(|list| list.len() == 10));
    let next = |customer: &str| {
        let row: u32 = customer.strip_prefix("user").unwrap().parse().unwrap();
        ((row * 3 + 4 + row % 6) % RING + 1).to_string()
    };
    assert!(hits(&lists, next) >= 90, "{}", hits(&lists, next));
    assert!(!world.catalogues().contains("secret"), "the product that is held out was read");
}

/// What cosine neighbours of a user's last three products recommend (weights 1, .6, .3): the bar that needs no training.
fn neighbours(users: &[Vec<&str>]) -> Vec<Vec<String>> {
    let mut owners: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (user, products) in users.iter().enumerate() {
        for product in products {
            owners.entry(product).or_default().insert(user);
        }
    }
    let list = |products: &Vec<&str>| {
        let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
        for (product, weight) in products.iter().rev().zip([1.0, 0.6, 0.3]) {
            let mut shared: BTreeMap<&str, usize> = BTreeMap::new();
            for &user in &owners[product] {
                users[user].iter().for_each(|other| *shared.entry(other).or_default() += 1);
            }
            for (other, count) in shared.into_iter().filter(|(other, _)| !products.contains(other)) {
                *scores.entry(other).or_default() += weight * count as f64 / ((owners[product].len() * owners[other].len()) as f64).sqrt();
            }
        }
        let mut best: Vec<(&str, f64)> = scores.into_iter().collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        best.into_iter().take(10).map(|(product, _)| product.to_owned()).collect()
    };
    users.iter().map(list).collect()
}

/// Share of users whose left-out product is in their list, and share of the products that are in any.
fn hit_rate_and_coverage<'l>(lists: impl Iterator<Item = (&'l Vec<String>, &'l str)>, products: usize) -> (f64, f64) {
    let (mut hits, mut count, mut shown) = (0, 0, BTreeSet::new());
    for (list, left_out) in lists {
        hits += usize::from(list.iter().any(|product| product == left_out));
        count += 1;
        shown.extend(list);
    }
    (f64::from(hits as u32) / f64::from(count), shown.len() as f64 / products as f64)
}

#[test]
fn a_real_shop_gets_better_lists_than_its_neighbours_make() {
    const FILE: &str = "amazon_luxury_beauty_5core_2018.txt.zst";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(FILE);
    if !path.exists() {
        reprise_doubles::skip("a_real_shop_gets_better_lists_than_its_neighbours_make", "the shared data set is absent");
        return;
    }
    let text = String::from_utf8(zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap()).unwrap();
    let people: Vec<(&str, Vec<&str>, &str)> = text
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0], words[1..words.len() - 1].to_vec(), words[words.len() - 1])
        })
        // Two users have the left-out product alone: nothing is known of them.
        .filter(|(_, known, _)| !known.is_empty())
        .collect();
    let known: Vec<Vec<&str>> = people.iter().map(|(_, known, _)| known.clone()).collect();
    let products = known.iter().flatten().collect::<BTreeSet<_>>().len();
    let world = World::of("beauty", &[("amazon_beauty_5core_s3rec.txt", text.clone())]);
    let ours = world.run();
    assert_eq!(ours.len(), people.len());
    let (hits, coverage) = hit_rate_and_coverage(people.iter().map(|(user, _, last)| (&ours[*user], *last)), products);
    let theirs = neighbours(&known);
    let (bar, _) = hit_rate_and_coverage(theirs.iter().zip(people.iter().map(|(_, _, last)| *last)), products);
    println!("HR@10 {hits:.4}, coverage@10 {coverage:.4}; neighbours HR@10 {bar:.4}");
    assert!(hits > bar && hits > 0.238 && coverage > 0.555, "HR@10 {hits:.4} (neighbours {bar:.4}), coverage@10 {coverage:.4}");
}

#[test]
fn every_example_is_a_document_that_is_not_refused() {
    for example in ["retailrocket", "beauty"] {
        let kinds: Vec<String> = objects(example).iter().map(|object| object.kind().to_owned()).collect();
        assert_eq!(kinds, ["DataSource", "TrainingRun", "ScoringRun"], "{example}");
    }
}
