//! A prepared set: what training, scoring and measurement read instead of the source.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use reprise_models::{Catalogue, Day, Journey};
use serde::de::DeserializeOwned;

use crate::audience::Filter;
use crate::error::{Error, Fault, Place, Result};
use crate::quality::Quality;
use crate::store::{Customer, JOURNEYS, Reader, Stored};
use crate::tables::QUARANTINE;
use crate::{FORMAT, SHARDS};

pub(crate) const CATALOGUE: &str = "catalogue.json";
pub(crate) const QUALITY: &str = "quality.json";

/// Names of the files of a prepared set.
pub const FILES: [&str; 4] = [CATALOGUE, JOURNEYS, QUALITY, QUARANTINE];

/// Longest JSON file that is read: a catalogue of millions of groups, and no more.
const LONGEST_JSON: u64 = 4 << 30;

/// An opened prepared set.
#[derive(Clone, Debug)]
pub struct Prepared {
    folder: PathBuf,
    catalogue: Catalogue,
    quality: Quality,
}

impl Prepared {
    /// Opens the set whose files ([`FILES`]) lie in `folder`.
    ///
    /// # Errors
    /// [`Error::OpenPrepared`] naming the file that is missing, damaged or of another format.
    pub fn open(folder: &Path) -> Result<Self> {
        let quality: Quality = read_json(folder, QUALITY)?;
        if quality.format != FORMAT || quality.shards.len() != usize::from(SHARDS) {
            let cause = format!("the prepared set has format {}, this version reads {FORMAT}", quality.format);
            return Err(Error::OpenPrepared(Fault::new(Place::of(QUALITY), cause, "use the version that wrote it")));
        }
        let catalogue: Catalogue = read_json(folder, CATALOGUE)?;
        let same = catalogue.markets.iter().eq(quality.markets.iter().map(|market| &market.name));
        if !same || !catalogue.groups.is_sorted_by(|a, b| a.id < b.id) {
            let cause = "the catalogue is not that of this prepared set";
            return Err(Error::OpenPrepared(Fault::new(
                Place::of(CATALOGUE),
                cause,
                "delete the prepared set; the next run prepares it again",
            )));
        }
        let prepared = Self { folder: folder.to_owned(), catalogue, quality };
        Reader::open(folder, &prepared.catalogue, 0..SHARDS)?;
        Ok(prepared)
    }

    /// The journeys of the shards in `shards`, by shard, then customer id: everyone, visitors too.
    ///
    /// # Errors
    /// [`Error::OpenPrepared`], here or from the iterator, when the file is damaged. After an error it ends.
    pub fn journeys(&self, shards: Range<u8>) -> Result<Journeys<'_>> {
        self.read(None, shards)
    }

    /// The known customers of the shards in `shards` for whom `filter` is true, by shard, then id.
    ///
    /// # Errors
    /// As [`Prepared::journeys`].
    pub fn audience<'a>(
        &'a self,
        filter: Option<&'a Filter>,
        shards: Range<u8>,
    ) -> Result<impl Iterator<Item = Result<(Customer, Journey)>> + 'a> {
        let mut journeys = self.read(filter, shards)?;
        journeys.known_only = true;
        Ok(journeys)
    }

    fn read<'a>(&'a self, filter: Option<&'a Filter>, shards: Range<u8>) -> Result<Journeys<'a>> {
        let reader = Reader::open(&self.folder, &self.catalogue, shards)?;
        Ok(Journeys { reader: Some(reader), catalogue: &self.catalogue, filter, known_only: false, stored: None })
    }

    /// The groups, markets, currencies, attributes and calendar to which journeys refer by index.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// First local day that was not read.
    pub fn as_of(&self) -> Day {
        self.quality.as_of.into()
    }

    /// Last local day that is complete in every market.
    pub fn through(&self) -> Day {
        self.quality.through.into()
    }

    /// Days from a market's [`Prepared::extract_start`] in which a first purchase is not known to be a first one.
    pub fn burn_in_days(&self) -> u16 {
        self.quality.burn_in_days
    }

    /// The first local day of a market's transactions (events where there are none), by its index in the catalogue.
    pub fn extract_start(&self, market: u16) -> Option<Day> {
        self.quality.markets.get(usize::from(market))?.first_day.map(Day::from)
    }

    /// All counts and facts.
    pub fn quality(&self) -> &Quality {
        &self.quality
    }

    /// [`Prepared::as_of`] as a date.
    pub fn as_of_date(&self) -> Date {
        self.quality.as_of
    }
}

fn read_json<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T> {
    let damaged = |cause: &dyn std::fmt::Display| {
        let cause = format!("the prepared set is damaged: {cause}");
        Error::OpenPrepared(Fault::new(Place::of(name), cause, "delete the prepared set; the next run prepares it again"))
    };
    let mut bytes = Vec::new();
    let file = File::open(folder.join(name)).map_err(|error| damaged(&error))?;
    file.take(LONGEST_JSON).read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| damaged(&format_args!("line {}, column {}", error.line(), error.column())))
}

/// Journeys of some shards, read as they are asked for.
pub struct Journeys<'a> {
    reader: Option<Reader>,
    catalogue: &'a Catalogue,
    filter: Option<&'a Filter>,
    known_only: bool,
    stored: Option<(Stored, Vec<usize>)>,
}

impl Journeys<'_> {
    fn advance(&mut self) -> Result<Option<(Customer, Journey)>> {
        loop {
            if let Some((stored, rows)) = &mut self.stored
                && let Some(row) = rows.pop()
            {
                return Ok(Some(stored.journey(row)));
            }
            let Some(reader) = &mut self.reader else { return Ok(None) };
            let Some(stored) = reader.next(self.catalogue)? else { return Ok(None) };
            let matched = self.filter.map(|filter| filter.matches(&stored.batch, self.catalogue)).transpose()?;
            let fits = |row: &usize| (!self.known_only || stored.known(*row)) && matched.as_ref().is_none_or(|matched| matched[*row]);
            let rows = (0..stored.len()).rev().filter(fits).collect();
            self.stored = Some((stored, rows));
        }
    }
}

impl Iterator for Journeys<'_> {
    type Item = Result<(Customer, Journey)>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.reader = None;
            self.stored = None;
        }
        next
    }
}
