//! Journeys as sequences of moments.

use serde::{Deserialize, Serialize};

use crate::Day;
use crate::journey::{Event, EventKind, View};

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StepKind {
    /// An order.
    Order,
    /// One navigation event on a group.
    Event(EventKind),
}

/// One moment of a journey: one order with all its groups, or one navigation event.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is.
    pub kind: StepKind,
    /// Its local day.
    pub day: Day,
    /// Seconds since 1970-01-01T00:00Z.
    pub at: i64,
    /// Days since the step before; 0 for the first.
    pub gap_days: u16,
    /// Numbers the session, where the source has sessions; none for orders.
    pub session: Option<u32>,
    /// Distinct groups of the order (none that had come back), or the event's one, ascending; never empty.
    pub groups: Vec<u32>,
    /// Units per group, parallel to `groups`; 1 for an event.
    pub units: Vec<f32>,
    /// Groups looked at within the hour before an order, ascending: what is known when it is placed, never its label.
    pub context: Vec<u32>,
}

/// Navigation this long before an order is its context, not a moment of its own.
const CONTEXT_SECONDS: i64 = 3600;

/// Messages are no moments of the customer's own.
fn is_navigation(event: &Event) -> bool {
    event.group.is_some() && !matches!(event.kind, EventKind::Sent | EventKind::Open)
}

/// The moments known at the view's landmark, oldest first.
pub fn steps(view: View<'_>) -> Vec<Step> {
    let mut steps: Vec<Step> = view.orders().filter_map(|order| order_step(view, order)).collect();
    let orders = steps.len();
    for event in view.events().iter().filter(|event| is_navigation(event)) {
        let Some(group) = event.group else { continue };
        let next = steps[..orders].partition_point(|order| order.at < event.at);
        match steps[..orders].get_mut(next) {
            Some(order) if order.at - event.at <= CONTEXT_SECONDS => order.context.push(group),
            _ => steps.push(event_step(event, group)),
        }
    }
    for step in &mut steps[..orders] {
        step.context.sort_unstable();
        step.context.dedup();
    }
    steps.sort_by_key(|step| (step.at, step.kind));
    for place in 1..steps.len() {
        let gap = steps[place].day.since(steps[place - 1].day);
        steps[place].gap_days = gap.clamp(0, i32::from(u16::MAX)) as u16;
    }
    steps
}

fn order_step(view: View<'_>, order: &crate::Order) -> Option<Step> {
    let (mut groups, mut units) = (Vec::new(), Vec::new());
    for line in view.kept(order) {
        // Lines are sorted by group.
        if groups.last() == Some(&line.group) {
            if let Some(sum) = units.last_mut() {
                *sum += line.quantity;
            }
        } else {
            groups.push(line.group);
            units.push(line.quantity);
        }
    }
    let (kind, day, at) = (StepKind::Order, order.day, order.at);
    (!groups.is_empty()).then_some(Step { kind, day, at, gap_days: 0, session: None, groups, units, context: Vec::new() })
}

fn event_step(event: &Event, group: u32) -> Step {
    Step {
        kind: StepKind::Event(event.kind),
        day: event.day,
        at: event.at,
        gap_days: 0,
        session: event.session,
        groups: vec![group],
        units: vec![1.0],
        context: Vec::new(),
    }
}
