//! What the brand sells: groups of products, routines, prices, and each market's shelf week by week.

use super::calendar::{BEFORE, HORIZON, WEEKS, Week};
use super::draws::{Draws, Purpose};
use super::market::MARKETS;

/// Groups in the catalogue.
pub(super) const GROUPS: usize = 240;
/// Hidden kinds of taste.
pub(super) const TASTES: usize = 8;
/// Skin types, which hint at taste.
pub(super) const SKINS: [&str; 4] = ["dry", "oily", "mixed", "sensitive"];

const ROUTINES: usize = 10;
const STEPS: usize = 4;
const COLD: usize = 24;

struct Family {
    axis: &'static str,
    name: &'static str,
    nouns: [&'static str; 2],
    /// Median price in euro.
    price: f64,
    /// Days until a unit is used up; 0 where nobody buys it again for that reason.
    lasts: u16,
}

const fn family(axis: &'static str, name: &'static str, nouns: [&'static str; 2], price: f64, lasts: u16) -> Family {
    Family { axis, name, nouns, price, lasts }
}

/// The first [`STEPS`] families are the steps of a routine, in order.
const FAMILIES: [Family; 12] = [
    family("skin care", "cleanser", ["Cleansing Milk", "Foam"], 26.0, 60),
    family("skin care", "serum", ["Serum", "Concentrate"], 62.0, 75),
    family("skin care", "cream", ["Day Cream", "Night Cream"], 54.0, 90),
    family("skin care", "eye care", ["Eye Contour", "Eye Balm"], 44.0, 120),
    family("skin care", "mask", ["Mask", "Peel"], 34.0, 0),
    family("make-up", "lips", ["Lipstick", "Lip Tint"], 29.0, 0),
    family("make-up", "complexion", ["Foundation", "Powder"], 42.0, 110),
    family("make-up", "eyes", ["Mascara", "Eye Shadow"], 31.0, 95),
    family("fragrance", "floral", ["Eau de Parfum", "Mist"], 82.0, 0),
    family("fragrance", "woody", ["Eau de Toilette", "Cologne"], 74.0, 0),
    family("body", "bath", ["Shower Oil", "Body Scrub"], 22.0, 50),
    family("gifts", "coffret", ["Coffret", "Discovery Set"], 69.0, 0),
];
const COFFRET: usize = 11;

const LINES: [&str; 12] = ["Aube", "Brume", "Corail", "Dune", "Ecume", "Fjord", "Givre", "Halo", "Iris", "Jade", "Lune", "Mica"];

/// What is recommended: all shades and sizes of one thing.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) axis: &'static str,
    pub(super) family: &'static str,
    pub(super) line: &'static str,
    /// Hundredths of a euro.
    pub(super) price: i64,
    /// Days until a unit is used up.
    pub(super) lasts: Option<u16>,
    /// The routine and its step, both from 0.
    pub(super) routine: Option<(usize, usize)>,
    pub(super) gift: bool,
    pub(super) launched: Option<Week>,
    pub(super) discontinued: Option<Week>,
    /// Products: index into [`Catalogue::products`].
    pub(super) products: std::ops::Range<usize>,
    /// How much each taste likes it; median 1.
    pub(super) liking: [f64; TASTES],
    /// Weekly growth of the log appeal.
    trend: f64,
}

/// One shade or size.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) id: String,
    pub(super) group: usize,
    pub(super) shade: String,
}

/// The whole catalogue with each market's shelf.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) groups: Vec<Group>,
    pub(super) products: Vec<Product>,
    /// Per market and week (from `-BEFORE`): the appeal of each group, 0 when it is not sold.
    shelves: Vec<Vec<Vec<f64>>>,
}

impl Catalogue {
    /// Draws the catalogue of one seed.
    pub(super) fn new(seed: u64) -> Self {
        let loves = taste_of_families(seed);
        let mut products = Vec::new();
        let groups: Vec<Group> = (0..GROUPS).map(|index| draw_group(seed, index, &loves, &mut products)).collect();
        let shelves = (0..MARKETS.len()).map(|market| draw_shelves(seed, market, &groups)).collect();
        Self { groups, products, shelves }
    }

    /// The appeal of each group in a market and week, apart from the buyer.
    pub(super) fn shelf(&self, market: usize, week: Week) -> &[f64] {
        let weeks = &self.shelves[market];
        let index = usize::try_from(week + BEFORE).unwrap_or(0).min(weeks.len() - 1);
        &weeks[index]
    }
}

fn taste_of_families(seed: u64) -> Vec<[f64; TASTES]> {
    let mut draws = Draws::new(seed, Purpose::Catalogue, u64::MAX);
    FAMILIES.iter().map(|_| std::array::from_fn(|_| libm::exp(0.9 * draws.normal()))).collect()
}

fn draw_group(seed: u64, index: usize, loves: &[[f64; TASTES]], products: &mut Vec<Product>) -> Group {
    let mut draws = Draws::new(seed, Purpose::Catalogue, index as u64);
    let in_routine = index < ROUTINES * STEPS;
    let kind = if in_routine { index % STEPS } else { draws.below(FAMILIES.len()) };
    let family = &FAMILIES[kind];
    let line = LINES[if in_routine { index / STEPS } else { draws.below(LINES.len()) }];
    let euros = (family.price * libm::exp(0.35 * draws.normal())).max(6.0);
    let first = products.len();
    for shade in 0..=draws.below(4) {
        let id = format!("P{:04}", products.len() + 1);
        products.push(Product { id, group: index, shade: format!("no. {}", shade + 1) });
    }
    let cold = index >= GROUPS - COLD;
    let launched = if cold { Some(WEEKS - 1 - draws.below(16) as Week) } else { draws.chance(0.2).then(|| 8 + draws.below(110) as Week) };
    let discontinued = (!cold && launched.is_none() && !in_routine && draws.chance(0.06)).then(|| 40 + draws.below(90) as Week);
    Group {
        id: format!("G{:03}", index + 1),
        name: format!("{line} {}, no. {}", family.nouns[draws.below(2)], index + 1),
        axis: family.axis,
        family: family.name,
        line,
        price: (euros * 2.0) as i64 * 50,
        lasts: (family.lasts > 0).then(|| (f64::from(family.lasts) * libm::exp(0.15 * draws.normal())) as u16),
        routine: in_routine.then_some((index / STEPS, index % STEPS)),
        gift: kind == COFFRET,
        launched,
        discontinued,
        products: first..products.len(),
        liking: std::array::from_fn(|taste| loves[kind][taste] * libm::exp(0.6 * draws.normal())),
        trend: if draws.chance(0.25) { 0.012 * draws.normal() } else { 0.0 },
    }
}

/// Best-sellers by Zipf's law over a ranking that markets share in part; trends bend it, launches ramp up.
fn draw_shelves(seed: u64, market: usize, groups: &[Group]) -> Vec<Vec<f64>> {
    let mut ranking: Vec<(f64, usize)> = (0..groups.len())
        .map(|group| {
            let shared = Draws::new(seed, Purpose::Shelf, group as u64).normal();
            let own = Draws::new(seed, Purpose::Shelf, ((market as u64 + 1) << 32) | group as u64).normal();
            (0.8 * shared + 0.6 * own, group)
        })
        .collect();
    ranking.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut appeal = vec![0.0; groups.len()];
    for (rank, (_, group)) in ranking.iter().enumerate() {
        appeal[*group] = libm::pow(rank as f64 + 2.0, -0.85);
    }
    (-BEFORE..WEEKS + HORIZON)
        .map(|week| groups.iter().zip(&appeal).map(|(group, appeal)| appeal * on_shelf(group, week)).collect())
        .collect()
}

fn on_shelf(group: &Group, week: Week) -> f64 {
    let launched = group.launched.unwrap_or(-BEFORE - 100);
    if week < launched || group.discontinued.is_some_and(|end| week >= end) {
        return 0.0;
    }
    let ramp = (0.4 + 0.1 * f64::from(week - launched)).min(1.0);
    ramp * libm::exp(group.trend * f64::from(week - WEEKS / 2))
}
