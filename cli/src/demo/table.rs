//! One CSV file in one market's dialect.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::calendar::{Day, date_of};
use super::market::{Dialect, Market, Moment};
use super::{Error, Result};

/// A CSV file being written; counts its lines so that a corrupt row can be named by its place.
pub(super) struct Table {
    /// Relative to the demo's folder, with `/`.
    pub(super) name: String,
    path: PathBuf,
    writer: csv::Writer<BufWriter<File>>,
    /// Lines written, the header among them.
    pub(super) lines: u64,
}

impl Table {
    /// Creates `name` under `folder` with its header.
    pub(super) fn create(folder: &Path, name: String, delimiter: u8, header: &[&str]) -> Result<Self> {
        let path = folder.join(&name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|source| Error::Write { path: parent.to_path_buf(), source })?;
        }
        let file = File::create(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
        let writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(BufWriter::with_capacity(1 << 16, file));
        let mut table = Self { name, path, writer, lines: 0 };
        table.row(header)?;
        Ok(table)
    }

    /// Writes one row.
    pub(super) fn row<C: AsRef<[u8]>>(&mut self, cells: &[C]) -> Result<()> {
        self.lines += 1;
        self.writer.write_record(cells).map_err(|error| Error::Write { path: self.path.clone(), source: error.into() })
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<()> {
        self.writer.flush().map_err(|source| Error::Write { path: self.path, source })
    }
}

/// Writes cells the way one market does.
pub(super) struct Pen {
    pub(super) dialect: &'static Dialect,
    zone: TimeZone,
}

impl Pen {
    /// The pen of a market.
    pub(super) fn new(market: &'static Market) -> Result<Self> {
        let zone = TimeZone::get(market.time_zone).map_err(|source| Error::Zone { zone: market.time_zone, source })?;
        Ok(Self { dialect: &market.dialect, zone })
    }

    /// A local moment, as minutes of a day.
    pub(super) fn moment(&self, day: Day, minute: i32) -> String {
        let (date, hour, minute) = (date_of(day), minute / 60, minute % 60);
        let (year, month, day) = (date.year(), date.month(), date.day());
        match self.dialect.moment {
            Moment::DayFirst => format!("{day:02}/{month:02}/{year:04} {hour:02}:{minute:02}"),
            Moment::Plain => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:00"),
            Moment::Offset => {
                // No sale happens in the hours in which clocks are changed, so noon's offset is the day's.
                let noon = self.zone.to_ambiguous_zoned(date.at(12, 0, 0, 0)).compatible();
                let offset = noon.map_or(0, |noon| noon.offset().seconds() / 60);
                format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00+{:02}:{:02}", offset / 60, offset % 60)
            }
        }
    }

    /// A local date.
    pub(super) fn date(&self, day: Day) -> String {
        let date = date_of(day);
        match self.dialect.moment {
            Moment::DayFirst => format!("{:02}/{:02}/{:04}", date.day(), date.month(), date.year()),
            Moment::Plain | Moment::Offset => date.to_string(),
        }
    }

    /// Hundredths as a decimal.
    pub(super) fn money(&self, hundredths: i64) -> String {
        let point = if self.dialect.decimal_comma { ',' } else { '.' };
        let sign = if hundredths < 0 { "-" } else { "" };
        format!("{sign}{}{point}{:02}", hundredths.abs() / 100, hundredths.abs() % 100)
    }

    /// A flag.
    pub(super) fn flag(&self, value: bool) -> &'static str {
        self.dialect.flags[usize::from(value)]
    }
}
