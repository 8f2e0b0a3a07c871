//! Class: numerics and crash sweep. The learner is a line fitted by our own gradient, so that a sweep over every
//! place of death takes a second; `Graph` learners have their own tests.

use std::sync::Arc;

use super::{Batch, Fit, Learner, Outer, Sums, Trained, train};
use crate::draw;
use crate::learn::{Error, Rank, Result, Rounds, Stop};
use crate::optimizer::{Adam, Schedule};
use crate::slab::{Layout, Slab, Start};
use crate::testing::{MemoryRounds, Store};

/// Fits y = a x + b to 230 noisy points; the last fifth is held out.
struct Line {
    layout: Layout,
    points: Vec<(f32, f32)>,
    adam: Adam,
    /// Asks to stop after so many steps of this process.
    stop_after: Option<(u64, Arc<Stop>)>,
    done: std::cell::Cell<u64>,
}

impl Line {
    fn new() -> Self {
        let noise = |index: u64| draw::normal(1, draw::Use::Sample, 0, index) as f32;
        let points = (0..230).map(|index| (noise(index), 2.0 * noise(index) - 1.0 + 0.1 * noise(index + 1000))).collect();
        let adam = Adam { rate: 0.05, schedule: Schedule::Constant, ..Adam::default() };
        let layout = Layout::new().decayed("a", &[1], Start::Normal(1.0)).free("b", &[1], Start::Zero);
        Self { layout, points, adam, stop_after: None, done: std::cell::Cell::new(0) }
    }

    fn sums(&self, weights: &[f32], examples: impl Iterator<Item = usize>, mut slope: impl FnMut(f32, f32)) -> Sums {
        let mut sums = Sums::default();
        for example in examples {
            let (x, y) = self.points[example];
            let miss = weights[0] * x + weights[1] - y;
            slope(miss, x);
            sums.add(Sums { loss: f64::from(miss * miss / 2.0), weight: 1.0 });
        }
        sums
    }
}

impl Learner for Line {
    fn examples(&self) -> usize {
        184
    }

    fn step(&self, slab: &mut Slab, batch: &Batch<'_>) -> Result<Sums> {
        let mut gradient = [0.0; 2];
        let sums = self.sums(slab.weights(), batch.examples.iter().map(|place| *place as usize), |miss, x| {
            gradient[0] += miss * x / batch.examples.len() as f32;
            gradient[1] += miss / batch.examples.len() as f32;
        });
        self.adam.update(slab, &self.layout, &gradient, batch.step);
        self.done.set(self.done.get() + 1);
        if let Some((steps, stop)) = &self.stop_after
            && self.done.get() == *steps
        {
            stop.ask();
        }
        Ok(sums)
    }

    fn validate(&self, slab: &Slab, rank: Rank) -> Result<Sums> {
        let share = (184 + rank.index as usize..230).step_by(rank.count as usize);
        Ok(self.sums(slab.weights(), share, |_, _| ()))
    }
}

fn fit(rank: Rank, line: &Line) -> Fit<'static> {
    Fit {
        rank,
        seed: 7,
        batch: 10,
        epochs: 6,
        patience: 3,
        round_steps: 4,
        outer: Outer::default(),
        initial: line.layout.initial(7),
        digest: "d".to_owned(),
        earlier: &[],
    }
}

fn rank(index: u32, count: u32) -> Rank {
    Rank { index, count }
}

/// All ranks in threads, each dying and starting again until it is done; returns rank 0's end.
fn run_ranks(count: u32, death: &(dyn Fn(u32) -> Option<u64> + Sync)) -> Trained {
    let store = Store::new(count);
    std::thread::scope(|scope| {
        let ranks: Vec<_> = (0..count)
            .map(|index| {
                scope.spawn({
                    let store = &store;
                    move || run_rank(rank(index, count), store, death(index))
                })
            })
            .collect();
        let ends: Vec<Trained> = ranks.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(ends.iter().all(|end| end.weights == ends[0].weights && end.history == ends[0].history));
        ends[0].clone()
    })
}

/// One rank; its first process dies at its `death`-th call of the store, where there is one.
fn run_rank(rank: Rank, store: &Store, death: Option<u64>) -> Trained {
    let line = Line::new();
    let mut rounds = MemoryRounds::new(store, death);
    loop {
        match train(&fit(rank, &line), &line, &mut rounds, &Stop::default()) {
            Ok(trained) => return trained,
            Err(Error::Rounds(_)) => rounds = MemoryRounds::new(store, None),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn one_rank_fits_the_line_and_keeps_the_best_weights() {
    let trained = run_ranks(1, &|_| None);
    assert!((trained.weights[0] - 2.0).abs() < 0.2 && (trained.weights[1] + 1.0).abs() < 0.2, "{trained:?}");
    let best = trained.history[trained.epoch as usize - 1].validation.unwrap();
    assert!(trained.history.iter().all(|epoch| epoch.validation.unwrap() >= best) && trained.before.unwrap() > best);
    // 19 batches an epoch, the last one of 4 examples: none is dropped.
    assert_eq!(trained.steps, trained.history.len() as u64 * 19);
}

#[test]
fn ranks_agree_bit_by_bit_and_lose_little_against_one() {
    let alone = run_ranks(1, &|_| None);
    for count in [2, 3] {
        let together = run_ranks(count, &|_| None);
        assert_eq!(together, run_ranks(count, &|_| None));
        let best = |trained: &Trained| trained.history[trained.epoch as usize - 1].validation.unwrap();
        assert!(best(&together) < best(&alone) + 0.1, "{} {}", best(&together), best(&alone));
    }
}

#[test]
fn death_at_every_call_of_the_store_changes_nothing() {
    for count in [1, 2] {
        let undisturbed = run_ranks(count, &|_| None);
        for call in 1..40 {
            assert_eq!(run_ranks(count, &|index| (index == 0).then_some(call)), undisturbed, "death at call {call} of {count}");
        }
    }
    let three = run_ranks(3, &|_| None);
    for call in [2, 5, 9, 14] {
        assert_eq!(run_ranks(3, &|index| Some(call + u64::from(index))), three);
    }
}

#[test]
fn a_stop_after_every_step_changes_nothing() {
    let undisturbed = run_ranks(1, &|_| None);
    for step in 1..=undisturbed.steps {
        let store = Store::new(1);
        let mut line = Line::new();
        let stop = Arc::new(Stop::default());
        line.stop_after = Some((step, Arc::clone(&stop)));
        let mut rounds = MemoryRounds::new(&store, None);
        let stopped = train(&fit(rank(0, 1), &line), &line, &mut rounds, &stop);
        let stopped_early = matches!(stopped, Err(Error::Stopped { step: at }) if at == step);
        assert!(stopped_early || (step == undisturbed.steps && stopped.is_ok()), "{step}: {stopped:?}");
        let checkpoint = rounds.resume(rank(0, 1)).unwrap().unwrap();
        assert_eq!(checkpoint.step, step, "the checkpoint holds every step that was done");
        assert_eq!(run_rank(rank(0, 1), &store, None), undisturbed);
    }
}

#[test]
fn a_second_training_of_the_request_resumes_with_the_first_in_its_checkpoint() {
    let line = Line::new();
    let both = |store: &Store, death: Option<u64>| -> Result<Trained> {
        let mut rounds = MemoryRounds::new(store, death);
        let first = train(&fit(rank(0, 1), &line), &line, &mut rounds, &Stop::default())?;
        let refit = Fit { seed: 8, patience: 0, epochs: 2, earlier: std::slice::from_ref(&first), ..fit(rank(0, 1), &line) };
        let mut second = train(&refit, &line, &mut rounds, &Stop::default())?;
        second.history.extend(first.history);
        Ok(second)
    };
    let undisturbed = both(&Store::new(1), None).unwrap();
    for call in 1..90 {
        let store = Store::new(1);
        if both(&store, Some(call)).is_err() {
            assert_eq!(both(&store, None).unwrap(), undisturbed, "death at call {call}");
        }
    }
}

#[test]
fn a_damaged_or_foreign_checkpoint_is_refused() {
    let line = Line::new();
    let store = Store::new(1);
    let mut rounds = MemoryRounds::new(&store, Some(6));
    assert!(train(&fit(rank(0, 1), &line), &line, &mut rounds, &Stop::default()).is_err());
    let whole = MemoryRounds::new(&store, None).resume(rank(0, 1)).unwrap().unwrap();
    let refusal = |bytes: &[u8], fit: &Fit<'_>| match super::state::decode(bytes, fit) {
        Err(Error::Format(message)) => message,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("accepted"),
    };
    let good = fit(rank(0, 1), &line);
    for end in 0..whole.bytes.len() {
        assert!(refusal(&whole.bytes[..end], &good).starts_with("checkpoint: "));
    }
    for place in 0..whole.bytes.len() {
        let mut bytes = whole.bytes.clone();
        bytes[place] ^= 4;
        refusal(&bytes, &good);
    }
    assert!(refusal(&whole.bytes, &Fit { digest: "other".to_owned(), ..good.clone() }).contains("another configuration"));
    assert!(refusal(&whole.bytes, &Fit { rank: rank(0, 2), ..good.clone() }).contains("rank"));
    assert!(refusal(&whole.bytes, &Fit { initial: vec![0.0; 3], ..good }).contains("2 weights, not 3"));
}

#[test]
fn nothing_to_learn_from_gives_back_the_initial_weights() {
    struct Empty;
    impl Learner for Empty {
        fn examples(&self) -> usize {
            0
        }
        fn step(&self, _: &mut Slab, _: &Batch<'_>) -> Result<Sums> {
            panic!("no batch, no step")
        }
        fn validate(&self, _: &Slab, _: Rank) -> Result<Sums> {
            Ok(Sums::default())
        }
    }
    let line = Line::new();
    let store = Store::new(1);
    let fit = fit(rank(0, 1), &line);
    let trained = train(&fit, &Empty, &mut MemoryRounds::new(&store, None), &Stop::default()).unwrap();
    assert_eq!((trained.weights, trained.epoch, trained.history.len()), (fit.initial, 0, 0));
}
