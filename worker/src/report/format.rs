//! Numbers and dates in words, the same in text, tables and charts.

use jiff::civil::Date;
use reprise_models::report_document::Unit;

/// Stands where nothing was measured.
pub(super) const DASH: &str = "–";

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `12,345`.
pub(super) fn count(value: u64) -> String {
    group_thousands(&value.to_string())
}

/// `1,234.50` with two decimals; never a negative zero.
pub(crate) fn decimal(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let negative = value < 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let sign = if negative { "−" } else { "" };
    format!("{sign}{}{fraction}", group_thousands(whole))
}

/// A share of 0..=1 in percent, `12.3%`.
pub(super) fn share(value: f64) -> String {
    format!("{}%", decimal(value * 100.0, 1))
}

/// A share as it is said in a sentence, `12%`, or `0.4%` where whole percents would hide it.
pub(super) fn spoken_share(value: f64) -> String {
    let decimals = usize::from(value != 0.0 && value.abs() < 0.0995);
    format!("{}%", decimal(value * 100.0, decimals))
}

/// A number of unknown size with about three digits that matter.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => decimal(value, 0),
        size if size >= 100.0 => decimal(value, 1),
        size if size >= 10.0 => decimal(value, 2),
        _ => decimal(value, 3),
    }
}

/// A number as its unit is read.
pub(super) fn in_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Number => figure(value),
        Unit::Share => share(value),
        Unit::Count => decimal(value, 0),
        Unit::Times => format!("{}×", decimal(value, 2)),
    }
}

/// An optional number; a dash where there is none.
pub(super) fn or_dash(value: Option<f64>, format: fn(f64) -> String) -> String {
    value.map_or_else(|| DASH.to_owned(), format)
}

/// `6 Jun`.
pub(super) fn short_date(date: Date) -> String {
    let month = MONTHS[usize::from(date.month().unsigned_abs()) - 1];
    format!("{} {month}", date.day())
}

/// `6 Jun 2011`.
pub(crate) fn long_date(date: Date) -> String {
    format!("{} {}", short_date(date), date.year())
}

fn group_thousands(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{count, decimal, figure, long_date, share, short_date, spoken_share};

    #[test]
    fn writes_numbers_as_they_are_read() {
        assert_eq!([count(0), count(999), count(1_000), count(12_345_678)], ["0", "999", "1,000", "12,345,678"]);
        assert_eq!([decimal(1234.5, 2), decimal(-0.0001, 3), decimal(-2.5, 1)], ["1,234.50", "0.000", "−2.5"]);
        assert_eq!([share(0.123_45), share(1.0)], ["12.3%", "100.0%"]);
        assert_eq!([spoken_share(0.42), spoken_share(0.0042), spoken_share(0.0)], ["42%", "0.4%", "0%"]);
        assert_eq!([figure(0.6421), figure(21.456), figure(1268.4)], ["0.642", "21.46", "1,268"]);
    }

    #[test]
    fn writes_dates_without_a_locale() {
        assert_eq!(short_date(date(2011, 6, 6)), "6 Jun");
        assert_eq!(long_date(date(2011, 12, 31)), "31 Dec 2011");
    }
}
