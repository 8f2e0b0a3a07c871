//! The table of defaults: the only place where one is written down.
//!
//! A field that equals its default is left out when it is serialised, so a typed value is always complete and its
//! serialised form always minimal: spelling a default out changes no digest.

/// Each default is a module with `value()` for serde and `is()` for leaving it out.
macro_rules! defaults {
    ($($(#[$meta:meta])* $name:ident: $type:ty = $value:expr;)*) => {
        $(
            $(#[$meta])*
            pub mod $name {
                /// The default.
                pub fn value() -> $type {
                    $value
                }

                /// Whether a value is the default.
                #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
                pub fn is(found: &$type) -> bool {
                    *found == value()
                }
            }
        )*

        /// Every default: the field's name and its value as JSON.
        pub fn table() -> Vec<(&'static str, serde_json::Value)> {
            vec![$((stringify!($name), serde_json::json!($name::value()))),*]
        }
    };
}

/// A decimal from a literal of this file; the test of the table parses each.
fn decimal(text: &str) -> crate::value::Decimal {
    text.parse().unwrap_or_else(|_| unreachable!("{text} is no decimal"))
}

fn quantity(text: &str) -> crate::value::Quantity {
    text.parse().unwrap_or_else(|_| unreachable!("{text} is no quantity"))
}

defaults! {
    /// Training workers (ranks).
    workers: i32 = 1;
    /// Scoring workers (shards).
    shards: i32 = 1;
    /// Seed of every random draw.
    seed: i64 = 0;
    /// Weeks that the intent model looks ahead.
    horizon_weeks: i32 = 26;
    /// Weeks in a customer's key periods.
    key_period_weeks: i32 = 4;
    /// Width of an item's embedding.
    embedding: i32 = 64;
    /// Width of the LSTM's state.
    hidden: i32 = 128;
    /// Most epochs; training stops earlier when validation stops improving.
    epochs: i32 = 30;
    /// Strength of the popularity correction in training.
    tau: crate::value::Decimal = super::decimal("0.5");
    /// What the recommender predicts.
    target: crate::training::Target = crate::training::Target::Purchase;
    /// Recommendations per customer.
    top_k: i32 = 10;
    /// Most `replenish` recommendations per customer.
    replenish: i32 = 2;
    /// Whether owned groups leave the `discover` role.
    exclude_owned: bool = true;
    /// What orders a list's candidates.
    sources: crate::scoring::Sources = crate::scoring::Sources::All;
    /// Percent of customers in an experiment's arm.
    arm: i32 = 0;
    /// Days between the plan and the first contact.
    lead_time_days: i32 = 0;
    /// CPU of a worker.
    cpu: crate::value::Quantity = super::quantity("1");
    /// Memory of a worker.
    memory: crate::value::Quantity = super::quantity("4Gi");
    /// Scratch space of a worker.
    ephemeral_storage: crate::value::Quantity = super::quantity("10Gi");
    /// Largest share of a file's rows that may be quarantined.
    max_share: crate::value::Decimal = super::decimal("0.01");
    /// Last days of the data that are not complete yet.
    settle_days: i32 = 0;
    /// First days of the data in which a first purchase is not known to be one.
    burn_in_days: i32 = 90;
    /// Seconds of active time.
    deadline_seconds: i64 = 86_400;
    /// Seconds from creation to the first running worker.
    pending_deadline_seconds: i64 = 86_400;
    /// Seconds that the Job and its pods stay after the end.
    ttl_seconds_after_finished: i64 = 86_400;
    /// Cell separator of a CSV file.
    delimiter: String = ",".to_owned();
    /// Quote of a CSV file.
    quote: String = "\"".to_owned();
    /// Whether a CSV file's first line names its columns.
    header: bool = true;
    /// Flags that are off unless set.
    off: bool = false;
    /// Texts that are empty unless set.
    empty: String = String::new();
}
