//! What a real API server admits of our definitions, manifests and pods, and what it refuses.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fixture;
use crate::light::{Light, root, whole};

const STRICT: [&str; 4] = ["apply", "--dry-run=server", "--validate=strict", "--filename=-"];

/// Definitions of other projects that the monitoring component needs, without their schemas.
const MONITORING: [(&str, &str); 2] = [("servicemonitors", "ServiceMonitor"), ("prometheusrules", "PrometheusRule")];

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files.extend(yaml_files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "yaml") {
            files.push(entry);
        }
    }
    files.sort();
    files
}

/// A folder as kustomize wants it: by a path that is not absolute.
fn relative(from: &Path, to: &Path) -> String {
    let up = "../".repeat(from.components().count() - 1);
    format!("{up}{}", to.to_string_lossy().trim_start_matches('/'))
}

fn define_monitoring(light: &Light) {
    for (plural, kind) in MONITORING {
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        light.apply(&json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.monitoring.coreos.com")},
            "spec": {
                "group": "monitoring.coreos.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
            },
        }));
    }
    light.done(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
}

#[test]
fn every_manifest_is_admitted_strictly() {
    let Some(light) = whole("every_manifest_is_admitted_strictly") else { return };
    define_monitoring(light);
    let manifests = root().join("manifests");
    let folder = light.folder.join("all");
    std::fs::create_dir_all(&folder).unwrap();
    let at = |part: &str| relative(&folder.canonicalize().unwrap(), &manifests.join(part));
    let components = [at("components/monitoring"), at("components/two-replicas")];
    let all = json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [at("base")], "components": components});
    std::fs::write(folder.join("kustomization.yaml"), all.to_string()).unwrap();
    for folder in [manifests.join("base"), folder] {
        let built = light.done(&["kustomize", &folder.to_string_lossy()]);
        light.done_with(&STRICT, &built);
    }
    // A dry run makes no namespace for what follows in it.
    light.team("crm");
    light.done_with(&STRICT, &light.done(&["kustomize", &manifests.join("team").to_string_lossy()]));
}

#[test]
fn every_example_is_admitted_strictly() {
    let Some(light) = whole("every_example_is_admitted_strictly") else { return };
    light.team("crm");
    let folders = ["examples", "crds/examples", "crds/samples/accepted"].map(|folder| root().join(folder));
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| yaml_files(folder)).collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let output = light.kubectl(&[&STRICT[..], &["--namespace=crm"]].concat(), &text);
        assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    }
}

/// What only programs of ours refuse: no schema and no rule of an API server can say it. The operator says it in status.
/// A key given twice and a null are gone before the API server looks: the last one stands, and the null is left out.
const BEYOND_A_SCHEMA: [&str; 9] = [
    "artifacts-with-dots",
    "date-impossible",
    "key-twice",
    "null-instead-of-absent",
    "source-market-path-for-some",
    "source-market-path-leaves",
    "source-path-leaves",
    "source-time-zone-unknown",
    "source-view-named-as-file",
];

#[test]
fn rejected_samples_are_refused_for_their_field() {
    let Some(light) = whole("rejected_samples_are_refused_for_their_field") else { return };
    light.team("rejected");
    let definitions: String =
        yaml_files(&root().join("crds/generated")).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let mut wrong = Vec::new();
    for file in yaml_files(&root().join("crds/samples/rejected")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let output = light.kubectl(&[&STRICT[..], &["--namespace=rejected"]].concat(), &text);
        let said = String::from_utf8(output.stderr).unwrap();
        if BEYOND_A_SCHEMA.contains(&name.as_str()) {
            if !output.status.success() {
                wrong.push(format!("{name} is refused by the API server too: {said}"));
            }
        } else if output.status.success() {
            wrong.push(format!("{name} is admitted"));
        } else if let Some(missing) = unsaid(text.lines().next().unwrap(), &definitions, &said) {
            wrong.push(format!("{name}: {missing:?} is not in {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a refusal should say and does not: for a rule of ours its sentence, else the field.
fn unsaid(expected: &str, definitions: &str, said: &str) -> Option<String> {
    let told: Vec<&str> = expected.trim_start_matches("# refused: ").splitn(3, ": ").collect();
    let &[_, field, message] = told.as_slice() else { return None };
    let wanted = if definitions.contains(message) { message } else { field.rsplit('.').next().unwrap_or(field) };
    // What is no document of ours at all is refused before any field is looked at.
    let is_field = field.starts_with("spec") && !field.contains(' ');
    (is_field && !said.contains(wanted)).then(|| wanted.to_owned())
}

#[test]
fn kubectl_explains_every_field() {
    let Some(light) = whole("kubectl_explains_every_field") else { return };
    let mut explained = 0;
    for (kind, short) in [("TrainingRun", "trun"), ("ScoringRun", "srun"), ("DataSource", "dsrc")] {
        let schema = reprise_crds::definitions::schema(kind).unwrap();
        let mut paths = vec![short.to_owned()];
        objects(schema, short, &mut paths);
        for path in paths {
            let text = light.done(&["explain", &path]);
            for empty in ["<no description>", "<empty>"] {
                assert!(!text.contains(empty), "{path} has a field without a description:\n{text}");
            }
            explained += 1;
        }
    }
    assert!(explained > 20, "{explained}");
}

/// The paths of all objects within an object.
fn objects(schema: &Value, path: &str, into: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten().filter(|(name, _)| *name != "metadata") {
        let inner = if field["type"] == "array" { &field["items"] } else { field };
        if inner["properties"].is_object() {
            let path = format!("{path}.{name}");
            into.push(path.clone());
            objects(inner, &path, into);
        }
    }
}

fn operators_pod() -> Value {
    let text = std::fs::read_to_string(root().join("manifests/base/deployment.yaml")).unwrap();
    let deployment: Value = serde_yaml::from_str(&text).unwrap();
    deployment["spec"]["template"].clone()
}

fn workers_pod() -> Value {
    serde_json::to_value(fixture::job("secure", "a")).unwrap()["spec"]["template"].clone()
}

/// Changes that each break one control of the restricted standard.
fn weakened(pod: &Value) -> Vec<(&'static str, Value)> {
    let changed = |what, change: &dyn Fn(&mut Value)| {
        let mut pod = pod.clone();
        change(&mut pod["spec"]);
        (what, pod)
    };
    let without = |what, pointer: &'static str, field: &'static str| {
        changed(what, &move |spec| drop(spec.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap().remove(field)))
    };
    vec![
        without("runs as root, perhaps", "/securityContext", "runAsNonRoot"),
        without("no seccomp profile", "/securityContext", "seccompProfile"),
        without("privileges may grow", "/containers/0/securityContext", "allowPrivilegeEscalation"),
        without("capabilities stay", "/containers/0/securityContext", "capabilities"),
        changed("runs as root", &|spec| spec["securityContext"]["runAsUser"] = json!(0)),
        changed("a capability is added", &|spec| spec["containers"][0]["securityContext"]["capabilities"]["add"] = json!(["SYS_ADMIN"])),
        changed("is privileged", &|spec| {
            spec["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
            spec["containers"][0]["securityContext"]["privileged"] = json!(true);
        }),
        changed("the node's network", &|spec| spec["hostNetwork"] = json!(true)),
        changed("the node's processes", &|spec| spec["hostPID"] = json!(true)),
        changed("the node's memory", &|spec| spec["hostIPC"] = json!(true)),
        changed("a port of the node", &|spec| spec["containers"][0]["ports"][0]["hostPort"] = json!(9000)),
        changed("a folder of the node", &|spec| spec["volumes"] = json!([{"name": "scratch", "hostPath": {"path": "/"}}])),
        changed("any seccomp profile", &|spec| spec["securityContext"]["seccompProfile"] = json!({"type": "Unconfined"})),
    ]
}

#[test]
fn pods_are_admitted_where_pods_are_restricted_and_no_control_can_be_left_out() {
    let test = "pods_are_admitted_where_pods_are_restricted_and_no_control_can_be_left_out";
    let Some(light) = whole(test) else { return };
    light.team("secure");
    for (account, template) in [("reprise-operator", operators_pod()), ("reprise-worker", workers_pod())] {
        light.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": "secure"}}));
        let pod = |template: &Value| {
            let metadata = json!({"name": "a", "namespace": "secure", "labels": template["metadata"]["labels"]});
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}).to_string()
        };
        let warned = light.kubectl(&["create", "--dry-run=server", "--filename=-"], &pod(&template));
        assert!(warned.status.success(), "{account}: {}", String::from_utf8_lossy(&warned.stderr));
        let weakened = weakened(&template);
        for (what, weaker) in &weakened {
            let said = light.refused(&["create", "--dry-run=server", "--filename=-"], &pod(weaker));
            assert!(said.contains("violates PodSecurity \"restricted:latest\""), "{account}, {what}: {said}");
        }
        println!("{account}: admitted, and refused in {} weaker forms", weakened.len());
    }
}
