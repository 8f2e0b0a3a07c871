//! Class: determinism. The number of threads must not move a byte: this test runs itself again as children with other
//! thread counts and compares what they print.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use reprise_models::draw::{self, Use};
use reprise_models::graph::Variables;
use reprise_models::slab::{Layout, Start};

/// Set in the children; its value does not matter.
const CHILD: &str = "REPRISE_TEST_THREADS_CHILD";

/// A digest of products and gradients of many shapes, large enough for the tensor library to use all threads.
fn digest() -> u64 {
    let mut sum = 0_u64;
    for (place, (rows, inner, columns)) in
        [(7, 5, 3), (256, 41, 64), (1024, 300, 128), (65, 2049, 130), (2048, 64, 64)].into_iter().enumerate()
    {
        let layout = Layout::new().decayed("a", &[rows, inner], Start::Normal(1.0)).decayed("b", &[inner, columns], Start::Normal(1.0));
        let weights = layout.initial(draw::bits(7, Use::Sample, place as u64, 0));
        let tensors = Variables::new(&layout, &weights, &candle_core::Device::Cpu).unwrap();
        let product = tensors.get("a").unwrap().matmul(tensors.get("b").unwrap()).unwrap().tanh().unwrap();
        let loss = product.sqr().unwrap().mean_all().unwrap();
        let gradient = tensors.gradient(&loss).unwrap();
        let values = product.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        sum = values.iter().chain(&gradient).fold(sum, |sum, value| draw::mix(sum ^ u64::from(value.to_bits())));
    }
    sum
}

#[test]
fn the_number_of_threads_moves_no_byte() {
    let own = digest();
    if std::env::var_os(CHILD).is_some() {
        println!("digest {own:016x}");
        return;
    }
    for threads in ["1", "2", "3", "8"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_number_of_threads_moves_no_byte", "--nocapture"])
            .envs([(CHILD, "1"), ("RAYON_NUM_THREADS", threads), ("CANDLE_NUM_THREADS", threads)])
            .output()
            .unwrap();
        let printed = String::from_utf8(child.stdout).unwrap();
        assert!(printed.contains(&format!("digest {own:016x}")), "{threads} threads: {printed}");
    }
}
