//! The LSTM: sets of groups in, one vector of interest out, compared with every group by a scaled cosine.

use candle_core::{D, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::batch::{Batch, GAPS, MONTHS};
use super::config::temperature;
use super::history::KINDS;
use crate::graph::Variables;
use crate::learn::Result;
use crate::slab::{Layout, Start};

/// Sizes of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shape {
    /// Rows of the item table.
    pub(super) groups: usize,
    /// Rows of the attribute table; may be 0.
    pub(super) attributes: usize,
    /// Width of a group's vector.
    pub(super) embedding: usize,
    /// Width of the state.
    pub(super) hidden: usize,
}

/// Added to the forget gate: what was read is kept until training says otherwise (Jozefowicz et al., 2015).
const FORGET: f64 = 1.0;

impl Shape {
    /// The tensors, whose names are the artifact's.
    pub(super) fn layout(&self) -> Layout {
        let (width, hidden) = (self.embedding, self.hidden);
        let unit = Start::Normal(1.0 / (width as f32).sqrt());
        let gate = Start::Uniform(1.0 / (hidden as f32).sqrt());
        Layout::new()
            .free("item.table", &[self.groups, width], unit)
            .free("item.bias", &[self.groups], Start::Zero)
            .free("item.attributes", &[self.attributes.max(1), width], Start::Normal(0.1 / (width as f32).sqrt()))
            .free("input.gap", &[GAPS, width], Start::Normal(0.05))
            .free("input.month", &[MONTHS, width], Start::Normal(0.05))
            .free("input.kind", &[KINDS, width], Start::Normal(0.05))
            .free("lstm.input", &[width, 4 * hidden], gate)
            .free("lstm.hidden", &[hidden, 4 * hidden], gate)
            .free("lstm.bias", &[4 * hidden], Start::Zero)
            .free("output.weight", &[hidden, width], gate)
            .free("output.bias", &[width], Start::Zero)
    }

    /// Scale of the cosine.
    pub(super) fn scale(&self) -> f64 {
        temperature(self.groups)
    }
}

/// Attribute rows of the item matrix as lines, for one `index_add`.
#[derive(Clone, Debug, Default)]
pub(super) struct AttributeLines {
    pub(super) items: Vec<u32>,
    pub(super) attributes: Vec<u32>,
}

impl AttributeLines {
    /// `attributes[row]` lists the attribute rows of item row `row`.
    pub(super) fn new<'a>(attributes: impl Iterator<Item = &'a [u32]>) -> Self {
        let mut lines = Self::default();
        for (row, own) in attributes.enumerate() {
            lines.items.extend(own.iter().map(|_| row as u32));
            lines.attributes.extend(own);
        }
        lines
    }
}

/// The network on one set of weights.
pub(super) struct Network<'v> {
    pub(super) variables: &'v Variables<'v>,
    pub(super) shape: Shape,
    pub(super) device: &'v Device,
}

/// Masks of dropout: rows of zeros and 1 / (1 - rate).
pub(super) struct Masks {
    pub(super) input: Tensor,
    pub(super) output: Tensor,
}

/// Each row at length 1; a row of zeros stays.
pub(super) fn unit(rows: &Tensor) -> Result<Tensor> {
    let length = (rows.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
    Ok(rows.broadcast_div(&length)?)
}

impl Network<'_> {
    fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.variables.get(name)
    }

    fn indices(&self, values: &[u32]) -> Result<Tensor> {
        Ok(Tensor::from_slice(values, values.len(), self.device)?)
    }

    /// The item matrix: own rows plus those of the attributes, at length 1. `table` holds the own rows.
    pub(super) fn items(&self, table: &Tensor, lines: &AttributeLines) -> Result<Tensor> {
        if lines.items.is_empty() {
            return unit(table);
        }
        let content = self.tensor("item.attributes")?.index_select(&self.indices(&lines.attributes)?, 0)?;
        unit(&table.index_add(&self.indices(&lines.items)?, &content, 0)?)
    }

    /// The LSTM's input, one row for each of the batch's rows: the mean direction of the set, the gap before it, the
    /// month of what comes next and the kind of the moment.
    pub(super) fn inputs(&self, items: &Tensor, batch: &Batch) -> Result<Tensor> {
        let select = |name: &str, rows: &[u32]| -> Result<Tensor> { Ok(self.tensor(name)?.index_select(&self.indices(rows)?, 0)?) };
        let context = ((select("input.gap", &batch.gaps)? + select("input.month", &batch.months)?)? + select("input.kind", &batch.kinds)?)?;
        if batch.line_groups.is_empty() {
            return Ok(context);
        }
        let weights = Tensor::from_slice(&batch.line_weights, (batch.line_weights.len(), 1), self.device)?;
        let lines = items.index_select(&self.indices(&batch.line_groups)?, 0)?.broadcast_mul(&weights)?;
        Ok(context.index_add(&self.indices(&batch.line_rows)?, &lines, 0)?)
    }

    /// Inputs to the gates' pre-activations, all time steps at once.
    pub(super) fn project(&self, inputs: &Tensor) -> Result<Tensor> {
        Ok(inputs.matmul(self.tensor("lstm.input")?)?.broadcast_add(self.tensor("lstm.bias")?)?)
    }

    /// One step from (output, cell) to (output, cell). Gates in the order input, forget, output, candidate.
    pub(super) fn cell(&self, projected: &Tensor, output: &Tensor, cell: &Tensor) -> Result<(Tensor, Tensor)> {
        let hidden = self.shape.hidden;
        let gates = (projected + output.matmul(self.tensor("lstm.hidden")?)?)?;
        let gate = |place: usize| gates.narrow(1, place * hidden, hidden);
        let input = sigmoid(&gate(0)?, 0.0)?;
        let forget = sigmoid(&gate(1)?, FORGET)?;
        let cell = ((forget * cell)? + (input * gate(3)?.tanh()?)?)?;
        let output = (sigmoid(&gate(2)?, 0.0)? * cell.tanh()?)?;
        Ok((output, cell))
    }

    /// Outputs of all the batch's rows, in their order.
    pub(super) fn outputs(&self, batch: &Batch, projected: &Tensor) -> Result<Tensor> {
        let mut pieces = Vec::with_capacity(batch.sizes.len());
        split(projected, &batch.sizes, &mut pieces)?;
        let zero = Tensor::zeros((batch.sizes[0], self.shape.hidden), projected.dtype(), self.device)?;
        let (mut output, mut cell) = (zero.clone(), zero);
        let mut outputs = Vec::with_capacity(pieces.len());
        for (piece, &size) in pieces.iter().zip(&batch.sizes) {
            if output.dim(0)? > size {
                // The shortest sequences are over; they stand at the end.
                (output, cell) = (output.narrow(0, 0, size)?, cell.narrow(0, 0, size)?);
            }
            (output, cell) = self.cell(piece, &output, &cell)?;
            outputs.push(output.clone());
        }
        Ok(Tensor::cat(&outputs, 0)?)
    }

    /// Outputs to vectors of interest, of length `scale`.
    pub(super) fn interests(&self, outputs: &Tensor) -> Result<Tensor> {
        let interest = outputs.matmul(self.tensor("output.weight")?)?.broadcast_add(self.tensor("output.bias")?)?;
        Ok((unit(&interest)? * self.shape.scale())?)
    }

    /// The vectors of interest at the batch's predicted rows.
    pub(super) fn forward(&self, items: &Tensor, batch: &Batch, masks: Option<&Masks>) -> Result<Tensor> {
        let inputs = self.inputs(items, batch)?;
        let inputs = masks.map_or(Ok(inputs.clone()), |masks| inputs.mul(&masks.input))?;
        let outputs = self.outputs(batch, &self.project(&inputs)?)?.index_select(&self.indices(&batch.predicted)?, 0)?;
        let outputs = masks.map_or(Ok(outputs.clone()), |masks| outputs.mul(&masks.output))?;
        self.interests(&outputs)
    }
}

/// Logistic function of `x + shift`, by the hyperbolic tangent: one transcendental operation.
fn sigmoid(x: &Tensor, shift: f64) -> Result<Tensor> {
    Ok(x.affine(0.5, 0.5 * shift)?.tanh()?.affine(0.5, 0.5)?)
}

/// Cuts rows into pieces of these sizes by halving. The gradient of a cut is as large as what was cut, so that
/// cutting piece by piece from the whole would cost the square of the number of pieces.
fn split(rows: &Tensor, sizes: &[usize], pieces: &mut Vec<Tensor>) -> Result<()> {
    if sizes.len() <= 1 {
        pieces.push(rows.clone());
        return Ok(());
    }
    let (left, right) = sizes.split_at(sizes.len() / 2);
    let (low, high) = (left.iter().sum(), right.iter().sum());
    split(&rows.narrow(0, 0, low)?, left, pieces)?;
    split(&rows.narrow(0, low, high)?, right, pieces)
}
