//! The order of runs: each after those that it refers to.

use std::collections::BTreeMap;

/// What has to be known of a run to give it its place.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// Its name, where other runs can refer to it.
    pub(crate) name: Option<&'a str>,
    /// The fields that refer to other runs, each with the name of that run.
    pub(crate) references: Vec<(&'static str, &'a str)>,
}

/// Why there is no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The run at this place refers to one that is not there.
    Missing {
        /// Place of the run.
        at: usize,
        /// The field that refers.
        field: &'static str,
        /// The name that nobody has.
        name: String,
    },
    /// Runs refer to each other in a circle; the first name comes again at the end.
    Circle {
        /// Place of the first of them.
        at: usize,
        /// The names, in the order of the references.
        names: Vec<String>,
    },
}

/// The places of `entries` so that each comes after those that it refers to, otherwise in the order given.
///
/// Refuses with every missing run, else with one circle.
pub(crate) fn order(entries: &[Entry<'_>]) -> Result<Vec<usize>, Vec<Fault>> {
    let names: BTreeMap<&str, usize> = entries.iter().enumerate().filter_map(|(at, entry)| Some((entry.name?, at))).collect();
    let missing: Vec<Fault> = entries
        .iter()
        .enumerate()
        .flat_map(|(at, entry)| entry.references.iter().map(move |(field, name)| (at, *field, *name)))
        .filter(|(_, _, name)| !names.contains_key(name))
        .map(|(at, field, name)| Fault::Missing { at, field, name: name.to_owned() })
        .collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    let mut walk = Walk { entries, names, marks: vec![Mark::New; entries.len()], path: Vec::new(), order: Vec::new() };
    for at in 0..entries.len() {
        walk.visit(at).map_err(|circle| vec![circle])?;
    }
    Ok(walk.order)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Placed,
}

struct Walk<'a> {
    entries: &'a [Entry<'a>],
    names: BTreeMap<&'a str, usize>,
    marks: Vec<Mark>,
    path: Vec<usize>,
    order: Vec<usize>,
}

impl Walk<'_> {
    /// Places a run after all that it refers to. References of references go no deeper than there are runs.
    fn visit(&mut self, at: usize) -> Result<(), Fault> {
        match self.marks[at] {
            Mark::Placed => return Ok(()),
            Mark::Open => return Err(self.circle(at)),
            Mark::New => {}
        }
        self.marks[at] = Mark::Open;
        self.path.push(at);
        for (_, name) in &self.entries[at].references {
            self.visit(self.names[name])?;
        }
        self.path.pop();
        self.marks[at] = Mark::Placed;
        self.order.push(at);
        Ok(())
    }

    fn circle(&self, at: usize) -> Fault {
        let from = self.path.iter().position(|open| *open == at).unwrap_or(0);
        let name = |at: &usize| self.entries[*at].name.unwrap_or_default().to_owned();
        Fault::Circle { at, names: self.path[from..].iter().chain([&at]).map(name).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs as `name: reference reference`, in the order given; a name that begins with `-` can't be referred to.
    fn check(runs: &[&'static str], expected: Result<&str, &str>) {
        let entries: Vec<Entry<'_>> = runs
            .iter()
            .map(|run| {
                let (name, references) = run.split_once(':').unwrap();
                let references = references.split_whitespace().map(|name| ("models.intent", name)).collect();
                Entry { name: Some(name).filter(|name| !name.starts_with('-')), references }
            })
            .collect();
        let found = order(&entries).map(|order| order.iter().map(|at| runs[*at].split(':').next().unwrap()).collect::<Vec<_>>().join(" "));
        let found = found.map_err(|faults| format!("{faults:?}"));
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{runs:?}");
    }

    #[test]
    fn runs_come_after_what_they_refer_to() {
        check(&[], Ok(""));
        check(&["a:", "b:"], Ok("a b"));
        check(&["-plan:intent reco", "reco:intent", "intent:"], Ok("intent reco -plan"));
        check(&["c:b", "d:b", "b:a", "a:"], Ok("a b c d"));
        check(&["-x:a a", "a:"], Ok("a -x"));
    }

    #[test]
    fn missing_runs_are_all_named() {
        check(
            &["a:x", "b:a y"],
            Err(r#"[Missing { at: 0, field: "models.intent", name: "x" }, Missing { at: 1, field: "models.intent", name: "y" }]"#),
        );
        check(&["-plan:", "a:-plan"], Err(r#"[Missing { at: 1, field: "models.intent", name: "-plan" }]"#));
    }

    #[test]
    fn circles_are_named_from_end_to_end() {
        check(&["a:a"], Err(r#"[Circle { at: 0, names: ["a", "a"] }]"#));
        check(&["-plan:b", "a:c", "b:a", "c:b"], Err(r#"[Circle { at: 2, names: ["b", "a", "c", "b"] }]"#));
    }
}
