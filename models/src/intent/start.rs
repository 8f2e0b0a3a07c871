//! Where training starts: at f = 0, or where an earlier model ended.

use super::model::IntentModel;
use crate::learn::{Error, Result};

/// Which of the earlier model's rows each row of the new one goes on from.
type Places = Vec<Option<usize>>;

/// Makes `model` start from `previous`: features of the same name keep their weights, others start anew.
///
/// What is fitted by counting (age, season, level, scales of features) is the new data's.
///
/// # Errors
/// [`Error::Data`] when the networks have other sizes.
pub(super) fn take_over(model: &mut IntentModel, previous: &IntentModel) -> Result<()> {
    let (config, earlier) = (&model.stored.config, &previous.stored.config);
    if (config.members, config.hidden) != (earlier.members, earlier.hidden) {
        return Err(Error::Data("the model to start from has networks of another size; train it with this version first".to_owned()));
    }
    let names = |model: &IntentModel| model.encoder.columns().map(|(name, _)| name).collect::<Vec<String>>();
    let inputs = places(&names(model), &names(previous));
    for tensor in ["deep.0.weight", "deep.0.bias", "deep.1.weight", "deep.1.bias", "deep.2.weight", "deep.2.bias"] {
        let old = previous.network.layout.slice(&previous.weights, tensor)?;
        let range = model.network.layout.tensor(tensor)?.range();
        let new = &mut model.weights[range];
        if tensor == "deep.0.weight" {
            take_rows(new, old, &inputs, config.members);
        } else {
            new.copy_from_slice(old);
        }
    }
    // The centre of the new linear part's prior.
    model.stored.linear.clone_from(&previous.stored.linear);
    Ok(())
}

/// By name; the last row of both (the age) has none and is the same.
fn places(new: &[String], old: &[String]) -> Places {
    let by_name = new.iter().map(|name| old.iter().position(|other| other == name));
    by_name.chain([Some(old.len())]).collect()
}

/// Copies rows of `[members, rows, columns]`.
fn take_rows(new: &mut [f32], old: &[f32], places: &Places, members: usize) {
    let columns = new.len() / members / places.len();
    let old_rows = old.len() / members / columns;
    for (own, earlier) in new.chunks_mut(places.len() * columns).zip(old.chunks(old_rows * columns)) {
        for (row, place) in own.chunks_mut(columns).zip(places) {
            if let Some(place) = place {
                row.copy_from_slice(&earlier[place * columns..(place + 1) * columns]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_same_name_are_copied_for_every_member_and_others_stay() {
        let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let places = places(&text(&["b", "new"]), &text(&["a", "b"]));
        assert_eq!(places, [Some(1), None, Some(2)]);
        let old: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let mut new = vec![-1.0; 12];
        take_rows(&mut new, &old, &places, 2);
        assert_eq!(new, [2.0, 3.0, -1.0, -1.0, 4.0, 5.0, 8.0, 9.0, -1.0, -1.0, 10.0, 11.0]);
    }
}
