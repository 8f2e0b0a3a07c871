//! Any sequence of operations has the same outcomes on every local store as on a map in the test.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use reprise_artifacts::{Created, Error, FileStore, Location, Uri};

use crate::suite::{brief, memory};

const NAMES: [&str; 4] = ["a/1", "a/2", "b", "a-1"];

#[derive(Clone, Debug)]
enum Step {
    Create(usize, u8),
    /// By the current generation, or by one that is over.
    Replace(usize, u8, bool),
    Delete(usize, bool),
    Read(usize),
    List,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    prop_oneof![
        (name.clone(), any::<u8>()).prop_map(|(name, byte)| Step::Create(name, byte)),
        (name.clone(), any::<u8>(), any::<bool>()).prop_map(|(name, byte, current)| Step::Replace(name, byte, current)),
        (name.clone(), any::<bool>()).prop_map(|(name, current)| Step::Delete(name, current)),
        name.prop_map(Step::Read),
        Just(Step::List),
    ]
}

/// What the map says: the current byte and generation of each name, and one that is over.
#[derive(Default)]
struct Model {
    current: BTreeMap<&'static str, (u8, i64)>,
    newest: i64,
}

impl Model {
    async fn take(&mut self, at: &Location, step: &Step) {
        match *step {
            Step::Create(name, byte) => {
                let created = at.create(NAMES[name], Bytes::from(vec![byte])).await.unwrap();
                match (created, self.current.contains_key(NAMES[name])) {
                    (Created::New(generation), false) => self.stored(NAMES[name], byte, generation),
                    (Created::Existing, true) => {}
                    other => panic!("{other:?}"),
                }
            }
            Step::Replace(name, byte, current) => {
                let generation = self.generation(NAMES[name], current);
                let replaced = at.replace(NAMES[name], Bytes::from(vec![byte]), generation).await;
                match (replaced, current && self.current.contains_key(NAMES[name])) {
                    (Ok(generation), true) => self.stored(NAMES[name], byte, generation),
                    (Err(Error::Changed { .. }), false) => {}
                    other => panic!("{other:?}"),
                }
            }
            Step::Delete(name, current) => {
                let there = self.current.contains_key(NAMES[name]);
                let deleted = at.delete(NAMES[name], self.generation(NAMES[name], current)).await;
                match (deleted, there, current) {
                    (Ok(()), true, true) => drop(self.current.remove(NAMES[name])),
                    (Ok(()), false, _) | (Err(Error::Changed { .. }), true, false) => {}
                    other => panic!("{other:?}"),
                }
            }
            Step::Read(name) => match (at.read(NAMES[name], 1).await, self.current.get(NAMES[name])) {
                (Ok(found), Some((byte, generation))) => {
                    assert_eq!((found.bytes.as_ref(), found.generation), (&[*byte][..], *generation));
                }
                (Err(Error::NotFound { .. }), None) => {}
                other => panic!("{other:?}"),
            },
            Step::List => {
                let listed = at.list("", 10).await.unwrap();
                let listed: Vec<_> = listed.iter().map(|info| (info.name.as_str(), info.generation)).collect();
                let known: Vec<_> = self.current.iter().map(|(name, (_, generation))| (*name, *generation)).collect();
                assert_eq!(listed, known);
            }
        }
    }

    fn stored(&mut self, name: &'static str, byte: u8, generation: i64) {
        let before = self.current.insert(name, (byte, generation)).map_or(0, |(_, before)| before);
        assert!(generation > before);
        self.newest = self.newest.max(generation);
    }

    fn generation(&self, name: &str, current: bool) -> i64 {
        let found = self.current.get(name).map_or(self.newest, |(_, generation)| *generation);
        if current { found } else { found + 1_000_000_000_000 }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn memory_and_files_agree_with_a_map(steps in prop::collection::vec(step(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let files = Location::new(Arc::new(FileStore::new(directory.path().join("x"), "file:///x/")), brief());
        for at in [memory(), files] {
            let mut model = Model::default();
            for step in &steps {
                runtime.block_on(model.take(&at, step));
            }
        }
    }

    /// An address is refused, or shown so that it parses to itself and stays below its root.
    #[test]
    fn addresses_are_refused_or_come_back(text in r"(gs://|file:///|s3://)?([a-z]{3}|\.\.|\.|/|//| |%2e|\\|\x00|é){0,8}/?") {
        if let Ok(uri) = text.parse::<Uri>() {
            let shown = uri.to_string();
            prop_assert_eq!(shown.parse::<Uri>().unwrap(), uri.clone());
            prop_assert!(shown.ends_with('/') && !shown.contains("/../") && !shown.contains("/./"), "{}", shown);
            prop_assert!(uri.child("../x").is_err());
        }
    }
}

#[test]
fn addresses_are_refused_with_the_reason() {
    let table = [
        ("s3://bucket/", "neither with gs:// nor with file:///"),
        ("/data", "neither with gs:// nor with file:///"),
        ("file://data/", "three slashes"),
        ("gs://", "3 to 222 characters"),
        ("gs://Bucket/", "lowercase"),
        ("gs://-bucket/", "begins and ends"),
        ("gs://bucket/a/../b/", "a segment is . or .."),
        ("gs://bucket//a/", "empty segment"),
        ("file:////a/", "empty segment"),
        ("gs://bucket/a\u{7}/", "control character"),
    ];
    for (text, reason) in table {
        let error = text.parse::<Uri>().unwrap_err().to_string();
        assert!(error.contains(reason) && error.starts_with(&format!("uri {text:?} is refused")), "{text}: {error}");
    }
    assert_eq!("gs://bucket".parse::<Uri>().unwrap().to_string(), "gs://bucket/");
    assert_eq!("file:///data".parse::<Uri>().unwrap().to_string(), "file:///data/");
}
