//! A real Kubernetes for people: `cluster up`, `cluster demo`, `cluster down`, and the images with their limits: `cluster images OUT`.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use reprise_tests::cluster::Cluster;
use reprise_tests::images::{self, Image};
use reprise_tests::{installation, machine, root};

const USAGE: &str = "usage: cluster up | demo | down | images OUT";
/// As many customers as `make demo` has.
const CUSTOMERS: u32 = 9000;
/// The runs of examples/demo.
const RUNS: usize = 9;
/// The most megabytes of each image.
const LARGEST: [u64; 2] = [60, 150];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["up"] => up().map(drop),
        ["demo"] => demo(),
        ["down"] => Cluster::stop(&folder()),
        ["images", out] => make_images(Path::new(out)),
        _ => Err(Error::other(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Where the cluster of people lies.
fn folder() -> PathBuf {
    std::env::var_os("CLUSTER").map_or_else(|| std::env::temp_dir().join("reprise-cluster"), PathBuf::from)
}

fn up() -> Result<Cluster> {
    if let Some(reason) = machine::lacks() {
        return Err(Error::other(format!("no cluster here: {reason}")));
    }
    let cluster = Cluster::open(&folder())?;
    let kubeconfig = cluster.door()?;
    println!("{}", cluster.kubectl(&["get", "nodes"])?);
    println!("\nexport KUBECONFIG={}", kubeconfig.display());
    println!("export PATH={}:$PATH      # has this cluster's kubectl", cluster.folder().display());
    println!("make cluster-down          # ends it and leaves nothing\n");
    Ok(cluster)
}

fn demo() -> Result<()> {
    let cluster = up()?;
    installation::install(&cluster, &installation::programs()?, CUSTOMERS)?;
    println!("$ kubectl apply -k manifests/overlays/test-cluster");
    println!("$ kubectl apply --namespace crm --recursive -f examples/demo");
    let examples = root().join("examples/demo");
    println!("{}", cluster.kubectl(&["apply", "--namespace", "crm", "--recursive", "--filename", &examples.to_string_lossy()])?);
    follow(&cluster)?;
    println!("\nThe cluster stays: see above for its kubeconfig and its end.");
    Ok(())
}

/// Shows the runs whenever one of them has come further, until all have ended.
fn follow(cluster: &Cluster) -> Result<()> {
    let mut shown = String::new();
    loop {
        let phases = cluster.kubectl(&["get", "--namespace", "crm", "truns,sruns", "--output", "jsonpath={.items[*].status.phase}"])?;
        if phases != shown {
            println!("\n$ kubectl get truns,sruns --namespace crm");
            println!("{}", cluster.kubectl(&["get", "--namespace", "crm", "truns,sruns"])?);
            shown.clone_from(&phases);
        }
        let ended = |phase: &&str| matches!(*phase, "Succeeded" | "Failed" | "Rejected");
        if phases.split(' ').count() == RUNS && phases.split(' ').all(|phase| ended(&phase)) {
            let failed = phases.split(' ').any(|phase| phase != "Succeeded");
            return if failed { Err(Error::other("a run failed: kubectl describe says why")) } else { Ok(()) };
        }
        std::thread::sleep(Duration::from_secs(3));
    }
}

/// Wraps the programs that lie beside this one and refuses what is too large or may do too much.
fn make_images(out: &Path) -> Result<()> {
    let archives = images::wrap(&installation::programs()?, out, env!("CARGO_PKG_VERSION"))?;
    for ((archive, name), limit) in archives.iter().zip(images::NAMES).zip(LARGEST) {
        let image = Image::read(archive)?;
        let (bytes, packed) = (image.bytes(), std::fs::metadata(archive)?.len());
        println!("{name}: {} MB, packed {} MB, {}, {}", bytes / 1_000_000, packed / 1_000_000, image.digest, archive.display());
        if bytes > limit * 1_000_000 {
            return Err(Error::other(format!("the image of {name} is larger than {limit} MB")));
        }
        if image.config.pointer("/config/User").and_then(serde_json::Value::as_str) != Some("65532:65532") {
            return Err(Error::other(format!("the image of {name} does not run as nobody")));
        }
    }
    Ok(())
}
