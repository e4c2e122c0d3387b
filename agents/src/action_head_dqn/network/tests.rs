use super::*;
use std::collections::HashMap;

const CANDIDATES: i64 = CANDIDATE_FEATURES as i64;

fn input(rows: i64, columns: i64, phase: f64) -> Tensor {
    let values = Tensor::arange(rows * columns, (Kind::Float, Device::Cpu)) * 0.7 + phase;
    values.sin().reshape([rows, columns])
}

fn network(layer_norm: bool, dueling: bool, quantiles: usize) -> QNetwork {
    let architecture = Architecture { hidden: vec![6, 4], layer_norm, dueling, quantiles };
    let mut network = QNetwork::new(&Shape { state: 7, track: 5, architecture }, 3, Device::Cpu).unwrap();
    // Gains and biases that are neither 1 nor 0.
    let fill = |(place, tensor): (usize, &Tensor)| match tensor.dim() {
        1 => tensor.detach() + input(1, tensor.numel() as i64, place as f64).squeeze_dim(0) * 0.3,
        _ => tensor.detach().copy(),
    };
    let values: Vec<Tensor> = network.parameters.tensors().enumerate().map(fill).collect();
    network.parameters.restore(&values).unwrap();
    network
}

/// Three states with four, one and three candidates.
fn rows(layers: &QLayers) -> (Rows, Tensor) {
    let of_states = Tensor::from_slice(&[0i64, 0, 0, 0, 1, 2, 2, 2]);
    let (states, tracks, candidates) = (input(3, 7, 0.1), input(8, 5, 0.2), input(8, CANDIDATES, 0.3));
    let means = |rows: &Tensor| {
        let means =
            [(0, 4), (4, 1), (5, 3)].map(|(from, count)| rows.narrow(0, from, count).mean_dim(0, true, Kind::Float));
        Tensor::cat(&means, 0)
    };
    let mean_candidate = layers.dueling().then(|| [means(&tracks), means(&candidates)]);
    let whole =
        Tensor::cat(&[states.index_select(0, &of_states), tracks.shallow_clone(), candidates.shallow_clone()], 1);
    let track_part = layers.track_part(&tracks).unwrap();
    (Rows { states, of_states, track_part, candidates, mean_candidate }, whole)
}

/// The network on whole rows, written down once more.
struct Whole(HashMap<String, Tensor>);

impl Whole {
    fn new(network: &QNetwork) -> Self {
        Self(network.parameters.named().map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect())
    }

    fn layer(&self, x: &Tensor, name: &str) -> Tensor {
        x.linear(&self.0[&format!("{name}.weight")], Some(&self.0[&format!("{name}.bias")]))
    }

    fn activated(&self, x: &Tensor, norm: &str) -> Tensor {
        match (self.0.get(&format!("{norm}.gain")), self.0.get(&format!("{norm}.bias"))) {
            (Some(gain), Some(bias)) => {
                let centred = x - x.mean_dim(1, true, Kind::Float);
                let variance = centred.square().mean_dim(1, true, Kind::Float);
                (centred / (variance + 1e-5).sqrt() * gain + bias).relu()
            }
            _ => x.relu(),
        }
    }

    fn stream(&self, whole: &Tensor, hidden: &str, last: &str) -> Tensor {
        let weights = ["state.weight", "track.weight", "candidate.weight"].map(|name| &self.0[name]);
        let x = whole.linear(&Tensor::cat(&weights, 1), Some(&self.0["state.bias"]));
        let x = self.layer(&self.activated(&x, "norm"), &format!("{hidden}.0"));
        self.layer(&self.activated(&x, &format!("{hidden}.0.norm")), last)
    }
}

fn near(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.size(), expected.size());
    assert!((found - expected).abs().max().double_value(&[]) < 1e-5, "{found} {expected}");
}

/// The split first layer, with and without normalisation, is the whole one: the truth is the network on concatenated
/// inputs.
#[test]
fn the_split_first_layer_equals_the_concatenated_one() {
    for (layer_norm, quantiles) in [(false, 0), (true, 0), (false, 3), (true, 3)] {
        let network = network(layer_norm, false, quantiles);
        let (rows, whole) = rows(&network.layers);
        let found = network.layers.returns(&rows).unwrap();
        assert_eq!(found.size(), [8, quantiles.max(1) as i64]);
        near(&found, &Whole::new(&network).stream(&whole, "hidden", "value"));
    }
}

/// V(s, m) + A(s, a) - A(s, m) by whole networks on concatenated rows; gradients by autograd on both.
#[test]
fn dueling_is_the_value_and_the_advantage_over_the_mean_candidate() {
    for (layer_norm, quantiles) in [(false, 0), (true, 3)] {
        let network = network(layer_norm, true, quantiles);
        let (rows, whole) = rows(&network.layers);
        let truth = Whole::new(&network);
        let mut expected = Vec::new();
        for (from, count) in [(0, 4), (4, 1), (5, 3)] {
            let of_state = whole.narrow(0, from, count);
            // The state is the same in all rows, so their mean is the state with the mean candidate.
            let mean = of_state.mean_dim(0, true, Kind::Float);
            let value = truth.stream(&mean, "state_hidden", "state_value");
            let advantage = |x: &Tensor| truth.stream(x, "hidden", "value");
            expected.push(value + advantage(&of_state) - advantage(&mean));
        }
        let (found, expected) = (network.layers.returns(&rows).unwrap(), Tensor::cat(&expected, 0));
        near(&found, &expected);
        // Where one candidate remains, its Q is the value of the state.
        near(&found.narrow(0, 4, 1), &truth.stream(&whole.narrow(0, 4, 1), "state_hidden", "state_value"));
        let parameters: Vec<&Tensor> = network.parameters.tensors().collect();
        let gradients = |q: &Tensor| {
            let loss = (q * input(8, quantiles.max(1) as i64, 2.0)).square().sum(Kind::Float);
            Tensor::run_backward(&[loss], &parameters, false, false)
        };
        for (found, expected) in gradients(&found).iter().zip(gradients(&expected)) {
            near(found, &expected);
        }
    }
}

/// Where the network is linear, because no unit is ever shut, Wang et al.'s equation 9 holds: the mean of Q over the
/// pool is V.
#[test]
fn where_advantages_are_linear_their_mean_over_the_pool_is_zero() {
    let mut network = network(false, true, 0);
    let open = |(name, tensor): (&str, &Tensor)| match name {
        "state.bias" => tensor.full_like(10.0),
        "hidden.0.bias" | "state_hidden.0.bias" => tensor.full_like(100.0),
        _ => tensor.detach().copy(),
    };
    let values: Vec<Tensor> = network.parameters.named().map(open).collect();
    network.parameters.restore(&values).unwrap();
    let (rows, whole) = rows(&network.layers);
    let (truth, found) = (Whole::new(&network), network.layers.returns(&rows).unwrap());
    for (from, count) in [(0, 4), (5, 3)] {
        let advantages = truth.stream(&whole.narrow(0, from, count), "hidden", "value");
        let mean = whole.narrow(0, from, count).mean_dim(0, true, Kind::Float);
        let value = truth.stream(&mean, "state_hidden", "state_value");
        let expected = value + &advantages - advantages.mean(Kind::Float);
        let of_state = found.narrow(0, from, count);
        assert!((&of_state - expected).abs().max().double_value(&[]) < 1e-3);
        assert!((advantages.max() - advantages.min()).double_value(&[]) > 0.1, "the advantages differ");
    }
}
