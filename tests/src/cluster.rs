//! A cluster of real nodes: the control plane, kubelets and containerd, each in namespaces of its own.

use std::io::{BufRead as _, BufReader, Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{machine, output, root};

/// The control plane's address in the cluster's network; every node and pod reaches it.
pub const HUB: &str = "10.89.0.1";

/// How long anything that is watched may take: a bound for what hangs, far above what is normal on two busy cores.
pub const PATIENCE: Duration = Duration::from_mins(15);

/// A cluster that runs.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    kube: PathBuf,
    guard: Option<Child>,
}

impl Cluster {
    /// Starts a cluster in a folder, or takes the one that runs there. It stays until [`Cluster::stop`].
    ///
    /// # Errors
    /// When a program fails; logs lie in `log` below the folder.
    pub fn open(folder: &Path) -> Result<Self> {
        let cluster = Self { folder: folder.to_owned(), kube: machine::kubernetes()?, guard: None };
        if cluster.kubectl(&["get", "--raw", "/readyz"]).is_err() {
            output(cluster.script().arg("down"))?;
            // Output goes to a file: what stays behind would hold a pipe open.
            std::fs::create_dir_all(folder)?;
            let log = std::fs::File::create(folder.join("up.log"))?;
            let up = cluster.script().arg("up").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).status()?;
            if !up.success() {
                let said = std::fs::read_to_string(folder.join("up.log")).unwrap_or_default();
                return Err(Error::other(format!("the cluster did not start, see {}/log: {said}", folder.display())));
            }
        }
        Ok(cluster)
    }

    /// Starts a cluster that ends with this process, whatever happens to it, and leaves nothing.
    ///
    /// # Errors
    /// As [`Cluster::open`].
    pub fn start(folder: &Path) -> Result<Self> {
        // Reads until this process is gone, then cleans up behind it.
        let mut guard = Command::new("setsid");
        guard
            .args(["bash", "-c", "read -r; \"$0\" down; rm -rf \"$DIR\""])
            .arg(script())
            .env("DIR", folder)
            .env("KUBE", machine::kubernetes()?);
        let guard = guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut cluster = Self::open(folder)?;
        cluster.guard = Some(guard);
        Ok(cluster)
    }

    /// Ends the cluster and leaves nothing of it.
    ///
    /// # Errors
    /// When a program fails.
    pub fn stop(folder: &Path) -> Result<()> {
        let cluster = Self { folder: folder.to_owned(), kube: machine::kubernetes()?, guard: None };
        output(cluster.script().arg("down"))?;
        std::fs::remove_dir_all(folder)
    }

    /// The folder of its state.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program that holds every Kubernetes program.
    pub fn kube(&self) -> &Path {
        &self.kube
    }

    /// `cluster.sh` on this cluster, for what has no name here.
    pub fn script(&self) -> Command {
        let mut command = Command::new(script());
        command.env("DIR", &self.folder).env("KUBE", &self.kube).env("RESERVE_CPU", "0");
        command
    }

    /// Runs `kubectl` as administrator.
    ///
    /// # Errors
    /// What kubectl complains of.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        output(self.script().arg("k").args(arguments))
    }

    /// Applies documents.
    ///
    /// # Errors
    /// What kubectl complains of.
    pub fn apply(&self, namespace: &str, documents: &str) -> Result<String> {
        let mut child = self.script();
        child.args(["k", "apply", "--namespace", namespace, "--filename", "-"]);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            std::io::Write::write_all(&mut stdin, documents.as_bytes())?;
        }
        let done = child.wait_with_output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(Error::other(text(&done.stderr))) }
    }

    /// Watches an object until what a JSON path finds in it is as wanted, and gives that.
    ///
    /// # Errors
    /// When it does not come to that in time: what was seen last.
    pub fn watch(&self, namespace: &str, object: &str, path: &str, mut wanted: impl FnMut(&str) -> bool) -> Result<String> {
        let (end, mut last) = (Instant::now() + PATIENCE, String::new());
        let template = format!("jsonpath={path}{{\"\\n\"}}");
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let mut kubectl = self.script();
            // A watch ends at times; the time that it may take ends it at the latest.
            let limit = format!("--request-timeout={}s", left.as_secs().clamp(1, 60));
            kubectl.args(["k", "get", "--namespace", namespace, object, "--watch", "--output", &template, &limit]);
            let mut kubectl = kubectl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
            for line in kubectl.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
                last = line?;
                if wanted(&last) {
                    kubectl.kill()?;
                    kubectl.wait()?;
                    return Ok(last);
                }
            }
            kubectl.wait()?;
        }
        let object = self.kubectl(&["get", "--namespace", namespace, object, "--output", "yaml"]).unwrap_or_else(|error| error.to_string());
        Err(Error::other(format!("{path} stayed {last:?} for {} s in:\n{object}", PATIENCE.as_secs())))
    }

    /// Loads image archives into every node, those of the future too.
    ///
    /// # Errors
    /// When a program fails.
    pub fn load(&self, archives: &[PathBuf]) -> Result<()> {
        for archive in archives {
            let name = archive.file_name().ok_or_else(|| Error::other("an archive has no name"))?;
            std::fs::copy(archive, self.folder.join("images").join(name))?;
        }
        output(self.script().arg("load").args(archives)).map(drop)
    }

    /// Runs a program in the cluster's network until the cluster ends.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn serve(&self, name: &str, program: &Path, arguments: &[&str]) -> Result<()> {
        output(self.script().args(["serve", name]).arg(program).args(arguments)).map(drop)
    }

    /// Lets this machine reach the API server; the kubeconfig that does.
    ///
    /// # Errors
    /// When a program fails.
    pub fn door(&self) -> Result<PathBuf> {
        let kubeconfig = self.folder.join("kubeconfig");
        if !kubeconfig.exists() {
            output(self.script().arg("door"))?;
        }
        Ok(kubeconfig)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(guard) = &mut self.guard {
            drop(guard.stdin.take());
            // It ends when the cluster has ended; a failure leaves nobody to tell.
            let _ = guard.wait();
        }
    }
}

fn script() -> PathBuf {
    root().join("tests/cluster/cluster.sh")
}
