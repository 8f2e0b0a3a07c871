//! Publications: the manifest comes last, says what is there, and nothing that differs from it is read.

use bytes::Bytes;
use proptest::prelude::*;
use reprise_artifacts::manifest::{Manifest, describe, publish, put, read, read_pinned, seal};
use reprise_artifacts::{Body, Created, Digest, Error, Location};
use serde_json::json;

use crate::suite::memory;

fn files(contents: &[(&str, &str)]) -> Vec<(String, Body)> {
    contents.iter().map(|(name, text)| ((*name).to_owned(), Body::from(text.as_bytes().to_vec()))).collect()
}

#[tokio::test]
async fn a_publication_reads_back_whole() {
    let at = memory().child("NO/intent/1").unwrap();
    let published = publish(&at, files(&[("b.json", "{}"), ("a/part-0", "x")]), json!({"seed": 7})).await.unwrap();
    let found = read(&at).await.unwrap().unwrap();
    assert_eq!((found.digest, &found.manifest), (published.digest, &published.manifest));
    assert_eq!(found.fetch("b.json", 10).await.unwrap(), "{}");
    let scratch = tempfile::tempdir().unwrap();
    found.fetch_to("a/part-0", &scratch.path().join("x")).await.unwrap();
    assert_eq!(std::fs::read(scratch.path().join("x")).unwrap(), b"x");
    assert!(matches!(found.fetch("run.json", 10).await, Err(Error::Corrupt { .. })), "what is not listed is not read");
    assert!(matches!(found.fetch("b.json", 1).await, Err(Error::TooLarge { .. })));
    assert!(read_pinned(&at, published.digest).await.is_ok());
    assert!(matches!(read_pinned(&at, Digest::of(b"other")).await, Err(Error::Corrupt { .. })));
    assert!(read(&memory()).await.unwrap().is_none());
}

/// The text by `json.dumps(document, indent=2, sort_keys=True) + "\n"` of Python 3, its sums by hashlib and a bitwise CRC-32C.
#[tokio::test]
async fn the_manifest_is_sorted_json_whose_bytes_are_frozen() {
    let at = memory();
    let facts = json!({"seed": 9_007_199_254_740_993_i64, "metrics": {"z": 0.1, "a": 1}});
    let published = publish(&at, files(&[("b", "two"), ("a", "one")]), facts).await.unwrap();
    let text = String::from_utf8(at.read("manifest.json", 10_000).await.unwrap().bytes.to_vec()).unwrap();
    let expected = r#"{
  "facts": {
    "metrics": {
      "a": 1,
      "z": 0.1
    },
    "seed": 9007199254740993
  },
  "files": [
    {
      "crc32c": 714388201,
      "length": 3,
      "name": "a",
      "sha256": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    },
    {
      "crc32c": 1389933475,
      "length": 3,
      "name": "b",
      "sha256": "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
    }
  ],
  "format": 1
}
"#;
    assert_eq!(text, expected);
    assert_eq!(published.digest.to_string(), "7a5ba521ef069d81cad63b0a88b7901e6a104aa6fe143527b962779fddb545bf");
}

#[tokio::test]
async fn publishing_again_is_fine_and_other_bytes_are_not() {
    let at = memory();
    let first = publish(&at, files(&[("a", "1"), ("b", "2")]), json!({})).await.unwrap();
    let again = publish(&at, files(&[("b", "2"), ("a", "1")]), json!({})).await.unwrap();
    assert_eq!(first.digest, again.digest);
    let other = publish(&at, files(&[("a", "1"), ("b", "3")]), json!({})).await;
    assert!(matches!(&other, Err(Error::NotReproducible { object, .. }) if object.ends_with("/b")), "{other:?}");
    let other = publish(&at, files(&[("a", "1"), ("b", "2")]), json!({"seed": 1})).await;
    assert!(matches!(&other, Err(Error::NotReproducible { object, .. }) if object.ends_with("manifest.json")), "{other:?}");
    assert_eq!(read(&at).await.unwrap().unwrap().digest, first.digest);
}

#[tokio::test]
async fn shards_put_and_one_of_them_seals() {
    let at = memory();
    put(&at, "part-1", Bytes::from("1")).await.unwrap();
    put(&at, "part-0", Bytes::from("0")).await.unwrap();
    assert!(read(&at).await.unwrap().is_none(), "nothing is published before the manifest");
    let entries = vec![describe(&at, "part-0").await.unwrap(), describe(&at, "part-1").await.unwrap()];
    let sealed = seal(&at, entries, json!({})).await.unwrap();
    assert_eq!(sealed.digest, publish(&memory(), files(&[("part-0", "0"), ("part-1", "1")]), json!({})).await.unwrap().digest);
}

#[tokio::test]
async fn bytes_that_differ_from_the_manifest_are_refused_by_name() {
    let at = memory();
    let published = publish(&at, files(&[("a", "1234")]), json!({})).await.unwrap();
    for tampered in ["1235", "123", "12345"] {
        at.overwrite("a", Bytes::from(tampered)).await.unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let refused = published.fetch("a", 10).await;
        assert!(matches!(&refused, Err(Error::Corrupt { object, .. }) if object.ends_with("/a")), "{refused:?}");
        assert!(matches!(published.fetch_to("a", &scratch.path().join("a")).await, Err(Error::Corrupt { .. })));
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
    let generation = at.head("a").await.unwrap().generation;
    at.delete("a", generation).await.unwrap();
    assert!(matches!(published.fetch("a", 10).await, Err(Error::NotFound { .. })));
}

async fn refusal(text: impl Into<Bytes>) -> String {
    let at: Location = memory();
    assert_ne!(at.create("manifest.json", text.into()).await.unwrap(), Created::Existing);
    match read(&at).await {
        Err(error @ (Error::Corrupt { .. } | Error::TooLarge { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn hostile_manifests_are_refused_with_the_place_and_the_reason() {
    let sum = "0".repeat(64);
    let file = |name: &str| format!(r#"{{"name":{},"length":1,"crc32c":1,"sha256":"{sum}"}}"#, json!(name));
    let of = |files: &str| format!(r#"{{"format":1,"files":[{files}],"facts":{{}}}}"#);
    let table = [
        (String::new(), "EOF"),
        ("\u{feff}{}".into(), "expected value"),
        (format!("{{\"facts\":{}", "[".repeat(100_000)), "recursion limit"),
        (r#"{"format":2,"files":[],"facts":{}}"#.into(), "format 2 is not 1"),
        (r#"{"format":1,"files":[]}"#.into(), "missing field `facts`"),
        (r#"{"format":1,"files":[],"facts":[]}"#.into(), "facts is not an object"),
        (r#"{"format":1,"files":[],"facts":{},"extra":1}"#.into(), "unknown field `extra`"),
        (r#"{"format":1,"format":1,"files":[],"facts":{}}"#.into(), "duplicate field `format`"),
        (of(&file("../secret")), ". or .."),
        (of(&file("/etc/passwd")), "empty segment"),
        (of(&file("a\\b")), "backslash"),
        (of(&file("a\nb")), "control character"),
        (of(&file("")), "no last segment"),
        (of(&file("manifest.json")), "lists itself"),
        (of(&[file("a"), file("a")].join(",")), "files[1]: \"a\" comes twice or out of order"),
        (of(&[file("b"), file("a")].join(",")), "files[1]: \"a\" comes twice or out of order"),
        (of(&file("a").replace(&sum, &sum[1..])), "64 lowercase hexadecimal digits, not 63"),
        (of(&file("a").replace(&sum, &"G".repeat(64))), "64 lowercase hexadecimal digits"),
        (of(&file("a").replace("\"length\":1", "\"length\":-1")), "invalid value: integer `-1`"),
        (of(&file("a").replace("\"length\":1", "\"length\":1e3")), "invalid type"),
        (of(&file("a").replace("\"crc32c\":1", "\"crc32c\":4294967296")), "invalid value: integer `4294967296`"),
    ];
    for (text, reason) in table {
        let shown: String = text.chars().take(100).collect();
        let refused = refusal(text).await;
        assert!(refused.starts_with("memory://bucket/manifest.json is corrupt"), "{shown}: {refused}");
        assert!(refused.contains(reason), "{shown}: {refused}");
    }
    let names: Vec<_> = (0..100_001).map(|index| file(&format!("{index:06}"))).collect();
    assert!(refusal(of(&names.join(","))).await.contains("100001 files are listed, the limit is 100000"));
    assert!(refusal(vec![b' '; (32 << 20) + 1]).await.contains("33554433 bytes, the limit is 33554432"));
    assert!(refusal(&b"{\"format\":1,\xff}"[..]).await.contains("corrupt"));
}

#[tokio::test]
async fn a_publisher_cannot_write_what_a_reader_refuses() {
    let at = memory();
    let entry = put(&at, "a", Bytes::from("1")).await.unwrap();
    let twice = seal(&at, vec![entry.clone(), entry], json!({})).await;
    assert!(matches!(twice, Err(Error::Invalid { .. })), "{twice:?}");
    assert!(matches!(seal(&at, vec![], json!(1)).await, Err(Error::Invalid { .. })));
    assert!(read(&at).await.unwrap().is_none());
}

proptest! {
    /// Any text in place of a manifest: an answer or a refusal, never a panic, and never a name that leaves the prefix.
    #[test]
    fn any_text_is_read_or_refused(text in r#"(\{|\[|"|format|files|facts|name|length|:|,|\}|\]|[0-9]|\.\.|/|.){0,60}"#) {
        if let Ok(manifest) = serde_json::from_str::<Manifest>(&text) {
            prop_assert!(manifest.encode().is_ok());
        }
    }

    /// The order in which files and facts come makes no difference to a single byte.
    #[test]
    fn the_digest_does_not_depend_on_order(names in prop::collection::btree_set("[a-z]{1,6}", 1..8), seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut shuffled: Vec<_> = names.iter().map(|name| (name.clone(), Body::from(name.clone().into_bytes()))).collect();
        let by = shuffled.len();
        let sorted = shuffled.clone();
        shuffled.rotate_left((seed % by as u64) as usize);
        let digest = |files| runtime.block_on(async { publish(&memory(), files, json!({"x": seed})).await.unwrap().digest });
        prop_assert_eq!(digest(sorted), digest(shuffled));
    }
}
