use super::*;
use crate::action_head_dqn::gathered::Gathered;
use listening_models::network::Precision;
use std::collections::HashMap;

const CANDIDATES: i64 = CANDIDATE_FEATURES as i64;

fn input(rows: i64, columns: i64, phase: f64) -> Tensor {
    let values = Tensor::arange(rows * columns, (Kind::Double, Device::Cpu)) * 0.7 + phase;
    values.sin().to_kind(Kind::Float).reshape([rows, columns])
}

fn network(layer_norm: bool, dueling: bool, quantiles: usize) -> QNetwork {
    let architecture = Architecture { hidden: vec![6, 4], layer_norm, dueling, candidate_features: true, quantiles };
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
    let mean_candidate = layers.needs().mean_candidate.then(|| [means(&tracks), means(&candidates)]);
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

/// Equal up to the rounding of sums of terms as large as the largest value.
fn near(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.size(), expected.size());
    let scale = expected.abs().max().double_value(&[]).max(1.0);
    assert!((found - expected).abs().max().double_value(&[]) < 3e-5 * scale, "{found} {expected}");
}

/// Dueling, normalised layers and quantiles at once. The numbers are PyTorch's:
/// ```python
/// import torch
/// def fill(shape, start):
///     n = torch.Size(shape).numel()
///     return torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start).float().reshape(shape)
/// # State, track and candidate features; widths of the hidden layers; quantiles
/// S, T, C, H1, H2, N = 7, 5, 35, 6, 4, 3
/// shapes = [(H1, S), H1, (H1, T), (H1, C), H1, H1]          # first layer, gain and bias of its norm
/// shapes += 2 * [(H2, H1), H2, H2, H2, (N, H2), N]          # advantage, value: hidden layer, norm, last layer
/// p = [fill(s if isinstance(s, tuple) else (s,), float(i)).requires_grad_() for i, s in enumerate(shapes)]
/// norm = lambda x, gain, bias: torch.nn.functional.layer_norm(x, x.shape[1:], gain, bias)
/// def first(s, t, c):
///     return norm(s @ p[0].T + p[1] + t @ p[2].T + c @ p[3].T, p[4], p[5]).relu()
/// def stream(x, at):
///     return norm(x @ p[at].T + p[at + 1], p[at + 2], p[at + 3]).relu() @ p[at + 4].T + p[at + 5]
/// states, tracks, candidates = fill((3, S), .1), fill((8, T), .2), fill((8, C), .3)
/// q = []
/// for state, (a, b) in zip(states, [(0, 4), (4, 5), (5, 8)]):
///     s, t, c = state[None], tracks[a:b], candidates[a:b]
///     mean = first(s, t.mean(0, keepdim=True), c.mean(0, keepdim=True))
///     q.append(stream(mean, 12) + stream(first(s, t, c), 6) - stream(mean, 6))
/// q = torch.cat(q)
/// q.square().sum().backward()
/// print(q.flatten().tolist(), [p.grad.square().sum().item() for p in p])
/// ```
#[test]
fn the_whole_network_and_its_gradient_agree_with_pytorch() {
    let mut network = network(true, true, 3);
    let fill = |(place, tensor): (usize, &Tensor)| input(1, tensor.numel() as i64, place as f64).reshape(tensor.size());
    let values: Vec<Tensor> = network.parameters.tensors().enumerate().map(fill).collect();
    network.parameters.restore(&values).unwrap();
    let (rows, _) = rows(&network.layers);
    let q = network.layers.returns(&rows).unwrap();
    let expected: [f64; 24] = [
        -1.4431, -0.930474, 0.0808478, -1.39908, -0.975682, 0.122019, -1.38903, -0.985287, 0.130079, -1.42394,
        -0.971127, 0.138297, -1.38261, -0.985056, 0.123223, -1.39807, -0.984783, 0.138168, -1.38461, -0.990511,
        0.135502, -1.38032, -0.992338, 0.134652,
    ];
    near(&q.to_kind(Kind::Double), &Tensor::from_slice(&expected).reshape([8, 3]));
    let parameters: Vec<&Tensor> = network.parameters.tensors().collect();
    let gradients = Tensor::run_backward(&[q.square().sum(Kind::Float)], &parameters, false, false);
    let expected: [f64; 18] = [
        0.00887389,
        0.00235225,
        0.000850147,
        0.0537197,
        1.06303,
        0.770893,
        4.63179,
        0.493436,
        2.04729,
        9.45958,
        0.11966,
        0.0,
        44.35,
        30.5184,
        45.5768,
        63.814,
        1659.69,
        750.164,
    ];
    for (gradient, expected) in gradients.iter().zip(expected) {
        let found = gradient.square().sum(Kind::Double).double_value(&[]);
        assert!((found - expected).abs() < 1e-3 * expected.max(1e-2), "{found} {expected}");
    }
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

/// Packed for many candidates, the network values them as its layers do, with the tracks' parts of the first layer and
/// without.
#[test]
fn a_packed_network_values_as_its_layers_do() {
    for (hidden, quantiles) in [(vec![128, 64], 32), (vec![9], 0), (vec![8, 6, 4], 5)] {
        let architecture =
            Architecture { hidden, layer_norm: false, dueling: false, candidate_features: true, quantiles };
        let network = QNetwork::new(&Shape { state: 7, track: 5, architecture }, 3, Device::Cpu).unwrap();
        let layers = &network.layers;
        let floats = |tensor: &Tensor| Vec::<f32>::try_from(tensor.reshape([-1])).unwrap();
        // More rows than go through at once; each state has its own.
        let (states, features, candidates) = (input(3, 7, 0.1), input(40, 5, 0.2), input(131, CANDIDATES, 0.3));
        let state_rows: Vec<i64> = (0..131).map(|row| i64::from(row >= 70) + i64::from(row >= 71)).collect();
        let tracks: Vec<i64> = (0..131).map(|row| row * 7 % 40).collect();
        let of_tracks = features.index_select(0, &Tensor::from_slice(&tracks));
        let rows = Rows {
            of_states: Tensor::from_slice(&state_rows),
            track_part: layers.track_part(&of_tracks).unwrap(),
            mean_candidate: None,
            states: states.shallow_clone(),
            candidates: candidates.shallow_clone(),
        };
        let expected = floats(&means(&layers.returns(&rows).unwrap()).unwrap());
        let mut gathered = Gathered::default();
        gathered.states.extend(floats(&states));
        gathered.candidates.extend(floats(&candidates));
        gathered.tracks.extend(tracks);
        gathered.state_rows.extend(state_rows);
        gathered.ends.extend([(0, 70), (1, 71), (2, 131)]);
        let features = floats(&features);
        let largest = expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
        for (precision, tolerance) in [(Precision::Single, 1e-5), (Precision::Bfloat16, 2e-2)] {
            if let Err(missing) = precision.check("precision") {
                eprintln!("SKIPPED: {missing}");
                continue;
            }
            let packed = PackedNetwork::new(layers, precision).unwrap().unwrap();
            let parts = packed.track_parts(&features);
            let (mut spare, mut values) = (Spare::default(), Vec::new());
            for parts in [None, Some(&parts[..])] {
                packed.values(&gathered, (&features, parts), &mut spare, &mut values);
                assert_eq!(values.len(), expected.len());
                for (value, expected) in values.iter().zip(&expected) {
                    assert!((value - expected).abs() < tolerance * largest, "{value} {expected} in {precision:?}");
                }
            }
        }
    }
    assert!(PackedNetwork::new(&network(true, false, 0).layers, Precision::Single).unwrap().is_none());
    assert!(PackedNetwork::new(&network(false, true, 0).layers, Precision::Single).unwrap().is_none());
}
