//! Operators die, are upgraded, and meet in one bucket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use reprise_tests::cluster::{Cluster, PATIENCE};
use reprise_tests::{images, installation, root};

use crate::world::{Space, cluster, digest_of, undisturbed};

#[test]
fn on_a_cluster_workers_do_not_notice_that_the_operator_is_killed_and_upgraded() {
    let Some(cluster) = cluster("on_a_cluster_workers_do_not_notice_that_the_operator_is_killed_and_upgraded") else { return };
    let space = Space::new(cluster, "operator");
    space.apply(&space.training(1, "500m"));
    space.reaches("trun/intent", "Running");
    let system = ["--namespace", "reprise-system"];
    let kill = ["delete", "pod", "--selector", "app.kubernetes.io/name=reprise-operator", "--grace-period=0", "--force"];
    cluster.kubectl(&[&kill[..], &system[..]].concat()).unwrap();
    let archives = cluster.folder().join("next");
    cluster.load(&renamed(&images::wrap(&installation::programs().unwrap(), &archives, "next").unwrap())).unwrap();
    let image = ["set", "image", "deployment/reprise-operator", "operator=reprise.dev/operator:next"];
    cluster.kubectl(&[&image[..], &system[..]].concat()).unwrap();
    let workers = ["set", "env", "deployment/reprise-operator", "REPRISE_WORKER_IMAGE=reprise.dev/worker:next"];
    cluster.kubectl(&[&workers[..], &system[..]].concat()).unwrap();
    installation::wait_for_operator(cluster).unwrap();
    space.reaches("trun/intent", "Succeeded");
    assert_eq!(space.starts("trun/intent", 0), 1);
    assert_eq!(space.object("job/intent-1")["spec"]["template"]["spec"]["containers"][0]["image"], "reprise.dev/worker:test");
    assert_eq!(digest_of(&space, "trun/intent"), undisturbed(cluster));
}

/// The archives under names that take no other's place on nodes of the future.
fn renamed(archives: &[std::path::PathBuf]) -> Vec<std::path::PathBuf> {
    let rename = |archive: &std::path::PathBuf| {
        let next = archive.with_extension("next.tar");
        std::fs::rename(archive, &next).unwrap();
        next
    };
    archives.iter().map(rename).collect()
}

#[test]
fn on_a_cluster_another_clusters_claim_is_respected_and_its_answer_taken() {
    let Some(cluster) = cluster("on_a_cluster_another_clusters_claim_is_respected_and_its_answer_taken") else { return };
    let here = Space::new(cluster, "claimed");
    here.apply(&here.training(1, "300m"));
    here.reaches("trun/intent", "Running");
    let other = Other::start(cluster);
    other.apply(&std::fs::read_to_string(root().join("examples/demo/source.yaml")).unwrap());
    other.apply(&here.training(1, "300m"));
    let blocked =
        other.watch("{.status.phase} {.status.blocking.reason}", |seen| seen.starts_with("Queued") || seen.starts_with("Succeeded"));
    assert_eq!(blocked, "Queued ClaimedElsewhere");
    here.reaches("trun/intent", "Succeeded");
    other.watch("{.status.phase}", |phase| phase == "Succeeded");
    assert_eq!(other.get("{.status.conditions[?(@.type==\"Succeeded\")].reason}"), "AlreadyDone");
    assert_eq!(other.get("{.status.artifact.digest}"), undisturbed(cluster));
}

/// A second cluster of control plane alone, with an operator of its own, in the same network.
struct Other {
    cluster: &'static Cluster,
    kubeconfig: String,
    programs: Vec<Child>,
}

impl Other {
    fn start(cluster: &'static Cluster) -> Self {
        let folder = cluster.folder().join("other");
        let mut lite = cluster.script();
        lite.arg("in").arg(cluster.kube()).arg("lite").arg(folder).arg("-c");
        let mut lite = lite.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut kubeconfig = String::new();
        BufReader::new(lite.stdout.take().unwrap()).read_line(&mut kubeconfig).unwrap();
        let mut other = Self { cluster, kubeconfig: kubeconfig.trim().to_owned(), programs: vec![lite] };
        let base = root().join("manifests/overlays/test-cluster");
        let installed = other.kubectl(&["apply", "--kustomize", &base.to_string_lossy()]).status().unwrap();
        assert!(installed.success());
        let annotate = ["annotate", "namespace", "crm", "--overwrite", "reprise.dev/artifact-roots=gs://reprise-demo/claimed"];
        assert!(other.kubectl(&annotate).status().unwrap().success());
        let mut operator = cluster.script();
        operator.arg("in").arg(installation::programs().unwrap().join("reprise-operator"));
        operator.args(["--worker-image", "none", "--listen", "127.0.0.1:18080", "--gcs-endpoint", "http://10.89.0.1:4443"]);
        operator.env("KUBECONFIG", &other.kubeconfig).stdout(Stdio::null()).stderr(Stdio::null());
        other.programs.push(operator.spawn().unwrap());
        other
    }

    fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut kubectl = self.cluster.script();
        kubectl.arg("in").arg(self.cluster.kube()).args(["kubectl", "--kubeconfig", &self.kubeconfig]);
        kubectl.args(arguments).stdout(Stdio::null());
        kubectl
    }

    fn apply(&self, documents: &str) {
        let mut apply = self.kubectl(&["apply", "--namespace", "crm", "--filename", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        apply.stdin.take().unwrap().write_all(documents.as_bytes()).unwrap();
        assert!(apply.wait().unwrap().success());
    }

    fn get(&self, path: &str) -> String {
        let found = self
            .kubectl(&["get", "--namespace", "crm", "trun/intent", "--output", &format!("jsonpath={path}")])
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        String::from_utf8(found.stdout).unwrap()
    }

    /// Watches the run until what is found is as wanted.
    fn watch(&self, path: &str, wanted: impl Fn(&str) -> bool) -> String {
        let (template, limit) = (format!("jsonpath={path}{{\"\\n\"}}"), format!("--request-timeout={}s", PATIENCE.as_secs()));
        let mut watch = self.kubectl(&["get", "--namespace", "crm", "trun/intent", "--watch", "--output", &template, &limit]);
        let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
        let found = lines.find(|line| wanted(line));
        watch.kill().unwrap();
        watch.wait().unwrap();
        found.unwrap_or_else(|| panic!("{path} did not come to what was wanted: {}", self.get("{.status}")))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        for program in self.programs.iter_mut().rev() {
            // The control plane ends with its standard input, the operator by force.
            drop(program.stdin.take());
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}
