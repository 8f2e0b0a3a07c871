//! What is reported: each figure is one pure function with its definition and source.
//!
//! Accuracy and exposure belong together: a list is judged by what it finds and by what it shows.

mod binary;
mod bootstrap;
mod calibration;
mod exposure;
mod ranking;
mod survival;

pub use binary::{auc, brier, lift, log_loss, pr_auc};
pub use bootstrap::{Interval, auc_interval, bootstrap, paired_difference};
pub use calibration::{Bin, Calibration, calibration, calibration_bins, calibration_error, debiased_calibration_error};
pub use exposure::{Exposure, ceiling};
pub use ranking::{hit_rate, hits, ndcg, recall, reciprocal_rank};
pub use survival::{Followed, concordance};
