//! Documents to render: a small one to read whole, and large ones of the size that a real run has.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use reprise_models::report_document::*;

const MARKETS: [(&str, u64, f64); 7] = [
    ("DK", 2_140, 0.71),
    ("FI", 1_480, 0.62),
    ("IS", 38, 0.04),
    ("NO", 5_210, 0.86),
    ("SE", 6_890, 0.89),
    ("EE", 310, 0.24),
    ("LV", 122, 0.12),
];

pub(super) fn plain(kind: DocumentKind) -> MetricsDocument {
    MetricsDocument {
        kind,
        geography: "NORDICS".into(),
        as_of: date(2011, 5, 31),
        through: date(2011, 5, 30),
        ..MetricsDocument::default()
    }
}

/// One of everything small, so that its page can be read whole.
pub(super) fn small() -> MetricsDocument {
    let bins =
        vec![CalibrationBin { predicted: 0.1, observed: 0.125, count: 80 }, CalibrationBin { predicted: 0.3, observed: 0.25, count: 20 }];
    MetricsDocument {
        geography: "NO".into(),
        headline: vec![headline("AUC at 90 days", 0.61, Unit::Number, Some((0.58, 0.64)), Some(("Kaplan-Meier given age", 0.557)))],
        markets: vec![MarketRow {
            market: "NO".into(),
            customers: 1234,
            one_timers: 800,
            examples: 640,
            events: 96,
            own_weight: Some(0.75),
            ..MarketRow::default()
        }],
        intent: Some(IntentMetrics {
            horizon_weeks: 26,
            customers: 100,
            events: 15,
            calibration: vec![Calibration { days: 30, bins, ..Calibration::default() }],
            ..IntentMetrics::default()
        }),
        limits: vec!["Trained on treated outcomes: the source has no contacts.".into()],
        ..plain(DocumentKind::Intent)
    }
}

fn headline(name: &str, value: f64, unit: Unit, interval: Option<(f64, f64)>, baseline: Option<(&str, f64)>) -> Headline {
    Headline {
        name: name.into(),
        value,
        unit,
        interval: interval.map(|(low, high)| Interval { low, high }),
        better: Better::Higher,
        baseline: baseline.map(|(name, value)| Reference { name: name.into(), value }),
    }
}

fn markets(metrics: &[(&str, f64)]) -> Vec<MarketRow> {
    let row = |(index, (market, customers, weight)): (usize, &(&str, u64, f64))| MarketRow {
        market: (*market).into(),
        customers: *customers,
        one_timers: customers * 62 / 100,
        examples: customers * 51 / 100,
        events: customers * 17 / 100,
        own_weight: Some(*weight),
        metrics: metrics.iter().map(|(name, value)| ((*name).to_owned(), value * (1.0 + 0.02 * index as f64))).collect(),
    };
    let mut rows: Vec<MarketRow> = MARKETS.iter().enumerate().map(row).collect();
    rows.sort_by(|a, b| a.market.cmp(&b.market));
    rows
}

fn history() -> TrainingHistory {
    let epoch = |epoch: u32| {
        let e = f64::from(epoch);
        Epoch { epoch, loss: 5.1 + 2.6 * (-e / 5.0).exp(), validation: Some(5.6 + 2.2 * (-e / 5.0).exp() + 0.0012 * e * e) }
    };
    TrainingHistory { loss: "Cross-entropy, nats per target".into(), epochs: (1..=18).map(epoch).collect(), best_epoch: Some(14) }
}

pub(super) fn quality() -> DataQuality {
    let rows = |name: &str, rows_in: u64, quarantined: u64, filtered: u64| RowCounts {
        name: name.into(),
        rows_in,
        rows_out: rows_in - quarantined - filtered,
        quarantined,
        filtered,
    };
    let refusal = |column: &str, reason: &str, count| Refusal { name: "sales".into(), column: column.into(), reason: reason.into(), count };
    let market = |(market, customers, _): &(&str, u64, f64)| MarketData {
        market: (*market).into(),
        customers: *customers,
        one_timers: customers * 62 / 100,
        orders: customers * 2,
        groups: 1_180,
        routines: 14,
        first_day: Some(date(2009, 12, 1)),
        last_day: Some(date(2011, 5, 30)),
        share_with_clicks: 0.31,
        share_with_visits: 0.18,
        gaps: if *market == "IS" { vec![Gap { from: date(2010, 7, 3), to: date(2010, 7, 24) }] } else { Vec::new() },
    };
    DataQuality {
        files: vec![rows("sales", 734_490, 1_208, 22_523), rows("products", 4_235, 0, 12), rows("clicks", 2_118_004, 96, 0)],
        views: vec![rows("transactions", 710_759, 0, 172_149), rows("events", 2_117_908, 0, 88_412)],
        refusals: vec![
            refusal("Price", "not a decimal", 804),
            refusal("InvoiceDate", "not a timestamp of the format", 391),
            refusal("Quantity", "empty", 13),
        ],
        markets: MARKETS.iter().map(market).collect(),
    }
}

/// An intent model of seven markets, with every figure.
pub(super) fn intent() -> MetricsDocument {
    MetricsDocument {
        settings: [("Horizon", "26 weeks"), ("Key periods", "4 weeks"), ("Seed", "7"), ("Recipe", "3")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        headline: vec![
            headline("AUC at 90 days", 0.612, Unit::Number, Some((0.587, 0.637)), Some(("Kaplan-Meier given age", 0.557))),
            headline("Lift of the best tenth, 30 days", 2.37, Unit::Times, Some((2.02, 2.71)), Some(("Kaplan-Meier given age", 2.12))),
            Headline {
                better: Better::Lower,
                ..headline("Calibration error, 30 days", 0.008, Unit::Number, Some((0.003, 0.013)), Some(("Kaplan-Meier given age", 0.044)))
            },
            headline("Bought inside key periods", 0.352, Unit::Share, Some((0.321, 0.383)), Some(("Age and calendar alone", 0.315))),
        ],
        markets: markets(&[("AUC 90", 0.6), ("Brier 90", 0.21)]),
        intent: Some(IntentMetrics {
            horizon_weeks: 26,
            customers: 1_834,
            events: 682,
            calibration: vec![calibration(30, 0.4), calibration(90, 1.0)],
            hazard: std::iter::once("all").chain(MARKETS.iter().map(|market| market.0)).enumerate().map(hazard).collect(),
            key_periods: Some(key_periods()),
            methods: methods(),
            levels: MARKETS
                .iter()
                .map(|(market, customers, own_weight)| MarketLevel {
                    market: (*market).into(),
                    factor: 1.0 - 0.1 * own_weight,
                    events: customers / 60,
                    expected: *customers as f64 / 55.0,
                    own_weight: *own_weight,
                })
                .collect(),
            ..IntentMetrics::default()
        }),
        training: Some(TrainingHistory { loss: "Log-loss, nats per week".into(), ..history() }),
        data_quality: Some(quality()),
        limits: vec![
            "Trained on treated outcomes: the source has no table of contacts, so the probabilities include whatever was sent then.".into(),
            "AUC at 90 days is won inside each date, not beyond doubt over all of them.".into(),
        ],
        ..plain(DocumentKind::Intent)
    }
}

fn calibration(days: u32, level: f64) -> Calibration {
    let bin = |index: u32| {
        let predicted = level * (0.05 + 0.065 * f64::from(index));
        let off = [0.01, -0.015, 0.012, 0.02, -0.02, 0.015, -0.03, 0.02, -0.045, 0.05][index as usize];
        CalibrationBin {
            predicted,
            observed: (predicted + off * level).max(0.0),
            count: u64::from(60 + 50 * index.min(9 - index) * index.min(9 - index)),
        }
    };
    Calibration {
        days,
        bins: (0..10).map(bin).collect(),
        slope: Some(0.94),
        slope_interval: Some(Interval { low: 0.7, high: 1.18 }),
        debiased_error: Some(0.008),
    }
}

fn hazard((index, market): (usize, &str)) -> HazardSeries {
    let week = |week: u32| {
        let w = f64::from(week);
        let baseline = 0.034 * (-w / 9.0).exp() + 0.012;
        let season = 1.0 + 0.28 * (w / 4.1).sin();
        let noise = (w * 12.9898 + index as f64 * 78.233).sin() * 0.16;
        HazardWeek {
            week,
            at_risk: 9_000 / (index as u64 + 1) - u64::from(week) * 40,
            observed: baseline * season * (1.0 + noise),
            predicted: baseline * season,
            baseline,
        }
    };
    HazardSeries { market: market.into(), weeks: (1..=26).map(week).collect() }
}

fn key_periods() -> KeyPeriods {
    let week = |week: u32| KeyWeek {
        week,
        share: [0.62, 0.58, 0.44, 0.31, 0.12, 0.08, 0.09, 0.14, 0.2, 0.24, 0.22, 0.13, 0.06][(week as usize - 1) % 13]
            / (1.0 + f64::from(week / 14)),
    };
    KeyPeriods {
        length_weeks: 4,
        weeks: (1..=26).map(week).collect(),
        hit_rate: Some(0.352),
        baseline_hit_rate: Some(0.315),
        sets: vec![WeekSet { nominal: 0.5, held: 0.47, mean_weeks: 5.6 }, WeekSet { nominal: 0.8, held: 0.77, mean_weeks: 12.3 }],
    }
}

fn methods() -> Vec<IntentRow> {
    let row = |method: &str, role, days, auc: f64, brier: f64, lift: f64| IntentRow {
        method: method.into(),
        role,
        days,
        auc: Some(auc),
        auc_interval: Some(Interval { low: auc - 0.025, high: auc + 0.025 }),
        brier: Some(brier),
        log_loss: Some(brier * 3.1),
        lift: Some(lift),
        debiased_error: Some(0.4 - auc / 2.0),
        ..IntentRow::default()
    };
    vec![
        row("Blend of the linear and the deep model", Role::Model, 30, 0.642, 0.0538, 2.37),
        row("Linear model alone", Role::Part, 30, 0.631, 0.0544, 2.25),
        row("Kaplan-Meier given age", Role::Baseline, 30, 0.616, 0.0556, 2.12),
        row("Blend of the linear and the deep model", Role::Model, 90, 0.612, 0.1402, 1.71),
        row("Linear model alone", Role::Part, 90, 0.601, 0.1411, 1.66),
        row("Kaplan-Meier given age", Role::Baseline, 90, 0.557, 0.144, 1.63),
    ]
}

/// A recommender with every figure.
pub(super) fn recommender() -> MetricsDocument {
    let point = |index: u32| {
        let lambda = f64::from(index) / 10.0;
        PenaltyPoint {
            lambda,
            ndcg: 0.0912 - 0.0003 * lambda - 0.024 * lambda.powi(3),
            coverage: 0.34 + 0.5 * (1.0 - (-1.8 * lambda).exp()),
            gini: 0.93 - 0.34 * lambda,
        }
    };
    MetricsDocument {
        settings: [("Embedding", "96"), ("Hidden", "128"), ("Popularity tau", "0.5"), ("Seed", "7")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        headline: vec![
            headline("NDCG@10, new products", 0.0912, Unit::Number, Some((0.084, 0.098)), Some(("Item-kNN", 0.0722))),
            headline("NDCG@10, all products", 0.326, Unit::Number, Some((0.312, 0.339)), Some(("Own frequency", 0.3145))),
            headline("Coverage@10", 0.643, Unit::Share, None, Some(("Own frequency", 0.369))),
        ],
        markets: markets(&[("NDCG@10 new", 0.085), ("Coverage@10", 0.4)]),
        recommender: Some(RecommenderMetrics {
            top_k: 10,
            lists: 1_591,
            eligible_groups: 4_049,
            methods: [Groups::All, Groups::New].into_iter().flat_map(ranking).collect(),
            penalty: Some(PenaltyCurve {
                points: (0..=10).map(point).collect(),
                chosen_lambda: 0.4,
                chosen_slots: 1,
                chosen_ndcg: 0.0894,
                chosen_coverage: 0.643,
                target_coverage: Some(0.6),
                ceiling: 0.94,
            }),
            exposure: vec![
                exposure("Blend", 2.6),
                exposure("Best-sellers", 40.0),
                exposure("Own frequency", 6.5),
                exposure("Item-kNN", 9.0),
            ],
        }),
        training: Some(history()),
        data_quality: Some(quality()),
        limits: vec!["Measured on past orders: what was never shown could not be bought.".into()],
        ..plain(DocumentKind::Recommender)
    }
}

fn ranking(groups: Groups) -> Vec<RecommenderRow> {
    let scale = if groups == Groups::New { 0.28 } else { 1.0 };
    let row = |method: &str, role, ndcg: f64, coverage: f64, gini, arp| RecommenderRow {
        method: method.into(),
        role,
        groups,
        customers: if groups == Groups::New { 1_427 } else { 1_591 },
        hit: (ndcg * scale * 2.45).min(1.0),
        ndcg: ndcg * scale,
        ndcg_interval: Some(Interval { low: ndcg * scale - 0.013, high: ndcg * scale + 0.013 }),
        mrr: ndcg * scale * 0.9,
        coverage,
        coverage_at_5: coverage * 0.4,
        gini,
        arp,
        novelty: 12.0 - arp / 300.0,
    };
    vec![
        row("Blend", Role::Model, 0.326, 0.643, 0.77, 512.0),
        row("LSTM alone", Role::Part, 0.212, 0.352, 0.876, 387.0),
        row("Own frequency", Role::Baseline, 0.3145, 0.369, 0.898, 769.0),
        row("Item-kNN", Role::Baseline, 0.2024, 0.292, 0.946, 994.0),
        row("Best-sellers, 90 days", Role::Baseline, 0.105, 0.002, 0.998, 1268.0),
    ]
}

fn exposure(method: &str, power: f64) -> ExposureCurve {
    let point = |index: u32| ExposurePoint { groups: f64::from(index) / 50.0, exposures: (f64::from(index) / 50.0).powf(power) };
    ExposureCurve { method: method.into(), points: (0..=50).map(point).collect() }
}

/// A contact plan with every figure.
pub(super) fn plan() -> MetricsDocument {
    let monday = |index: i64| -> Date { date(2011, 6, 6).saturating_add(index.weeks()) };
    let arm = |arm: &str, customers, selected| ArmCount { arm: arm.into(), customers, selected };
    let channel = |channel: &str, selected, capacity| ChannelCount { channel: channel.into(), selected, capacity };
    let suppressed = [("no_consent", 1_204), ("recently_contacted", 388), ("capacity", 211), ("below_threshold", 2_690), ("excluded", 23)];
    MetricsDocument {
        settings: [("Stage", "After welcome"), ("Cut", "P90, best 5,000"), ("Lead time", "5 days")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        headline: vec![
            Headline { better: Better::Neither, ..headline("Customers in the plan", 9_812.0, Unit::Count, None, None) },
            Headline { better: Better::Neither, ..headline("To be contacted", 4_310.0, Unit::Count, None, None) },
            headline("Coverage of recommendations", 0.604, Unit::Share, None, None),
        ],
        markets: markets(&[]),
        plan: Some(PlanMetrics {
            customers: 9_812,
            selected: 4_310,
            with_recommendations: 8_826,
            channels: vec![channel("email", 4_010, Some(20_000)), channel("call", 300, Some(300)), channel("letter", 0, None)],
            arms: vec![arm("treated", 6_870, 3_480), arm("control", 986, 0), arm("untimed", 978, 410), arm("businessRule", 978, 420)],
            suppressed: suppressed.map(|(reason, count)| (reason.to_owned(), count)).into(),
            send_weeks: (0..14)
                .map(|index| SendWeek {
                    from: monday(index),
                    selected: [1204, 902, 610, 204, 96, 120, 260, 390, 210, 140, 80, 50, 30, 14][index as usize],
                })
                .collect(),
            expected_weeks: (0..26)
                .map(|index| ExpectedWeek {
                    from: monday(index),
                    purchases: 148.0 * (-(index as f64) / 14.0).exp() * (1.0 + 0.3 * (index as f64 / 4.0).sin()),
                    key_customers: 500,
                })
                .collect(),
            probabilities: vec![
                MeanProbability { days: 30, customers: 0.052, selected: 0.081 },
                MeanProbability { days: 60, customers: 0.094, selected: 0.141 },
                MeanProbability { days: 90, customers: 0.131, selected: 0.192 },
            ],
            coverage: Some(PlanCoverage {
                eligible_groups: 1_180,
                shown_groups: 713,
                reached: 713.0 / 1_180.0,
                target: Some(0.6),
                ceiling: 1.0,
                lambda: 0.4,
                slots: 1,
                ndcg_kept: Some(0.981),
                gini: 0.71,
            }),
        }),
        data_quality: Some(quality()),
        limits: vec!["Probabilities are those without a contact.".into()],
        ..plain(DocumentKind::Plan)
    }
}
