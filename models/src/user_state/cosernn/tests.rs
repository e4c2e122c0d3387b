use listening_data::Silent;
use tch::{Device, Kind, Tensor};

use super::super::baselines::sessions::{PastVector, PastVectorKind, PlainRnn, SessionLatentCross};
use super::super::baselines::{Jodie, JodieSettings};
use super::super::histories::Histories;
use super::super::histories::tests::{ByHand, by_hand, synthetic};
use super::super::{
    Foreteller, Foretold, Part, SessionChunks, TrainingRun, TrainingSettings, Unwatched, for_each_foretold,
    train_sequences,
};
use super::*;
use crate::splits::Split;
use crate::test_values::{assert_near, fill, filled, gradient_sums, values};
use crate::track_embeddings::TrackVectors;
use crate::user_state::ChunkFrame;

const SMALL: CoSeRnnSettings = CoSeRnnSettings {
    lstm_units: 3,
    dense_units: 5,
    streams: SessionStreams::PlayedAndSkipped,
    inputs: SessionInputs {
        context: true,
        previous_session: true,
        number_of_tracks: true,
        stream_source: true,
        time_since: true,
    },
    long_term: true,
    network_loss: 0.0,
};

/// A chunk of 3 steps and 2 lanes over vectors of 4 values.
fn chunk() -> SessionChunk {
    let stream = |vectors: f64, numbers: f64| SessionStream {
        vectors: unit(&filled(&[3, 2, 4], vectors)).unwrap(),
        numbers: filled(&[3, 2, 1], numbers),
    };
    SessionChunk {
        context: filled(&[3, 2, 38], 1.0),
        source: filled(&[3, 2, 6], 2.0),
        since: filled(&[3, 2, 1], 3.0),
        played: stream(4.0, 6.0),
        skipped: stream(5.0, 7.0),
        all: stream(0.5, 6.5),
        targets: unit(&filled(&[3, 2, 4], 8.0)).unwrap(),
        weights: Tensor::from_slice(&[1.0f32, 1.0, 0.0, 1.0, 1.0, 0.0]).reshape([3, 2]),
        frame: ChunkFrame {
            continued: Tensor::ones([2, 1], (Kind::Float, Device::Cpu)),
            count: 4,
            run: 6,
            foretold: vec![None; 6],
        },
    }
}

/// The numbers are PyTorch's:
/// ```python
/// import torch
/// from torch.nn import LSTM, Linear
/// def fill(shape, start):
///     n = torch.Size(shape).numel()
///     return (torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start)).float().reshape(shape) * .5
/// unit = lambda x: x / x.norm(dim=-1, keepdim=True).clamp_min(1e-12)
/// T, L, D, U, H = 3, 2, 4, 3, 5                       # steps, lanes, dimension, LSTM units, dense units
/// W = 38 + D + 1 + 6 + 1
/// stream = lambda: [Linear(W, H), Linear(H, H), LSTM(H, U)]
/// played, skipped = stream(), stream()
/// fusion, top, output = Linear(2 * U, 2), [Linear(2 * U, H), Linear(H, H)], Linear(H, D)
/// layers = played + skipped + [fusion] + top + [output]
/// with torch.no_grad():
///     for place, p in enumerate(p for layer in layers for p in layer.parameters()): p.copy_(fill(p.shape, place))
/// context, source, since = fill((T, L, 38), 1.), fill((T, L, 6), 2.), fill((T, L, 1), 3.)
/// vectors = [unit(fill((T, L, D), 4.)), unit(fill((T, L, D), 5.))]
/// numbers = [fill((T, L, 1), 6.), fill((T, L, 1), 7.)]
/// targets, weights = unit(fill((T, L, D), 8.)), torch.tensor([[1., 1.], [0., 1.], [1., 0.]])
/// h = fill((L, 2 * 2 * U), 9.)                        # per stream: hidden, cell
/// total, number = fill((L, D), 10.), torch.tensor([[3.], [7.]])
/// outs = []
/// for at, (one, two, lstm) in enumerate((played, skipped)):
///     x = torch.cat([context, vectors[at], numbers[at], source, since], -1)
///     state = h[:, at * 2 * U:][:, :2 * U].reshape(L, 2, U).permute(1, 0, 2).contiguous()
///     outs.append(lstm(two(one(x).relu()).relu(), (state[:1], state[1:]))[0])
/// joined = torch.cat(outs, -1)
/// v = output(top[1](top[0](joined).relu()).relu())
/// long = []
/// for t in range(T):
///     total = total + (number + t) * vectors[0][t]
///     long.append(unit(total))
/// w = fusion(joined).softmax(-1)
/// u = unit(w[..., :1] * v + w[..., 1:] * torch.stack(long))
/// loss = ((1 - (u * targets).sum(-1)) * weights).sum()
/// loss.backward()
/// print(loss.item(), u[-1].flatten().tolist(), fusion.weight.grad[0].tolist())
/// print([round(p.grad.sum().item(), 6) for layer in layers for p in layer.parameters()])
/// # With the loss of the network's own vectors, by half: the same from here on, with
/// loss = loss + .5 * ((1 - (unit(v) * targets).sum(-1)) * weights).sum()
/// ```
#[test]
fn agrees_with_pytorch() {
    let mut parameters = Parameters::new(0, Device::Cpu);
    let model = CoSeRnn::new(&mut parameters, 4, &SMALL).unwrap();
    fill(&mut parameters);
    let numbers = Tensor::from_slice(&[3.0f32, 7.0]).reshape([2, 1]);
    let memory = Tensor::cat(&[filled(&[2, 12], 9.0), filled(&[2, 4], 10.0), numbers], 1);
    assert_eq!(memory.size()[1] as usize, model.memory_length());
    let (vectors, _) = model.foretell(&chunk(), &memory).unwrap();
    let last = [-0.348883, -0.505595, -0.786914, -0.058487, -0.556875, -0.123692, -0.09895, 0.815352];
    assert_near(&values(&vectors.select(0, 2)), &last);
    let (loss, _) =
        model.loss(&chunk(), &memory, &mut CounterRng::new(0, listening_data::Stream::Noise, 0, 0)).unwrap();
    assert_near(&values(&loss), &[5.486436]);
    let of_fusion = Tensor::run_backward(&[&loss], &[parameters.tensors().nth(16).unwrap()], true, false);
    assert_near(
        &values(&of_fusion[0].select(0, 0)),
        &[-0.250485, 0.754283, -0.452210, -0.031610, -0.057059, -0.189931],
    );
    let gradients = [
        0.416094, 0.183711, 1.551162, 0.243711, 1.914367, -0.342612, 0.814273, 0.814273, 0.169268, 0.095052, 4.076638,
        0.505998, -2.317705, 0.107407, -0.601926, -0.601926, 0.0, 0.0, 0.00217, 0.028204, -0.836121, -0.535806,
        3.224617, 4.33861,
    ];
    assert_near(&gradient_sums(&parameters, &loss), &gradients);

    let mut parameters = Parameters::new(0, Device::Cpu);
    let model = CoSeRnn::new(&mut parameters, 4, &CoSeRnnSettings { network_loss: 0.5, ..SMALL }).unwrap();
    fill(&mut parameters);
    let mut noise = CounterRng::new(0, listening_data::Stream::Noise, 0, 0);
    let (loss, _) = model.loss(&chunk(), &memory, &mut noise).unwrap();
    assert_near(&values(&loss), &[7.354160]);
    let (measured, _) = model.measured_loss(&chunk(), &memory, &mut noise).unwrap();
    assert_near(&values(&measured), &[5.486436]);
    let gradients = [
        0.415977, 0.183528, 1.550034, 0.242454, 1.913121, -0.342839, 0.811918, 0.811918, 0.166532, 0.094756, 4.09872,
        0.509371, -2.362465, 0.106706, -0.610794, -0.610794, 0.0, 0.0, 0.022491, 0.002304, -0.596311, -0.366346,
        3.326741, 4.476478,
    ];
    assert_near(&gradient_sums(&parameters, &loss), &gradients);
}

/// The vectors foretold for the sessions of a part, by session.
fn foretold<M: SequenceModel<Chunk = SessionChunk>>(
    model: &M,
    parameters: &Parameters,
    source: &SessionChunks<'_>,
) -> Vec<(usize, Vec<f32>)> {
    let mut found = Vec::new();
    for_each_foretold(model, parameters, source, Part::all(Split::Test), |session, vector| {
        found.push((session, vector.to_vec()));
        Ok(())
    })
    .unwrap();
    found.sort_by_key(|(session, _)| *session);
    found
}

/// Mean cosine of the vectors to those of the tracks played.
fn mean_cosine(source: &SessionChunks<'_>, found: &[(usize, Vec<f32>)]) -> f64 {
    let mut played = vec![0.0; source.vectors.dimension()];
    let cosines = found.iter().map(|(session, vector)| {
        let tracks = super::super::SessionTracks::Played;
        super::super::session_vector(source.histories, source.vectors, *session, tracks, &mut played);
        vector.iter().zip(&played).map(|(x, y)| f64::from(x * y)).sum::<f64>()
    });
    cosines.sum::<f64>() / found.len() as f64
}

#[test]
fn what_is_carried_between_chunks_is_all_that_a_whole_history_gives() {
    let (histories, vectors) = synthetic(12, 20);
    for streams in [SessionStreams::Played, SessionStreams::PlayedAndSkipped, SessionStreams::Union] {
        let mut parameters = Parameters::new(3, Device::Cpu);
        let settings = CoSeRnnSettings { streams, ..SMALL };
        let model = CoSeRnn::new(&mut parameters, vectors.dimension(), &settings).unwrap();
        let by = |steps: usize, lanes: usize| {
            let source = SessionChunks { histories: &histories, vectors: &vectors, device: Device::Cpu, steps, lanes };
            foretold(&model, &parameters, &source)
        };
        let (one, many) = (by(1, 2), by(1000, 7));
        assert!(one.len() > 10, "{}", one.len());
        for ((a, one), (b, many)) in one.iter().zip(&many) {
            assert_eq!(a, b);
            assert!(one.iter().zip(many).all(|(x, y)| (x - y).abs() < 1e-5), "session {a}");
        }
    }
}

#[test]
fn nothing_of_the_session_foretold_or_of_later_ones_is_seen() {
    let vectors = TrackVectors::new(2, vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.5, 0.3, -1.0]);
    let sessions = |poisoned: usize| -> Vec<ByHand> {
        let session = |number: usize| ByHand {
            split: Split::Test,
            // What begins the session is known; all later sessions are poisoned whole.
            hour: if number > poisoned { 23 } else { (5 * number % 24) as u8 },
            device: listening_data::Device::Phone,
            plays: match number >= poisoned {
                true => vec![(3, false), (2, true), (3, false)],
                false => vec![(number as u32 % 2, false), (2, number.is_multiple_of(3))],
            },
        };
        (0..9).map(session).collect()
    };
    let run = |poisoned: usize| {
        let histories = by_hand(&[sessions(poisoned)]);
        let source =
            SessionChunks { histories: &histories, vectors: &vectors, device: Device::Cpu, steps: 4, lanes: 1 };
        let mut parameters = Parameters::new(3, Device::Cpu);
        let model = CoSeRnn::new(&mut parameters, 2, &SMALL).unwrap();
        foretold(&model, &parameters, &source)
    };
    let (clean, poisoned) = (run(9), run(5));
    assert_eq!(clean[..=5], poisoned[..=5]);
    assert!((6..9).all(|session| clean[session] != poisoned[session]), "the poison is strong enough to be seen");
}

#[test]
fn inputs_left_out_are_not_seen() {
    type Change<T> = fn(&mut T);
    let leave_out: [(Change<SessionInputs>, Change<SessionChunk>); 3] = [
        (|inputs| inputs.context = false, |chunk| chunk.context = filled(&[3, 2, 38], 20.0)),
        (|inputs| inputs.stream_source = false, |chunk| chunk.source = filled(&[3, 2, 6], 20.0)),
        (|inputs| inputs.time_since = false, |chunk| chunk.since = filled(&[3, 2, 1], 20.0)),
    ];
    for (leave_out, change) in leave_out {
        for (left_out, same) in [(false, false), (true, true)] {
            let mut settings = SMALL;
            if left_out {
                leave_out(&mut settings.inputs);
            }
            let mut parameters = Parameters::new(3, Device::Cpu);
            let model = CoSeRnn::new(&mut parameters, 4, &settings).unwrap();
            let memory = Tensor::zeros([2, model.memory_length() as i64], (Kind::Float, Device::Cpu));
            let mut changed = chunk();
            change(&mut changed);
            let [before, after] = [chunk(), changed].map(|chunk| values(&model.foretell(&chunk, &memory).unwrap().0));
            assert_eq!(before == after, same);
        }
    }
    let mut settings = SMALL;
    settings.inputs = SessionInputs {
        context: false,
        previous_session: false,
        number_of_tracks: false,
        stream_source: false,
        time_since: false,
    };
    assert!(settings.validate().is_err());
}

const TRAINING: TrainingSettings = TrainingSettings {
    learning_rate: 2e-3,
    weight_decay: 0.0,
    gradient_norm: 1.0,
    lanes: 16,
    steps: 10,
    max_epochs: 20,
    patience: 4,
    checkpoint_every: 500,
};

fn trained<M: SequenceModel<Chunk = SessionChunk>>(
    source: &SessionChunks<'_>,
    new: impl Fn(&mut Parameters) -> Result<M>,
) -> f64 {
    let mut parameters = Parameters::new(1, Device::Cpu);
    let model = new(&mut parameters).unwrap();
    let run =
        TrainingRun { name: "test", settings: &TRAINING, seed: 9, threads: 2, checkpoint: None, progress: &Silent };
    train_sequences(&model, &mut parameters, source, &run, &mut Unwatched).unwrap().unwrap();
    mean_cosine(source, &foretold(&model, &parameters, source))
}

fn training_source<'a>(histories: &'a Histories, vectors: &'a TrackVectors) -> SessionChunks<'a> {
    let (steps, lanes) = (TRAINING.steps, TRAINING.lanes_per_shard());
    SessionChunks { histories, vectors, device: Device::Cpu, steps, lanes }
}

const TRAINED: CoSeRnnSettings = CoSeRnnSettings { lstm_units: 32, dense_units: 32, ..SMALL };

#[test]
fn trained_networks_foretell_the_sessions_of_synthetic_listeners() {
    let (histories, vectors) = synthetic(200, 28);
    let source = training_source(&histories, &vectors);
    let dimension = vectors.dimension();
    let network = trained(&source, |parameters| CoSeRnn::new(parameters, dimension, &TRAINED));
    let plain = trained(&source, |parameters| PlainRnn::new(parameters, dimension, 32));
    let latent_cross = trained(&source, |parameters| SessionLatentCross::new(parameters, dimension, 32));
    let parameters = Parameters::new(1, Device::Cpu);
    let past = |kind| mean_cosine(&source, &foretold(&PastVector::new(dimension, kind), &parameters, &source));
    let (last, average) = (past(PastVectorKind::LastSession), past(PastVectorKind::Average));
    println!(
        "CoSeRNN {network:.4}, plain {plain:.4}, LatentCross {latent_cross:.4}, last {last:.4}, average {average:.4}"
    );
    assert!(network > plain && network > last + 0.1, "{network} {plain} {last}");
    assert!(plain > last && latent_cross > last && average > last, "{plain} {latent_cross} {average} {last}");
}

/// Listeners who hear one style in the morning and another in the evening, at times that nothing foretells.
fn listeners_by_hour() -> (Histories, TrackVectors) {
    let vectors = TrackVectors::new(4, (0..16).map(|place| if place % 5 == 0 { 1.0 } else { 0.0 }).collect());
    let users = (0..40).map(|user| {
        let mut rng = CounterRng::new(4, listening_data::Stream::Listening, user, 0);
        let sessions = (0..40).map(|number| {
            let evening = rng.below(2);
            let split = [Split::Train, Split::Validation, Split::Test][[0, 0, 0, 1, 2][number / 8]];
            let plays = vec![(evening as u32, false), (2 + rng.below(2) as u32, true)];
            ByHand { split, hour: [8, 20][evening], device: listening_data::Device::Phone, plays }
        });
        sessions.collect::<Vec<_>>()
    });
    (by_hand(&users.collect::<Vec<_>>()), vectors)
}

#[test]
fn a_trained_network_takes_from_the_context_what_the_past_cannot_tell() {
    let (histories, vectors) = listeners_by_hour();
    let source = training_source(&histories, &vectors);
    let network = |context: bool| {
        let settings = CoSeRnnSettings { inputs: SessionInputs { context, ..SMALL.inputs }, ..TRAINED };
        trained(&source, |parameters| CoSeRnn::new(parameters, 4, &settings))
    };
    let latent_cross = trained(&source, |parameters| SessionLatentCross::new(parameters, 4, 32));
    let jodie = {
        let mut parameters = Parameters::new(1, Device::Cpu);
        let settings = JodieSettings { embedding_length: 8, window: 100, ..JodieSettings::default() };
        let jodie = Jodie::over_sessions(&mut parameters, &histories, &vectors, settings).unwrap();
        let training = TrainingSettings { learning_rate: 1e-2, ..TRAINING };
        let run =
            TrainingRun { name: "test", settings: &training, seed: 9, threads: 2, checkpoint: None, progress: &Silent };
        jodie.train(&mut parameters, &run, &mut Unwatched).unwrap().unwrap();
        let mut found = Vec::new();
        let mut take = |foretold: Foretold<'_>| {
            let length = foretold.vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            found.push((foretold.target, foretold.vector.iter().map(|x| x / length).collect::<Vec<f32>>()));
            Ok(())
        };
        jodie.foretell(Part::all(Split::Test), &mut take).unwrap();
        found.sort_by_key(|(session, _)| *session);
        let sessions = (0..histories.sessions()).filter(|&session| histories.split(session) == Split::Test);
        assert!(found.iter().map(|(session, _)| *session).eq(sessions), "each test session is foretold once");
        mean_cosine(&source, &found)
    };
    let (with, without) = (network(true), network(false));
    println!("CoSeRNN {with:.4}, without context {without:.4}, LatentCross {latent_cross:.4}, JODIE {jodie:.4}");
    // The best vector without context lies between the two styles, 45 degrees from each.
    assert!(with > 0.98 && latent_cross > 0.98 && jodie > 0.95, "{with} {latent_cross} {jodie}");
    assert!(without < 0.8, "{without}");
}
