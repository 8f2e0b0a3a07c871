//! Reprise on a cluster, as anybody installs it: images loaded, `kubectl apply -k`, and a stand-in for the bucket.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cluster::{Cluster, HUB};
use crate::{images, output, root};

/// The port of the stand-in for Google Cloud Storage, at the hub; the overlay says the same.
const BUCKET_PORT: u16 = 4443;
/// The overlay that is applied.
const OVERLAY: &str = "manifests/overlays/test-cluster";

/// The folder of the programs that were built together with this one.
///
/// # Errors
/// When this program lies nowhere.
pub fn programs() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folders = own.ancestors().skip(1);
    let folder = folders.into_iter().find(|folder| folder.join("reprise-operator").exists());
    folder.map(Path::to_owned).ok_or_else(|| Error::other("reprise-operator has not been built: make binaries"))
}

/// Installs the programs of a folder on a cluster whose bucket `gs://reprise-demo` holds a brand of so many customers.
/// Again on the same cluster: takes what is there and restarts the operator.
///
/// # Errors
/// When a program fails.
pub fn install(cluster: &Cluster, programs: &Path, customers: u32) -> Result<()> {
    cluster.load(&images::wrap(programs, &cluster.folder().join("archives"), "test")?)?;
    serve_bucket(cluster, programs, customers)?;
    let restarts = cluster.kubectl(&["get", "--namespace", "reprise-system", "deployment/reprise-operator"]).is_ok();
    let overlay = root().join(OVERLAY);
    cluster.kubectl(&["apply", "--kustomize", &overlay.to_string_lossy()])?;
    if restarts {
        cluster.kubectl(&["rollout", "restart", "--namespace", "reprise-system", "deployment/reprise-operator"])?;
    }
    wait_for_operator(cluster)
}

/// Waits until the operator is there and ready.
///
/// # Errors
/// When it isn't within three minutes.
pub fn wait_for_operator(cluster: &Cluster) -> Result<()> {
    let rollout = ["rollout", "status", "--namespace", "reprise-system", "deployment/reprise-operator", "--timeout=180s"];
    cluster.kubectl(&rollout).map(drop)
}

/// An object of the bucket.
///
/// # Errors
/// When it is not there.
pub fn object(cluster: &Cluster, name: &str) -> Result<String> {
    let url = format!("http://{HUB}:{BUCKET_PORT}/storage/v1/b/reprise-demo/o/{}?alt=media", name.replace('/', "%2F"));
    output(cluster.script().args(["in", "curl", "--silent", "--show-error", "--fail", &url]))
}

fn serve_bucket(cluster: &Cluster, programs: &Path, customers: u32) -> Result<()> {
    let url = format!("http://{HUB}:{BUCKET_PORT}/");
    let answers = |cluster: &Cluster| output(cluster.script().args(["in", "curl", "--silent", "--max-time", "2", &url])).is_ok();
    if answers(cluster) {
        return Ok(());
    }
    let folder = cluster.folder().join("bucket");
    let mut make = Command::new(programs.join("reprise"));
    output(make.args(["data", "demo", "--customers", &customers.to_string(), "--to"]).arg(&folder))?;
    let load = format!("gs://reprise-demo={}", folder.display());
    cluster.serve("bucket", &programs.join("gcs-double"), &["--address", &format!("{HUB}:{BUCKET_PORT}"), "--load", &load])?;
    // It listens within a moment, and whoever comes earlier tries again.
    let retry = ["in", "curl", "--silent", "--retry", "50", "--retry-connrefused", "--retry-delay", "1", "--output", "/dev/null", &url];
    output(cluster.script().args(retry)).map(drop)
}
