//! The page as a real browser reads it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{HOSTILE, between, charts, hostile};
use crate::report::render;

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

fn find_browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    BROWSERS.iter().flat_map(|name| places.iter().map(move |place| place.join(name))).find(|file| file.is_file())
}

fn skip(test: &str) {
    reprise_doubles::skip(test, "chromium not found");
}

/// The document that the browser made of a page, written out again.
fn read(browser: &Path, page: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, page).unwrap();
    let flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--dump-dom",
    ];
    let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
    let output = Command::new(browser).args(flags).arg(profile).arg(format!("file://{}", file.display())).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_browser_finds_every_charts_data() {
    let Some(browser) = find_browser() else { return skip("a_browser_finds_every_charts_data") };
    for (name, page, expected) in charts::expected() {
        let dom = read(&browser, &page);
        let series = charts::series(&dom);
        for (chart, line, points) in expected {
            assert_eq!(series[chart][line], points, "{name}: {chart}: {line}");
        }
        assert_eq!(series, charts::series(&page), "{name}");
        // What the browser had to repair would differ in number.
        for tag in ["<svg", "<circle", "<rect", "<path", "<text", "<figure", "<table", "<section", "<tr"] {
            assert_eq!(dom.matches(tag).count(), page.matches(tag).count(), "{name}: {tag}");
        }
    }
}

#[test]
fn a_browser_reads_hostile_names_as_text() {
    let Some(browser) = find_browser() else { return skip("a_browser_reads_hostile_names_as_text") };
    for document in hostile() {
        let dom = read(&browser, &render(&document).unwrap());
        assert!(!dom.contains("<script") && !dom.contains("<img"), "{dom}");
        let title = between(&dom, "<title>", "</title>")[0];
        assert!(charts::unescape(title).ends_with(HOSTILE), "{title}");
        assert_eq!(dom.matches("<body").count(), 1);
    }
}
