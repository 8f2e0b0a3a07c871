//! Addresses, checked once.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

const LONGEST: usize = 900;

/// A checked address of a prefix: `gs://bucket/prefix/` or `file:///absolute/path/`.
///
/// Shown with its closing slash, whether it was written or not. Guarantees: no empty, `.` or `..` segment, no control
/// character, at most 900 bytes of path. Paths are taken literally: `%20` is three characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri {
    bucket: Option<String>,
    path: String,
}

impl Uri {
    /// The bucket of a `gs://` address.
    pub fn bucket(&self) -> Option<&str> {
        self.bucket.as_deref()
    }

    /// What follows the bucket (or the root directory): empty, or segments each closed by a slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The directory of a `file://` address.
    pub fn directory(&self) -> Option<PathBuf> {
        self.bucket.is_none().then(|| PathBuf::from(format!("/{}", self.path)))
    }

    /// The address of a prefix below this one.
    pub fn child(&self, path: &str) -> Result<Self> {
        let path = format!("{}{}", self.path, close(path));
        check_segments("path", &path)?;
        Ok(Self { bucket: self.bucket.clone(), path })
    }
}

impl FromStr for Uri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |reason: &str| Error::invalid("uri", text, reason);
        let (bucket, path) = if let Some(rest) = text.strip_prefix("gs://") {
            let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
            check_bucket(bucket).map_err(|reason| refuse(&reason))?;
            (Some(bucket.to_owned()), path)
        } else if let Some(rest) = text.strip_prefix("file://") {
            let path = rest.strip_prefix('/').ok_or_else(|| refuse("write file:///absolute/path/ with three slashes"))?;
            (None, path)
        } else {
            return Err(refuse("it begins neither with gs:// nor with file:///"));
        };
        let path = close(path);
        check_segments("uri", &path).map_err(|error| match error {
            Error::Invalid { reason, .. } => refuse(&reason),
            other => other,
        })?;
        Ok(Self { bucket, path })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bucket {
            Some(bucket) => write!(f, "gs://{bucket}/{}", self.path),
            None => write!(f, "file:///{}", self.path),
        }
    }
}

impl Serialize for Uri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Refuses what can't be an object's name below a prefix: empty, absolute, closed by a slash, with an empty, `.` or
/// `..` segment, with a control character or a backslash, or longer than 900 bytes.
pub fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.ends_with('/') {
        return Err(Error::invalid("object name", name, "it has no last segment"));
    }
    check_segments("object name", &close(name))
}

fn close(path: &str) -> String {
    if path.is_empty() || path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

fn check_segments(what: &'static str, path: &str) -> Result<()> {
    if path.len() > LONGEST {
        return Err(Error::invalid(what, path, format!("it is longer than {LONGEST} bytes")));
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return Err(Error::invalid(what, path, "it holds a control character or a backslash"));
    }
    for segment in path.split_terminator('/') {
        match segment {
            "" => {
                return Err(Error::invalid(what, path, "it has an empty segment (two slashes, or one at its start)"));
            }
            "." | ".." => return Err(Error::invalid(what, path, "a segment is . or ..")),
            _ => {}
        }
    }
    Ok(())
}

fn check_bucket(bucket: &str) -> std::result::Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if bucket.len() < 3 || bucket.len() > 222 {
        return Err("a bucket's name has 3 to 222 characters".into());
    }
    if !bucket.chars().all(allowed) || bucket.contains("..") {
        return Err("a bucket's name has lowercase letters, digits, - _ and single dots only".into());
    }
    if !edge(bucket.chars().next()) || !edge(bucket.chars().last()) {
        return Err("a bucket's name begins and ends with a letter or digit".into());
    }
    Ok(())
}
