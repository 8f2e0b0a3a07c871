//! The groups and attribute values that a recommender knows by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Histories;
use crate::catalogue::{Catalogue, Group};

/// The groups that stood in the training data and the attribute values that at least two of them share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Vocabulary {
    /// Ids, sorted; the place is the row of the item table.
    pub(super) groups: Vec<String>,
    /// `field=value`, sorted; the place is the row of the attribute table.
    pub(super) attributes: Vec<String>,
}

/// A catalogue seen through a vocabulary.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// Row of the item table, by place in the catalogue; none for groups that training never saw.
    pub(super) rows: Vec<Option<u32>>,
    /// Rows of the attribute table, by place in the catalogue.
    pub(super) attributes: Vec<Vec<u32>>,
}

fn attributes(group: &Group) -> impl Iterator<Item = String> {
    let routine = group.routine.as_ref().map_or("", |(routine, _)| routine.as_str());
    [
        ("axis", group.axis.as_str()),
        ("brand", &group.brand),
        ("category", &group.category),
        ("family", &group.family),
        ("line", &group.line),
        ("routine", routine),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(field, value)| format!("{field}={value}"))
}

impl Vocabulary {
    /// What the histories hold.
    pub(super) fn of(histories: &Histories, catalogue: &Catalogue) -> Self {
        let mut seen = vec![false; catalogue.groups.len()];
        for group in histories.iter().flat_map(|past| past.moments()).flat_map(|moment| moment.groups) {
            seen[*group as usize] = true;
        }
        let known: Vec<&Group> = catalogue.groups.iter().zip(&seen).filter(|&(_, &seen)| seen).map(|(group, _)| group).collect();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for value in known.iter().flat_map(|group| attributes(group)) {
            *counts.entry(value).or_default() += 1;
        }
        // A value of one group says nothing about another, and a value of all says nothing at all.
        let shared = counts.into_iter().filter(|&(_, count)| count > 1 && count < known.len());
        Self { groups: known.iter().map(|group| group.id.clone()).collect(), attributes: shared.map(|(value, _)| value).collect() }
    }

    /// Finds the catalogue's groups.
    pub(super) fn bind(&self, catalogue: &Catalogue) -> Binding {
        let place = |list: &[String], wanted: &str| list.binary_search_by(|name| name.as_str().cmp(wanted)).ok().map(|row| row as u32);
        Binding {
            rows: catalogue.groups.iter().map(|group| place(&self.groups, &group.id)).collect(),
            attributes: catalogue
                .groups
                .iter()
                .map(|group| attributes(group).filter_map(|value| place(&self.attributes, &value)).collect())
                .collect(),
        }
    }
}
