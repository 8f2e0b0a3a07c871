use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{Contact, Day, Journey, JourneyParts, Line, Order, Profile};

fn order(day: i32, group: u32, amount: f64) -> Order {
    let line = Line { group, quantity: 1.0, amount, returned_on: None };
    Order { day: Day(day), at: i64::from(day) * 86_400, currency: 0, gift: false, lines: vec![line] }
}

fn customer(id: &str, days: &[i32], profile: Profile) -> Journey {
    let orders = days.iter().map(|&day| order(day, 0, 20.0)).collect();
    Journey::new(JourneyParts { customer: id.to_owned(), known: true, profile, orders, ..JourneyParts::default() })
}

fn consents(channels: &[&str]) -> Profile {
    Profile { consent: channels.iter().map(|&name| name.to_owned()).collect(), ..Profile::default() }
}

fn channels(capacities: &[(&str, Option<u64>)]) -> Vec<Channel> {
    capacities.iter().map(|&(name, capacity)| Channel { name: name.to_owned(), capacity }).collect()
}

fn shares(control: u8, untimed: u8, business_rule: u8) -> ArmShares {
    ArmShares { control, untimed, business_rule }
}

/// `python3 -c "import hashlib; print([int.from_bytes(hashlib.sha256(f'second-purchase\n2011\n{c}'.encode())
/// .digest()[:8], 'big') % 10000 for c in ('c1', 'c2', 'Zoë')])"`
#[test]
fn a_bucket_is_what_another_implementation_says() {
    let experiment = Experiment::new("second-purchase", "2011", shares(10, 10, 10)).unwrap();
    assert_eq!(["c1", "c2", "Zoë"].map(|id| experiment.bucket(id)), [9608, 7605, 3160]);
}

#[test]
fn arms_hold_their_shares() {
    let experiment = Experiment::new("a", "b", shares(10, 20, 30)).unwrap();
    let mut counts: BTreeMap<Arm, f64> = BTreeMap::new();
    for id in 0..20_000 {
        *counts.entry(experiment.arm(&format!("customer {id}"))).or_insert(0.0) += 1.0 / 20_000.0;
    }
    for (arm, share) in [(Arm::Treated, 0.4), (Arm::Control, 0.1), (Arm::Untimed, 0.2), (Arm::BusinessRule, 0.3)] {
        assert!((counts[&arm] - share).abs() < 0.015, "{arm:?} {}", counts[&arm]);
    }
}

#[test]
fn a_share_that_does_not_fit_its_band_is_refused() {
    for (bad, arm) in [(shares(41, 0, 0), "control"), (shares(0, 31, 0), "untimed"), (shares(0, 0, 31), "businessRule")] {
        let message = Experiment::new("a", "b", bad).unwrap_err().to_string();
        assert!(message.contains(arm), "{message}");
    }
}

proptest! {
    #[test]
    fn raising_a_share_re_draws_nobody(
        low in (0u8..=40, 0u8..=30, 0u8..=30), more in (0u8..=40, 0u8..=30, 0u8..=30), ids in prop::collection::vec("[a-z0-9]{1,8}", 50)
    ) {
        let before = Experiment::new("e", "s", shares(low.0, low.1, low.2)).unwrap();
        let raised = shares(low.0.max(more.0), low.1.max(more.1), low.2.max(more.2));
        let after = Experiment::new("e", "s", raised).unwrap();
        for id in ids {
            let (old, new) = (before.arm(&id), after.arm(&id));
            prop_assert!(old == new || old == Arm::Treated, "{old:?} became {new:?}");
        }
    }
}

#[test]
fn stages_look_at_purchase_days_only() {
    let audience = |stage| Audience { stage, welcome_days: 60, ..Audience::default() };
    let holds = |stage, journey: &Journey, at| audience(stage).holds(&journey.as_of(Day(at)));
    let one = customer("one", &[100], Profile::default());
    let two = customer("two", &[100, 130], Profile::default());
    let none = customer("none", &[], Profile::default());
    assert!(holds(Stage::OneTime, &one, 101) && !holds(Stage::OneTime, &one, 100));
    assert!(holds(Stage::OneTime, &two, 130) && !holds(Stage::OneTime, &two, 131));
    assert!(!holds(Stage::AfterWelcome, &one, 160) && holds(Stage::AfterWelcome, &one, 161));
    assert!(holds(Stage::All, &none, 1) && !holds(Stage::OneTime, &none, 1));
    let stated = Profile { welcome_ended_on: Some(Day(110)), ..Profile::default() };
    assert!(holds(Stage::AfterWelcome, &customer("stated", &[100], stated), 111));
    // Two orders on one day are one purchase.
    assert!(holds(Stage::OneTime, &customer("twice", &[100, 100], Profile::default()), 101));
}

fn policy(top: Option<u64>, capacities: &[(&str, Option<u64>)], arms: Option<ArmShares>) -> ContactPolicy {
    ContactPolicy {
        by: Some(Measure::P90),
        top,
        lead_time_days: 5,
        channels: channels(capacities),
        experiment: arms.map(|arms| Experiment::new("e", "s", arms).unwrap()),
        ..ContactPolicy::default()
    }
}

fn contender(id: u32, arm: Arm, channels: u32, score: f64, recency: u32) -> Contender {
    let customer = CustomerHash::of(&id.to_string());
    Contender { customer, arm, channels, score, recency, first_basket: f64::from(id % 5) }
}

#[test]
fn channels_fill_in_the_order_listed_and_the_rest_has_a_reason() {
    let policy = policy(Some(3), &[("email", Some(1)), ("call", Some(1))], None);
    let all = [(0.9, 0b11), (0.8, 0b01), (0.7, 0b11), (0.6, 0b10), (0.5, 0b01)];
    let contenders: Vec<_> = all.iter().zip(0..).map(|(&(score, mask), id)| contender(id, Arm::Treated, mask, score, 1)).collect();
    let cut = select(contenders.clone(), &policy);
    let verdicts: Vec<_> = contenders.iter().map(|one| cut.verdict(one)).collect();
    let taken = |rank, channel| Verdict::Selected { rank, channel: Some(channel) };
    let full = Verdict::Suppressed(Suppressed::Capacity);
    assert_eq!(verdicts, [taken(1, 0), full, taken(2, 1), full, full]);
}

#[test]
fn beyond_the_top_is_below_the_threshold_and_control_learns_where_it_would_stand() {
    let policy = policy(Some(2), &[], Some(shares(40, 0, 0)));
    let treated: Vec<_> = (0..4).map(|id| contender(id, Arm::Treated, 0, 1.0 - f64::from(id) / 10.0, 1)).collect();
    let cut = select(treated.clone(), &policy);
    assert_eq!(cut.verdict(&treated[1]), Verdict::Selected { rank: 2, channel: None });
    assert_eq!(cut.verdict(&treated[2]), Verdict::Suppressed(Suppressed::BelowThreshold));
    assert_eq!(cut.verdict(&contender(9, Arm::Control, 0, 0.95, 1)), Verdict::Withheld);
    assert_eq!(cut.verdict(&contender(9, Arm::Control, 0, 0.1, 1)), Verdict::Suppressed(Suppressed::BelowThreshold));
}

#[test]
fn the_rule_takes_its_share_by_recency_then_amount() {
    let policy = policy(Some(9), &[], Some(shares(10, 0, 30)));
    let mut all: Vec<_> = (0..10).map(|id| contender(id, Arm::Treated, 0, f64::from(id), 1)).collect();
    all.extend((10..20).map(|id| contender(id, Arm::BusinessRule, 0, 99.0, 100 - id / 2)));
    let cut = select(all.clone(), &policy);
    let chosen = |arm| all.iter().filter(|one| one.arm == arm && matches!(cut.verdict(one), Verdict::Selected { .. })).count();
    // 30 of the 90 percent that may be selected: a third of nine.
    assert_eq!((chosen(Arm::BusinessRule), chosen(Arm::Treated)), (3, 6));
    let ranks: Vec<_> = [18, 19, 16, 17].map(|id: usize| cut.verdict(&all[id])).to_vec();
    // Equal recency within a pair: the larger first basket (id mod 5) goes first.
    let selected = |rank| Verdict::Selected { rank, channel: None };
    assert_eq!(ranks, [selected(2), selected(1), Verdict::Suppressed(Suppressed::BelowThreshold), selected(3)]);
}

fn arbitrary_contenders() -> impl Strategy<Value = Vec<Contender>> {
    let arm = prop_oneof![4 => Just(Arm::Treated), 1 => Just(Arm::Untimed), 2 => Just(Arm::BusinessRule), 1 => Just(Arm::Control)];
    let one = (arm, 1u32..8, 0u8..6, 0u32..4);
    prop::collection::vec(one, 0..120).prop_map(|all| {
        all.into_iter()
            .zip(0..)
            // Few distinct scores: ties are the hard part.
            .map(|((arm, mask, score, recency), id)| contender(id, arm, mask, f64::from(score) / 5.0, recency))
            .collect()
    })
}

proptest! {
    #[test]
    fn any_split_into_shards_gives_the_same_cut(
        contenders in arbitrary_contenders(), top in prop::option::of(0u64..40),
        capacities in prop::collection::vec(prop::option::of(0u64..20), 0..3), shards in 1usize..9, rotate in 0usize..100
    ) {
        let named: Vec<_> = ["email", "call", "letter"].into_iter().zip(capacities).collect();
        let policy = policy(top, &named, Some(shares(10, 10, 20)));
        let whole = select(contenders.clone(), &policy);
        let mut parts = vec![Vec::new(); shards];
        for one in &contenders {
            parts[usize::from(one.customer.virtual_shard()) % shards].push(*one);
        }
        parts.rotate_left(rotate % shards);
        let merged = select(parts.into_iter().flat_map(|part| shortlist(part, &policy)), &policy);
        prop_assert_eq!(&whole, &merged);

        // What the cut promises, whoever drew it.
        let mut places = BTreeSet::new();
        let mut taken = vec![0; policy.channels.len()];
        for one in &contenders {
            if let Verdict::Selected { rank, channel } = whole.verdict(one) {
                prop_assert!(one.arm != Arm::Control);
                prop_assert!(places.insert((one.arm == Arm::BusinessRule, rank)), "a rank was given twice");
                if let Some(index) = channel {
                    prop_assert!(one.channels >> index & 1 == 1, "a channel without consent");
                    taken[index] += 1;
                }
            }
        }
        prop_assert_eq!(places.len() as u64, whole.selected());
        prop_assert!(top.is_none_or(|top| whole.selected() <= top));
        for (channel, taken) in policy.channels.iter().zip(taken) {
            prop_assert!(channel.capacity.is_none_or(|capacity| taken <= capacity));
        }
    }
}

fn period(from: i32, to: i32, probability: f64) -> KeyPeriod {
    KeyPeriod { from: Day(from), to: Day(to), probability, lift: 1.2 }
}

fn scored(view: crate::View<'_>, periods: Vec<KeyPeriod>) -> Scored<'_> {
    let recommendation = Recommendation { product_id: "p".to_owned(), group_id: "g".to_owned(), role: Role::Discover, score: 1.0, rank: 1 };
    let expected = Expected { p90: 0.4, key_periods: periods, ..Expected::default() };
    Scored { view, first_basket: 0.0, expected: Some(expected), recommendations: vec![recommendation], affinities: Vec::new() }
}

fn row(journey: &Journey, periods: Vec<KeyPeriod>, policy: &ContactPolicy) -> ContactRow {
    let view = journey.as_of(Day(200));
    let markets = vec!["NO".to_owned()];
    let plan = Plan { id: "plan".to_owned(), markets, through: Day(199), intent_digest: None, recommender_digest: None };
    let cut = select(contend(&view, 0.0, 0.4, policy).ok(), policy);
    contact(scored(view, periods), &plan, policy, &cut)
}

#[test]
fn the_likeliest_key_period_is_met_by_the_lead_time() {
    let policy = policy(None, &[("email", None)], None);
    let journey = customer("c", &[100], consents(&["email"]));
    let row = row(&journey, vec![period(207, 213, 0.1), period(235, 248, 0.2), period(260, 266, 0.2)], &policy);
    assert!(row.selected && row.channel.as_deref() == Some("email") && row.rank == Some(1));
    assert_eq!((row.send_from, row.send_to), (Some(Day(230)), Some(Day(243))));
    assert_eq!((row.market.as_str(), row.age_days), ("NO", Some(100)));
}

#[test]
fn a_period_that_is_near_is_cut_and_one_that_has_passed_is_not_waited_for() {
    let policy = policy(None, &[], None);
    let journey = customer("c", &[100], Profile::default());
    let window = |periods| {
        let row = row(&journey, periods, &policy);
        (row.send_from.unwrap().0, row.send_to.unwrap().0)
    };
    assert_eq!(window(vec![period(200, 206, 0.2)]), (200, 201));
    assert_eq!(window(vec![period(200, 203, 0.9), period(214, 220, 0.2)]), (209, 215));
    assert_eq!(window(Vec::new()), (200, 206));
}

#[test]
fn untimed_goes_at_once_and_control_gets_nothing() {
    let all = Some(shares(40, 30, 30));
    let policy = policy(None, &[], all);
    let arm_of =
        |wanted| (0..1000).map(|id| id.to_string()).find(|id| policy.arm(id) == wanted).map(|id| customer(&id, &[100], Profile::default()));
    for arm in [Arm::Untimed, Arm::BusinessRule] {
        let row = row(&arm_of(arm).unwrap(), vec![period(235, 248, 0.2)], &policy);
        assert!(row.selected && row.arm == arm && !row.recommendations.is_empty());
        assert_eq!((row.send_from, row.send_to), (Some(Day(200)), Some(Day(206))));
    }
    let control = row(&arm_of(Arm::Control).unwrap(), vec![period(235, 248, 0.2)], &policy);
    assert!(!control.selected && control.recommendations.is_empty() && control.suppressed.is_none());
    assert_eq!((control.rank, control.send_from), (None, None));
}

#[test]
fn every_barrier_has_its_reason() {
    let mut policy = policy(Some(1), &[("email", Some(1))], None);
    policy.audience = Audience { not_contacted_for_days: 14, exclude: vec!["employee".to_owned()], ..Audience::default() };
    let reason = |journey: &Journey| row(journey, Vec::new(), &policy).suppressed;
    assert_eq!(reason(&customer("c", &[100], Profile::default())), Some(Suppressed::NoConsent));
    let employee = Profile { excluded: vec!["employee".to_owned()], ..consents(&["email"]) };
    assert_eq!(reason(&customer("c", &[100], employee)), Some(Suppressed::Excluded));
    let contacted = |day| {
        let mut parts = customer("c", &[100], consents(&["email"])).into_parts();
        parts.contacts.push(Contact { day: Day(day), channel: "call".to_owned(), planned: false });
        Journey::new(parts)
    };
    assert_eq!(reason(&contacted(186)), Some(Suppressed::RecentlyContacted));
    assert_eq!(reason(&contacted(185)), None);
}

#[test]
fn a_row_reads_back_what_it_wrote() {
    let journey = customer("c", &[100], Profile::default());
    let row = row(&journey, vec![period(235, 248, 0.2)], &policy(None, &[], None));
    let json = serde_json::to_string(&row).unwrap();
    assert_eq!(serde_json::from_str::<ContactRow>(&json).unwrap(), row);
}
