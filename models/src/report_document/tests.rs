use super::{
    Calibration, CalibrationBin, DataQuality, Epoch, Headline, IntentMetrics, MarketRow, MetricsDocument, PlanMetrics, RecommenderMetrics,
    TrainingHistory,
};

fn full() -> MetricsDocument {
    MetricsDocument {
        geography: "NO".into(),
        headline: vec![Headline { name: "AUC at 90 days".into(), value: 0.1 + 0.2, ..Headline::default() }],
        markets: vec![MarketRow { market: "NO".into(), metrics: [("auc90".to_owned(), 1.0 / 3.0)].into(), ..MarketRow::default() }],
        intent: Some(IntentMetrics {
            calibration: vec![Calibration {
                days: 30,
                bins: vec![CalibrationBin { predicted: 0.1, observed: 0.125, count: 80 }],
                ..Calibration::default()
            }],
            ..IntentMetrics::default()
        }),
        recommender: Some(RecommenderMetrics::default()),
        training: Some(TrainingHistory { epochs: vec![Epoch { epoch: 1, loss: 3.5, validation: None }], ..TrainingHistory::default() }),
        data_quality: Some(DataQuality::default()),
        plan: Some(PlanMetrics::default()),
        ..MetricsDocument::default()
    }
}

#[test]
fn reads_back_what_it_wrote() {
    let bytes = full().to_json().unwrap();
    let read = MetricsDocument::from_json(&bytes).unwrap();
    assert_eq!(read, full());
    assert_eq!(read.to_json().unwrap(), bytes);
}

#[test]
fn leaves_absent_sections_out() {
    let text = String::from_utf8(MetricsDocument::default().to_json().unwrap()).unwrap();
    assert_eq!(
        text,
        r#"{"asOf":"0000-01-01","geography":"","headline":[],"kind":"Intent","limits":[],"markets":[],"schema":1,"settings":{},"through":"0000-01-01"}"#
    );
}

#[test]
fn refuses_what_is_not_finite_and_names_its_place() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut document = full();
        document.intent.as_mut().unwrap().calibration[0].bins[0].observed = bad;
        let message = document.to_json().unwrap_err().to_string();
        assert_eq!(message, "metrics.json: /intent/calibration/0/bins/0/observed is not a finite number");
    }
}

#[test]
fn refuses_another_schema() {
    let message = MetricsDocument::from_json(br#"{"schema": 2}"#).unwrap_err().to_string();
    assert_eq!(message, "metrics.json: schema 2 is not 1; use the version that wrote it");
}
