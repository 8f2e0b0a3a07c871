//! What this machine lacks for a cluster of real nodes.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that nodes are made of, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 10] = [
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("conntrack", "conntrack"),
    ("ethtool", "ethtool"),
    ("socat", "socat"),
    ("curl", "curl"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
];
/// Where Debian keeps the programs that give pods their network.
const NETWORK: (&str, &str) = ("/usr/lib/cni/bridge", "containernetworking-plugins");

/// Why a cluster of real nodes can't be started here, and what to do; `None` if nothing is known against it.
pub fn lacks() -> Option<String> {
    if !Path::new("/proc/self/ns/net").exists() {
        return Some("nodes are made of Linux namespaces: use Linux".to_owned());
    }
    if !is_root() {
        return Some("nodes need root: run it as root".to_owned());
    }
    let mut packages: Vec<_> = PROGRAMS.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect();
    if !Path::new(NETWORK.0).exists() {
        packages.push(NETWORK.1);
    }
    packages.dedup();
    if !packages.is_empty() {
        return Some(format!("programs are missing: apt-get install -y --no-install-recommends {}", packages.join(" ")));
    }
    kubernetes().err().map(|error| format!("Kubernetes can't be built: {error}"))
}

/// The path of the program that holds every Kubernetes program, built if nobody has built it.
///
/// # Errors
/// When Go is missing or modules can't be had.
pub fn kubernetes() -> std::io::Result<PathBuf> {
    crate::output(&mut Command::new(crate::root().join("tests/cluster/build.sh"))).map(PathBuf::from)
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("Uid:")).and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|folder| folder.join(program)).find(|file| file.is_file())
}
