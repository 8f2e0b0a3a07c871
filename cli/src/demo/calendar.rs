//! The demo's time: weeks from Monday to Sunday, and what each market celebrates, sells off and sleeps through.

use jiff::civil::{Date, Weekday, date};

use super::market::Country;

/// First day in the files (a Monday).
pub(super) const START: Date = date(2023, 1, 2);
/// First day not in the files (a Monday): what a run takes as its `asOf`.
pub(super) const AS_OF: Date = date(2025, 9, 1);
/// Weeks in the files.
pub(super) const WEEKS: i32 = 139;
/// Weeks before the files begin in which customers were already being won.
pub(super) const BEFORE: i32 = 26;
/// Weeks after `AS_OF` for which the truth is published.
pub(super) const HORIZON: i32 = 26;

/// A day, counted from [`START`].
pub(super) type Day = i32;
/// A week, counted from [`START`].
pub(super) type Week = i32;

/// The calendar date of a day.
pub(super) fn date_of(day: Day) -> Date {
    START.saturating_add(jiff::Span::new().days(day))
}

/// The day of a calendar date.
pub(super) fn day_of(date: Date) -> Day {
    (date.duration_since(START).as_hours().div_euclid(24)) as Day
}

/// What an occasion does to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Presents are bought.
    Gift,
    /// Prices are cut.
    Sale,
    /// People are away.
    Quiet,
}

/// A named period of one market, both ends inclusive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion {
    pub(super) name: &'static str,
    pub(super) mood: Mood,
    pub(super) from: Day,
    pub(super) to: Day,
}

/// All occasions of a country that touch the demo's weeks, by date.
pub(super) fn occasions(country: Country) -> Vec<Occasion> {
    let mut all = Vec::new();
    for year in 2022..=2026 {
        for (name, mood, from, to) in yearly(country, year) {
            all.push(Occasion { name, mood, from: day_of(from), to: day_of(to) });
        }
    }
    all.retain(|occasion| occasion.to >= -7 * BEFORE && occasion.from < 7 * (WEEKS + HORIZON));
    all.sort_by_key(|occasion| (occasion.from, occasion.name));
    all
}

type Named = (&'static str, Mood, Date, Date);

fn yearly(country: Country, year: i16) -> Vec<Named> {
    let fixed = |name, mood, from: (i8, i8), to: (i8, i8)| (name, mood, date(year, from.0, from.1), date(year, to.0, to.1));
    let mothers_day = match country {
        Country::France => nth_sunday(year, 5, -1),
        Country::Norway => nth_sunday(year, 2, 2),
        Country::Belgium => nth_sunday(year, 5, 2),
    };
    let mut all = vec![
        fixed("Christmas", Mood::Gift, (12, 1), (12, 24)),
        fixed("Valentine's Day", Mood::Gift, (2, 5), (2, 14)),
        ("Mother's Day", Mood::Gift, mothers_day.saturating_sub(jiff::Span::new().days(13)), mothers_day),
    ];
    all.extend(match country {
        Country::France => vec![
            fixed("winter sale", Mood::Sale, (1, 10), (2, 4)),
            fixed("summer sale", Mood::Sale, (6, 26), (7, 21)),
            fixed("August break", Mood::Quiet, (8, 1), (8, 24)),
        ],
        Country::Norway => vec![
            fixed("Black Week", Mood::Sale, (11, 20), (11, 30)),
            fixed("January sale", Mood::Sale, (1, 2), (1, 20)),
            fixed("Constitution Day", Mood::Gift, (5, 8), (5, 17)),
            fixed("July break", Mood::Quiet, (7, 5), (8, 3)),
        ],
        Country::Belgium => vec![fixed("winter sale", Mood::Sale, (1, 3), (1, 31)), fixed("summer sale", Mood::Sale, (7, 1), (7, 31))],
    });
    all
}

fn nth_sunday(year: i16, month: i8, nth: i8) -> Date {
    date(year, month, 1).nth_weekday_of_month(nth, Weekday::Sunday).unwrap_or(date(year, month, 1))
}

/// The share of a week's days under each mood.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Season {
    pub(super) gift: f64,
    pub(super) sale: f64,
    pub(super) quiet: f64,
}

/// The seasons of all weeks of one country, from `-BEFORE` to `WEEKS + HORIZON`.
#[derive(Debug)]
pub(super) struct Seasons(Vec<Season>);

impl Seasons {
    /// Counts the days of each week under each mood.
    pub(super) fn new(occasions: &[Occasion]) -> Self {
        let share = |week: Week, mood| {
            let under = |day: &Day| occasions.iter().any(|o| o.mood == mood && (o.from..=o.to).contains(day));
            (7 * week..7 * week + 7).filter(under).count() as f64 / 7.0
        };
        let season = |week| Season { gift: share(week, Mood::Gift), sale: share(week, Mood::Sale), quiet: share(week, Mood::Quiet) };
        Self((-BEFORE..WEEKS + HORIZON).map(season).collect())
    }

    /// The season of a week; an ordinary week outside the demo's time.
    pub(super) fn at(&self, week: Week) -> Season {
        usize::try_from(week + BEFORE).ok().and_then(|index| self.0.get(index)).copied().unwrap_or_default()
    }
}
