//! EASE: a linear model of what is owned together, in closed form (Steck, 2019).

use candle_core::{Device, Tensor};

use super::pairs::Near;
use crate::learn::Result;

/// Largest catalogue for which the closed form is worth its memory: 4 V x V bytes a few times over.
pub(super) const LARGEST: usize = 5_000;
/// Rows worked at a time.
const BLOCK: usize = 128;
/// Weights kept of each group: those of largest size.
const KEPT: usize = 100;

/// Weights from each group to the others, from sets of groups; every set counts each of its pairs `1 / its scale`.
/// Empty for catalogues that are too large.
pub(super) fn ease(sets: impl Iterator<Item = (Vec<u32>, f32)>, groups: usize, ridge: f32) -> Result<Vec<Near>> {
    if groups > LARGEST || groups == 0 {
        return Ok(Vec::new());
    }
    let mut gram = vec![0.0_f32; groups * groups];
    for (set, scale) in sets {
        for &row in &set {
            let line = &mut gram[row as usize * groups..(row as usize + 1) * groups];
            for &column in &set {
                line[column as usize] += 1.0 / scale;
            }
        }
    }
    for row in 0..groups {
        gram[row * groups + row] += ridge;
    }
    invert(&mut gram, groups)?;
    let diagonal: Vec<f32> = (0..groups).map(|row| gram[row * groups + row]).collect();
    let line = |row: usize| {
        let values = gram[row * groups..(row + 1) * groups].iter().zip(&diagonal).map(|(value, diagonal)| -value / diagonal);
        let mut near: Near = (0..).zip(values).filter(|&(column, value)| column as usize != row && value.abs() > 1e-4).collect();
        if near.len() > KEPT {
            near.select_nth_unstable_by(KEPT - 1, |a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
            near.truncate(KEPT);
        }
        near.sort_unstable_by_key(|&(column, _)| column);
        // Four figures are more than the data say, and a third of the bytes.
        near.iter().map(|&(column, value)| (column, (value * 1e4).round() / 1e4)).collect()
    };
    Ok((0..groups).map(line).collect())
}

/// Inverts a symmetric positive matrix in place, block by block (Gauss and Jordan): no pivots are needed.
fn invert(matrix: &mut [f32], size: usize) -> Result<()> {
    let device = Device::Cpu;
    for start in (0..size).step_by(BLOCK) {
        let width = BLOCK.min(size - start);
        let pivot = invert_small(&cut(matrix, size, (start, width)), width);
        let pivot = Tensor::from_vec(pivot, (width, width), &device)?;
        let rows = Tensor::from_slice(&matrix[start * size..(start + width) * size], (width, size), &device)?;
        let mut columns = vec![0.0_f32; size * width];
        for row in 0..size {
            columns[row * width..(row + 1) * width].copy_from_slice(&matrix[row * size + start..row * size + start + width]);
        }
        let columns = Tensor::from_vec(columns, (size, width), &device)?;
        let rows = pivot.matmul(&rows)?;
        // In pieces: the whole product would double the memory.
        for from in (0..size).step_by(1024) {
            let count = 1024.min(size - from);
            let product = columns.narrow(0, from, count)?.matmul(&rows)?.flatten_all()?.to_vec1::<f32>()?;
            for (own, value) in matrix[from * size..(from + count) * size].iter_mut().zip(product) {
                *own -= value;
            }
        }
        let left = columns.matmul(&pivot)?.flatten_all()?.to_vec1::<f32>()?;
        for row in 0..size {
            for column in 0..width {
                matrix[row * size + start + column] = -left[row * width + column];
            }
        }
        matrix[start * size..(start + width) * size].copy_from_slice(&rows.flatten_all()?.to_vec1::<f32>()?);
        let pivot = pivot.flatten_all()?.to_vec1::<f32>()?;
        for row in 0..width {
            let at = (start + row) * size + start;
            matrix[at..at + width].copy_from_slice(&pivot[row * width..(row + 1) * width]);
        }
    }
    Ok(())
}

fn cut(matrix: &[f32], size: usize, (start, width): (usize, usize)) -> Vec<f64> {
    let rows = (start..start + width).flat_map(|row| &matrix[row * size + start..row * size + start + width]);
    rows.map(|&value| f64::from(value)).collect()
}

fn invert_small(block: &[f64], width: usize) -> Vec<f32> {
    let mut a = block.to_vec();
    for k in 0..width {
        let pivot = 1.0 / a[k * width + k].max(1e-12);
        for column in 0..width {
            a[k * width + column] *= pivot;
        }
        a[k * width + k] = pivot;
        for row in (0..width).filter(|&row| row != k) {
            let factor = a[row * width + k];
            a[row * width + k] = 0.0;
            for column in 0..width {
                a[row * width + column] -= factor * a[k * width + column];
            }
        }
    }
    a.into_iter().map(|value| value as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::{Use, below, bits};

    #[test]
    fn the_inverse_times_the_matrix_is_one() {
        let size = 300;
        let mut matrix = vec![0.0_f32; size * size];
        for set in 0..900_u64 {
            let members: Vec<usize> = (0..6).map(|place| below(size as u64, bits(1, Use::Sample, set, place)) as usize).collect();
            for &a in &members {
                for &b in &members {
                    matrix[a * size + b] += 1.0;
                }
            }
        }
        for row in 0..size {
            matrix[row * size + row] += 5.0;
        }
        let mut inverse = matrix.clone();
        invert(&mut inverse, size).unwrap();
        for row in (0..size).step_by(37) {
            for column in 0..size {
                let sum: f64 = (0..size).map(|k| f64::from(matrix[row * size + k]) * f64::from(inverse[k * size + column])).sum();
                assert!((sum - f64::from(u8::from(row == column))).abs() < 1e-4, "{row} {column} {sum}");
            }
        }
    }
}
