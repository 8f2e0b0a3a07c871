//! What the cells of a column are: the type and format that nearly all of them have.

use std::collections::BTreeMap;

use reprise_crds::source::{ColumnSpec, ColumnType};

use crate::error::Result;
use crate::reading::{CellType, class};

/// Cells of a format that hold moments, day first before month first: where both fit, the first is proposed.
const MOMENTS: [&str; 21] = [
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d/%m/%y %H:%M",
    "%m/%d/%y %H:%M",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%d/%m/%Y %H:%M:%S %z",
    "%d/%m/%Y %H:%M %z",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%Y%m%d%H%M%S",
    "%Y%m%d %H%M%S",
    UTC_MOMENT,
];
/// Names its zone by a word that no offset replaces.
pub(super) const UTC_MOMENT: &str = "%Y-%m-%d %H:%M:%S UTC";
const DAYS: [&str; 8] = ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d", "%d/%m/%y", "%m/%d/%y"];

/// Seconds and milliseconds since 1970 of 2001 to 2096: what whole numbers that count time look like.
const SECONDS: std::ops::RangeInclusive<i64> = 980_000_000..=3_999_999_999;
const MILLISECONDS: std::ops::RangeInclusive<i64> = 980_000_000_000..=3_999_999_999_999;

/// Words of one column that are remembered: enough for any code list.
const MOST_WORDS: usize = 400;
/// Cells after which a type that fits few of them is given up.
const TRIAL: u64 = 200;
/// Of a hundred cells, so many must have the type; the others go to quarantine.
const ENOUGH: u64 = 98;

/// A type and the way it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) kind: ColumnType,
    pub(super) format: Option<&'static str>,
    /// Whether decimals have a comma.
    pub(super) comma: bool,
    /// Another format that fits as well: day and month can't be told apart.
    pub(super) rival: Option<&'static str>,
}

impl Guess {
    fn plain(kind: ColumnType) -> Self {
        Self { kind, format: None, comma: false, rival: None }
    }

    fn all() -> Vec<Self> {
        use ColumnType::{Boolean, Date, Decimal, Float, Integer, Timestamp};
        let mut all = vec![Self::plain(Integer), Self::plain(Decimal), Self { comma: true, ..Self::plain(Decimal) }];
        all.extend([Self::plain(Float), Self { comma: true, ..Self::plain(Float) }, Self::plain(Boolean), Self::plain(Date)]);
        all.extend(DAYS.map(|format| Self { format: Some(format), ..Self::plain(Date) }));
        all.push(Self::plain(Timestamp));
        all.extend(MOMENTS.map(|format| Self { format: Some(format), ..Self::plain(Timestamp) }));
        all
    }

    /// Whether cells are moments or days.
    pub(super) fn is_moment(&self) -> bool {
        matches!(self.kind, ColumnType::Timestamp | ColumnType::Date)
    }

    /// Whether cells are numbers.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.kind, ColumnType::Integer | ColumnType::Decimal | ColumnType::Float)
    }
}

struct Candidate {
    guess: Guess,
    cells: CellType,
    fits: u64,
}

/// What was seen of one column.
pub(super) struct Column {
    pub(super) name: String,
    /// Whether the file brings the type, so that none has to be declared.
    pub(super) stored: bool,
    candidates: Vec<Candidate>,
    /// Cells that are not empty.
    pub(super) filled: u64,
    /// Distinct words with their counts; of a column with many, the first ones.
    pub(super) words: BTreeMap<String, u64>,
    /// Whether there are more words than are remembered.
    pub(super) many: bool,
    longest: usize,
    leading_zeros: bool,
    with_offset: u64,
    seconds: u64,
    milliseconds: u64,
}

impl Column {
    /// A column of which nothing was seen.
    ///
    /// # Errors
    /// None: the formats are our own.
    pub(super) fn new(name: &str) -> Result<Self> {
        let candidate = |guess: Guess| {
            let spec = ColumnSpec { name: name.to_owned(), kind: guess.kind, format: guess.format.map(str::to_owned), time_zone: None };
            Ok(Candidate { cells: CellType::declared("", &spec, None, guess.comma)?, guess, fits: 0 })
        };
        Ok(Self {
            name: name.to_owned(),
            stored: false,
            candidates: Guess::all().into_iter().map(candidate).collect::<Result<_>>()?,
            filled: 0,
            words: BTreeMap::new(),
            many: false,
            longest: 0,
            leading_zeros: false,
            with_offset: 0,
            seconds: 0,
            milliseconds: 0,
        })
    }

    /// Looks at one cell.
    pub(super) fn see(&mut self, cell: &[u8]) {
        let Ok(text) = std::str::from_utf8(cell) else { return };
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.filled += 1;
        self.longest = self.longest.max(text.len());
        self.leading_zeros |= text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        self.with_offset += u64::from(text.get(10..).is_some_and(|time| time.contains(['Z', 'z', '+', '-'])));
        if let Ok(number) = text.parse::<i64>() {
            self.seconds += u64::from(SECONDS.contains(&number));
            self.milliseconds += u64::from(MILLISECONDS.contains(&number));
        }
        for candidate in &mut self.candidates {
            candidate.fits += u64::from(candidate.cells.parse(text.as_bytes()).is_ok());
        }
        if self.filled == TRIAL {
            self.candidates.retain(|candidate| candidate.fits * 100 >= TRIAL * 90);
        }
        let full = self.words.len() >= MOST_WORDS;
        match self.words.get_mut(text) {
            Some(count) => *count += 1,
            None if full => self.many = true,
            None => drop(self.words.insert(text.to_owned(), 1)),
        }
    }

    fn is_enough(&self, fits: u64) -> bool {
        self.filled > 0 && fits * 100 >= self.filled * ENOUGH
    }

    /// The type of the column; Text where no other one fits.
    pub(super) fn guess(&self) -> Guess {
        let text = Guess::plain(ColumnType::Text);
        // Codes with leading zeros are no numbers, and a day has no more than ten characters.
        let fair = |candidate: &&Candidate| {
            let guess = &candidate.guess;
            let code = self.leading_zeros && (guess.is_number() || guess.format == Some("%Y%m%d"));
            let longer = guess.kind == ColumnType::Date && self.longest > 10;
            self.is_enough(candidate.fits) && !code && !longer
        };
        let mut fitting: Vec<&Candidate> = self.candidates.iter().filter(fair).collect();
        // Numbers of eight digits are days only where every one of them is.
        if let Some(day) = fitting.iter().find(|candidate| candidate.guess.format == Some("%Y%m%d") && self.longest == 8) {
            return day.guess.clone();
        }
        let Some(kind) = fitting.first().map(|candidate| candidate.guess.kind) else { return text };
        fitting.retain(|candidate| candidate.guess.kind == kind);
        let most = fitting.iter().map(|candidate| candidate.fits).max().unwrap_or_default();
        let mut best = fitting.iter().filter(|candidate| candidate.fits == most).map(|candidate| candidate.guess.clone());
        let Some(mut guess) = best.next() else { return text };
        guess.rival = best.next().and_then(|rival| rival.format).filter(|_| guess.is_moment() && guess.format.is_some());
        guess
    }

    /// Whether whole numbers are seconds since 1970.
    pub(super) fn counts_seconds(&self) -> bool {
        self.is_enough(self.seconds)
    }

    /// Whether whole numbers are milliseconds since 1970.
    pub(super) fn counts_milliseconds(&self) -> bool {
        self.is_enough(self.milliseconds)
    }

    /// Whether moments say their offset from UTC.
    pub(super) fn has_offset(&self) -> bool {
        self.is_enough(self.with_offset) && self.longest > 10
    }

    /// Whether every word is one that a Boolean column takes.
    pub(super) fn is_flag(&self) -> bool {
        !self.many && !self.words.is_empty() && self.words.keys().all(|word| class(word.as_bytes()) != "empty" && is_truth(word))
    }

    /// Whether the column holds few words: codes, not names.
    pub(super) fn has_few_words(&self, most: usize) -> bool {
        !self.many && !self.words.is_empty() && self.words.len() <= most
    }
}

fn is_truth(word: &str) -> bool {
    ["true", "false", "yes", "no", "t", "f", "1", "0"].iter().any(|truth| truth.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(cells: &[&str]) -> Guess {
        let mut column = Column::new("c").unwrap();
        for cell in cells {
            column.see(cell.as_bytes());
        }
        column.guess()
    }

    fn check(cells: &[&str], kind: ColumnType, format: Option<&str>, comma: bool) {
        let guess = guessed(cells);
        assert_eq!((guess.kind, guess.format, guess.comma), (kind, format, comma), "{cells:?}");
    }

    #[test]
    fn types_are_those_that_nearly_all_cells_have() {
        use ColumnType::{Boolean, Date, Decimal, Float, Integer, Text, Timestamp};
        check(&["1", "-20", ""], Integer, None, false);
        check(&["1.5", "2"], Decimal, None, false);
        check(&["1,5", "2"], Decimal, None, true);
        check(&["1e-3", "2"], Float, None, false);
        check(&["0042", "0043"], Text, None, false);
        check(&["true", "no"], Boolean, None, false);
        check(&["2024-02-29", "2024-03-01"], Date, None, false);
        check(&["20240229", "20240301"], Date, Some("%Y%m%d"), false);
        check(&["2024-02-29 10:11:12", "2024-03-01 00:00:00"], Timestamp, None, false);
        check(&["2024-02-29T10:11:12+01:00"], Timestamp, None, false);
        check(&["29/02/2024 10:11"], Timestamp, Some("%d/%m/%Y %H:%M"), false);
        check(&["02/29/2024 10:11"], Timestamp, Some("%m/%d/%Y %H:%M"), false);
        check(&["2019-11-18 06:33:24 UTC"], Timestamp, Some(UTC_MOMENT), false);
        check(&["cream", "12"], Text, None, false);
        check(&["", ""], Text, None, false);
        let mut mostly = vec!["7"; 99];
        mostly.push("seven");
        check(&mostly, Integer, None, false);
    }

    #[test]
    fn day_and_month_that_cannot_be_told_apart_are_said() {
        assert_eq!(guessed(&["01/02/2024", "03/04/2024"]).rival, Some("%m/%d/%Y"));
        assert_eq!(guessed(&["01/02/2024", "13/04/2024"]).rival, None);
    }
}
