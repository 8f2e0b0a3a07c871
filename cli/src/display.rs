//! What the user sees while runs go on: bars on a terminal, lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use reprise_crds::contract::Progress;

use crate::output;

/// Without a terminal a line comes when the stage changes, and then so often.
const BETWEEN_LINES: Duration = Duration::from_secs(15);

/// Shows one run.
pub(crate) struct Display {
    name: String,
    bar: Option<ProgressBar>,
    last: Option<(Instant, String)>,
}

impl Display {
    /// Begins to show a run.
    pub(crate) fn new(name: &str) -> Self {
        let bar = std::io::stdout().is_terminal().then(|| {
            let bar = ProgressBar::new(1000);
            let style = ProgressStyle::with_template("{prefix:24} {bar:24} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar.set_prefix(name.to_owned());
            bar
        });
        Self { name: name.to_owned(), bar, last: None }
    }

    /// Shows where the run stands.
    pub(crate) fn show(&mut self, progress: &Progress) {
        let text = describe(progress);
        if let Some(bar) = &self.bar {
            bar.set_position((progress.percent.unwrap_or(0.0) * 10.0) as u64);
            bar.set_message(text);
            return;
        }
        let stage = progress.stage.as_str().to_owned();
        let due = self.last.as_ref().is_none_or(|(at, shown)| *shown != stage || at.elapsed() >= BETWEEN_LINES);
        if due {
            output::line(format!("{}: {text}", self.name));
            self.last = Some((Instant::now(), stage));
        }
    }

    /// Says something about the run, above its bar.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::line(format!("{}: {text}", self.name))),
            None => output::line(format!("{}: {text}", self.name)),
        }
    }

    /// Ends the display without a word.
    pub(crate) fn clear(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Ends the display with a last word.
    pub(crate) fn end(self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        output::line(format!("{}: {text}", self.name));
    }
}

/// A progress in words: `training 45 %, epoch 3 of 30, loss 0.2130, validation 0.2204, 1 min 20 s left`.
fn describe(progress: &Progress) -> String {
    let percent = progress.percent.map(|percent| format!(" {percent:.0} %"));
    let waiting = (!progress.waiting_for.is_empty()).then(|| format!(" for {}", progress.waiting_for.join(", ")));
    let epoch = progress.epoch.zip(progress.epochs).map(|(epoch, epochs)| format!(", epoch {epoch} of {epochs}"));
    let loss = progress.loss.map(|loss| format!(", loss {loss:.4}"));
    let validation = progress.validation.map(|loss| format!(", validation {loss:.4}"));
    let left = progress.eta_seconds.map(|seconds| format!(", {} left", duration(seconds)));
    let known = [percent, waiting, epoch, loss, validation, left].into_iter().flatten();
    [progress.stage.as_str().to_owned()].into_iter().chain(known).collect()
}

/// Seconds in words: `8 s`, `1 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use reprise_crds::contract::Stage;

    use super::*;

    #[test]
    fn a_progress_says_what_is_known_and_no_more() {
        assert_eq!(describe(&Progress::at(Stage::Listing)), "listing");
        let waiting = Progress { waiting_for: vec!["rank-1".into(), "rank-2".into()], ..Progress::at(Stage::Waiting) };
        assert_eq!(describe(&waiting), "waiting for rank-1, rank-2");
        let training = Progress {
            percent: Some(44.6),
            epoch: Some(3),
            epochs: Some(30),
            loss: Some(0.213),
            validation: Some(0.2204),
            eta_seconds: Some(80),
            ..Progress::at(Stage::Training)
        };
        assert_eq!(describe(&training), "training 45 %, epoch 3 of 30, loss 0.2130, validation 0.2204, 1 min 20 s left");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (60, "1 min"), (80, "1 min 20 s"), (3600, "1 h"), (7509, "2 h 5 min")] {
            assert_eq!(duration(seconds), text);
        }
    }
}
