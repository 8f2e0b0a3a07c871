//! A real control plane as child processes of this one, shared by all tests of this program: a namespace for each.
//! It ends with its standard input, so with this process, however that ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;

use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

/// A running control plane.
pub(crate) struct Light {
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    /// Where its files lie; logs are in here.
    pub(crate) folder: PathBuf,
    /// The program that is every Kubernetes program.
    pub(crate) kube: PathBuf,
    // Closed when this process ends, and then the control plane ends too.
    _input: ChildStdin,
    _child: Child,
}

/// The root of the sources.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The program that a `build.sh` prints, or why it can't be had. Stages of `make test` build it before tests begin.
pub(crate) fn program(script: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    let output = Command::new(root().join(script)).args(arguments).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{script} {}: {}", arguments.join(" "), said.lines().last().unwrap_or("it failed")))
}

/// A control plane with controllers, scheduler and everything of `manifests/base`; `None` after the test was skipped.
pub(crate) fn whole(test: &str) -> Option<&'static Light> {
    static WHOLE: OnceLock<Result<Light, String>> = OnceLock::new();
    let light = WHOLE.get_or_init(|| {
        let light = Light::start("whole", &["-c", "-s"])?;
        light.done(&["apply", "--server-side", "-k", &root().join("manifests/base").to_string_lossy()]);
        light.done(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
        Ok(light)
    });
    told(test, light)
}

/// An API server alone, where nothing changes but by the test itself, with our definitions; `None` after a skip.
pub(crate) fn bare(test: &str) -> Option<&'static Light> {
    static BARE: OnceLock<Result<Light, String>> = OnceLock::new();
    let light = BARE.get_or_init(|| {
        let light = Light::start("bare", &[])?;
        light.done(&["apply", "--server-side", "-k", &root().join("crds").to_string_lossy()]);
        light.done(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
        Ok(light)
    });
    told(test, light)
}

/// A control plane for Kueue, and Kueue: while that is down no Job can be made in all of a cluster.
pub(crate) fn queued(test: &str) -> Option<(&'static Light, PathBuf)> {
    static QUEUED: OnceLock<Result<Light, String>> = OnceLock::new();
    let kueue = program("tests/ecosystem/build.sh", &["kueue"]).map_err(|reason| reprise_doubles::skip(test, &reason)).ok()?;
    let light = QUEUED.get_or_init(|| {
        let light = Light::start("queued", &["-c", "-s"])?;
        light.done(&["apply", "--server-side", "-k", &root().join("manifests/base").to_string_lossy()]);
        Ok(light)
    });
    Some((told(test, light)?, kueue))
}

fn told<'a>(test: &str, light: &'a Result<Light, String>) -> Option<&'a Light> {
    match light {
        Ok(light) => Some(light),
        Err(reason) => {
            reprise_doubles::skip(test, reason);
            None
        }
    }
}

/// Metadata of every request of the operator's account: who asked what, and the code of the answer.
const AUDIT: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: Metadata, users: ["system:serviceaccount:reprise-system:reprise-operator"]}
- {level: None}
"#;

impl Light {
    /// Starts a control plane. What can't be had is an answer; what is there and does not start is a failure.
    fn start(name: &str, programs: &[&str]) -> Result<Self, String> {
        let kube = program("tests/cluster/build.sh", &[])?;
        let folder = folder(name);
        std::fs::write(folder.join("audit.yaml"), AUDIT).unwrap();
        let mut child = Command::new(&kube)
            .arg("lite")
            .arg(&folder)
            .args(programs)
            .arg("--")
            .arg(format!("--audit-policy-file={}", folder.join("audit.yaml").display()))
            .arg(format!("--audit-log-path={}", folder.join("audit.log").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.join("lite.log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let why = || std::fs::read_to_string(folder.join("lite.log")).unwrap_or_default();
        assert!(!line.trim().is_empty(), "the control plane did not start: {}", why());
        Ok(Self { kubeconfig: PathBuf::from(line.trim()), kube, _input: child.stdin.take().unwrap(), _child: child, folder })
    }

    /// A client with the rights of the kubeconfig's user. Each test has its own, because a client lives in a runtime.
    pub(crate) async fn client(&self) -> Client {
        connect(&self.kubeconfig).await
    }

    /// Runs kubectl.
    pub(crate) fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(&self.kube)
            .arg("kubectl")
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            // Each lookup of the kinds is fresh, and nothing is left in a home folder.
            .arg(format!("--cache-dir={}", self.folder.join("kubectl").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without reading.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        child.wait_with_output().unwrap()
    }

    /// Runs kubectl, which must end well; what it printed.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        self.done_with(arguments, "")
    }

    /// The same, with something to read.
    pub(crate) fn done_with(&self, arguments: &[&str], input: &str) -> String {
        let output = self.kubectl(arguments, input);
        assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs kubectl, which must fail; why it did.
    pub(crate) fn refused(&self, arguments: &[&str], input: &str) -> String {
        let output = self.kubectl(arguments, input);
        assert!(!output.status.success(), "kubectl {arguments:?} was not refused: {input}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// A namespace for runs, as `manifests/team` makes one, under another name.
    pub(crate) fn team(&self, name: &str) {
        let text = std::fs::read_to_string(root().join("manifests/team/namespace.yaml")).unwrap();
        let text = text.replace("name: crm\n", &format!("name: {name}\n")).replace("namespace: crm\n", &format!("namespace: {name}\n"));
        let text = text.replace("gs://acme-models/crm", "gs://models/crm");
        self.done_with(&["apply", "-f", "-"], &text);
    }

    /// Makes objects.
    pub(crate) fn apply(&self, object: &Value) {
        self.done_with(&["apply", "-f", "-"], &object.to_string());
    }

    /// A kubeconfig of a ServiceAccount, with the rights that its roles give.
    pub(crate) fn as_account(&self, namespace: &str, name: &str) -> PathBuf {
        let token = self.done(&["create", "token", name, "--namespace", namespace, "--duration=24h"]);
        let mut config = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        for user in &mut config.auth_infos {
            let token = Some(token.trim().to_owned().into());
            user.auth_info = Some(kube::config::AuthInfo { token, ..Default::default() });
        }
        let path = self.folder.join(format!("{name}.kubeconfig"));
        std::fs::write(&path, serde_json::to_string(&config).unwrap()).unwrap();
        path
    }
}

/// A client of a kubeconfig.
pub(crate) async fn connect(kubeconfig: &Path) -> Client {
    let config = Kubeconfig::read_from(kubeconfig).unwrap();
    let mut config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// A fresh folder. Those of processes that are gone are taken away first, because nobody else does.
fn folder(name: &str) -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("light");
    std::fs::create_dir_all(&all).unwrap();
    for entry in std::fs::read_dir(&all).unwrap().map(Result::unwrap) {
        let process = entry.file_name().to_string_lossy().rsplit('-').next().unwrap_or_default().to_owned();
        if !Path::new("/proc").join(process).exists() {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
    let folder = all.join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
