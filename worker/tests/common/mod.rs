//! A small brand on disk, and the real worker program run on it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod brand;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reprise_crds::contract::{RunPlan, RunReport};
use reprise_crds::value::Digest;

/// A folder with sources and a store, gone at the end of the test.
pub struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub fn of(customers: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        brand::write(&folder.path().join("source"), customers);
        std::fs::create_dir(folder.path().join("store")).unwrap();
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn source(&self) -> PathBuf {
        self.path().join("source")
    }

    /// The bucket's folder of the one geography.
    pub fn store(&self) -> PathBuf {
        self.path().join("store").join(brand::GEOGRAPHY)
    }

    /// A worker of the plan, not yet started.
    pub fn command(&self, plan: &RunPlan, index: u32) -> Command {
        let task = match plan.task {
            reprise_crds::contract::Task::Train(_) => "train",
            reprise_crds::contract::Task::Score(_) => "score",
        };
        let scratch = self.path().join(format!("scratch-{index}"));
        std::fs::create_dir_all(&scratch).unwrap();
        let map = serde_json::json!({ "gs://brand-source": self.source(), "gs://brand-store": self.path().join("store") });
        let mut command = Command::new(env!("CARGO_BIN_EXE_reprise-worker"));
        command
            .arg(task)
            .env_clear()
            .env("RUST_LOG", "warn")
            .env("RAYON_NUM_THREADS", "1")
            .env("CANDLE_NUM_THREADS", "1")
            .env("REPRISE_PLAN", serde_json::to_string(plan).unwrap())
            .env("REPRISE_INDEX", index.to_string())
            .env("REPRISE_MAP", map.to_string())
            .env("REPRISE_SCRATCH", scratch)
            .env("REPRISE_TERMINATION_LOG", self.termination_log(index))
            .env("REPRISE_PROGRESS_ADDRESS", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    pub fn start(&self, plan: &RunPlan, index: u32) -> Child {
        self.command(plan, index).stderr(Stdio::null()).spawn().unwrap()
    }

    fn termination_log(&self, index: u32) -> PathBuf {
        self.path().join(format!("termination-{index}.json"))
    }

    pub fn report(&self, index: u32) -> RunReport {
        serde_json::from_slice(&std::fs::read(self.termination_log(index)).unwrap()).unwrap()
    }

    /// Another folder with the same sources and store.
    pub fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new("cp").arg("-a").arg(self.source()).arg(self.path().join("store")).arg(folder.path()).status();
        assert!(status.unwrap().success());
        Self { folder }
    }

    /// Trains both models and returns the scoring of them.
    pub fn scoring(&self, shards: u32) -> RunPlan {
        let trained = |plan: &RunPlan| {
            self.run(plan);
            let manifest = self.report(0).manifest.unwrap();
            (manifest.uri.to_string(), manifest.digest)
        };
        let intent = trained(&brand::train_intent(1));
        let recommender = trained(&brand::train_recommender(1));
        brand::score(shards, intent, recommender)
    }

    /// Runs all workers of the plan, undisturbed, and returns the manifest's digest.
    pub fn run(&self, plan: &RunPlan) -> Digest {
        let workers: Vec<_> = (0..plan.count).map(|index| self.command(plan, index).spawn().unwrap()).collect();
        for (index, worker) in workers.into_iter().enumerate() {
            let output = worker.wait_with_output().unwrap();
            assert!(output.status.success(), "worker {index}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        self.report(0).manifest.unwrap().digest
    }
}
