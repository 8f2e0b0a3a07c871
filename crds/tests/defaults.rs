//! The table of defaults, as it is documented: a change here changes what old requests mean.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use reprise_crds::defaults;
use serde_json::{Value, json};

#[test]
fn the_table_is_the_documented_one() {
    let documented: Vec<(&str, Value)> = vec![
        ("workers", json!(1)),
        ("shards", json!(1)),
        ("seed", json!(0)),
        ("horizon_weeks", json!(26)),
        ("key_period_weeks", json!(4)),
        ("embedding", json!(64)),
        ("hidden", json!(128)),
        ("epochs", json!(30)),
        ("tau", json!("0.5")),
        ("target", json!("Purchase")),
        ("top_k", json!(10)),
        ("replenish", json!(2)),
        ("exclude_owned", json!(true)),
        ("sources", json!("All")),
        ("arm", json!(0)),
        ("lead_time_days", json!(0)),
        ("cpu", json!("1")),
        ("memory", json!("4Gi")),
        ("ephemeral_storage", json!("10Gi")),
        ("max_share", json!("0.01")),
        ("settle_days", json!(0)),
        ("burn_in_days", json!(90)),
        ("deadline_seconds", json!(86_400)),
        ("pending_deadline_seconds", json!(86_400)),
        ("ttl_seconds_after_finished", json!(86_400)),
        ("delimiter", json!(",")),
        ("quote", json!("\"")),
        ("header", json!(true)),
        ("off", json!(false)),
        ("empty", json!("")),
    ];
    assert_eq!(defaults::table(), documented);
}

/// A default in a description is the one in the table.
#[test]
fn descriptions_say_the_defaults() {
    let text = serde_json::to_string(reprise_crds::definitions::definitions()).unwrap();
    for (name, value) in defaults::table() {
        let json = match &value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let words = [format!("Default {json}."), format!("Default \\\"{json}\\\"."), format!("Default `{}`.", json.replace('"', "\\\""))];
        assert!(words.iter().any(|words| text.contains(words)), "no description says the default of {name}: {words:?}");
    }
}
