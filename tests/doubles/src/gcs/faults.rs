//! What goes wrong, when.

use std::sync::{Mutex, PoisonError};

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A whole object in one request.
    Upload,
    /// The beginning of an upload in pieces.
    BeginUpload,
    /// A piece of an upload, or a question about it.
    Piece,
    /// An object's bytes.
    Read,
    /// An object's metadata.
    Get,
    /// A page of a listing; the object of a rule is matched with the prefix.
    List,
    /// A deletion.
    Delete,
}

/// How a request is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done; the answer is this HTTP status, or the gRPC code that corresponds.
    Status(u16),
    /// A read's body ends, without a word, after so many bytes.
    CutBody(usize),
    /// A read's body stops coming after so many bytes, and the connection stays open.
    StallBody(usize),
    /// It is done, and the connection breaks before the answer.
    LostAnswer,
    /// It is done, and the answer never comes, while the connection stays open.
    HeldAnswer,
    /// It is done, and the answer states another CRC-32C than the bytes have.
    WrongChecksum,
    /// The upload in pieces is forgotten: 410, now and later.
    ExpiredSession,
}

/// Breaks some of the requests that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    operation: Operation,
    object: String,
    skip: u32,
    times: u32,
    fault: Fault,
}

impl Rule {
    /// Breaks the next request of this operation, on any object.
    pub fn next(operation: Operation, fault: Fault) -> Self {
        Self { operation, object: String::new(), skip: 0, times: 1, fault }
    }

    /// Only where the object's name contains this.
    #[must_use]
    pub fn on(self, object: &str) -> Self {
        Self { object: object.to_owned(), ..self }
    }

    /// Lets so many matching requests pass before.
    #[must_use]
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Breaks so many requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }
}

/// The rules in force and the requests seen.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<(Operation, String)>>,
}

impl Faults {
    pub(crate) fn add(&self, rule: Rule) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    pub(crate) fn seen(&self) -> Vec<(Operation, String)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a request; returns what is to go wrong with it. The first rule that matches counts it.
    pub(crate) fn meet(&self, operation: Operation, object: &str) -> Option<Fault> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push((operation, object.to_owned()));
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let at = rules.iter().position(|rule| rule.operation == operation && object.contains(&rule.object))?;
        let rule = &mut rules[at];
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        let fault = rule.fault;
        rule.times = rule.times.saturating_sub(1);
        if rule.times == 0 {
            rules.remove(at);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_skips_breaks_and_ends() {
        let faults = Faults::default();
        faults.add(Rule::next(Operation::Read, Fault::LostAnswer).on("a/").after(1).times(2));
        let met: Vec<_> = ["a/1", "b/1", "a/2", "a/3", "a/4"].map(|name| faults.meet(Operation::Read, name)).to_vec();
        assert_eq!(met, [None, None, Some(Fault::LostAnswer), Some(Fault::LostAnswer), None]);
        assert_eq!(faults.meet(Operation::Get, "a/5"), None);
        assert_eq!(faults.seen().len(), 6);
    }
}
