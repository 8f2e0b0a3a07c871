//! The page as plain text, for a terminal.

use super::page::{Page, Section, Table};

/// Facts, sentences, then each section's tables and notes.
pub(super) fn write(page: &Page) -> String {
    let mut lines = vec![format!("{} of {}", page.kind, page.name)];
    lines.extend(page.facts.iter().map(|(name, value)| format!("  {name}: {value}")));
    lines.extend(page.meaning.iter().map(|sentence| format!("  {sentence}")));
    for section in &page.sections {
        section_lines(section, &mut lines);
    }
    // Names come from data: what would steer a terminal is not passed on.
    lines.iter().map(|line| line.replace(|character: char| character.is_control(), " ") + "\n").collect()
}

fn section_lines(section: &Section, lines: &mut Vec<String>) {
    for entry in &section.tables {
        lines.extend([String::new(), entry.caption.clone()]);
        lines.extend(table(entry));
    }
    if !section.notes.is_empty() {
        lines.extend([String::new(), section.title.to_owned()]);
        lines.extend(section.notes.iter().map(|note| format!("  - {note}")));
    }
}

/// Rows under their columns, numbers on the right.
fn table(table: &Table) -> Vec<String> {
    let header: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let rows: Vec<Vec<&str>> =
        std::iter::once(header).chain(table.rows.iter().map(|row| row.cells.iter().map(String::as_str).collect())).collect();
    let width = |index: usize| rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    let line = |row: &Vec<&str>| {
        let cells = row
            .iter()
            .zip(&table.columns)
            .zip(&widths)
            .map(|((cell, column), &width)| if column.number { format!("{cell:>width$}") } else { format!("{cell:<width$}") });
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
