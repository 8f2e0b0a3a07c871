//! What the ranker reads of one group for one customer.

use super::model::Bound;
use super::sources::{Opinion, Owned};

/// Log-probabilities below this are all alike.
const FLOOR: f32 = -14.0;

/// What the ranker reads, in this order.
pub(super) const FEATURES: [&str; 45] = [
    "lstm",
    "lstmFirst",
    "lstmLength",
    "broad",
    "broadKnown",
    "broadLength",
    "close",
    "closeKnown",
    "nearAll",
    "nearAllFirst",
    "nearLast",
    "nearLately",
    "follows",
    "same",
    "sameFirst",
    "next",
    "easeOwned",
    "easeOwnedLog",
    "easeLately",
    "easeLatelyLog",
    "popularity",
    "popularityTotal",
    "completes",
    "taste",
    "tasteLog",
    "tasteLast",
    "owned",
    "count",
    "countLength",
    "decayed30",
    "decayed90",
    "decayed365",
    "share",
    "lately",
    "inLast",
    "inPrevious",
    "back",
    "days",
    "gapPosition",
    "ownGapPosition",
    "rebuyRate",
    "lstmOwned",
    "nearAllOwned",
    "popularityOwned",
    "inLastFirst",
];
/// Of these, the first that say anything about groups that the customer does not own.
pub(super) const NEW_FEATURES: usize = 26;

/// Weights that serve where no backtest could fit any: LSTM, neighbours and own purchases alike.
const UNFITTED: [(&str, f32); 8] = [
    ("lstm", 0.5),
    ("broad", 0.2),
    ("nearAll", 0.3),
    ("same", 0.2),
    ("popularity", 0.1),
    ("completes", 0.3),
    ("owned", 1.0),
    ("count", 1.5),
];

/// See [`UNFITTED`].
pub(super) fn unfitted() -> Vec<f32> {
    FEATURES.iter().map(|name| UNFITTED.iter().find(|(other, _)| other == name).map_or(0.0, |&(_, weight)| weight)).collect()
}

impl Opinion {
    /// What the ranker reads of one group.
    pub(super) fn features(&self, place: usize, bound: &Bound<'_>) -> [f32; FEATURES.len()] {
        let (tables, at) = (&bound.tables, place as u32);
        let lstm = self.lstm[place].max(FLOOR);
        let length = self.moments.max(1.0).ln();
        let first = f32::from(u8::from(self.moments <= 1.0));
        let known = |share: f32| f32::from(u8::from(share > 0.0));
        let (broad, close) = (self.broad.of(at), self.close.of(at));
        let broad_log = (broad + 1e-4).ln();
        let near_all = (self.near_all.of(at) + 1e-3).ln();
        let same = (self.same.of(at) + 2e-4).ln();
        let (ease_owned, ease_lately) = (self.ease_owned.of(at), self.ease_lately.of(at));
        let popularity = (tables.recent[self.market][place] as f32 + 0.5).ln();
        let taste = bound.content.cosine(place, &self.taste);
        let mut row = [0.0; FEATURES.len()];
        row[..NEW_FEATURES].copy_from_slice(&[
            lstm,
            lstm * first,
            lstm * length,
            broad_log,
            known(broad),
            broad_log * length,
            (close + 1e-4).ln(),
            known(close),
            near_all,
            near_all * first,
            (self.near_last.of(at) + 1e-3).ln(),
            (self.near_lately.of(at) + 2e-4).ln(),
            (self.follows.of(at) + 1e-3).ln(),
            same,
            same * first,
            (self.next.of(at) + 2e-4).ln(),
            ease_owned,
            (ease_owned.max(0.0) + 1e-2).ln(),
            ease_lately,
            (ease_lately.max(0.0) + 1e-2).ln(),
            popularity,
            (tables.total[place] as f32 + 1.0).ln(),
            f32::from(u8::from(self.completes[place])),
            taste,
            (taste.max(0.0) + 0.02).ln(),
            bound.content.cosine(place, &self.taste_last),
        ]);
        if let Some(owned) = self.owned.get(&at) {
            self.own_features(owned, (place, bound), &mut row);
            let own = NEW_FEATURES + 15;
            row[own..own + 3].copy_from_slice(&[lstm, near_all, popularity]);
        }
        row
    }

    fn own_features(&self, owned: &Owned, (place, bound): (usize, &Bound<'_>), row: &mut [f32; FEATURES.len()]) {
        let days = bound.at.since(owned.last).max(0) as f32;
        let in_last = f32::from(u8::from(owned.back <= 1.0));
        let own_gap = owned.last.since(owned.first) as f32 / (owned.count - 1.0).max(1.0);
        let own_position = if owned.count > 1.0 { ((days + 7.0) / (own_gap + 7.0)).ln().clamp(-3.0, 3.0) } else { 0.0 };
        let decayed = owned.decayed.map(|sum| (sum + 0.01).ln());
        row[NEW_FEATURES..NEW_FEATURES + 15].copy_from_slice(&[
            1.0,
            owned.count.ln_1p(),
            owned.count.ln_1p() * self.moments.max(1.0).ln(),
            decayed[0],
            decayed[1],
            decayed[2],
            ((owned.count + 0.1) / (self.moments + 1.0)).ln(),
            owned.lately,
            in_last,
            f32::from(u8::from(owned.in_previous)),
            owned.back.ln_1p(),
            days.ln_1p(),
            ((days + 1.0) / bound.tables.gap[place].max(1.0)).ln().clamp(-3.0, 3.0),
            own_position,
            (bound.tables.rebuy[place] + 0.01).ln(),
        ]);
        row[FEATURES.len() - 1] = in_last * f32::from(u8::from(self.moments <= 1.0));
    }
}
