//! One customer's life with the brand, from the first purchase to the end of the published truth.

use super::World;
use super::calendar::{BEFORE, Day, HORIZON, WEEKS, Week};
use super::catalogue::SKINS;
use super::draws::{Draws, Purpose};
use super::hazard::{self, REASONS, Reason, Signs, Start};
use super::market::MARKETS;
use super::taste::{self, Evidence, Owned};

/// What does not change about a customer. `taste` and `engagement` stand in no file.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the files")]
pub(super) struct Person {
    pub(super) market: usize,
    pub(super) number: u64,
    pub(super) skin: usize,
    pub(super) born: i32,
    /// Buys on the web: visits can then be linked by the visitor's id.
    pub(super) web: bool,
    pub(super) mail: bool,
    pub(super) phone: bool,
    /// The mail program opens everything by itself.
    pub(super) opens_all: bool,
    pub(super) excluded: &'static str,
    pub(super) objection: bool,
    pub(super) adviser: Option<usize>,
    pub(super) store: usize,
    taste: usize,
    engagement: usize,
}

/// One line of an order; the amount is in hundredths of the market's currency.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) group: usize,
    pub(super) product: usize,
    pub(super) quantity: i64,
    pub(super) amount: i64,
    pub(super) sent_back: Option<Day>,
}

/// One order. An order without lines is a service alone.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the files, or a row")]
pub(super) struct Order {
    pub(super) number: usize,
    pub(super) day: Day,
    pub(super) minute: i32,
    pub(super) lines: Vec<Line>,
    pub(super) gift: bool,
    pub(super) discount: bool,
    pub(super) web: bool,
    /// Written as two orders of one day.
    pub(super) split: bool,
    pub(super) sample: Option<usize>,
    pub(super) with_purchase: bool,
    pub(super) service: bool,
}

impl Order {
    /// Total of the lines in hundredths of the market's currency.
    pub(super) fn amount(&self) -> i64 {
        self.lines.iter().map(|line| line.amount).sum()
    }

    /// Whether everything had come back before `day`.
    pub(super) fn undone(&self, day: Day) -> bool {
        self.lines.iter().all(|line| line.sent_back.is_some_and(|back| back < day))
    }
}

/// One signal. `product` is an index into the catalogue's products.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) day: Day,
    pub(super) minute: i32,
    pub(super) kind: &'static str,
    pub(super) product: Option<usize>,
    pub(super) session: usize,
    pub(super) campaign: Option<Week>,
    /// Carries the visitor's id but not the customer's.
    pub(super) anonymous: bool,
}

/// A customer with everything that happened.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) person: Person,
    pub(super) orders: Vec<Order>,
    pub(super) events: Vec<Event>,
    /// What the first order shows, for the truth.
    pub(super) start: Start,
    pub(super) signs: Signs,
    /// What skin type and first order tell of the taste.
    pub(super) evidence: Evidence,
}

/// Lives one customer's life.
pub(super) fn live(world: &World, market: usize, number: u64) -> Life {
    let mut draws = Draws::new(world.seed, Purpose::Customer, ((market as u64) << 40) | number);
    let mut person = draw_person(market, number, &mut draws);
    let first_week = draws.pick(&world.wins[market]) as Week - BEFORE;
    let first_day = 7 * first_week + draws.below(7) as Day;
    let (first, evidence) = shop(world, &person, (first_day, 0), &[], &mut draws);
    let start = start_of(world, &person, &first, MARKETS[market].level);
    person.engagement = draws.pick(&start.engagements());
    let prior = taste::prior(person.skin);
    let mut life = Life {
        evidence: std::array::from_fn(|taste| prior[taste] + evidence[taste]),
        orders: vec![first],
        events: Vec::new(),
        signs: Signs::default(),
        person,
        start,
    };
    return_to_shop(world, &mut life, &mut draws);
    add_service(&mut life, &mut draws);
    add_mail(&mut life, &mut draws);
    add_visits(world, &mut life, &mut draws);
    life
}

fn draw_person(market: usize, number: u64, draws: &mut Draws) -> Person {
    let skin = draws.below(SKINS.len());
    let mail = draws.chance(0.62);
    let excluded = match draws.uniform() {
        share if share < 0.004 => "employee",
        share if share < 0.006 => "reseller",
        _ => "",
    };
    Person {
        market,
        number,
        skin,
        born: 1950 + draws.below(55) as i32,
        web: draws.chance(0.55),
        mail,
        phone: mail && draws.chance(0.35),
        opens_all: draws.chance(0.3),
        excluded,
        objection: draws.chance(0.004),
        adviser: draws.chance(0.3).then(|| draws.below(12)),
        store: draws.below(9),
        taste: taste::draw_taste(skin, draws),
        engagement: 0,
    }
}

/// One order on `at` = (day, number of orders before), and what it tells of the buyer's taste.
fn shop(world: &World, person: &Person, at: (Day, usize), owned: &[Owned], draws: &mut Draws) -> (Order, Evidence) {
    let (day, number) = at;
    let market = &MARKETS[person.market];
    let season = world.seasons[person.market].at(day.div_euclid(7));
    let gift = draws.chance(0.08 + 0.45 * season.gift);
    let discount = draws.chance(0.05 + 0.7 * season.sale);
    let size = 1 + (draws.count(0.75) as usize).min(5);
    let (groups, evidence) = taste::fill_basket(&world.catalogue, (person.market, day), (person.taste, owned), size, draws);
    let lines: Vec<Line> = groups
        .into_iter()
        .map(|group| {
            let shelf = &world.catalogue.groups[group];
            let quantity = if draws.chance(0.1) { 2 } else { 1 };
            let price = shelf.price as f64 * market.rate * if discount { 0.7 } else { 1.0 };
            let price = (price as i64 / market.round_to).max(1) * market.round_to;
            let product = shelf.products.start + draws.below(shelf.products.len());
            let sent_back = draws.chance(0.03).then(|| day + 4 + draws.below(18) as Day);
            Line { group, product, quantity, amount: price * quantity, sent_back }
        })
        .collect();
    let mut order = Order {
        number,
        day,
        minute: 9 * 60 + draws.below(15 * 60) as i32,
        split: lines.len() > 1 && draws.chance(0.03),
        web: person.web && draws.chance(0.85),
        sample: draws.chance(0.45).then(|| draws.below(super::export::SAMPLES)),
        with_purchase: lines.len() > 2,
        service: draws.chance(0.03),
        lines,
        gift,
        discount,
    };
    // Somebody keeps something: whole returns are the disappointed's alone, so that a purchase is known to be one.
    order.lines[0].sent_back = None;
    (order, evidence)
}

fn start_of(world: &World, person: &Person, order: &Order, level: f64) -> Start {
    let groups: Vec<_> = order.lines.iter().map(|line| (&world.catalogue.groups[line.group], line.quantity)).collect();
    let lasts =
        groups.iter().filter_map(|(group, quantity)| group.lasts.map(|days| f64::from(days) * *quantity as f64)).fold(f64::MAX, f64::min);
    let routine = groups.iter().filter(|(group, _)| group.routine.is_some()).count() as f64 / groups.len() as f64;
    let euros = order.amount() as f64 / MARKETS[person.market].rate / 100.0;
    Start {
        week: order.day.div_euclid(7),
        rest: 6 - order.day.rem_euclid(7),
        lasts: if lasts < f64::MAX { lasts } else { 100.0 },
        routine,
        amount: libm::log(euros / 60.0),
        lines: order.lines.len(),
        gift: order.gift,
        discount: order.discount,
        web: order.web,
        mail: person.mail,
        level,
    }
}

/// Loyal customers come back more often than one-timers.
const LOYALTY: f64 = 0.9;

fn return_to_shop(world: &World, life: &mut Life, draws: &mut Draws) {
    let seasons = &world.seasons[life.person.market];
    let mut start = life.start;
    let mut reason = REASONS[draws.pick(&start.reasons(seasons))];
    if reason == Reason::Disappointed {
        let back = 7 * hazard::return_week(&start, draws) + draws.below(7) as Day;
        life.orders[0].lines.iter_mut().for_each(|line| line.sent_back = Some(back));
        return;
    }
    for week in start.week..WEEKS + HORIZON {
        let intensity = start.intensity(reason, life.person.engagement, week, seasons);
        if !draws.chance(1.0 - libm::exp(-intensity)) {
            continue;
        }
        let day = if week == start.week {
            7 * week + 7 - start.rest + draws.below(start.rest as usize) as Day
        } else {
            7 * week + draws.below(7) as Day
        };
        let owned: Vec<Owned> =
            life.orders.iter().flat_map(|order| order.lines.iter().map(|line| Owned { group: line.group, day: order.day })).collect();
        let (order, _) = shop(world, &life.person, (day, life.orders.len()), &owned, draws);
        start = start_of(world, &life.person, &order, MARKETS[life.person.market].level + LOYALTY);
        reason = REASONS[draws.pick(&start.reasons(seasons)[..3])];
        life.orders.push(order);
    }
}

/// A few come back for a service alone, which is no purchase.
fn add_service(life: &mut Life, draws: &mut Draws) {
    if !draws.chance(0.02) {
        return;
    }
    let day = life.orders[0].day + 5 + draws.below(200) as Day;
    let order = Order {
        number: life.orders.len(),
        day,
        minute: 11 * 60,
        lines: Vec::new(),
        gift: false,
        discount: false,
        web: false,
        split: false,
        sample: None,
        with_purchase: false,
        service: true,
    };
    life.orders.push(order);
}

fn add_mail(life: &mut Life, draws: &mut Draws) {
    if !life.person.mail {
        return;
    }
    let first = (life.start.week + 1).max(0);
    for week in (first..WEEKS).filter(|week| week.rem_euclid(4) == life.person.market as Week) {
        let (day, minute) = (7 * week + 1, 8 * 60 + draws.below(120) as i32);
        let clicked = draws.chance(hazard::click_rate(life.person.engagement));
        let opened = clicked || life.person.opens_all || draws.chance(0.12);
        let mut tell = |kind, later: i32| {
            let event = Event { day, minute: minute + later, kind, product: None, session: 0, campaign: Some(week), anonymous: false };
            life.events.push(event);
        };
        tell("sent", 0);
        if opened {
            tell("open", 20);
        }
        if clicked {
            tell("click", 22);
        }
        life.signs.sent += 1;
        life.signs.clicked += u32::from(clicked);
    }
}

fn add_visits(world: &World, life: &mut Life, draws: &mut Draws) {
    let first = life.start.week;
    for _ in 0..draws.count(0.8) {
        let day = life.orders[0].day - 1 - draws.below(40) as Day;
        add_visit(world, life, day, draws);
    }
    let mut last = first;
    for week in first + 1..WEEKS {
        let fade = hazard::visit_fade(week - last);
        let visits = draws.count(hazard::visit_rate(life.person.engagement) * fade);
        life.signs.exposure += fade;
        life.signs.visits += visits;
        for _ in 0..visits {
            add_visit(world, life, 7 * week + draws.below(7) as Day, draws);
        }
        if life.orders.iter().any(|order| order.day.div_euclid(7) == week && !order.lines.is_empty()) {
            last = week;
        }
    }
}

fn add_visit(world: &World, life: &mut Life, day: Day, draws: &mut Draws) {
    let session = life.events.last().map_or(1, |event| event.session + 1).max(1);
    // A visitor can only be known once a web order told who it is; earlier visits are linked by that order.
    let known = life.orders.iter().any(|order| order.web && order.day < day);
    let visit = draw_visit(world, (life.person.market, life.person.taste), (day, session), draws);
    life.events.extend(visit.into_iter().map(|event| Event { anonymous: event.anonymous || !known, ..event }));
}

/// One visit with the products that were looked at.
pub(super) fn draw_visit(world: &World, visitor: (usize, usize), at: (Day, usize), draws: &mut Draws) -> Vec<Event> {
    let (market, taste) = visitor;
    let (day, session) = at;
    let minute = 7 * 60 + draws.below(16 * 60) as i32;
    let anonymous = draws.chance(0.7);
    let event = |kind, product, later| Event { day, minute: minute + later, kind, product, session, campaign: None, anonymous };
    let shelf = world.catalogue.shelf(market, day.div_euclid(7));
    let weights: Vec<f64> = shelf.iter().zip(&world.catalogue.groups).map(|(want, group)| want * group.liking[taste]).collect();
    let mut events = vec![event("visit", None, 0)];
    for place in 0..=draws.count(1.1) {
        let group = &world.catalogue.groups[draws.pick(&weights)];
        let product = group.products.start + draws.below(group.products.len());
        events.push(event("view", Some(product), 1 + place as i32));
    }
    events
}
