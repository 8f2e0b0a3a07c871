use candle_core::{Device, Tensor};

use super::*;

fn tensor(values: &[f32], shape: (usize, usize)) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
}

/// The likelihood in double precision, straight from its definition.
fn reference(effects: &[f64], offset: &[f64], survived: &[f64], bought: &[f64]) -> f64 {
    let weeks = effects.iter().zip(offset).zip(survived.iter().zip(bought));
    let loss = |((effect, offset), (survived, bought)): ((&f64, &f64), (&f64, &f64))| {
        let hazard = (effect + offset).exp();
        survived * hazard - if *bought > 0.0 { (-(-hazard).exp_m1()).ln() } else { 0.0 }
    };
    weeks.map(loss).sum()
}

#[test]
fn the_likelihood_is_its_definition_at_every_size_of_hazard() {
    for log_hazard in [-18.0_f32, -9.0, -4.0, -1.5, 0.0, 0.9] {
        let (effects, offset) = ([0.1, 0.2, -0.3], [log_hazard, log_hazard - 0.2, log_hazard + 0.1]);
        let (survived, bought) = ([1.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        let loss = likelihood(
            &tensor(&effects, (1, 3)).unsqueeze(0).unwrap(),
            &tensor(&offset, (1, 3)),
            &tensor(&survived, (1, 3)),
            &tensor(&bought, (1, 3)),
        );
        let wide = |values: [f32; 3]| values.map(f64::from);
        let expected = reference(&wide(effects), &wide(offset), &wide(survived), &wide(bought));
        let loss = f64::from(loss.unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()[0]);
        assert!((loss - expected).abs() < 1e-4 * expected.abs().max(1.0), "{log_hazard}: {loss} {expected}");
    }
}

fn config() -> IntentConfig {
    IntentConfig { hidden: 5, members: 2, horizon_weeks: 4, ..IntentConfig::default() }
}

/// The whole objective of a step as a function of the weights.
fn objective(network: &Network, weights: &[f32]) -> (f64, Vec<f32>) {
    let tensors = Variables::new(&network.layout, weights, &Device::Cpu).unwrap();
    let noise = |index: u64| draw::normal(3, Use::Sample, 0, index) as f32;
    let inputs = tensor(&(0..9).map(noise).collect::<Vec<_>>(), (3, 3));
    let offset = tensor(&[-2.0; 12], (3, 4));
    let survived = tensor(&[1., 1., 1., 1., 1., 1., 0., 0., 0., 0., 0., 0.], (3, 4));
    let bought = tensor(&[0., 0., 0., 0., 0., 0., 1., 0., 1., 0., 0., 0.], (3, 4));
    let dropout = Dropout { seed: 1, step: 0, share: 0.2 };
    let effects = network.forward(&tensors, &inputs, Some(dropout)).unwrap();
    let mean = likelihood(&effects, &offset, &survived, &bought).unwrap().mean_all().unwrap();
    (f64::from(mean.to_scalar::<f32>().unwrap()), tensors.gradient(&mean).unwrap())
}

#[test]
fn gradients_equal_finite_differences() {
    let network = Network::new(&config(), 3);
    // Output weights start at zero; here everything moves.
    let weights: Vec<f32> = (0..network.layout.len() as u64).map(|index| 0.3 * draw::normal(5, Use::Weights, 9, index) as f32).collect();
    let (_, gradient) = objective(&network, &weights);
    let step = 1e-2;
    for place in 0..weights.len() {
        let moved = |by: f32| {
            let mut weights = weights.clone();
            weights[place] += by;
            objective(&network, &weights).0
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
        assert!((slope - f64::from(gradient[place])).abs() < 2e-3, "{place}: {slope} {}", gradient[place]);
    }
}

#[test]
fn f_starts_at_zero_and_fades_as_its_terms_do() {
    let network = Network::new(&config(), 3);
    let weights = network.layout.initial(7);
    let tensors = Variables::new(&network.layout, &weights, &Device::Cpu).unwrap();
    let effects = network.forward(&tensors, &tensor(&[1.0; 6], (2, 3)), None).unwrap();
    assert_eq!(effects.dims(), [2, 2, 4]);
    assert!(effects.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|effect| *effect == 0.0));
}

#[test]
fn dropout_leaves_out_its_share_and_keeps_the_mean() {
    let network = Network::new(&IntentConfig { hidden: 64, ..config() }, 3);
    let mask = network.mask(Dropout { seed: 1, step: 5, share: 0.2 }, 0, 100).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let out = mask.iter().filter(|value| **value == 0.0).count() as f64 / mask.len() as f64;
    assert!((out - 0.2).abs() < 0.01 && (mask.iter().sum::<f32>() / mask.len() as f32 - 1.0).abs() < 0.02);
}
