//! `model.safetensors`: weights only, no metadata (its map has no stable order; what is said of a model stands in the manifest).

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::Layout;
use crate::learn::{Error, Result};

impl Layout {
    /// The weights as a safetensors file. Equal weights make equal bytes.
    pub fn save(&self, weights: &[f32]) -> Result<Vec<u8>> {
        let bytes: BTreeMap<&str, Vec<u8>> = self
            .tensors
            .iter()
            .map(|tensor| (tensor.name.as_str(), weights[tensor.range()].iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let mut views = Vec::with_capacity(self.tensors.len());
        for tensor in &self.tensors {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), &bytes[tensor.name.as_str()]).map_err(|error| refuse(&error))?;
            views.push((tensor.name.as_str(), view));
        }
        safetensors::serialize(views, None).map_err(|error| refuse(&error))
    }

    /// The weights of a safetensors file that holds exactly this layout's tensors, in these shapes, all finite.
    pub fn load(&self, file: &[u8]) -> Result<Vec<f32>> {
        let file = SafeTensors::deserialize(file).map_err(|error| refuse(&error))?;
        let mut weights = vec![0.0; self.len()];
        for tensor in &self.tensors {
            let view = file.tensor(&tensor.name).map_err(|_| Error::Format(format!("model.safetensors lacks tensor `{}`", tensor.name)))?;
            if view.dtype() != Dtype::F32 || view.shape() != tensor.shape {
                return Err(Error::Format(format!(
                    "model.safetensors: tensor `{}` is {:?} {:?}, but this model needs F32 {:?}",
                    tensor.name,
                    view.dtype(),
                    view.shape(),
                    tensor.shape
                )));
            }
            let (values, _) = view.data().as_chunks::<4>();
            for (weight, bytes) in weights[tensor.range()].iter_mut().zip(values) {
                *weight = f32::from_le_bytes(*bytes);
            }
            if !weights[tensor.range()].iter().all(|weight| weight.is_finite()) {
                return Err(Error::Format(format!("model.safetensors: tensor `{}` holds values that are not finite", tensor.name)));
            }
        }
        match file.names().into_iter().filter(|name| self.tensor(name).is_err()).min() {
            Some(name) => Err(Error::Format(format!("model.safetensors holds tensor `{name}`, which this model does not have"))),
            None => Ok(weights),
        }
    }
}

fn refuse(error: &safetensors::SafeTensorError) -> Error {
    Error::Format(format!("model.safetensors: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::{Layout, Start};

    fn layout() -> Layout {
        Layout::new().decayed("b.weight", &[2, 2], Start::Normal(1.0)).free("a.bias", &[2], Start::Zero)
    }

    #[test]
    fn what_was_saved_is_loaded_and_equal_weights_are_equal_bytes() {
        let (layout, weights) = (layout(), layout().initial(3));
        let file = layout.save(&weights).unwrap();
        assert_eq!(file, layout.save(&weights).unwrap());
        assert_eq!(layout.load(&file).unwrap(), weights);
    }

    #[test]
    fn every_lie_of_a_file_is_named() {
        let layout = layout();
        let weights = layout.initial(3);
        let message = |file: &[u8]| layout.load(file).unwrap_err().to_string();
        let extra = layout.clone().free("c", &[1], Start::Zero);
        assert!(message(&extra.save(&[0.0; 7]).unwrap()).contains("holds tensor `c`"));
        let less = Layout::new().free("a.bias", &[2], Start::Zero);
        assert!(message(&less.save(&weights).unwrap()).contains("lacks tensor `b.weight`"));
        let other = Layout::new().decayed("b.weight", &[4], Start::Zero).free("a.bias", &[2], Start::Zero);
        assert!(message(&other.save(&weights).unwrap()).contains("[4]"));
        let mut broken = weights.clone();
        broken[5] = f32::NAN;
        assert!(message(&layout.save(&broken).unwrap()).contains("not finite"));
        let file = layout.save(&weights).unwrap();
        for end in [0, 7, 20, file.len() - 1] {
            assert!(message(&file[..end]).starts_with("model.safetensors"));
        }
    }
}
