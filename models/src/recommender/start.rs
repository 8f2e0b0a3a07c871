//! Where training starts: items near those they are bought with, or where an earlier model left them.

use super::model::RecommenderModel;
use super::tables::Tables;
use super::vocabulary::Vocabulary;
use crate::learn::Result;
use crate::slab::Layout;

/// Rounds of the power iteration.
const ROUNDS: usize = 4;
/// Share of the random start that stays, so that items which nothing tells apart do not coincide.
const NOISE: f32 = 0.3;

/// Turns the random item table towards the leading space of the items' co-occurrence (Levy and Goldberg, 2014): a
/// few rounds of power iteration on the table of neighbours, columns kept orthogonal, rows brought to length 1.
/// Items without neighbours keep their random row.
pub(super) fn place_items(weights: &mut [f32], layout: &Layout, tables: &Tables, width: usize) -> Result<()> {
    let table = &mut weights[layout.tensor("item.table")?.range()];
    let random = table.to_vec();
    let items = tables.total.len();
    if items <= width || tables.neighbours.iter().all(Vec::is_empty) {
        return Ok(());
    }
    let mut now = random.clone();
    for _ in 0..ROUNDS {
        let mut next = now.clone();
        for (row, near) in tables.neighbours.iter().enumerate() {
            for &(other, cosine) in near {
                // The cosine, damped: frequent items are near to everything a little.
                let weight = cosine.sqrt();
                for column in 0..width {
                    next[row * width + column] += weight * now[other as usize * width + column];
                }
            }
        }
        orthogonal(&mut next, items, width);
        now = next;
    }
    for (row, near) in tables.neighbours.iter().enumerate() {
        let range = row * width..(row + 1) * width;
        let length = now[range.clone()].iter().map(|value| value * value).sum::<f32>().sqrt();
        if near.is_empty() || length <= 0.0 {
            continue;
        }
        for place in range {
            table[place] = now[place] / length + NOISE * random[place];
        }
    }
    Ok(())
}

/// Makes the columns of a matrix orthonormal, one after the other (modified Gram-Schmidt).
fn orthogonal(matrix: &mut [f32], rows: usize, columns: usize) {
    for column in 0..columns {
        for before in 0..column {
            let dot: f32 = (0..rows).map(|row| matrix[row * columns + column] * matrix[row * columns + before]).sum();
            for row in 0..rows {
                matrix[row * columns + column] -= dot * matrix[row * columns + before];
            }
        }
        let length = (0..rows).map(|row| matrix[row * columns + column].powi(2)).sum::<f32>().sqrt().max(1e-12);
        for row in 0..rows {
            matrix[row * columns + column] /= length;
        }
    }
}

/// Takes over the weights of an earlier model: its groups and attributes by name, all other tensors of equal shape.
pub(super) fn take_over(weights: &mut [f32], layout: &Layout, vocabulary: &Vocabulary, previous: &RecommenderModel) {
    for tensor in layout.tensors() {
        let Ok(old) = previous.layout.tensor(&tensor.name) else { continue };
        let names = match tensor.name.as_str() {
            "item.table" | "item.bias" => Some((&vocabulary.groups, &previous.stored.vocabulary.groups)),
            "item.attributes" => Some((&vocabulary.attributes, &previous.stored.vocabulary.attributes)),
            _ => None,
        };
        let own = &mut weights[tensor.range()];
        let old_values = &previous.weights[old.range()];
        match names {
            Some((names, old_names)) if tensor.shape.get(1) == old.shape.get(1) => {
                let width = tensor.shape.get(1).copied().unwrap_or(1);
                for (row, name) in names.iter().enumerate() {
                    if let Ok(other) = old_names.binary_search(name) {
                        own[row * width..(row + 1) * width].copy_from_slice(&old_values[other * width..(other + 1) * width]);
                    }
                }
            }
            None if tensor.shape == old.shape => own.copy_from_slice(old_values),
            _ => {}
        }
    }
}
