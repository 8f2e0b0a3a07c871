//! This machine and this process, as claims name them.

use reprise_crds::contract::Starter;
use reprise_crds::value::Digest;

/// Who starts runs here: the claim of a `reprise run` names the machine and the process.
pub(crate) fn starter() -> Starter {
    let process = std::process::id();
    Starter { cluster_uid: machine(), run_uid: format!("{process}-{}", started(process).unwrap_or_default()) }
}

/// `host-` and a hash: stable on one machine, and says nothing about it.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok().filter(|text| !text.trim().is_empty());
    let own = read("/etc/machine-id").or_else(|| read("/etc/hostname")).or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let digest = Digest::of(format!("reprise host {}", own.trim()).as_bytes());
    format!("host-{}", &digest.as_str()[..16])
}

/// Whether the process that a claim of this machine names is still there; `None` where the system can't say.
pub(crate) fn is_alive(run_uid: &str) -> Option<bool> {
    let (process, since) = run_uid.split_once('-')?;
    let (process, since) = (process.parse().ok()?, since.parse::<u64>().ok()?);
    // Without its own entry this system has no /proc to ask.
    started(std::process::id())?;
    Some(started(process) == Some(since))
}

/// When a process started, in clock ticks since boot: with the number it names one process, not a later one.
fn started(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name in brackets that may hold anything; the 22nd is the start.
    status.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// The most memory that a process ever held, in bytes; `None` where the system can't say or the process is gone.
pub(crate) fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_its_namesakes_are_not() {
        let me = starter();
        assert_eq!(is_alive(&me.run_uid), Some(true));
        assert_eq!(starter(), me);
        assert_eq!(is_alive(&format!("{}-1", std::process::id())), Some(false));
        assert_eq!(is_alive("4194305-77"), Some(false));
        assert_eq!(is_alive("a uid of a cluster"), None);
        assert!(me.cluster_uid.starts_with("host-") && me.cluster_uid.len() == 21);
        assert!(peak_memory(std::process::id()).unwrap() > 1 << 20);
    }
}
