//! The objects of all buckets, and the preconditions on them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use axum::body::Bytes;

#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) generation: i64,
    pub(crate) crc32c: u32,
    pub(crate) content_type: String,
    pub(crate) updated: SystemTime,
    pub(crate) bytes: Bytes,
}

/// Why an object was not stored or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Precondition,
    Missing,
}

/// Names of objects are `(bucket, name)`; every bucket exists. Generations are never given twice.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    by_name: BTreeMap<(String, String), Stored>,
    last_generation: i64,
}

/// A page of a listing.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) objects: Vec<(String, Stored)>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) next: String,
}

/// What a listing asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: &'a str,
    pub(crate) token: &'a str,
    pub(crate) size: usize,
}

impl Objects {
    pub(crate) fn get(&self, bucket: &str, name: &str) -> Option<&Stored> {
        self.by_name.get(&(bucket.to_owned(), name.to_owned()))
    }

    /// Generation 0 in a precondition means: absent.
    pub(crate) fn matches(&self, bucket: &str, name: &str, generation: Option<i64>) -> bool {
        let found = self.get(bucket, name).map_or(0, |stored| stored.generation);
        generation.is_none_or(|expected| expected == found)
    }

    #[expect(clippy::disallowed_methods, reason = "a server's clock is its own")]
    pub(crate) fn put(
        &mut self,
        bucket: &str,
        name: &str,
        (bytes, content_type): (Bytes, String),
        expected: Option<i64>,
    ) -> Result<Stored, Refusal> {
        if !self.matches(bucket, name, expected) {
            return Err(Refusal::Precondition);
        }
        self.last_generation += 1;
        let stored = Stored {
            generation: 1_700_000_000_000_000 + self.last_generation,
            crc32c: crc32c::crc32c(&bytes),
            content_type,
            updated: SystemTime::now(),
            bytes,
        };
        self.by_name.insert((bucket.to_owned(), name.to_owned()), stored.clone());
        Ok(stored)
    }

    pub(crate) fn delete(&mut self, bucket: &str, name: &str, expected: Option<i64>) -> Result<(), Refusal> {
        if self.get(bucket, name).is_none() {
            return Err(Refusal::Missing);
        }
        if !self.matches(bucket, name, expected) {
            return Err(Refusal::Precondition);
        }
        self.by_name.remove(&(bucket.to_owned(), name.to_owned()));
        Ok(())
    }

    /// Objects and, with a delimiter, common prefixes, in the order of their names; the token is the last one given.
    pub(crate) fn list(&self, query: Query<'_>) -> Listed {
        let mut listed = Listed::default();
        let begin = (query.bucket.to_owned(), query.prefix.to_owned());
        let in_prefix = |(bucket, name): &(String, String)| bucket == query.bucket && name.starts_with(query.prefix);
        for (key, stored) in self.by_name.range(begin..).take_while(|(key, _)| in_prefix(key)) {
            let name = &key.1;
            let rest = &name[query.prefix.len()..];
            let folded = (!query.delimiter.is_empty()).then(|| rest.find(query.delimiter)).flatten();
            let shown = folded.map_or(name.as_str(), |at| &name[..query.prefix.len() + at + query.delimiter.len()]);
            if shown <= query.token || listed.prefixes.last().is_some_and(|last| last == shown) {
                continue;
            }
            if listed.objects.len() + listed.prefixes.len() == query.size {
                let object = listed.objects.last().map_or("", |(name, _)| name.as_str());
                listed.next = object.max(listed.prefixes.last().map_or("", String::as_str)).to_owned();
                break;
            }
            match folded {
                Some(_) => listed.prefixes.push(shown.to_owned()),
                None => listed.objects.push((name.clone(), stored.clone())),
            }
        }
        listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(names: &[&str]) -> Objects {
        let mut objects = Objects::default();
        for name in names {
            objects.put("b", name, (Bytes::new(), String::new()), Some(0)).unwrap();
        }
        objects
    }

    #[test]
    fn lists_with_a_delimiter_in_pages() {
        let objects = filled(&["a", "d/1", "d/2", "e/1", "f"]);
        let mut query = Query { bucket: "b", prefix: "", delimiter: "/", token: "", size: 2 };
        let first = objects.list(query);
        assert_eq!((first.objects.len(), first.prefixes.as_slice(), first.next.as_str()), (1, &["d/".to_owned()][..], "d/"));
        query.token = "d/";
        let second = objects.list(query);
        assert_eq!((second.objects[0].0.as_str(), second.prefixes.as_slice()), ("f", &["e/".to_owned()][..]));
        assert_eq!(second.next, "");
    }

    #[test]
    fn preconditions_hold() {
        let mut objects = filled(&["a"]);
        let body = || (Bytes::new(), String::new());
        assert_eq!(objects.put("b", "a", body(), Some(0)).err(), Some(Refusal::Precondition));
        assert_eq!(objects.put("b", "c", body(), Some(7)).err(), Some(Refusal::Precondition));
        let generation = objects.get("b", "a").unwrap().generation;
        assert_eq!(objects.delete("b", "a", Some(generation + 1)), Err(Refusal::Precondition));
        assert_eq!(objects.delete("b", "a", Some(generation)), Ok(()));
        assert_eq!(objects.delete("b", "a", Some(generation)), Err(Refusal::Missing));
    }
}
