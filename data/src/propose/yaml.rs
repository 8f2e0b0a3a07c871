//! The proposal as YAML that a person reads and corrects.

use std::fmt::Write as _;
use std::path::Path;

use reprise_crds::source::ColumnType;

use super::cut::Cut;
use super::meaning::Role;
use super::places;
use super::sql::View;
use super::types::{Column, Guess, UTC_MOMENT};
use super::{File, Market};

/// Writes the whole document.
pub(super) fn write(location: &Path, markets: &[Market], files: &[File], views: &[View]) -> String {
    let mut text = String::from(HEAD);
    let folder = location.to_string_lossy();
    let name = location.file_name().map(|name| label(&name.to_string_lossy())).filter(|name| !name.is_empty());
    put(
        &mut text,
        &format!("apiVersion: reprise.dev/v1alpha1\nkind: DataSource\nmetadata: {{name: {}}}\nspec:", name.as_deref().unwrap_or("source")),
    );
    look(&mut text, 2, "for a cluster, upload the files and write gs://your-bucket/folder/");
    put(&mut text, &format!("  location: {}", scalar(&format!("file://{}/", folder.trim_end_matches('/')))));
    put(&mut text, "  markets:");
    for market in markets {
        market.notes.iter().for_each(|note| look(&mut text, 2, note));
        put(&mut text, &format!("  - {{name: {}, timeZone: {}, currency: {}}}", scalar(&market.name), market.zone, market.currency));
    }
    put(&mut text, "  files:");
    for file in files {
        write_file(&mut text, file);
    }
    put(&mut text, "  views:");
    for view in views {
        view.notes.iter().for_each(|note| look(&mut text, 2, note));
        put(&mut text, &format!("  - name: {}\n    sql: |", view.name));
        view.sql.lines().for_each(|line| put(&mut text, &format!("      {line}")));
    }
    if views.is_empty() {
        look(&mut text, 2, "no file was recognised; a view yields transactions or events");
        put(&mut text, "  - name: transactions\n    sql: SELECT 1 AS customer_id");
    }
    text
}

const HEAD: &str = "\
# A proposal, made by looking at the files. Read what says LOOK, correct it, then run `reprise data check`.
# Columns that are not listed under a file are Text.
";

fn put(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn look(text: &mut String, indent: usize, note: &str) {
    // A note may quote a name from a file: it stays one line of a comment.
    let note: String = note.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(400).collect();
    let _ = writeln!(text, "{:indent$}# LOOK: {note}", "");
}

fn write_file(text: &mut String, file: &File) {
    file.notes.iter().for_each(|note| look(text, 2, note));
    put(text, &format!("  - name: {}\n    path: {}\n    {}", file.table, scalar(&file.path), format_of(file)));
    let declared: Vec<(&Column, Guess)> =
        file.columns.iter().filter(|column| !column.stored).filter_map(|column| Some((column, declared(file, column)?))).collect();
    if declared.is_empty() {
        return;
    }
    put(text, "    columns:");
    for (column, guess) in declared {
        if let Some(rival) = guess.rival {
            look(text, 4, &format!("{rival} fits all cells of {} as well: which comes first, day or month?", column.name));
        }
        let format = guess.format.map(|format| format!(", format: {}", scalar(format))).unwrap_or_default();
        let zone = zone(file, column, &guess).map(|zone| format!(", timeZone: {zone}")).unwrap_or_default();
        put(text, &format!("    - {{name: {}, type: {:?}{format}{zone}}}", scalar(&column.name), guess.kind));
    }
}

fn format_of(file: &File) -> String {
    let Cut::Csv(csv) = &file.cut else {
        return match file.cut {
            Cut::JsonLines => "jsonLines: {}",
            Cut::Parquet => "parquet: {}",
            _ => "lines: {}",
        }
        .to_owned();
    };
    let comma = file.columns.iter().filter_map(|column| declared(file, column)).any(|guess| guess.comma);
    let parts = [
        (csv.delimiter != ",").then(|| format!("delimiter: {}", scalar(&csv.delimiter))),
        (!csv.header).then(|| "header: false".to_owned()),
        comma.then(|| "decimalComma: true".to_owned()),
    ];
    format!("csv: {{{}}}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// The type to declare for a column; none where it is Text anyway: names, codes and ids.
fn declared(file: &File, column: &Column) -> Option<Guess> {
    let role = file.meanings.iter().find(|meaning| file.columns[meaning.column].name == column.name).map(|meaning| meaning.role);
    let plain = |kind| Guess { kind, format: None, comma: false, rival: None };
    let guess = match role {
        Some(role) if FLAGS.contains(&role) && column.is_flag() => plain(ColumnType::Boolean),
        Some(role) if TEXTS.contains(&role) => plain(ColumnType::Text),
        Some(role) if is_time(role) && column.counts_seconds() => Guess { format: Some("%s"), ..plain(ColumnType::Timestamp) },
        _ => column.guess(),
    };
    // Of JSON lines, only what is declared is read.
    (guess.kind != ColumnType::Text || file.cut == Cut::JsonLines).then_some(guess)
}

/// Roles of columns that are true or false.
const FLAGS: [Role; 4] = [Role::Gift, Role::Objection, Role::Recommendable, Role::Available];
/// Roles of columns that are text even where they look like numbers.
const TEXTS: [Role; 16] = [
    Role::Customer,
    Role::Visitor,
    Role::Session,
    Role::Order,
    Role::OriginalOrder,
    Role::Product,
    Role::Group,
    Role::Event,
    Role::Kind,
    Role::Market,
    Role::Store,
    Role::Adviser,
    Role::Routine,
    Role::Category,
    Role::Name,
    Role::Plan,
];

fn is_time(role: Role) -> bool {
    [Role::Time, Role::FirstPurchase, Role::WelcomeEnd, Role::Launched, Role::Discontinued, Role::From, Role::To].contains(&role)
}

/// The zone of local times: that of the file's market, or the one that the cells name.
fn zone<'a>(file: &File, column: &Column, guess: &Guess) -> Option<&'a str> {
    if guess.kind != ColumnType::Timestamp || guess.format == Some("%s") {
        return None;
    }
    if guess.format == Some(UTC_MOMENT) {
        return Some("Etc/UTC");
    }
    let local = !column.has_offset();
    file.market.as_deref().filter(|_| local).and_then(places::find).map(|place| place.zone)
}

/// A name for the source: small letters, digits and hyphens.
fn label(name: &str) -> String {
    let letters: String = name.to_lowercase().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    letters
        .split('-')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
        .chars()
        .take(40)
        .collect::<String>()
        .trim_matches('-')
        .to_owned()
}

/// A text in YAML; quoted where YAML would read something else.
fn scalar(text: &str) -> String {
    const OTHER: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "e"];
    let simple = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./*".contains(&byte) || byte == b':')
        && !text.ends_with(':')
        && !OTHER.contains(&text.to_ascii_lowercase().as_str());
    if simple { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_would_misread_is_quoted() {
        let written = ["NO", "FR", "%d/%m/%Y", ";", "a b", "file:///x/", "sales-*.csv"].map(scalar);
        assert_eq!(written, ["\"NO\"", "FR", "\"%d/%m/%Y\"", "\";\"", "\"a b\"", "file:///x/", "sales-*.csv"]);
        assert_eq!(label("Export 2024 (März)"), "export-2024-m-rz");
    }
}
