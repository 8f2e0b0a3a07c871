//! The front door on the real programs: `reprise data demo`, `plan` and `run`, in folders and against the double of
//! Google Cloud Storage.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reprise_doubles::{Fault, GcsDouble, Operation, Rule};

const BUCKET: &str = "reprise-demo";

/// A trained base, a training that starts from it, a recommender of two ranks, and a scoring of two shards.
const RUNS: &str = r#"
apiVersion: reprise.dev/v1alpha1
kind: TrainingRun
metadata: {name: base}
spec:
  geography: FR
  model: {intent: {horizonWeeks: 12}}
  data: {sourceRef: {name: demo-crm}, asOf: "2025-03-01"}
  artifacts: gs://reprise-demo/artifacts/
---
apiVersion: reprise.dev/v1alpha1
kind: TrainingRun
metadata: {name: intent}
spec:
  geography: FR
  model: {intent: {horizonWeeks: 12}}
  data: {sourceRef: {name: demo-crm}, asOf: "2025-09-01"}
  startFrom: {runRef: {name: base}}
  artifacts: gs://reprise-demo/artifacts/
---
apiVersion: reprise.dev/v1alpha1
kind: TrainingRun
metadata: {name: recommender}
spec:
  geography: FR
  model: {recommender: {embedding: 16, hidden: 16, epochs: 3}}
  data: {sourceRef: {name: demo-crm}, asOf: "2025-09-01"}
  artifacts: gs://reprise-demo/artifacts/
  workers: 2
---
apiVersion: reprise.dev/v1alpha1
kind: ScoringRun
metadata: {name: plan}
spec:
  geography: FR
  models: {intent: {runRef: {name: intent}}, recommender: {runRef: {name: recommender}}}
  data: {sourceRef: {name: demo-crm}, asOf: "2025-09-01"}
  artifacts: gs://reprise-demo/artifacts/
  audience: {stage: OneTime}
  select: {by: P90, top: 100}
  contact: {leadTimeDays: 5, channels: [{name: email, capacity: 200}]}
  shards: 2
"#;

/// A folder with the brand's files, the documents and the bucket, gone at the end of the test.
struct Laptop {
    folder: tempfile::TempDir,
}

impl Laptop {
    fn new() -> Self {
        let laptop = Self { folder: tempfile::tempdir().unwrap() };
        let bucket = laptop.bucket();
        let made = reprise().args(["data", "demo", "--customers", "1500", "--to"]).arg(&bucket).output().unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        let documents = laptop.documents();
        std::fs::create_dir(&documents).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo/source.yaml");
        std::fs::copy(source, documents.join("source.yaml")).unwrap();
        std::fs::write(documents.join("runs.yaml"), RUNS).unwrap();
        laptop
    }

    fn bucket(&self) -> PathBuf {
        self.folder.path().join("bucket")
    }

    fn documents(&self) -> PathBuf {
        self.folder.path().join("documents")
    }

    /// `reprise COMMAND` over the documents and the folder, not yet started.
    fn command(&self, command: &str) -> Command {
        let mut reprise = reprise();
        reprise.arg(command).arg("-f").arg(self.documents());
        reprise.arg("--map").arg(format!("gs://{BUCKET}={}", self.bucket().display()));
        reprise
    }

    fn run(&self) -> String {
        done(&self.command("run").output().unwrap())
    }

    /// All manifests of the bucket by name, with their bytes.
    fn manifests(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(&self.bucket(), &self.bucket(), &mut found);
        found.retain(|name, _| name.ends_with("/manifest.json"));
        found
    }
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap());
        }
    }
}

fn reprise() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprise"));
    command.env_remove("REPRISE_GCS_ENDPOINT").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command that ended well has printed.
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn wait(mut child: Child) -> Output {
    // Little is printed, so that no pipe fills up before the end.
    let status = child.wait().unwrap();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    Output { status, stdout, stderr }
}

/// Waits until some file of the bucket has such a name.
fn until(laptop: &Laptop, wanted: impl Fn(&str) -> bool) {
    let since = Instant::now();
    loop {
        let folder = laptop.bucket().join("artifacts");
        let mut files = BTreeSet::new();
        // Files come and go while the workers run: what vanished between listing and reading is looked for again.
        if folder.is_dir() {
            names(&folder, &mut files);
        }
        if files.iter().any(|name| wanted(name)) {
            return;
        }
        assert!(since.elapsed() < Duration::from_mins(4), "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn names(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            names(&path, found);
        } else {
            found.insert(path.to_string_lossy().into_owned());
        }
    }
}

#[test]
fn a_folder_and_a_bucket_hold_the_same_bytes_and_nothing_is_done_twice() {
    let laptop = Laptop::new();
    let planned = done(&laptop.command("plan").output().unwrap());
    for name in ["base", "intent", "recommender", "plan"] {
        assert!(planned.contains(name), "{planned}");
    }
    assert!(laptop.manifests().is_empty(), "planning does nothing");
    let first = laptop.run();
    let made = laptop.manifests();
    assert_eq!(made.len(), 6, "three models, one plan, prepared data of two dates: {:?}\n{first}", made.keys());

    let again = laptop.run();
    assert_eq!(again.matches("| already done |").count(), 4, "{again}");
    let renamed = RUNS.replace("{name: base}", "{name: other-base}").replace("{name: intent}", "{name: other-intent}");
    std::fs::write(laptop.documents().join("runs.yaml"), renamed).unwrap();
    let again = laptop.run();
    assert_eq!(again.matches("| already done |").count(), 4, "under other names: {again}");
    assert_eq!(laptop.manifests(), made);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let double = runtime.block_on(GcsDouble::start()).unwrap();
    let mut sources = BTreeMap::new();
    collect(&laptop.bucket(), &laptop.bucket().join("crm"), &mut sources);
    for (name, bytes) in sources {
        double.store(BUCKET, &name, bytes);
    }
    double.inject(Rule::next(Operation::Upload, Fault::Status(503)).on("model.safetensors"));
    double.inject(Rule::next(Operation::Upload, Fault::LostAnswer).on("manifest.json"));
    let mut in_bucket = reprise();
    in_bucket.env("REPRISE_GCS_ENDPOINT", double.endpoint()).args(["run", "-f"]).arg(laptop.documents());
    let printed = done(&in_bucket.output().unwrap());
    for (name, bytes) in &made {
        let stored = double.bytes(BUCKET, name);
        assert_eq!(stored.as_deref(), Some(bytes.as_slice()), "{name}\n{printed}");
    }
}

#[test]
fn stopped_by_ctrl_c_the_same_command_goes_on_to_the_same_bytes() {
    let laptop = Laptop::new();
    let stopped = laptop.command("run").spawn().unwrap();
    until(&laptop, |name| name.contains("/ranks/"));
    let process = rustix::process::Pid::from_raw(stopped.id() as i32).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let output = wait(stopped);
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("The same command goes on"), "{}", text(&output.stdout));
    laptop.run();
    let undisturbed = Laptop::new();
    undisturbed.run();
    assert_eq!(laptop.manifests(), undisturbed.manifests());
}

#[test]
fn a_second_command_follows_the_first_and_takes_its_answers() {
    let laptop = Laptop::new();
    let first = laptop.command("run").spawn().unwrap();
    until(&laptop, |name| name.ends_with("/claim.json"));
    let second = laptop.command("run").output().unwrap();
    let followed = done(&second);
    done(&wait(first));
    assert!(text(&second.stderr).contains("following it") || followed.contains("following it"), "{followed}{}", text(&second.stderr));
    assert!(followed.contains("already done"), "{followed}");
}

#[test]
fn what_is_refused_is_refused_before_anything_starts() {
    let laptop = Laptop::new();
    let spoiled = RUNS.replace("horizonWeeks: 12", "horizonWeeks: 0");
    std::fs::write(laptop.documents().join("runs.yaml"), spoiled).unwrap();
    let output = laptop.command("run").output().unwrap();
    assert_eq!(output.status.code(), Some(65), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("horizonWeeks"), "{}", text(&output.stderr));
    assert!(!laptop.bucket().join("artifacts").exists());
}
