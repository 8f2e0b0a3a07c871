//! `reprise data`: makes demo data.

use tabled::Tabled;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};

use crate::arguments::DemoArguments;
use crate::demo::{self, Size, Written};

/// Writes the demo and prints what was written.
pub(crate) fn demo(arguments: &DemoArguments) -> demo::Result<()> {
    let size = arguments.lines.map_or(Size::Customers(arguments.customers), Size::Lines);
    let written = demo::write(&arguments.to, arguments.seed, size)?;
    println!("{}", render(&written));
    let folder = arguments.to.display();
    println!("\n{folder}/README.txt says what lies where. Next, from a checkout:");
    println!("  reprise run -f examples/demo --map gs://reprise-demo={folder}");
    Ok(())
}

#[derive(Tabled)]
struct Row {
    market: &'static str,
    customers: u64,
    #[tabled(rename = "sales lines")]
    lines: u64,
    #[tabled(rename = "corrupt rows")]
    dirty: u64,
    events: u64,
    #[tabled(rename = "one-timers")]
    one_timers: u64,
    #[tabled(rename = "true returns expected in 26 weeks")]
    expected: String,
    #[tabled(rename = "real")]
    returned: u64,
}

fn render(written: &[Written]) -> String {
    let rows = written.iter().map(|market| Row {
        market: market.market,
        customers: market.customers,
        lines: market.lines,
        dirty: market.dirty,
        events: market.events,
        one_timers: market.one_timers,
        expected: format!("{:.1}", market.expected),
        returned: market.returned,
    });
    tabled::Table::new(rows).with(Style::psql()).modify(Columns::new(1..), Alignment::right()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_what_was_written() {
        let france = Written { market: "FR", customers: 6_000, lines: 20_199, dirty: 15, events: 166_756, one_timers: 3_807, expected: 327.4, returned: 305 };
        insta::assert_snapshot!(render(&[france.clone(), Written { market: "BE", customers: 40, lines: 123, dirty: 0, ..france }]));
    }
}
