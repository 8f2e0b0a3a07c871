//! One cell: text to a typed value, or the reason why not.

use jiff::Timestamp;
use jiff::civil;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use reprise_crds::source::{ColumnSpec, ColumnType};
use reprise_models::Day;

use crate::error::Result;
use crate::time::{micros, zone};

/// Digits after the point that a Decimal keeps.
pub(super) const SCALE: i8 = 6;
/// All digits of a Decimal; the product of two still fits 38, SQL's most.
pub(super) const PRECISION: u8 = 24;
/// Digits before the point that a Decimal keeps.
const WHOLE_DIGITS: usize = 18;

/// Why a cell is refused. Never holds the value.
pub(crate) type Reason = &'static str;

/// A typed value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// No value: an empty cell.
    Null,
    /// UTF-8 text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// Millionths.
    Decimal(i128),
    /// A finite number.
    Float(f64),
    /// Truth.
    Boolean(bool),
    /// Days since 1970-01-01.
    Day(i32),
    /// Microseconds since 1970-01-01T00:00: of UTC where `instant`, else of a clock on the wall.
    Time {
        /// The count.
        micros: i64,
        /// Whether the zone is known.
        instant: bool,
    },
}

/// How the cells of one column are typed.
#[derive(Clone, Debug)]
pub(crate) struct CellType {
    /// The declared type.
    pub(super) kind: ColumnType,
    format: Option<String>,
    zone: Option<TimeZone>,
    decimal_comma: bool,
}

impl CellType {
    /// A column that nobody declared.
    pub(super) fn text() -> Self {
        Self { kind: ColumnType::Text, format: None, zone: None, decimal_comma: false }
    }

    /// A declared column in a file with that timestamp format and decimal sign.
    ///
    /// # Errors
    /// The column's time zone is unknown.
    pub(crate) fn declared(table: &str, column: &ColumnSpec, timestamp_format: Option<&str>, decimal_comma: bool) -> Result<Self> {
        let field = || format!("files[{table}].columns[{}].timeZone", column.name);
        let zone = column.time_zone.as_deref().map(|name| zone(&field(), name)).transpose()?;
        let file_format = timestamp_format.filter(|_| column.kind == ColumnType::Timestamp);
        let format = column.format.as_deref().or(file_format).map(str::to_owned);
        Ok(Self { kind: column.kind, format, zone, decimal_comma })
    }

    /// Whether the column declares the zone of its local times.
    pub(super) fn has_zone(&self) -> bool {
        self.zone.is_some()
    }

    /// Whether the declaration alone makes every timestamp an instant.
    pub(super) fn has_instants(&self) -> bool {
        const OFFSETS: [&str; 5] = ["%z", "%:z", "%Q", "%:Q", "%s"];
        self.has_zone() || self.format.as_ref().is_some_and(|format| OFFSETS.iter().any(|offset| format.contains(offset)))
    }

    /// Types one cell. Spaces around anything but text do not count; an empty cell is Null.
    pub(crate) fn parse<'a>(&self, bytes: &'a [u8]) -> Result<Cell<'a>, Reason> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
        if bytes.contains(&0) {
            return Err("holds a NUL character");
        }
        if self.kind == ColumnType::Text {
            return Ok(if text.is_empty() { Cell::Null } else { Cell::Text(text) });
        }
        let text = text.trim();
        if text.is_empty() {
            return Ok(Cell::Null);
        }
        match self.kind {
            ColumnType::Text => Ok(Cell::Text(text)),
            ColumnType::Integer => text.parse().map(Cell::Integer).map_err(|_| "not a whole number of 64 bits"),
            ColumnType::Decimal => decimal(text, self.decimal_comma).map(Cell::Decimal),
            ColumnType::Float => float(text, self.decimal_comma).map(Cell::Float),
            ColumnType::Boolean => boolean(text).map(Cell::Boolean),
            ColumnType::Date => self.date(text).map(|date| Cell::Day(Day::from(date).0)),
            ColumnType::Timestamp => self.time(text),
        }
    }

    fn date(&self, text: &str) -> Result<civil::Date, Reason> {
        let date = match &self.format {
            None => text.parse(),
            Some(format) => strtime::parse(format, text).and_then(|parsed| parsed.to_date()),
        };
        date.ok().filter(|date| date.year() > 0).ok_or("not a date of the declared format")
    }

    fn time(&self, text: &str) -> Result<Cell<'static>, Reason> {
        let (local, instant) = match &self.format {
            None => iso_time(text)?,
            Some(format) => formatted_time(format, text)?,
        };
        if let Some(instant) = instant {
            return Ok(Cell::Time { micros: instant.as_microsecond(), instant: true });
        }
        self.located(micros(local.filter(|local| local.year() > 0).ok_or(NOT_A_TIME)?))
    }

    /// Wall clock microseconds, as an instant where the column declares its zone.
    pub(super) fn located(&self, local: i64) -> Result<Cell<'static>, Reason> {
        let Some(zone) = &self.zone else { return Ok(Cell::Time { micros: local, instant: false }) };
        let moment = crate::time::instant(local, zone).ok_or(NOT_A_TIME)?;
        Ok(Cell::Time { micros: moment, instant: true })
    }
}

const NOT_A_TIME: Reason = "not a timestamp of the declared format";

type Parsed = (Option<civil::DateTime>, Option<Timestamp>);

fn iso_time(text: &str) -> Result<Parsed, Reason> {
    // A zone in brackets would need a second opinion on what wins; no export writes one.
    if text.contains('[') {
        return Err(NOT_A_TIME);
    }
    let offset = text.get(10..).is_some_and(|time| time.contains(['Z', 'z', '+', '-']));
    if offset {
        text.parse().map(|instant| (None, Some(instant))).map_err(|_| NOT_A_TIME)
    } else {
        text.parse().map(|local| (Some(local), None)).map_err(|_| NOT_A_TIME)
    }
}

fn formatted_time(format: &str, text: &str) -> Result<Parsed, Reason> {
    let parsed = strtime::parse(format, text).map_err(|_| NOT_A_TIME)?;
    if let Ok(instant) = parsed.to_timestamp() {
        return Ok((None, Some(instant)));
    }
    let date = parsed.to_date().map_err(|_| NOT_A_TIME)?;
    // A format without hours means midnight.
    Ok((Some(parsed.to_datetime().unwrap_or_else(|_| date.at(0, 0, 0, 0))), None))
}

/// A decimal number in millionths, exactly: no exponent, no thousands separators.
fn decimal(text: &str, comma: bool) -> Result<i128, Reason> {
    const REFUSED: Reason = "not a decimal number";
    let (negative, digits) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once(if comma { ',' } else { '.' }).unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return Err(REFUSED);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > SCALE as usize {
        return Err("more than 6 digits after the point");
    }
    if whole.trim_start_matches('0').len() > WHOLE_DIGITS {
        return Err("more than 18 digits before the point");
    }
    let padding = SCALE as usize - fraction.len();
    let digits = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', padding));
    let size = digits.fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    Ok(if negative { -size } else { size })
}

fn float(text: &str, comma: bool) -> Result<f64, Reason> {
    let pointed = if comma { text.replace(',', ".") } else { text.to_owned() };
    let number: f64 = pointed.parse().map_err(|_| "not a number")?;
    if number.is_finite() { Ok(number) } else { Err("not a finite number") }
}

fn boolean(text: &str) -> Result<bool, Reason> {
    const TRUE: [&str; 4] = ["true", "1", "yes", "t"];
    const FALSE: [&str; 4] = ["false", "0", "no", "f"];
    let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(TRUE) {
        Ok(true)
    } else if is(FALSE) {
        Ok(false)
    } else {
        Err("not true or false")
    }
}

/// What kind of value a refused cell holds, so that a reader of the quarantine can tell without seeing it.
pub(crate) fn class(bytes: &[u8]) -> &'static str {
    let Ok(text) = std::str::from_utf8(bytes) else { return "bytes" };
    let text = text.trim();
    if text.is_empty() {
        "empty"
    } else if text.bytes().any(|byte| byte < b' ') {
        "text with control characters"
    } else if text.parse::<i64>().is_ok() {
        "whole number"
    } else if text.parse::<f64>().is_ok() {
        "number"
    } else if text.bytes().all(|byte| byte.is_ascii_digit() || b".,-+/: TZ".contains(&byte)) {
        "digits and signs"
    } else {
        "text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<'a>(kind: ColumnType, format: Option<&str>, text: &'a str) -> Result<Cell<'a>, Reason> {
        let column = ColumnSpec { name: "c".into(), kind, format: format.map(str::to_owned), time_zone: None };
        CellType::declared("t", &column, None, false).unwrap().parse(text.as_bytes())
    }

    fn local(text: &str) -> Cell<'static> {
        Cell::Time { micros: micros(text.parse().unwrap()), instant: false }
    }

    fn instant(text: &str) -> Cell<'static> {
        Cell::Time { micros: text.parse::<Timestamp>().unwrap().as_microsecond(), instant: true }
    }

    #[test]
    fn decimals_are_exact() {
        use ColumnType::Decimal;
        assert_eq!(check(Decimal, None, "12.50"), Ok(Cell::Decimal(12_500_000)));
        assert_eq!(check(Decimal, None, " -0.000001 "), Ok(Cell::Decimal(-1)));
        assert_eq!(check(Decimal, None, ".5"), Ok(Cell::Decimal(500_000)));
        assert_eq!(check(Decimal, None, "1.0000000000"), Ok(Cell::Decimal(1_000_000)));
        assert_eq!(check(Decimal, None, "999999999999999999.999999"), Ok(Cell::Decimal(999_999_999_999_999_999_999_999)));
        for bad in ["1,5", "1e309", "NaN", "∞", "-", ".", "1.2.3", "1 000", "0x10", "1.0000001", "1234567890123456789"] {
            assert!(check(Decimal, None, bad).is_err(), "{bad}");
        }
        assert_eq!(decimal("12,5", true), Ok(12_500_000));
        assert!(decimal("1.234,5", true).is_err());
    }

    #[test]
    fn floats_are_finite() {
        use ColumnType::Float;
        assert_eq!(check(Float, None, "1e3"), Ok(Cell::Float(1000.0)));
        for bad in ["NaN", "inf", "-Infinity", "1e309", "abc"] {
            assert!(check(Float, None, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn timestamps_keep_what_they_know() {
        use ColumnType::Timestamp;
        assert_eq!(check(Timestamp, None, "2024-03-01 10:20:30"), Ok(local("2024-03-01T10:20:30")));
        assert_eq!(check(Timestamp, None, "2024-03-01T10:20"), Ok(local("2024-03-01T10:20")));
        assert_eq!(check(Timestamp, None, "2024-03-01"), Ok(local("2024-03-01T00:00")));
        assert_eq!(check(Timestamp, None, "2024-03-01T10:20:30+02:00"), Ok(instant("2024-03-01T08:20:30Z")));
        assert_eq!(check(Timestamp, None, "2024-03-01 10:20:30Z"), Ok(instant("2024-03-01T10:20:30Z")));
        assert_eq!(check(Timestamp, Some("%d/%m/%Y %H:%M"), "31/12/2024 23:59"), Ok(local("2024-12-31T23:59")));
        assert_eq!(check(Timestamp, Some("%d.%m.%Y"), "31.12.2024"), Ok(local("2024-12-31T00:00")));
        assert_eq!(check(Timestamp, Some("%Y-%m-%dT%H:%M:%S%z"), "2024-03-01T10:00:00+0200"), Ok(instant("2024-03-01T08:00:00Z")));
        assert_eq!(check(Timestamp, Some("%s"), "86400"), Ok(instant("1970-01-02T00:00:00Z")));
        for bad in ["2024-02-30", "24:00", "yesterday", "2024-03-01T10:20:30[Europe/Oslo]", "0000-01-01", "12024-01-01"] {
            assert!(check(Timestamp, None, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_declared_zone_makes_instants_and_an_offset_wins_over_it() {
        let column = ColumnSpec { name: "c".into(), kind: ColumnType::Timestamp, format: None, time_zone: Some("Asia/Tokyo".into()) };
        let cells = CellType::declared("t", &column, None, false).unwrap();
        assert_eq!(cells.parse(b"2024-03-01 08:00"), Ok(instant("2024-02-29T23:00:00Z")));
        assert_eq!(cells.parse(b"2024-03-01 08:00Z"), Ok(instant("2024-03-01T08:00:00Z")));
    }

    #[test]
    fn other_types_are_strict() {
        assert_eq!(check(ColumnType::Integer, None, "-7"), Ok(Cell::Integer(-7)));
        assert!(check(ColumnType::Integer, None, "7.0").is_err());
        assert!(check(ColumnType::Integer, None, "9223372036854775808").is_err());
        assert_eq!(check(ColumnType::Boolean, None, "YES"), Ok(Cell::Boolean(true)));
        assert!(check(ColumnType::Boolean, None, "2").is_err());
        assert_eq!(check(ColumnType::Date, None, "1970-01-02"), Ok(Cell::Day(1)));
        assert_eq!(check(ColumnType::Date, Some("%Y%m%d"), "19700102"), Ok(Cell::Day(1)));
        assert_eq!(check(ColumnType::Text, None, "=cmd|'/c calc'!A1"), Ok(Cell::Text("=cmd|'/c calc'!A1")));
        assert_eq!(check(ColumnType::Text, None, "007"), Ok(Cell::Text("007")));
        assert!(check(ColumnType::Text, None, "a\0b").is_err());
        assert_eq!(CellType::text().parse(&[0xFF, 0xFE]), Err("not UTF-8"));
    }
}
