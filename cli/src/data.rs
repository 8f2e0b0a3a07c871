//! `reprise data`: makes demo data.

use reprise_crds::contract::ExitCode;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};

use crate::arguments::DemoArguments;
use crate::demo::{self, Size, Written};
use crate::failure::{Failure, Result};
use crate::output;

/// Writes the demo and prints what was written.
pub(crate) fn demo(arguments: &DemoArguments) -> Result<()> {
    let size = arguments.lines.map_or(Size::Customers(arguments.customers), Size::Lines);
    let written = demo::write(&arguments.to, arguments.seed, size, arguments.sales_only)
        .map_err(|error| Failure::new(ExitCode::TryAgain, error.to_string()))?;
    output::line(render(&written));
    if arguments.sales_only {
        return Ok(());
    }
    let folder = arguments.to.display();
    output::line(format!("\n{folder}/README.txt says what lies where. Next, from a checkout:"));
    output::line(format!("  reprise run -f examples/demo --map gs://reprise-demo={folder}"));
    Ok(())
}

const HEADER: [&str; 8] =
    ["market", "customers", "sales lines", "corrupt rows", "events", "one-timers", "returns in 26 weeks, expected", "real"];

fn render(written: &[Written]) -> String {
    let mut table = Builder::default();
    table.push_record(HEADER);
    for market in written {
        let counts = [market.customers, market.lines, market.dirty, market.events, market.one_timers].map(|count| count.to_string());
        let ends = [format!("{:.1}", market.expected), market.returned.to_string()];
        table.push_record([market.market.to_owned()].into_iter().chain(counts).chain(ends));
    }
    table.build().with(Style::psql()).modify(Columns::new(1..), Alignment::right()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_what_was_written() {
        let france = Written {
            market: "FR",
            customers: 6_000,
            lines: 20_199,
            dirty: 15,
            events: 166_756,
            one_timers: 3_807,
            expected: 327.4,
            returned: 305,
        };
        insta::assert_snapshot!(render(&[france.clone(), Written { market: "BE", customers: 40, lines: 123, dirty: 0, ..france }]));
    }
}
