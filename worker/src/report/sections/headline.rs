//! The figures to read first.

use reprise_models::report_document::{Better, Headline};

use crate::report::format::in_unit;
use crate::report::page::Card;

/// One figure with what it is worth.
pub(super) fn card(headline: &Headline) -> Card {
    let unit = headline.unit;
    let interval = headline.interval.map(|ends| format!("95% interval {} to {}", in_unit(ends.low, unit), in_unit(ends.high, unit)));
    let verdict = verdict(headline);
    let words = match verdict {
        "better" => "better than",
        "worse" => "worse than",
        _ if headline.better == Better::Neither => "beside",
        _ => "no clear difference from",
    };
    let baseline = headline.baseline.as_ref().map(|other| format!("{words} {}: {}", other.name, in_unit(other.value, unit)));
    Card { name: headline.name.clone(), value: in_unit(headline.value, unit), interval, baseline, verdict }
}

/// A difference that the interval does not tell from the baseline counts as none.
fn verdict(headline: &Headline) -> &'static str {
    let Some(other) = headline.baseline.as_ref().map(|other| other.value) else { return "same" };
    let inside = headline.interval.is_some_and(|ends| ends.low <= other && other <= ends.high);
    let above = headline.value > other;
    match headline.better {
        _ if inside || headline.value == other => "same",
        Better::Neither => "same",
        Better::Higher if above => "better",
        Better::Lower if !above => "better",
        Better::Higher | Better::Lower => "worse",
    }
}

#[cfg(test)]
mod tests {
    use reprise_models::report_document::{Better, Headline, Interval, Reference};

    use super::verdict;

    fn headline(value: f64, better: Better, interval: Option<(f64, f64)>) -> Headline {
        let baseline = Some(Reference { name: "age alone".into(), value: 0.6 });
        Headline { value, better, baseline, interval: interval.map(|(low, high)| Interval { low, high }), ..Headline::default() }
    }

    #[test]
    fn says_better_only_beyond_the_interval() {
        assert_eq!(verdict(&headline(0.65, Better::Higher, Some((0.61, 0.69)))), "better");
        assert_eq!(verdict(&headline(0.65, Better::Higher, Some((0.58, 0.72)))), "same");
        assert_eq!(verdict(&headline(0.65, Better::Lower, None)), "worse");
        assert_eq!(verdict(&headline(0.55, Better::Lower, None)), "better");
        assert_eq!(verdict(&headline(0.55, Better::Neither, None)), "same");
        assert_eq!(verdict(&Headline { baseline: None, ..headline(0.9, Better::Higher, None) }), "same");
    }
}
