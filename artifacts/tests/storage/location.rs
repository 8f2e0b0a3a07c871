//! Commits whose answer was lost, against a store that plays them by script.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use futures::FutureExt;
use reprise_artifacts::{Answer, Body, Commit, Created, Error, Expect, Info, Location, MemoryStore, Page, Reading, Store};

/// What happens to a put.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// It is stored, nobody says so.
    StoreSilently,
    /// It is on its way; it lands before the next put.
    LandLate,
    /// It is lost.
    Lose,
    /// Somebody else stores first, and then it is lost.
    ComeSecond,
}

#[derive(Debug)]
struct Scripted {
    inner: MemoryStore,
    acts: Mutex<Vec<Act>>,
    late: Mutex<Option<Body>>,
}

impl Scripted {
    fn script(&self, acts: &[Act]) {
        *self.acts.lock().unwrap() = acts.iter().rev().copied().collect();
    }

    async fn play(&self, name: &str, body: &Body, expect: Expect) -> Result<Commit, Error> {
        let late = self.late.lock().unwrap().take();
        if let Some(late) = late {
            self.inner.put(name, &late, expect).await?;
        }
        let act = self.acts.lock().unwrap().pop();
        match act {
            None => return self.inner.put(name, body, expect).await,
            Some(Act::StoreSilently) => drop(self.inner.put(name, body, expect).await?),
            Some(Act::LandLate) => *self.late.lock().unwrap() = Some(body.clone()),
            Some(Act::Lose) => {}
            Some(Act::ComeSecond) => drop(self.inner.put(name, &Body::from(Bytes::from("theirs")), expect).await?),
        }
        Ok(Commit::Unknown(format!("{act:?}")))
    }
}

impl Store for Scripted {
    fn uri(&self, name: &str) -> String {
        self.inner.uri(name)
    }
    fn put<'a>(&'a self, name: &'a str, body: &'a Body, expect: Expect) -> Answer<'a, Commit> {
        self.play(name, body, expect).boxed()
    }
    fn read<'a>(&'a self, name: &'a str, generation: Option<i64>, offset: u64) -> Answer<'a, Reading> {
        self.inner.read(name, generation, offset)
    }
    fn head<'a>(&'a self, name: &'a str) -> Answer<'a, Info> {
        self.inner.head(name)
    }
    fn list<'a>(&'a self, prefix: &'a str, token: Option<&'a str>) -> Answer<'a, Page> {
        self.inner.list(prefix, token)
    }
    fn delete<'a>(&'a self, name: &'a str, generation: i64) -> Answer<'a, ()> {
        self.inner.delete(name, generation)
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is at the rim")]
fn scripted(acts: &[Act]) -> (Arc<Scripted>, Location) {
    let inner = MemoryStore::new("bucket", SystemTime::now);
    let store = Arc::new(Scripted { inner, acts: Mutex::default(), late: Mutex::default() });
    store.script(acts);
    (store.clone(), Location::new(store, crate::suite::brief()))
}

#[tokio::test]
async fn an_unknown_creation_is_resolved() {
    let table: [(&[Act], bool); 7] = [
        (&[Act::StoreSilently], true),
        (&[Act::LandLate], true),
        (&[Act::Lose], true),
        (&[Act::Lose, Act::Lose, Act::StoreSilently], true),
        (&[Act::LandLate, Act::Lose], true),
        (&[Act::ComeSecond], false),
        (&[Act::Lose, Act::ComeSecond], false),
    ];
    for (acts, mine) in table {
        let (_, at) = scripted(acts);
        let created = at.create("a", Bytes::from("mine")).await.unwrap();
        assert_eq!(matches!(created, Created::New(_)), mine, "{acts:?}");
        let found = at.read("a", 10).await.unwrap();
        assert_eq!(found.bytes, if mine { "mine" } else { "theirs" }, "{acts:?}");
        if let Created::New(generation) = created {
            assert_eq!(found.generation, generation, "{acts:?}");
        }
    }
}

#[tokio::test]
async fn an_unknown_replacement_is_resolved() {
    let table: [(&[Act], bool); 5] = [
        (&[Act::StoreSilently], true),
        (&[Act::LandLate], true),
        (&[Act::Lose, Act::StoreSilently], true),
        (&[Act::ComeSecond], false),
        (&[Act::Lose, Act::ComeSecond], false),
    ];
    for (acts, mine) in table {
        let (store, at) = scripted(&[]);
        let Created::New(first) = at.create("a", Bytes::from("first")).await.unwrap() else { panic!("taken") };
        store.script(acts);
        let replaced = at.replace("a", Bytes::from("mine"), first).await;
        assert_eq!(replaced.is_ok(), mine, "{acts:?}: {replaced:?}");
        assert_eq!(at.read("a", 10).await.unwrap().bytes, if mine { "mine" } else { "theirs" }, "{acts:?}");
    }
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_unavailable() {
    let (_, at) = scripted(&[Act::Lose; 10]);
    let error = at.create("a", Bytes::from("mine")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }) && error.is_retryable(), "{error}");
    assert!(matches!(at.head("a").await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn names_that_leave_the_prefix_are_refused() {
    let (_, at) = scripted(&[]);
    for name in ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\nb", "a\\b", &"a".repeat(901)] {
        let refused = at.create(name, Bytes::new()).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{name:?}: {refused:?}");
        assert!(matches!(at.read(name, 1).await, Err(Error::Invalid { .. })), "{name:?}");
    }
    assert!(matches!(at.child("a/../b"), Err(Error::Invalid { .. })));
}
