//! Why and when people come back: a mixture over hidden reasons and hidden engagement, with its exact posterior.
//!
//! No proportional or additive form holds: what is used up comes back by a log-normal clock of its own, impulses by a
//! Weibull that fades, presents by the occasions of the market and the anniversary of the first one; engagement
//! multiplies the hazard by a factor that fades with age. Nothing hidden enters what is published: the hazards are
//! those given everything that the files show before `asOf`.

use super::calendar::{HORIZON, Seasons, WEEKS, Week};

/// Why a customer would come back; the last one never does and sends everything back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Routine,
    Impulse,
    Gift,
    Disappointed,
}

/// All reasons, in the order of their weights.
pub(super) const REASONS: [Reason; 4] = [Reason::Routine, Reason::Impulse, Reason::Gift, Reason::Disappointed];

/// Kinds of engagement: how much mail is clicked, how often the site is visited, how strongly a hazard is moved.
pub(super) const ENGAGEMENTS: usize = 3;
const CLICKS: [f64; ENGAGEMENTS] = [0.008, 0.05, 0.19];
const VISITS: [f64; ENGAGEMENTS] = [0.010, 0.055, 0.21];
const PULL: [f64; ENGAGEMENTS] = [-0.6, 0.15, 1.15];
/// Share of the disappointed who send everything back in each week after the first.
const SENT_BACK: [f64; 5] = [0.2, 0.35, 0.25, 0.15, 0.05];

/// What an order shows about why its buyer may come back.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the files")]
pub(super) struct Start {
    pub(super) week: Week,
    /// Days from the order to the end of its week, 0 to 6.
    pub(super) rest: i32,
    /// Days until the first routine item is used up.
    pub(super) lasts: f64,
    /// Share of lines that belong to a routine.
    pub(super) routine: f64,
    /// Log of the amount against 60 euro.
    pub(super) amount: f64,
    pub(super) lines: usize,
    pub(super) gift: bool,
    pub(super) discount: bool,
    pub(super) web: bool,
    pub(super) mail: bool,
    /// Log factor of the market and, for later orders, of loyalty.
    pub(super) level: f64,
}

impl Start {
    /// How likely each reason is.
    pub(super) fn reasons(&self, seasons: &Seasons) -> [f64; 4] {
        let routine = 0.12 + 1.5 * self.routine;
        let gift = if self.gift { 1.6 } else { 0.12 + 0.5 * seasons.at(self.week).gift };
        let disappointed = 0.06 + if self.discount && self.web { 0.08 } else { 0.0 };
        [routine, 1.0, gift, disappointed]
    }

    /// How likely each engagement is.
    pub(super) fn engagements(&self) -> [f64; ENGAGEMENTS] {
        let fan = if self.web { 1.5 } else { 1.0 };
        if self.mail { [0.5, 0.34, 0.16 * fan] } else { [0.75, 0.2, 0.05 * fan] }
    }

    /// Mean number of purchases in `week` (the hazard is one minus its exponential) without one before.
    pub(super) fn intensity(&self, reason: Reason, engagement: usize, week: Week, seasons: &Seasons) -> f64 {
        let (from, to) = self.ages(week);
        if to <= from {
            return 0.0;
        }
        let season = seasons.at(week);
        let base = match reason {
            Reason::Routine => self.routine_intensity(from, to) * (1.0 - 0.3 * season.quiet),
            Reason::Impulse => self.impulse_intensity(from, to) * self.impulse_season(season.sale, season.gift, season.quiet),
            Reason::Gift => self.gift_intensity(week, season.gift) * (to - from) / 7.0,
            Reason::Disappointed => 0.0,
        };
        base * libm::exp(self.level + PULL[engagement] * libm::exp(-to / 110.0))
    }

    /// Ages in days at both ends of the part of `week` that lies after the day of the order.
    fn ages(&self, week: Week) -> (f64, f64) {
        let end = f64::from(7 * (week - self.week) + self.rest);
        ((end - 7.0).max(0.0), end)
    }

    /// Log-normal time to the end of the product; a part of them never buys it again.
    fn routine_intensity(&self, from: f64, to: f64) -> f64 {
        let used_up = |age: f64| {
            let score = libm::log(age.max(1e-9) / (self.lasts * 1.05)) / 0.38;
            0.5 * libm::erfc(-score / std::f64::consts::SQRT_2)
        };
        let share = 0.42;
        libm::log((1.0 - share * used_up(from)) / (1.0 - share * used_up(to)))
    }

    /// Weibull with a falling hazard.
    fn impulse_intensity(&self, from: f64, to: f64) -> f64 {
        let bold = if self.lines >= 3 && self.web { 0.45 } else { 0.0 };
        let scale = libm::exp(-2.15 + 0.3 * self.amount + bold);
        scale * (libm::pow(to / 180.0, 0.6) - libm::pow(from / 180.0, 0.6))
    }

    fn impulse_season(&self, sale: f64, gift: f64, quiet: f64) -> f64 {
        let hunter = if self.discount { 2.6 } else { 0.5 };
        (1.0 + hunter * sale) * (1.0 + 0.5 * gift) * (1.0 - 0.5 * quiet)
    }

    /// Hardly anything outside the market's occasions; most where the year comes round.
    fn gift_intensity(&self, week: Week, gift: f64) -> f64 {
        let turn = (week - self.week).rem_euclid(52).min((self.week - week).rem_euclid(52));
        let anniversary = if week - self.week > 20 && turn <= 2 { 2.5 } else { 1.0 };
        0.0012 * anniversary * (1.0 + 22.0 * gift)
    }
}

/// Probability that the disappointed have not sent everything back when `week` ends.
pub(super) fn still_kept(start: &Start, week: Week) -> f64 {
    let passed = usize::try_from(week - start.week).unwrap_or(0);
    1.0 - SENT_BACK.iter().take(passed).sum::<f64>()
}

/// The week in which a disappointed customer sends everything back.
pub(super) fn return_week(start: &Start, draws: &mut super::draws::Draws) -> Week {
    start.week + 1 + draws.pick(&SENT_BACK) as Week
}

/// Visits that are expected `age` weeks after a purchase, for one unit of a customer's own rate.
pub(super) fn visit_fade(age: Week) -> f64 {
    0.25 + 0.75 * libm::exp(-f64::from(age) / 10.0)
}

/// Probability that a newsletter is clicked.
pub(super) fn click_rate(engagement: usize) -> f64 {
    CLICKS[engagement]
}

/// Visits a week right after a purchase.
pub(super) fn visit_rate(engagement: usize) -> f64 {
    VISITS[engagement]
}

/// What the files show of a one-timer's engagement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs {
    pub(super) sent: u32,
    pub(super) clicked: u32,
    /// Visits that can be linked to the customer, and how many a rate of one would have made.
    pub(super) visits: u32,
    pub(super) exposure: f64,
}

impl Signs {
    /// Log likelihood of the signs, up to a constant.
    fn log_likelihood(&self, engagement: usize) -> f64 {
        let click = CLICKS[engagement];
        let visits = VISITS[engagement];
        f64::from(self.clicked) * libm::log(click)
            + f64::from(self.sent - self.clicked) * libm::log(1.0 - click)
            + f64::from(self.visits) * libm::log(visits)
            - visits * self.exposure
    }
}

/// Weekly hazards of the second purchase in the weeks after `asOf`, given no second purchase and no return before.
pub(super) fn true_hazards(start: &Start, signs: &Signs, seasons: &Seasons) -> Vec<f64> {
    let mut cells = Vec::with_capacity(REASONS.len() * ENGAGEMENTS);
    for (reason, weight) in REASONS.into_iter().zip(start.reasons(seasons)) {
        for (engagement, share) in start.engagements().into_iter().enumerate() {
            let lived: f64 = (start.week..WEEKS).map(|week| start.intensity(reason, engagement, week, seasons)).sum();
            let kept = if reason == Reason::Disappointed { still_kept(start, WEEKS - 1) } else { 1.0 };
            let prior = libm::log(weight * share / start.engagements().iter().sum::<f64>());
            cells.push((reason, engagement, prior + signs.log_likelihood(engagement) - lived, kept));
        }
    }
    let most = cells.iter().map(|cell| cell.2).fold(f64::MIN, f64::max);
    let mut weights: Vec<f64> = cells.iter().map(|cell| libm::exp(cell.2 - most) * cell.3).collect();
    (WEEKS..WEEKS + HORIZON)
        .map(|week| {
            let (mut alive, mut bought) = (0.0, 0.0);
            for (weight, (reason, engagement, _, _)) in weights.iter_mut().zip(&cells) {
                let stays = libm::exp(-start.intensity(*reason, *engagement, week, seasons));
                alive += *weight;
                bought += *weight * (1.0 - stays);
                *weight *= stays;
            }
            bought / alive
        })
        .collect()
}
