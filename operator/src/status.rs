//! Parts of a status, each made from what was seen and what stood there before: times change only with what they time.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use reprise_crds::contract::{ExitCode, Progress, Stage};
use reprise_crds::reason::Reason;
use reprise_crds::status::{Blocking, ConditionType, Phase, ProgressStatus, RunStatus, TimelineEntry, WorkerStatus};

use crate::observed::{PodPhase, PodSeen};

/// The most entries of a timeline.
const LONGEST_TIMELINE: usize = 64;
/// The most characters of a hint.
const LONGEST_HINT: usize = 1024;

/// True, False or Unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// Nobody knows yet.
    Unknown,
}

impl Truth {
    const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a condition is to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Say {
    /// Which condition.
    pub kind: ConditionType,
    /// Whether it holds.
    pub truth: Truth,
    /// Why.
    pub reason: Reason,
    /// In a sentence; empty says what the reason means.
    pub message: String,
}

/// The conditions of a run, in the order in which they are to stand. A condition's time changes only when it turns.
pub fn conditions(before: &[Condition], generation: i64, now: Timestamp, says: Vec<Say>) -> Vec<Condition> {
    let condition = |say: Say| {
        let old = before.iter().find(|old| old.type_ == say.kind.as_str() && old.status == say.truth.as_str());
        let message = if say.message.is_empty() { say.reason.meaning().to_owned() } else { cut(&say.message, LONGEST_HINT) };
        Condition {
            type_: say.kind.as_str().to_owned(),
            status: say.truth.as_str().to_owned(),
            reason: say.reason.as_str().to_owned(),
            message,
            observed_generation: Some(generation),
            last_transition_time: old.map_or_else(|| Time(seconds(now)), |old| old.last_transition_time.clone()),
        }
    };
    says.into_iter().map(condition).collect()
}

/// What all conditions of a phase say; `reason` and `message` go to the one that explains the phase.
///
/// Reconciling stands only while objects are being made, so that waiting for a healthy run does not wait for its
/// training; Stalled only where nothing goes on by itself.
pub fn says(phase: Phase, accepted: bool, reason: Reason, message: &str) -> Vec<Say> {
    use ConditionType as C;
    use Truth::{False, True, Unknown};
    let say = |kind, truth, reason, message: &str| Say { kind, truth, reason, message: message.to_owned() };
    let plain = |kind, truth, reason| say(kind, truth, reason, "");
    let accept = match (phase, accepted) {
        (Phase::Rejected, _) => say(C::Accepted, False, Reason::InvalidSpec, message),
        (_, true) => plain(C::Accepted, True, Reason::Accepted),
        (_, false) => say(C::Accepted, Unknown, reason, message),
    };
    let running = match phase {
        Phase::Running => plain(C::Running, True, Reason::Running),
        Phase::Suspending => say(C::Running, True, reason, message),
        Phase::Succeeded | Phase::Failed => plain(C::Running, False, Reason::Finished),
        Phase::Suspended | Phase::Queued | Phase::Provisioning => say(C::Running, False, reason, message),
        Phase::Pending | Phase::Rejected => plain(C::Running, False, Reason::Observing),
    };
    let suspended = match phase {
        Phase::Suspended => say(C::Suspended, True, reason, message),
        Phase::Suspending => say(C::Suspended, False, reason, message),
        _ => plain(C::Suspended, False, Reason::Active),
    };
    let succeeded = match phase {
        Phase::Succeeded => say(C::Succeeded, True, reason, message),
        Phase::Failed => say(C::Succeeded, False, reason, message),
        _ => plain(C::Succeeded, Unknown, Reason::Observing),
    };
    let mut all = vec![accept, running, suspended, succeeded];
    match phase {
        Phase::Pending => all.push(say(C::Reconciling, True, reason, message)),
        Phase::Rejected | Phase::Failed => all.push(say(C::Stalled, True, reason, message)),
        _ => {}
    }
    all
}

/// Puts a stage at the end of the timeline, if the run was not in it. Of too many the oldest goes.
pub fn enter(status: &mut RunStatus, phase: Phase, attempt: i32, now: Timestamp) {
    let stage = format!("{phase:?}");
    if status.timeline.last().is_some_and(|last| last.stage == stage && last.attempt == attempt) {
        return;
    }
    if status.timeline.len() >= LONGEST_TIMELINE {
        status.timeline.remove(0);
    }
    status.timeline.push(TimelineEntry { stage, time: Time(seconds(now)), attempt });
}

/// What holds a run up. Its beginning stays while the reason does.
pub fn blocking(before: Option<&Blocking>, reason: Reason, hint: &str, now: Timestamp) -> Blocking {
    let since = before.filter(|before| before.reason == reason.as_str()).map(|before| before.since_time.clone());
    Blocking {
        reason: reason.as_str().to_owned(),
        since_time: since.unwrap_or_else(|| Time(seconds(now))),
        next_retry_time: None,
        hint: (!hint.is_empty()).then(|| cut(hint, LONGEST_HINT)),
    }
}

/// One row per index, from its newest pod. Starts are counted in the same write in which a pod's uid changes.
pub fn workers(before: &[WorkerStatus], pods: &[PodSeen], count: i32) -> Vec<WorkerStatus> {
    (0..count).filter_map(|index| worker(before.iter().find(|old| old.index == index), pods, index)).collect()
}

fn worker(old: Option<&WorkerStatus>, pods: &[PodSeen], index: i32) -> Option<WorkerStatus> {
    let own = || pods.iter().filter(|pod| pod.index == index);
    let Some(newest) = own().max_by_key(|pod| (pod.attempt, pod.created, &pod.uid)) else {
        return old.cloned();
    };
    let known = old.and_then(|old| old.pod_uid.as_deref());
    // Pods that came and went between two looks are still listed until the Job's end; the last known one is not counted.
    let newer = |pod: &&PodSeen| known.is_none_or(|known| own().find(|pod| pod.uid == known).is_none_or(|last| later(pod, last)));
    let fresh = if known == Some(newest.uid.as_str()) { 0 } else { own().filter(newer).count().max(1) };
    let ended = own().filter(|pod| !pod.is_active() && pod.exit_code.is_some()).max_by_key(|pod| (pod.attempt, pod.created, &pod.uid));
    let before = |field: fn(&WorkerStatus) -> Option<i32>| old.and_then(field);
    Some(WorkerStatus {
        index,
        pod_uid: Some(newest.uid.clone()),
        node: newest.node.clone(),
        exit_code: ended.map_or_else(|| before(|old| old.exit_code), |pod| pod.exit_code.map(|code| code.clamp(0, 255))),
        reason: ended.map_or_else(|| old.and_then(|old| old.reason.clone()), |pod| Some(ending(pod).to_owned())),
        starts: old.map_or(0, |old| old.starts) + fresh as i32,
    })
}

fn later(pod: &PodSeen, last: &PodSeen) -> bool {
    (pod.attempt, pod.created, &pod.uid) > (last.attempt, last.created, &last.uid)
}

/// Why a pod ended, in one word.
fn ending(pod: &PodSeen) -> &'static str {
    if pod.out_of_memory {
        return "OutOfMemory";
    }
    if pod.disrupted {
        return "Disrupted";
    }
    match pod.exit_code.and_then(ExitCode::from_code) {
        Some(ExitCode::Done) => "Done",
        Some(ExitCode::Usage) => "UsageError",
        Some(ExitCode::Data) => "DataError",
        Some(ExitCode::Bug) => "WorkerBug",
        Some(ExitCode::TryAgain) => "TryAgain",
        Some(ExitCode::Configuration) => "ConfigurationError",
        Some(ExitCode::Stopped) => "Stopped",
        None => "Killed",
    }
}

/// How far a run is: what its worker said, or for workers that work apart the share that has ended. It only goes
/// forward within an attempt's stretch: a smaller number of a restarted worker does not hide what was reached.
pub fn progress(before: Option<&ProgressStatus>, said: &Progress, now: Timestamp) -> ProgressStatus {
    let number = |value: Option<u32>| value.map(|value| i32::try_from(value).unwrap_or(i32::MAX));
    // A worker counts each of its stages from 0 to 100, and the work itself is what people wait for.
    let works = matches!(said.stage, Stage::Training | Stage::Scoring);
    let share = said.percent.filter(|share| works && share.is_finite());
    // The last part of a hundred is the verified manifest.
    let percent = share.map(|share| share.clamp(0.0, 99.0) as i32);
    let reached = before.and_then(|before| before.percent);
    let eta = said.eta_seconds.filter(|_| works).and_then(|left| i64::try_from(left).ok()).and_then(|left| later_by(now, left));
    // A set: an API server refuses the same text twice.
    let mut waiting_for: Vec<String> = said.waiting_for.iter().map(|what| cut(what, 60)).collect();
    waiting_for.sort();
    waiting_for.dedup();
    waiting_for.truncate(64);
    ProgressStatus {
        round: number(said.round),
        rounds: number(said.rounds),
        epoch: number(said.epoch),
        percent: percent.max(reached),
        loss: said.loss.filter(|loss| loss.is_finite() && loss.abs() < 1e12).map(|loss| format!("{loss:.6}")),
        eta_time: eta.map(Time),
        waiting_for,
    }
}

/// A moment so many seconds later; `None` beyond the end of time.
pub fn later_by(time: Timestamp, more: i64) -> Option<Timestamp> {
    seconds(time).checked_add(jiff::SignedDuration::from_secs(more)).ok()
}

/// Whole seconds, as the API keeps them.
pub fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Whether a worker runs in any of the pods.
pub fn is_running(pods: &[PodSeen]) -> bool {
    pods.iter().any(|pod| pod.phase == PodPhase::Running && pod.ends.is_none())
}

fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest { text.to_owned() } else { text.chars().take(longest - 1).chain(['…']).collect() }
}
