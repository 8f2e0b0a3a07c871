//! The walls of DESIGN: which crate may know which. A new edge is a decision, so it is made here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Crate -> those of ours that it may depend on.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("reprise-crds", &[]),
    ("reprise-artifacts", &[]),
    ("reprise-doubles", &[]),
    ("reprise-models", &[]),
    ("reprise-data", &["reprise-crds", "reprise-artifacts", "reprise-models"]),
    ("reprise-worker", &["reprise-crds", "reprise-data", "reprise-models", "reprise-artifacts"]),
    ("reprise-operator", &["reprise-crds", "reprise-artifacts"]),
    ("reprise", &["reprise-crds", "reprise-artifacts"]),
    ("reprise-fuzz", &["reprise-crds", "reprise-data"]),
    ("reprise-tests", &["reprise-crds", "reprise-data", "reprise-models", "reprise-artifacts", "reprise-doubles"]),
];

/// Crate -> what must not stand anywhere below it.
const ABSENT: [(&str, &[&str]); 8] = [
    ("reprise-crds", &["tokio", "candle-core", "kube-client", "hyper", "datafusion"]),
    ("reprise-artifacts", &["candle-core", "kube-client", "k8s-openapi", "datafusion"]),
    ("reprise-models", &["tokio", "reqwest", "hyper", "kube-client", "datafusion"]),
    ("reprise-data", &["candle-nn", "kube-client"]),
    ("reprise-worker", &["kube-client"]),
    ("reprise-operator", &["candle-core", "datafusion", "ring", "openssl"]),
    ("reprise", &["candle-core", "datafusion", "kube-client"]),
    ("reprise-doubles", &["candle-core", "datafusion"]),
];

fn metadata() -> cargo_metadata::Metadata {
    // Only this platform: the crates of others need not be on the machine.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let options = ["--locked", "--offline", "--filter-platform", &platform].map(str::to_owned);
    MetadataCommand::new().other_options(options).exec().unwrap()
}

#[test]
fn every_crate_depends_only_on_those_below_it() {
    let metadata = metadata();
    let allowed: BTreeMap<_, BTreeSet<_>> = ALLOWED.iter().map(|(name, below)| (*name, below.iter().copied().collect())).collect();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let may = allowed.get(name).unwrap_or_else(|| panic!("{name} has no row in ALLOWED: say which crates it may know"));
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            let ours = allowed.contains_key(dependency.name.as_str());
            assert!(!ours || may.contains(dependency.name.as_str()), "{name} must not depend on {}", dependency.name);
        }
    }
}

#[test]
fn no_crate_reaches_what_its_sentence_excludes() {
    // Each crate alone: in the whole workspace the operator switches kube's client on for everybody.
    for (root, absent) in ABSENT {
        let built = tree(&["--package", root, "--edges", "normal"]);
        assert!(built.contains("serde"), "the listing of {root} is not what this test thinks: {built:?}");
        for name in absent {
            assert!(!built.contains(name.replace('-', "_").as_str()), "{root} must not reach {name}");
        }
    }
}

/// The libraries that are built.
fn tree(which: &[&str]) -> BTreeSet<String> {
    // `cargo tree` and not its metadata: that lists optional crates behind weak features which are never built.
    let arguments = ["tree", "--locked", "--offline", "--prefix", "none", "--format", "{lib}"];
    let tree = std::process::Command::new(env!("CARGO")).args(arguments).args(which).output().unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap().lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn one_tls_and_one_yaml_in_the_whole_tree() {
    let built = tree(&["--workspace"]);
    assert!(built.contains("aws_lc_rs"), "the listing is not what this test thinks");
    for name in ["ring", "openssl_sys"] {
        assert!(!built.contains(name), "{name} is in the tree");
    }
    assert!(!built.contains("serde_yaml"), "the deprecated serde_yaml is in the tree");
}
