//! `propose`: looks at the files of an export and writes a DataSource for them, to be corrected by whoever knows them.

mod columns;
mod cut;
mod meaning;
mod places;
mod sql;
mod types;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::{Error, Fault, Place, Result};
use crate::inputs::{FoundFile, InputFile};
use cut::{Cut, Looked};
use meaning::{Kind, Meaning, Role};
use types::Column;

/// Most files of a DataSource.
const MOST_TABLES: usize = 32;
/// Most markets of a DataSource.
const MOST_MARKETS: usize = 64;

/// One table of the proposal: a file, or several that look alike.
struct File {
    /// Name of the table.
    table: String,
    /// Path below the location, with `*` where its files differ.
    path: String,
    cut: Cut,
    columns: Vec<Column>,
    meanings: Vec<Meaning>,
    kind: Option<Kind>,
    /// The one market of its rows, by its folder.
    market: Option<String>,
    /// What its own column calls markets, the most frequent first.
    market_words: Vec<String>,
    /// For lines of words: whether each begins with its own name.
    words: Option<bool>,
    notes: Vec<String>,
}

impl File {
    fn column(&self, role: Role) -> Option<&Column> {
        self.meanings.iter().find(|meaning| meaning.role == role).map(|meaning| &self.columns[meaning.column])
    }
}

/// Looks at `paths`, files of this machine, and gives the YAML of a DataSource for them. What was guessed has a comment
/// that begins with LOOK.
///
/// Memory does not grow with the files, of each of which at most a million rows are looked at.
///
/// # Errors
/// [`Error::ReadFile`] for a file that can't be read; [`Error::FindFiles`] for a path that is no file.
pub fn propose(paths: &[PathBuf]) -> Result<String> {
    let location = location(paths)?;
    let mut files: Vec<File> = Vec::new();
    for (pattern, members) in alike(paths, &location) {
        let members: Vec<InputFile> = members.into_iter().map(|path| input(path, &location)).collect();
        files.push(table(&pattern, &members, &files)?);
        if files.len() > MOST_TABLES {
            let cause = format!("these are more than {MOST_TABLES} kinds of files");
            return Err(Error::FindFiles(Fault::new(Place::of("files"), cause, "name those that Reprise needs")));
        }
    }
    let markets = markets(&files);
    Ok(yaml::write(&location, &markets, &files, &sql::views(&files, markets.len() > 1)))
}

/// The folder of all files.
fn location(paths: &[PathBuf]) -> Result<PathBuf> {
    let mut common: Option<PathBuf> = None;
    for path in paths {
        let absolute = path.canonicalize().ok().filter(|path| path.is_file());
        let Some(absolute) = absolute else {
            let place = Place::of(path.to_string_lossy());
            return Err(Error::FindFiles(Fault::new(place, "there is no such file", "name the files of an export, not its folder")));
        };
        let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        common = Some(match common {
            None => folder,
            Some(common) => common.components().zip(folder.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect(),
        });
    }
    common.ok_or_else(|| Error::FindFiles(Fault::new(Place::of("files"), "no file was named", "name the files of an export")))
}

fn name_below(path: &Path, location: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    absolute.strip_prefix(location).unwrap_or(&absolute).to_string_lossy().into_owned()
}

fn input(path: PathBuf, location: &Path) -> InputFile {
    let name = name_below(&path, location);
    InputFile { found: FoundFile { table: String::new(), market: None, name }, path }
}

/// Files by the pattern of their names: those that differ in digits alone belong together.
fn alike(paths: &[PathBuf], location: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut groups: BTreeMap<String, Vec<(String, PathBuf)>> = BTreeMap::new();
    for path in paths {
        let name = name_below(path, location);
        let pattern = starred(&name);
        let group = groups.entry(pattern).or_default();
        if group.iter().all(|(other, _)| *other != name) {
            group.push((name, path.clone()));
        }
    }
    let named = groups.into_iter().map(|(pattern, files)| match &files[..] {
        [(name, path)] => (literal(name), vec![path.clone()]),
        _ => (pattern, files.into_iter().map(|(_, path)| path).collect()),
    });
    named.collect()
}

/// A name in which every number of the file's own name is a star.
fn starred(name: &str) -> String {
    let (folder, file) = name.rsplit_once('/').map_or(("", name), |(folder, _)| name.split_at(folder.len() + 1));
    let mut pattern = literal(folder);
    for character in literal(file).chars() {
        match character {
            digit if digit.is_ascii_digit() => {
                if !pattern.ends_with('*') {
                    pattern.push('*');
                }
            }
            other => pattern.push(other),
        }
    }
    pattern
}

/// A name as a pattern that matches it.
fn literal(name: &str) -> String {
    name.chars().map(|character| if "*?[]{}!".contains(character) { '?' } else { character }).collect()
}

fn table(pattern: &str, members: &[InputFile], before: &[File]) -> Result<File> {
    let first = &members[0];
    let Looked { cut, mut columns, mut notes } = cut::look(first)?;
    for member in &members[1..] {
        let other = cut::look(member)?;
        let same = other.cut == cut && other.columns.iter().map(|column| &column.name).eq(columns.iter().map(|column| &column.name));
        if !same {
            notes.push(format!("{} is not written like {}; give it a table of its own", member.found.name, first.found.name));
        }
        notes.extend(other.notes);
        // The newest file says best what comes next.
        if same && other.columns.iter().any(|column| column.filled > 0) {
            columns = other.columns;
        }
    }
    let meanings = meaning::meanings(&columns);
    let kind = meaning::table_of(&columns, &meanings);
    let words = if let Cut::Words { named } = cut { Some(named) } else { None };
    let folder = pattern.split_once('/').map(|(folder, _)| folder);
    let market = folder.and_then(places::find).map(|place| place.code.to_owned());
    let mut file = File {
        table: table_name(pattern, before),
        path: pattern.to_owned(),
        cut,
        columns,
        meanings,
        kind,
        market,
        market_words: Vec::new(),
        words,
        notes,
    };
    if matches!(kind, Some(Kind::Transactions | Kind::Events)) && file.market.is_none() {
        file.market_words = market_words(&file, members)?;
    }
    if file.kind.is_none() && file.words.is_none() {
        file.notes.push("no canonical table was recognised; write a view over it, or leave it out".to_owned());
    }
    Ok(file)
}

/// Markets of the rows that have a customer: a market of none would have nobody to learn from.
fn market_words(file: &File, members: &[InputFile]) -> Result<Vec<String>> {
    let Some(market) = file.column(Role::Market) else { return Ok(Vec::new()) };
    let someone = file.column(Role::Customer).or_else(|| file.column(Role::Visitor)).or_else(|| file.column(Role::Session));
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for member in members {
        cut::count_words(member, &file.cut, &market.name, someone.map(|column| column.name.as_str()), &mut counted)?;
    }
    if counted.is_empty() {
        counted = market.words.clone();
    }
    let mut words: Vec<(u64, String)> = counted.into_iter().map(|(word, count)| (count, word)).collect();
    words.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    words.truncate(MOST_MARKETS);
    Ok(words.into_iter().map(|(_, word)| word).collect())
}

/// A name that no file before has, and no canonical table.
fn table_name(pattern: &str, before: &[File]) -> String {
    let base = pattern.rsplit('/').next().unwrap_or(pattern);
    let base = base.split('.').next().unwrap_or(base).to_lowercase();
    let letters: String = base.chars().map(|letter| if letter.is_ascii_lowercase() { letter } else { '_' }).collect();
    let words: Vec<&str> = letters.split('_').filter(|word| !word.is_empty()).collect();
    let mut name = words.join("_");
    name.truncate(40);
    if name.is_empty() {
        "table".clone_into(&mut name);
    }
    let taken = |name: &str| {
        ["transactions", "events", "contacts", "products", "customers", "calendar", "rates"].contains(&name)
            || before.iter().any(|file| file.table == name)
    };
    if !taken(&name) {
        return name;
    }
    let folder: String = pattern.split('/').next().unwrap_or_default().to_lowercase().chars().filter(char::is_ascii_lowercase).collect();
    let with_folder = format!("{folder}_{name}");
    if pattern.contains('/') && !folder.is_empty() && !taken(&with_folder) {
        return with_folder;
    }
    let other = std::iter::once(format!("{name}_file")).chain((2..).map(|number| format!("{name}_{number}")));
    other.into_iter().find(|name| !taken(name)).unwrap_or(name)
}

/// A market of the proposal.
struct Market {
    name: String,
    zone: &'static str,
    currency: &'static str,
    /// What is to be looked at.
    notes: Vec<String>,
}

/// Every market that a folder or a column names.
fn markets(files: &[File]) -> Vec<Market> {
    let mut names: BTreeSet<String> = files.iter().filter_map(|file| file.market.clone()).collect();
    names.extend(files.iter().flat_map(|file| &file.market_words).map(|word| places::market_name(word)));
    if names.is_empty() {
        let notes = vec!["your market: the name of its country, its time zone and its currency".to_owned()];
        return vec![Market { name: "XX".to_owned(), zone: "Etc/UTC", currency: "EUR", notes }];
    }
    let market = |name: String| match places::find(&name) {
        Some(place) => Market { name, zone: place.zone, currency: place.currency, notes: Vec::new() },
        None => Market { name, zone: "Etc/UTC", currency: "EUR", notes: vec!["the market's name, time zone and currency".to_owned()] },
    };
    let mut markets: Vec<Market> = names.into_iter().take(MOST_MARKETS).map(market).collect();
    let stated = files.iter().all(|file| file.kind != Some(Kind::Transactions) || file.column(Role::Currency).is_some());
    let currencies: BTreeSet<&str> = markets.iter().map(|market| market.currency).collect();
    if currencies.len() > 1
        && !stated
        && let Some(first) = markets.first_mut()
    {
        first.notes.insert(0, "is every amount in its market's currency? else write the one that it is in".to_owned());
    }
    markets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_in_digits_alone_belong_together() {
        assert_eq!(starred("fr2/sales-2024-01.csv.gz"), "fr2/sales-*-*.csv.gz");
        assert_eq!(literal("a[1].csv"), "a?1?.csv");
    }

    #[test]
    fn tables_have_names_of_their_own() {
        assert_eq!(table_name("fr/ventes-*.csv", &[]), "ventes");
        assert_eq!(table_name("products.csv", &[]), "products_file");
        assert_eq!(table_name("be/events-*.csv", &[]), "be_events");
        assert_eq!(table_name("2024.csv", &[]), "table");
    }
}
