//! Runs the double of Google Cloud Storage as a process: `gcs-double [--address HOST:PORT] [--load gs://BUCKET=DIR]...`.
//!
//! Prints its endpoint as the first line, then serves until it is killed. Objects live in memory; what lies below DIR is
//! there from the beginning.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};

use reprise_doubles::GcsDouble;

const USAGE: &str = "usage: gcs-double [--address HOST:PORT] [--load gs://BUCKET=DIR]...";

#[tokio::main]
async fn main() -> Result<()> {
    let (mut address, mut loads) = ("127.0.0.1:0".to_owned(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| Error::other(USAGE))?;
        match flag.as_str() {
            "--address" => address = value,
            "--load" => loads.push(bucket_and_folder(&value).ok_or_else(|| Error::other(USAGE))?),
            _ => return Err(Error::other(USAGE)),
        }
    }
    let double = GcsDouble::start_at(&address).await?;
    for (bucket, folder) in &loads {
        load(&double, bucket, folder, folder)?;
    }
    println!("{}", double.endpoint());
    double.serve().await
}

fn bucket_and_folder(value: &str) -> Option<(String, PathBuf)> {
    let (bucket, folder) = value.strip_prefix("gs://")?.split_once('=')?;
    Some((bucket.to_owned(), folder.into()))
}

fn load(double: &GcsDouble, bucket: &str, root: &Path, folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            load(double, bucket, root, &path)?;
        } else {
            let name = path.strip_prefix(root).map_err(Error::other)?.to_string_lossy().into_owned();
            double.store(bucket, &name, std::fs::read(&path)?);
        }
    }
    Ok(())
}
