//! The directory store: what killed processes leave behind, and what racing processes do to each other.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reprise_artifacts::{Created, Error, FileStore, Location};

/// Set for the processes that this file's tests start: the directory to work in.
const DIRECTORY: &str = "REPRISE_TEST_DIRECTORY";

fn open(directory: &Path) -> Location {
    Location::new(Arc::new(FileStore::new(directory.to_path_buf(), "file:///test/")), crate::suite::brief())
}

#[tokio::test]
async fn objects_are_plain_files_that_people_can_open() {
    let directory = tempfile::tempdir().unwrap();
    let at = open(directory.path());
    at.create("x/report.html", Bytes::from("<p>")).await.unwrap();
    let first = at.overwrite("x/run.json", Bytes::from("{}")).await.unwrap();
    at.replace("x/run.json", Bytes::from("[]"), first).await.unwrap();
    assert_eq!(std::fs::read(directory.path().join("x/report.html")).unwrap(), b"<p>");
    assert_eq!(std::fs::read(directory.path().join("x/run.json")).unwrap(), b"[]");
    assert_eq!(std::fs::read_dir(directory.path().join("x")).unwrap().count(), 2, "nothing else lies beside them");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(directory.path().join("x/report.html")).unwrap());
    assert_eq!(mode & 0o400, 0o400);
}

#[tokio::test]
async fn files_that_people_put_there_are_objects() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("no")).unwrap();
    std::fs::write(directory.path().join("no/sales.csv"), "a;b").unwrap();
    std::os::unix::fs::symlink("sales.csv", directory.path().join("no/link.csv")).unwrap();
    std::os::unix::fs::symlink(".", directory.path().join("no/loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.path().join("no/dangling")).unwrap();
    let at = open(directory.path());
    let names: Vec<_> = at.list("", 10).await.unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["no/link.csv", "no/sales.csv"]);
    let before = at.head("no/sales.csv").await.unwrap();
    assert_eq!(at.create("no/sales.csv", Bytes::from("x")).await.unwrap(), Created::Existing);

    let file = File::options().write(true).open(directory.path().join("no/sales.csv")).unwrap();
    (&file).write_all(b"a;c").unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_micros(before.generation.unsigned_abs() + 1)).unwrap();
    let edited = at.read_at("no/sales.csv", before.generation, 10).await;
    assert!(matches!(edited, Err(Error::Changed { .. })), "an edit is a new generation: {edited:?}");
}

#[tokio::test]
async fn leftovers_of_killed_writers_are_no_objects() {
    let directory = tempfile::tempdir().unwrap();
    let at = open(directory.path());
    at.create("x/a", Bytes::from("1")).await.unwrap();
    std::fs::write(directory.path().join("x/.reprise-temporary-Ab12"), "half of someth").unwrap();
    let names: Vec<_> = at.list("", 10).await.unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["x/a"]);
    let info = at.head("x/a").await.unwrap();
    at.replace("x/a", Bytes::from("2"), info.generation).await.unwrap();
    assert_eq!(at.read("x/a", 10).await.unwrap().bytes, "2");
}

#[tokio::test]
async fn deletion_prunes_empty_directories_only() {
    let directory = tempfile::tempdir().unwrap();
    let at = open(directory.path());
    for name in ["rounds/1/rank-0", "rounds/1/rank-1", "rounds/2/rank-0"] {
        at.create(name, Bytes::from("1")).await.unwrap();
    }
    for info in at.list("rounds/1/", 10).await.unwrap() {
        at.delete(&info.name, info.generation).await.unwrap();
    }
    assert!(!directory.path().join("rounds/1").exists());
    assert!(directory.path().join("rounds/2/rank-0").exists());
}

#[tokio::test]
async fn creation_and_pruning_of_one_directory_do_not_lose_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let at = open(directory.path());
    let workers = (0..4).map(|worker| {
        let at = at.clone();
        tokio::spawn(async move {
            for turn in 0..50 {
                let name = format!("d/e/{worker}-{turn}");
                let Created::New(generation) = at.create(&name, Bytes::from("1")).await.unwrap() else { panic!("{name}") };
                at.delete(&name, generation).await.unwrap();
            }
        })
    });
    for worker in futures::future::join_all(workers).await {
        worker.unwrap();
    }
    assert!(at.list("", 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_name_is_a_file_or_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let at = open(directory.path());
    at.create("a/b", Bytes::from("1")).await.unwrap();
    for name in ["a", "a/b/c"] {
        let refused = at.create(name, Bytes::from("1")).await;
        assert!(matches!(refused, Err(Error::Denied { .. })), "{name}: {refused:?}");
    }
    assert!(matches!(at.read("a", 10).await, Err(Error::NotFound { .. })));
}

/// Processes add to one counter and are killed at any time. No acknowledged addition is lost, none is made up, and no
/// lock outlives its holder.
#[tokio::test]
async fn killed_processes_lose_nothing_and_block_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let at = open(&directory.path().join("store"));
    at.create("n", Bytes::from("0")).await.unwrap();
    let kills = 24_u64;
    let mut children: Vec<Child> = (0..3).map(|child| start(directory.path(), child)).collect();
    for kill in 0..kills {
        // Spread over the moments of a child's life; no outcome depends on it.
        tokio::time::sleep(Duration::from_millis(15 + 37 * kill % 60)).await;
        let victim = (kill % 3) as usize;
        children[victim].kill().unwrap();
        children[victim].wait().unwrap();
        children[victim] = start(directory.path(), 3 + kill);
    }
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let acknowledged: u64 = std::fs::read_dir(directory.path().join("acknowledged"))
        .unwrap()
        .map(|entry| std::fs::metadata(entry.unwrap().path()).unwrap().len())
        .sum();
    let found = at.read("n", 20).await.unwrap();
    let counted: u64 = std::str::from_utf8(&found.bytes).unwrap().parse().unwrap();
    let in_flight = kills + 3;
    assert!((acknowledged..=acknowledged + in_flight).contains(&counted), "{acknowledged} acknowledged, {counted} counted");
    assert!(acknowledged > in_flight, "the children did work: {acknowledged}");
    let names: Vec<_> = at.list("", 10).await.unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["n"]);
    at.replace("n", Bytes::from("end"), found.generation).await.unwrap();
}

fn start(directory: &Path, child: u64) -> Child {
    std::fs::create_dir_all(directory.join("acknowledged")).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "files::adds_as_a_child_process", "--nocapture"])
        .env(DIRECTORY, directory)
        .env("REPRISE_TEST_CHILD", child.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// The body of the processes of the test above; by itself there is nothing to do.
#[tokio::test]
async fn adds_as_a_child_process() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = Path::new(&directory);
    let child = std::env::var("REPRISE_TEST_CHILD").unwrap();
    let mut acknowledged = File::create(directory.join("acknowledged").join(child)).unwrap();
    let at = open(&directory.join("store"));
    loop {
        let found = at.read("n", 20).await.unwrap();
        let next = std::str::from_utf8(&found.bytes).unwrap().parse::<u64>().unwrap() + 1;
        match at.replace("n", Bytes::from(next.to_string()), found.generation).await {
            Ok(_) => acknowledged.write_all(b".").unwrap(),
            Err(Error::Changed { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Create-only among processes: exactly one wins each name, and its bytes stand.
#[tokio::test]
async fn one_process_wins_each_name() {
    let directory = tempfile::tempdir().unwrap();
    let children: Vec<Child> = (0..4)
        .map(|child| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "files::creates_as_a_child_process", "--nocapture"])
                .env(DIRECTORY, directory.path())
                .env("REPRISE_TEST_CHILD", child.to_string())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let at = open(&directory.path().join("store"));
    let mut wins = std::collections::BTreeMap::new();
    for child in 0..4 {
        for name in std::fs::read_to_string(directory.path().join(format!("won-{child}"))).unwrap().lines() {
            assert_eq!(wins.insert(name.to_owned(), child), None, "{name} was won twice");
        }
    }
    assert_eq!(wins.len(), 200);
    for (name, child) in wins {
        assert_eq!(at.read(&name, 10).await.unwrap().bytes, child.to_string());
    }
}

/// The body of the processes of the test above; by itself there is nothing to do.
#[tokio::test]
async fn creates_as_a_child_process() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = Path::new(&directory);
    let child = std::env::var("REPRISE_TEST_CHILD").unwrap();
    let at = open(&directory.join("store"));
    let mut won = File::create(directory.join(format!("won-{child}"))).unwrap();
    for name in (0..200).map(|index| format!("{index:03}")) {
        if at.create(&name, Bytes::from(child.clone())).await.unwrap() != Created::Existing {
            writeln!(won, "{name}").unwrap();
        }
    }
}
