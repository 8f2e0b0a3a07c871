//! Local days: the one place where moments become days of a market.

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use reprise_models::Day;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Fault, Place, Result};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A moment as a source states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Stamp {
    /// What a clock on the wall showed, in microseconds since 1970-01-01T00:00 of that clock.
    #[serde(rename = "l")]
    Local(i64),
    /// A moment, in microseconds since 1970-01-01T00:00Z.
    #[serde(rename = "i")]
    Instant(i64),
}

/// A stamp in a market's local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Local day.
    pub(crate) day: Day,
    /// Seconds since 1970-01-01T00:00Z.
    pub(crate) at: i64,
}

/// First and last day that a dated row may have: what lies outside is a fault of the export, not a date.
const FIRST_YEAR: i16 = 1970;
const LAST_YEAR: i16 = 2100;

impl Stamp {
    /// The moment in `zone`; `None` outside the years 1970 to 2100.
    ///
    /// A local time keeps its day whatever the zone does: one that a clock change skipped counts as shifted by the
    /// gap, one that happened twice as the first of the two. An instant falls on the zone's day.
    pub(crate) fn in_zone(self, zone: &TimeZone) -> Option<Moment> {
        let (date, at) = match self {
            Self::Local(micros) => {
                let local = datetime(micros)?;
                (local.date(), instant(micros, zone)?.div_euclid(1_000_000))
            }
            Self::Instant(micros) => {
                let instant = Timestamp::from_microsecond(micros).ok()?;
                (zone.to_datetime(instant).date(), instant.as_second())
            }
        };
        (FIRST_YEAR..=LAST_YEAR).contains(&date.year()).then(|| Moment { day: date.into(), at })
    }

    /// The latest local day that this can be in any zone: what nobody can have known before.
    pub(crate) fn latest_day(self) -> Day {
        let micros = match self {
            Self::Local(micros) => micros,
            Self::Instant(micros) => micros.saturating_add(14 * 3_600_000_000),
        };
        Day(i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap_or(i32::MAX))
    }
}

/// The wall clock time of `micros` since 1970-01-01T00:00.
fn datetime(micros: i64) -> Option<civil::DateTime> {
    civil::date(1970, 1, 1).at(0, 0, 0, 0).checked_add(Span::new().try_microseconds(micros).ok()?).ok()
}

/// The moment at which a clock in `zone` showed `local`, both in microseconds; see [`Stamp::in_zone`] for clock changes.
pub(crate) fn instant(local: i64, zone: &TimeZone) -> Option<i64> {
    let moment = zone.to_ambiguous_timestamp(datetime(local)?).compatible().ok()?;
    Some(moment.as_microsecond())
}

/// Microseconds from 1970-01-01T00:00 to a wall clock time.
pub(crate) fn micros(local: civil::DateTime) -> i64 {
    let time = local.time();
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    i64::from(Day::from(local.date()).0) * MICROS_PER_DAY + seconds * 1_000_000 + i64::from(time.subsec_nanosecond() / 1000)
}

/// The zone of an IANA name. The database is built in, so that the machine has no say.
pub(crate) fn zone(field: &str, name: &str) -> Result<TimeZone> {
    let refused = |_| {
        let cause = format!("{name} is no IANA time zone");
        Error::CheckTable(Fault::new(Place::of(field), cause, "write it as Europe/Oslo"))
    };
    jiff::tz::TimeZoneDatabase::bundled().get(name).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(stamp: Stamp, name: &str) -> (String, i64) {
        let moment = stamp.in_zone(&zone("zone", name).unwrap()).unwrap();
        (moment.day.to_string(), moment.at)
    }

    fn local(text: &str) -> Stamp {
        Stamp::Local(micros(text.parse().unwrap()))
    }

    fn instant(text: &str) -> Stamp {
        Stamp::Instant(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn local_times_keep_their_day_across_clock_changes() {
        // Oslo skips 02:00 to 03:00 on 2024-03-31 and has 02:00 to 03:00 twice on 2024-10-27.
        let skipped: Timestamp = "2024-03-31T03:30:00+02:00".parse().unwrap();
        assert_eq!(moment(local("2024-03-31T02:30:00"), "Europe/Oslo"), ("2024-03-31".into(), skipped.as_second()));
        let first: Timestamp = "2024-10-27T02:30:00+02:00".parse().unwrap();
        assert_eq!(moment(local("2024-10-27T02:30:00"), "Europe/Oslo"), ("2024-10-27".into(), first.as_second()));
        // Sao Paulo skipped midnight itself on 2018-11-04.
        assert_eq!(moment(local("2018-11-04T00:10:00"), "America/Sao_Paulo").0, "2018-11-04");
    }

    #[test]
    fn instants_fall_on_the_zone_s_day() {
        assert_eq!(moment(instant("2024-06-30T22:30:00Z"), "Europe/Oslo").0, "2024-07-01");
        assert_eq!(moment(instant("2024-01-31T22:30:00Z"), "Europe/Oslo").0, "2024-01-31");
        assert_eq!(moment(instant("2024-07-01T03:00:00Z"), "America/New_York").0, "2024-06-30");
    }

    #[test]
    fn dates_outside_the_calendar_of_business_are_refused() {
        let zone = zone("zone", "Europe/Oslo").unwrap();
        assert_eq!(local("9999-12-31T00:00:00").in_zone(&zone), None);
        assert_eq!(local("1900-01-01T00:00:00").in_zone(&zone), None);
        assert_eq!(Stamp::Instant(i64::MAX).in_zone(&zone), None);
        assert_eq!(Stamp::Local(i64::MIN).in_zone(&zone), None);
    }
}
