//! The recommender: what to show to whom.
//!
//! An LSTM over moments (an order is one moment, a set of groups), beside it neighbours (of sequences, orders and
//! groups), a linear model of what is owned together, what the customer bought before and how long ago; a conditional
//! logit makes one order of all. Best-sellers are held back
//! three times: by logit adjustment in training, by a penalty on the score, by slots for what nobody was shown.

mod backtest;
mod baskets;
mod batch;
mod config;
mod document;
mod ease;
mod features;
mod fit;
mod history;
mod learner;
mod lists;
mod model;
mod network;
mod operate;
mod pairs;
mod paths;
mod ranker;
mod sources;
mod start;
mod tables;
#[cfg(test)]
mod tests;
mod trials;
mod vocabulary;

pub use config::{RecommenderConfig, Target};
pub use fit::{Request, fit};
pub use history::{Histories, Moment, Past};
pub use lists::{ListPolicy, Shelf, Shown, Sources};
pub use model::{BoughtWith, Bound, RecommenderModel, SOURCES};
pub use operate::{Owed, SAMPLE, Serving};
