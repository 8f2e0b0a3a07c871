//! One suite for every store: what passes it may stand under everything else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reprise_artifacts::{Body, Commit, Created, Error, Expect, Location, MemoryStore, Patience, Store};

/// Patience for tests: short waits, so that giving up is quick.
pub(crate) fn brief() -> Patience {
    Patience {
        tries: 4,
        first_wait: Duration::from_millis(2),
        longest_wait: Duration::from_millis(10),
        attempt: Duration::from_millis(1500),
        upload: Duration::from_secs(1),
        total: Duration::from_secs(20),
        jitter: 7,
    }
}

/// Runs the whole suite on an empty store.
pub(crate) async fn conformance(store: Arc<dyn Store>) {
    let root = Location::new(store.clone(), brief());
    creates_once(&root.child("create").unwrap()).await;
    creates_from_a_file(&root.child("create-file").unwrap()).await;
    replaces_only_what_was_read(&root.child("replace").unwrap()).await;
    overwrites(&root.child("overwrite").unwrap()).await;
    reads_pinned_versions(&root.child("pinned").unwrap()).await;
    bounds_what_it_reads(&root.child("bounds").unwrap()).await;
    downloads(&root.child("download").unwrap()).await;
    looks(&root.child("head").unwrap()).await;
    lists_in_order(&root.child("list").unwrap()).await;
    lists_in_pages(&store).await;
    deletes_only_what_was_read(&root.child("delete").unwrap()).await;
    has_one_winner(&root.child("race").unwrap()).await;
    moves_by_generation(&root.child("counter").unwrap()).await;
    answers_plainly(&*store).await;
}

async fn text(location: &Location, name: &str) -> String {
    String::from_utf8(location.read(name, 1 << 20).await.unwrap().bytes.to_vec()).unwrap()
}

fn generation(created: Created) -> i64 {
    match created {
        Created::New(generation) => generation,
        Created::Existing => panic!("the name was taken"),
    }
}

async fn creates_once(at: &Location) {
    assert!(matches!(at.create("a.txt", Bytes::from("first")).await, Ok(Created::New(_))));
    assert_eq!(at.create("a.txt", Bytes::from("second")).await.unwrap(), Created::Existing);
    assert_eq!(text(at, "a.txt").await, "first");
    assert!(matches!(at.create("empty", Bytes::new()).await, Ok(Created::New(_))));
    assert_eq!(text(at, "empty").await, "");
    assert!(matches!(at.create("größe/Ω 1%20.txt", Bytes::from("x")).await, Ok(Created::New(_))));
    assert_eq!(text(at, "größe/Ω 1%20.txt").await, "x");
}

/// Larger than one piece of an upload, so that `gs://` resumes within it.
async fn creates_from_a_file(at: &Location) {
    let scratch = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..20_000_003_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = scratch.path().join("big");
    std::fs::write(&file, &bytes).unwrap();
    assert!(matches!(at.create("big", file.clone()).await, Ok(Created::New(_))));
    assert_eq!(at.create("big", file.clone()).await.unwrap(), Created::Existing);
    let (_, found) = at.summarize("big").await.unwrap();
    assert_eq!(found, Body::File(file).summary().await.unwrap());
    let missing = at.create("none", scratch.path().join("none")).await;
    assert!(matches!(missing, Err(Error::Local { .. })), "{missing:?}");
}

async fn replaces_only_what_was_read(at: &Location) {
    let first = generation(at.create("a", Bytes::from("1")).await.unwrap());
    let second = at.replace("a", Bytes::from("2"), first).await.unwrap();
    assert!(second > first, "{second} follows {first}");
    let late = at.replace("a", Bytes::from("3"), first).await;
    assert!(matches!(late, Err(Error::Changed { .. })), "{late:?}");
    assert_eq!(text(at, "a").await, "2");
    let none = at.replace("b", Bytes::from("1"), first).await;
    assert!(matches!(none, Err(Error::Changed { .. })), "{none:?}");
}

async fn overwrites(at: &Location) {
    at.overwrite("run.json", Bytes::from("1")).await.unwrap();
    at.overwrite("run.json", Bytes::from("2")).await.unwrap();
    assert_eq!(text(at, "run.json").await, "2");
}

async fn reads_pinned_versions(at: &Location) {
    let first = generation(at.create("a", Bytes::from("1")).await.unwrap());
    assert_eq!(at.read_at("a", first, 10).await.unwrap().bytes, "1");
    at.replace("a", Bytes::from("2"), first).await.unwrap();
    let gone = at.read_at("a", first, 10).await;
    assert!(matches!(gone, Err(Error::Changed { .. })), "{gone:?}");
    let absent = at.read_at("b", first, 10).await;
    assert!(matches!(absent, Err(Error::Changed { .. })), "{absent:?}");
    let absent = at.read("b", 10).await;
    assert!(matches!(&absent, Err(Error::NotFound { object }) if object.ends_with("/pinned/b")), "{absent:?}");
}

async fn bounds_what_it_reads(at: &Location) {
    at.create("ten", Bytes::from("0123456789")).await.unwrap();
    assert_eq!(at.read("ten", 10).await.unwrap().bytes, "0123456789");
    let refused = at.read("ten", 9).await;
    assert!(matches!(&refused, Err(Error::TooLarge { limit: 9, .. })), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("10 bytes"));
}

async fn downloads(at: &Location) {
    let scratch = tempfile::tempdir().unwrap();
    let to = scratch.path().join("copy");
    let bytes = Bytes::from(vec![7_u8; 3_000_000]);
    let first = generation(at.create("a", bytes.clone()).await.unwrap());
    let (found, summary) = at.download("a", Some(first), &to).await.unwrap();
    assert_eq!((found, summary), (first, reprise_artifacts::Summary::of(&bytes)));
    assert_eq!(std::fs::read(&to).unwrap(), bytes);
    let absent = at.download("b", None, &scratch.path().join("b")).await;
    assert!(matches!(absent, Err(Error::NotFound { .. })), "{absent:?}");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1, "a failed download leaves nothing");
}

async fn looks(at: &Location) {
    let stored = generation(at.create("a", Bytes::from("hello")).await.unwrap());
    let info = at.head("a").await.unwrap();
    assert_eq!((info.name.as_str(), info.generation, info.length), ("a", stored, 5));
    assert_eq!(info.crc32c, crc32c::crc32c(b"hello"));
    assert!(info.updated > std::time::UNIX_EPOCH);
    assert!(matches!(at.head("b").await, Err(Error::NotFound { .. })));
}

async fn lists_in_order(at: &Location) {
    for name in ["b/2", "a", "b/1", "b-1", "b/10", "c/d/e"] {
        at.create(name, Bytes::from(name)).await.unwrap();
    }
    let names = |infos: Vec<reprise_artifacts::Info>| infos.into_iter().map(|info| info.name).collect::<Vec<_>>();
    assert_eq!(names(at.list("", 10).await.unwrap()), ["a", "b-1", "b/1", "b/10", "b/2", "c/d/e"]);
    assert_eq!(names(at.list("b/1", 10).await.unwrap()), ["b/1", "b/10"]);
    assert_eq!(names(at.list("c", 10).await.unwrap()), ["c/d/e"]);
    assert_eq!(names(at.list("none/", 10).await.unwrap()), [""; 0]);
    let info = at.list("b-", 10).await.unwrap().remove(0);
    assert_eq!(info, at.head("b-1").await.unwrap(), "a listing says what a look says");
    assert!(matches!(at.list("", 5).await, Err(Error::TooLarge { limit: 5, .. })));
}

async fn lists_in_pages(store: &Arc<dyn Store>) {
    let at = Location::new(store.clone(), brief()).child("pages").unwrap();
    for index in 0..1003 {
        at.create(&format!("{index:05}"), Bytes::new()).await.unwrap();
    }
    let page = store.list("pages/", None).await.unwrap();
    assert!(page.next.is_some() && page.objects.len() < 1003, "1003 objects take more than one page");
    let names: Vec<_> = at.list("", 2000).await.unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, (0..1003).map(|index| format!("{index:05}")).collect::<Vec<_>>());
}

async fn deletes_only_what_was_read(at: &Location) {
    let first = generation(at.create("d/a", Bytes::from("1")).await.unwrap());
    let second = at.replace("d/a", Bytes::from("2"), first).await.unwrap();
    let late = at.delete("d/a", first).await;
    assert!(matches!(late, Err(Error::Changed { .. })), "{late:?}");
    at.delete("d/a", second).await.unwrap();
    at.delete("d/a", second).await.unwrap();
    assert!(at.list("", 10).await.unwrap().is_empty());
    let third = generation(at.create("d/a", Bytes::from("3")).await.unwrap());
    assert!(third > second, "a generation never comes back: {third} follows {second}");
    assert!(matches!(at.delete("d/a", second).await, Err(Error::Changed { .. })));
}

async fn has_one_winner(at: &Location) {
    let creators = (0..16).map(|index| {
        let at = at.clone();
        tokio::spawn(async move { at.create("winner", Bytes::from(format!("{index}"))).await.unwrap() })
    });
    let outcomes: Vec<_> = futures::future::join_all(creators).await.into_iter().map(Result::unwrap).collect();
    let winners: Vec<_> = (0..16).filter(|index| outcomes[*index] != Created::Existing).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(text(at, "winner").await, winners[0].to_string());
}

/// Many writers add one each; a lost update would show in the sum.
async fn moves_by_generation(at: &Location) {
    at.create("n", Bytes::from("0")).await.unwrap();
    let writers = (0..8).map(|_| {
        let at = at.clone();
        tokio::spawn(async move {
            loop {
                let found = at.read("n", 10).await.unwrap();
                let n: u32 = std::str::from_utf8(&found.bytes).unwrap().parse().unwrap();
                match at.replace("n", Bytes::from((n + 1).to_string()), found.generation).await {
                    Ok(_) => return,
                    Err(Error::Changed { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }
    assert_eq!(text(at, "n").await, "8");
}

/// The trait itself: one attempt, three outcomes, offsets.
async fn answers_plainly(store: &dyn Store) {
    let body = Body::from(Bytes::from("0123456789"));
    let Commit::Committed(stored) = store.put("plain", &body, Expect::Absent).await.unwrap() else { panic!("not committed") };
    assert_eq!(store.put("plain", &body, Expect::Absent).await.unwrap(), Commit::Rejected);
    assert_eq!(store.put("plain", &body, Expect::Generation(stored + 1)).await.unwrap(), Commit::Rejected);
    assert_eq!(store.put("other", &body, Expect::Generation(stored)).await.unwrap(), Commit::Rejected);
    let reading = store.read("plain", Some(stored), 7).await.unwrap();
    assert_eq!((reading.generation, reading.length), (stored, 10));
    let chunks: Vec<Bytes> = futures::TryStreamExt::try_collect(reading.chunks).await.unwrap();
    assert_eq!(chunks.concat(), b"789");
}

/// The root of an empty store in memory.
#[expect(clippy::disallowed_methods, reason = "a test is at the rim")]
pub(crate) fn memory() -> Location {
    Location::new(Arc::new(MemoryStore::new("bucket", std::time::SystemTime::now)), brief())
}
