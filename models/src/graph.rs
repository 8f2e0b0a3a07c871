//! The `Graph` side of learning: plain candle operations on tensors cut from a slab.
//!
//! Everything here gives the same bytes whatever the number of threads: candle's matrix products sum each output in
//! one fixed order (blocks of the inner dimension are chosen by shape and cache size), and its other operations run
//! on one thread. `tests/threads.rs` holds that promise.

use candle_core::{Device, Tensor, Var};

use crate::learn::{Error, Result};
use crate::slab::Layout;

/// The release of the tensor library whose kernels decide bytes; a test compares it with Cargo.lock.
const CANDLE: &str = "0.11.1";

/// What decides the bytes of a training by `Graph` on this machine's CPU: equal strings, equal bytes.
pub fn kernel_class() -> String {
    let caches = gemm_common::cache::CACHE_INFO.map(|cache| (cache.cache_bytes / 1024).to_string()).join("/");
    format!("graph candle-{CANDLE} {} {} {} cache-{caches}KiB", std::env::consts::ARCH, std::env::consts::OS, features())
}

#[cfg(target_arch = "x86_64")]
fn features() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") { "avx2+fma" } else { "sse2" }
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> &'static str {
    "baseline"
}

/// A model's tensors, cut from flat weights, whose gradients flow back into one flat buffer.
#[derive(Debug)]
pub struct Variables<'l> {
    layout: &'l Layout,
    tensors: Vec<Var>,
}

impl<'l> Variables<'l> {
    /// Copies `weights` into one tensor for each name of `layout`.
    pub fn new(layout: &'l Layout, weights: &[f32], device: &Device) -> Result<Self> {
        if weights.len() != layout.len() {
            return Err(Error::Format(format!("{} weights for a model of {}", weights.len(), layout.len())));
        }
        let cut = |tensor: &crate::slab::Tensor| Var::from_slice(&weights[tensor.range()], tensor.shape.as_slice(), device);
        Ok(Self { layout, tensors: layout.tensors().iter().map(cut).collect::<Result<_, _>>()? })
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Result<&Tensor> {
        let place = self.layout.tensors().iter().position(|tensor| tensor.name == name);
        let place = place.ok_or_else(|| Error::Format(format!("the model has no tensor `{name}`")))?;
        Ok(self.tensors[place].as_tensor())
    }

    /// The gradient of a scalar loss, flat; tensors that the loss does not reach get zeros.
    ///
    /// A gradient that is not finite is refused: it would spoil the moments for ever.
    pub fn gradient(&self, loss: &Tensor) -> Result<Vec<f32>> {
        let store = loss.backward()?;
        let mut flat = vec![0.0; self.layout.len()];
        for (tensor, variable) in self.layout.tensors().iter().zip(&self.tensors) {
            if let Some(slope) = store.get(variable) {
                let slope = slope.flatten_all()?.to_vec1::<f32>()?;
                if !slope.iter().all(|value| value.is_finite()) {
                    return Err(Error::Data(format!("training diverged: the gradient of `{}` is not finite; lower the rate", tensor.name)));
                }
                flat[tensor.range()].copy_from_slice(&slope);
            }
        }
        Ok(flat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Start;

    #[test]
    fn the_named_release_is_the_one_that_is_built() {
        let lock = include_str!("../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"candle-core\"\nversion = \"{CANDLE}\"")));
    }

    #[test]
    fn gradients_come_back_in_the_layout_of_the_weights() {
        let layout = Layout::new().decayed("w", &[2], Start::Zero).free("unused", &[1], Start::Zero).free("b", &[1], Start::Zero);
        let variables = Variables::new(&layout, &[2.0, 3.0, 9.0, 4.0], &Device::Cpu).unwrap();
        let square = variables.get("w").unwrap().sqr().unwrap().sum_all().unwrap();
        let loss = square.broadcast_add(variables.get("b").unwrap()).unwrap().sum_all().unwrap();
        assert_eq!(variables.gradient(&loss).unwrap(), [4.0, 6.0, 0.0, 1.0]);
        assert!(variables.get("c").is_err() && Variables::new(&layout, &[0.0], &Device::Cpu).is_err());
    }

    #[test]
    fn a_kernel_class_names_what_decides_bytes() {
        assert!(kernel_class().starts_with("graph candle-") && kernel_class() == kernel_class());
    }
}
