//! Runs the stages behind `make test`, each with its minutes, and answers for what was skipped.
//!
//! A test that cannot run on this machine appends `name: reason` to the file named by
//! `REPRISE_SKIP_LOG`. Names outside `tests/skips.txt` fail the run: the list may not grow unseen.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// One stage: a name for the table, the command behind it, and what its environment adds.
struct Stage {
    name: &'static str,
    /// `cargo` where empty; else a script of ours that builds what tests ask for. Where that can't be had, the tests that
    /// need it skip themselves by name, so such a stage fails nothing.
    script: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const STAGES: [Stage; 8] = [
    Stage { name: "format", script: "", arguments: &["fmt", "--all", "--check"], environment: &[] },
    Stage { name: "build", script: "", arguments: &["build", "--workspace", "--all-targets", "--locked"], environment: &[] },
    Stage { name: "kubernetes", script: "tests/cluster/build.sh", arguments: &[], environment: &[] },
    Stage { name: "judges", script: "tests/ecosystem/build.sh", arguments: &["judge", "argo", "promtool", "kueue"], environment: &[] },
    Stage {
        name: "test",
        script: "",
        arguments: &["test", "--workspace", "--locked", "--no-fail-fast", "--", "--skip", "on_a_cluster_"],
        environment: &[],
    },
    // Real nodes. Its cases wait more than they compute, so they run together.
    Stage {
        name: "cluster",
        script: "",
        arguments: &[
            "test",
            "--workspace",
            "--locked",
            "--test",
            "end_to_end",
            "--",
            "--test-threads",
            "6",
            "--nocapture",
            "on_a_cluster_",
        ],
        environment: &[],
    },
    Stage {
        name: "lint",
        script: "",
        arguments: &["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"],
        environment: &[],
    },
    Stage {
        name: "docs",
        script: "",
        arguments: &["doc", "--workspace", "--no-deps", "--locked", "--quiet"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
];

/// What `cargo test` counted.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; ...`; other lines count nothing.
    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else { return };
        let number =
            |label: &str| rest.split([';', '.']).find_map(|part| part.trim().strip_suffix(label)?.trim().parse::<u64>().ok()).unwrap_or(0);
        self.passed += number("passed");
        self.failed += number("failed");
        self.ignored += number("ignored");
    }
}

fn run(stage: &Stage, skip_log: &Path, counts: &mut Counts) -> std::io::Result<bool> {
    println!("\n== {} ==", stage.name);
    let program = if stage.script.is_empty() { Path::new(env!("CARGO")).to_owned() } else { root().join(stage.script) };
    let mut child = Command::new(program)
        .args(stage.arguments)
        .envs(stage.environment.iter().copied())
        .env("REPRISE_SKIP_LOG", skip_log)
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            counts.add(&line);
            println!("{line}");
        }
    }
    let well = child.wait()?.success();
    if !well && !stage.script.is_empty() {
        println!("{} can't be had here: the tests that need it are skipped by name", stage.name);
        return Ok(true);
    }
    Ok(well)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Names of tests that said they could not run, each with its reason.
fn skipped(log: &Path) -> BTreeSet<(String, String)> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once(": ")).map(|(name, reason)| (name.to_owned(), reason.to_owned())).collect()
}

fn allowed_skips(list: &str) -> BTreeSet<&str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

fn main() -> ExitCode {
    match stages() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("stages: {error}");
            ExitCode::FAILURE
        }
    }
}

fn stages() -> std::io::Result<bool> {
    let skip_log = std::env::temp_dir().join(format!("reprise-skips-{}", std::process::id()));
    fs::write(&skip_log, "")?;
    let mut counts = Counts::default();
    let mut table: Vec<(&str, Duration, bool)> = Vec::new();
    for stage in &STAGES {
        let start = Instant::now();
        let passed = run(stage, &skip_log, &mut counts)?;
        table.push((stage.name, start.elapsed(), passed));
        if !passed && stage.name == "build" {
            break;
        }
    }
    let skips = skipped(&skip_log);
    fs::remove_file(&skip_log)?;
    let unexpected = report_skips(&skips);
    println!("\nstage      minutes");
    for (name, time, passed) in &table {
        println!("{name:<10} {:>7.1}{}", time.as_secs_f64() / 60.0, if *passed { "" } else { "  FAILED" });
    }
    let stages_failed = table.iter().filter(|(_, _, passed)| !passed).count() as u64;
    let failed = counts.failed.max(u64::from(stages_failed > 0)) + unexpected + counts.ignored;
    println!("\n{} passed, {} failed, {} skipped", counts.passed.saturating_sub(skips.len() as u64), failed, skips.len());
    Ok(failed == 0)
}

/// Prints every skip and returns how many are not on the committed list.
fn report_skips(skips: &BTreeSet<(String, String)>) -> u64 {
    let allowed = allowed_skips(include_str!("../../skips.txt"));
    let mut unexpected = 0;
    for (name, reason) in skips {
        let known = allowed.contains(name.as_str());
        unexpected += u64::from(!known);
        println!("skipped {name}: {reason}{}", if known { "" } else { "  (not in tests/skips.txt)" });
    }
    unexpected
}

#[cfg(test)]
mod tests {
    use super::{Counts, allowed_skips};

    #[test]
    fn counts_add_up_over_result_lines_and_ignore_others() {
        let mut counts = Counts::default();
        counts.add("test result: ok. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        counts.add("test result: FAILED. 3 passed; 0 failed; 0 ignored; 0 measured");
        counts.add("running 12 tests");
        assert_eq!((counts.passed, counts.failed, counts.ignored), (15, 1, 2));
    }

    #[test]
    fn comments_and_blank_lines_are_no_skips() {
        assert_eq!(allowed_skips("# why\n\na_test\n").into_iter().collect::<Vec<_>>(), ["a_test"]);
    }
}
