//! Where training starts: items near those they stand with, or where an earlier model left them.

use super::model::RecommenderModel;
use super::pairs::Near;
use super::vocabulary::Vocabulary;
use crate::draw::{self, Use};
use crate::learn::Result;
use crate::slab::Layout;

/// Rounds of the subspace iteration.
const ROUNDS: usize = 5;
/// Share of the random start that stays, so that items which nothing tells apart do not coincide.
const NOISE: f32 = 0.3;

/// Starts the item table from the leading singular vectors of the items' mutual information, each times the root of its
/// value, rows brought to length 1. Items without partners keep their random row.
pub(super) fn place_items(weights: &mut [f32], layout: &Layout, information: &[Near], (width, seed): (usize, u64)) -> Result<()> {
    let table = &mut weights[layout.tensor("item.table")?.range()];
    let items = information.len();
    if items <= width || information.iter().all(Vec::is_empty) {
        return Ok(());
    }
    // One column after the other: a column is what the passes below run along.
    let mut basis: Vec<Vec<f32>> = (0..width)
        .map(|column| (0..items).map(|row| draw::normal(seed, Use::Sample, column as u64, row as u64) as f32).collect())
        .collect();
    for _ in 0..ROUNDS {
        orthogonal(&mut basis);
        basis = basis.iter().map(|column| times(information, &transposed(information, column))).collect();
    }
    orthogonal(&mut basis);
    let images: Vec<Vec<f32>> = basis.iter().map(|column| transposed(information, column)).collect();
    let gram: Vec<Vec<f64>> = images.iter().map(|a| images.iter().map(|b| dot(a, b)).collect()).collect();
    let (values, vectors) = eigen(gram);
    // Columns of basis x vectors are the left singular vectors; the fourth root of an eigenvalue of the Gram matrix is
    // the root of the singular value.
    let scale: Vec<f32> = values.iter().map(|value| value.max(0.0).powf(0.25) as f32).collect();
    let mut place = vec![0.0_f32; width];
    for (row, near) in information.iter().enumerate().filter(|(_, near)| !near.is_empty()) {
        for (column, value) in place.iter_mut().enumerate() {
            let sum: f64 = (0..width).map(|other| f64::from(basis[other][row]) * vectors[other][column]).sum();
            *value = sum as f32 * scale[column];
        }
        let length = place.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 && !near.is_empty() {
            for (own, value) in table[row * width..(row + 1) * width].iter_mut().zip(&place) {
                *own = value / length + NOISE * *own;
            }
        }
    }
    Ok(())
}

fn times(matrix: &[Near], column: &[f32]) -> Vec<f32> {
    matrix.iter().map(|near| near.iter().map(|&(other, weight)| weight * column[other as usize]).sum()).collect()
}

fn transposed(matrix: &[Near], column: &[f32]) -> Vec<f32> {
    let mut result = vec![0.0; column.len()];
    for (near, &value) in matrix.iter().zip(column) {
        for &(other, weight) in near {
            result[other as usize] += weight * value;
        }
    }
    result
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    // Four sums at a time, always in the same order.
    let mut sums = [0.0_f32; 8];
    let (head, tail) = (a.chunks_exact(8), a.len() / 8 * 8);
    for (x, y) in head.zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = a[tail..].iter().zip(&b[tail..]).map(|(x, y)| x * y).sum();
    f64::from(sums.iter().sum::<f32>() + rest)
}

/// Makes columns orthonormal, one after the other (modified Gram-Schmidt).
fn orthogonal(columns: &mut [Vec<f32>]) {
    for place in 0..columns.len() {
        let (before, rest) = columns.split_at_mut(place);
        let Some(column) = rest.first_mut() else { return };
        for other in before.iter() {
            let share = dot(column, other) as f32;
            for (value, before) in column.iter_mut().zip(other) {
                *value -= share * before;
            }
        }
        let length = dot(column, column).sqrt().max(1e-12) as f32;
        for value in column.iter_mut() {
            *value /= length;
        }
    }
}

/// Values and vectors of a symmetric matrix by Jacobi's rotations; column k of the second belongs to value k.
fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let size = matrix.len();
    let mut vectors: Vec<Vec<f64>> = (0..size).map(|row| (0..size).map(|column| f64::from(u8::from(row == column))).collect()).collect();
    for _ in 0..12 {
        let off: f64 = (0..size).flat_map(|row| (0..row).map(move |column| (row, column))).map(|(r, c)| matrix[r][c] * matrix[r][c]).sum();
        let diagonal: f64 = (0..size).map(|row| matrix[row][row] * matrix[row][row]).sum();
        if off <= 1e-18 * diagonal {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut matrix, &mut vectors, (p, q));
            }
        }
    }
    ((0..size).map(|row| matrix[row][row]).collect(), vectors)
}

fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], (p, q): (usize, usize)) {
    if matrix[p][q] == 0.0 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let tangent = if theta == 0.0 { 1.0 } else { tangent };
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for row in matrix.iter_mut() {
        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
    }
    let (mut upper, mut lower) = (std::mem::take(&mut matrix[p]), std::mem::take(&mut matrix[q]));
    for (a, b) in upper.iter_mut().zip(&mut lower) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
    (matrix[p], matrix[q]) = (upper, lower);
    for row in vectors.iter_mut() {
        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rotations_find_values_and_vectors() {
        let matrix = vec![vec![4.0, 1.0, 0.5], vec![1.0, 3.0, -0.2], vec![0.5, -0.2, 1.0]];
        let (values, vectors) = eigen(matrix.clone());
        for column in 0..3 {
            for row in 0..3 {
                let image: f64 = (0..3).map(|place| matrix[row][place] * vectors[place][column]).sum();
                assert!((image - values[column] * vectors[row][column]).abs() < 1e-9);
            }
        }
        assert!((values.iter().sum::<f64>() - 8.0).abs() < 1e-9);
    }

    #[test]
    fn groups_that_stand_together_start_near_each_other() {
        // Four families of five groups: partners are of the own family.
        let near = |row: usize| (0..20).filter(|&other| other != row && other / 5 == row / 5).map(|other| (other as u32, 1.0)).collect();
        let information: Vec<Near> = (0..20).map(near).collect();
        let layout = Layout::new().free("item.table", &[20, 6], crate::slab::Start::Normal(0.1));
        let mut weights = layout.initial(1);
        place_items(&mut weights, &layout, &information, (6, 1)).unwrap();
        let cosine = |a: usize, b: usize| {
            let row = |place: usize| &weights[place * 6..(place + 1) * 6];
            dot(row(a), row(b)) / (dot(row(a), row(a)) * dot(row(b), row(b))).sqrt()
        };
        assert!(cosine(0, 1) > 0.8 && cosine(6, 8) > 0.8, "{} {}", cosine(0, 1), cosine(6, 8));
        assert!(cosine(0, 6).abs() < 0.4 && cosine(1, 19).abs() < 0.4);
    }
}
