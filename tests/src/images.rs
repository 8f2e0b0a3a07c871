//! The images of operator and worker: made without a container engine, and looked at.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{machine, output, root};

/// Both images.
pub const NAMES: [&str; 2] = ["operator", "worker"];

/// Wraps the programs in a folder; the archives.
///
/// # Errors
/// When a program or the certificate authorities are missing.
pub fn wrap(programs: &Path, out: &Path, tag: &str) -> Result<Vec<PathBuf>> {
    let mut wrap = Command::new(root().join("tests/cluster/images.sh"));
    output(wrap.arg(programs).arg(out).arg(tag).env("KUBE", machine::kubernetes()?))?;
    Ok(NAMES.map(|name| out.join(format!("reprise-{name}.tar"))).to_vec())
}

/// What an image says and holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Its digest: of its manifest.
    pub digest: String,
    /// Its configuration.
    pub config: Value,
    /// Every file, with its mode as `ls` shows it, its bytes and its path.
    pub files: Vec<(String, u64, String)>,
}

impl Image {
    /// Reads an archive of one image of one layer.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(archive: &Path) -> Result<Self> {
        let index: Value = blob(archive, "index.json")?;
        let digest = text(&index, "/manifests/0/digest")?;
        let manifest: Value = blob(archive, &path(&digest))?;
        let config = blob(archive, &path(&text(&manifest, "/config/digest")?))?;
        let layer = path(&text(&manifest, "/layers/0/digest")?);
        if manifest.pointer("/layers/1").is_some() {
            return Err(Error::other("the image has more than one layer"));
        }
        Ok(Self { digest, config, files: files(archive, &layer)? })
    }

    /// Bytes of all files: what it takes on a node.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes, _)| bytes).sum()
    }
}

fn path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn text(document: &Value, pointer: &str) -> Result<String> {
    let found = document.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| Error::other(format!("the image says nothing at {pointer}")))
}

fn blob(archive: &Path, name: &str) -> Result<Value> {
    Ok(serde_json::from_str(&output(Command::new("tar").arg("-xOf").arg(archive).arg(name))?)?)
}

fn files(archive: &Path, layer: &str) -> Result<Vec<(String, u64, String)>> {
    let mut unpack = Command::new("tar").arg("-xOf").arg(archive).arg(layer).stdout(Stdio::piped()).spawn()?;
    let stdout = unpack.stdout.take().ok_or_else(|| Error::other("tar has no output"))?;
    let listing = output(Command::new("tar").args(["-tzv", "--numeric-owner", "-f", "-"]).stdin(stdout))?;
    unpack.wait()?;
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (mode, _owner, bytes) = (words.next()?, words.next()?, words.next()?);
        Some((mode.to_owned(), bytes.parse().ok()?, words.nth(2)?.to_owned()))
    };
    Ok(listing.lines().filter_map(row).collect())
}
