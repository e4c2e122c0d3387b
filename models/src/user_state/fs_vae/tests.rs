use listening_data::{Silent, Stream};
use tch::Device;

use super::super::baselines::Popularity;
use super::super::histories::tests::synthetic;
use super::super::{
    Foreteller, NetworkForeteller, Part, PlayChunks, TargetOffset, TrainingRun, TrainingSettings, Unwatched,
    train_sequences,
};
use super::*;
use crate::features::CONTEXT_FEATURES;
use crate::splits::Split;
use crate::test_values::{assert_near, fill, filled, gradient_sums, values};
use crate::user_state::ChunkFrame;

const SMALL: FsVaeSettings = FsVaeSettings {
    fast: true,
    slow: true,
    probabilistic: true,
    shuffled: false,
    lstm_units: 4,
    fast_width: 3,
    slow_widths: [4, 2],
    state_length: 3,
    decoder_width: 4,
    beta: 0.5,
    warm_up_updates: 0,
    initial_log_variance: 0.0,
};

fn chunk(steps: i64) -> PlayChunk {
    PlayChunk {
        plays: filled(&[steps, 2, 7], 1.0),
        moments: filled(&[4, 5], 2.0),
        moment_of: Tensor::from_slice(&[0i64, 1, 0, 2, 3, 2]).narrow(0, 0, 2 * steps),
        targets: filled(&[steps, 2, 2], 3.0),
        weights: Tensor::from_slice(&[1.0f32, 1.0, 0.0, 1.0, 1.0, 0.0]).reshape([3, 2]).narrow(0, 0, steps),
        frame: ChunkFrame {
            continued: Tensor::ones([2, 1], (Kind::Float, Device::Cpu)),
            count: 4,
            run: 6,
            foretold: vec![Some(7), Some(3), None, Some(4), Some(9), None][..2 * steps as usize].to_vec(),
        },
    }
}

/// The numbers are PyTorch's:
/// ```python
/// import torch
/// from torch.nn.functional import leaky_relu as leaky
/// def fill(shape, start):
///     n = torch.Size(shape).numel()
///     return (torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start)).float().reshape(shape) * .5
/// lstm = torch.nn.LSTM(7, 4, 2)
/// dense = [torch.nn.Linear(*s) for s in ((4, 3), (5, 4), (4, 2), (5, 3), (5, 3), (3, 4), (4, 2))]
/// ps = list(lstm.parameters()) + [p for d in dense for p in d.parameters()]
/// with torch.no_grad():
///     for place, p in enumerate(ps): p.copy_(fill(p.shape, place))
/// fast, slow0, slow1, mean, logvar, dec0, dec1 = dense
/// plays, moments, of = fill((3, 2, 7), 1.), fill((4, 5), 2.), [0, 1, 0, 2, 3, 2]
/// weights = torch.tensor([[1., 1.], [0., 1.], [1., 0.]])
/// out, (h, c) = lstm(plays, (fill((2, 2, 4), 5.), fill((2, 2, 4), 6.)))
/// joined = torch.cat([leaky(fast(out)), leaky(slow1(leaky(slow0(moments))))[of].reshape(3, 2, 2)], 2)
/// mu, lv = mean(joined), logvar(joined)
/// decode = lambda z: dec1(leaky(dec0(z)))
/// error = lambda x: .5 * ((x - fill((3, 2, 2), 3.)).square().sum(2) * weights).sum()
/// kl = .5 * ((mu.square() + lv.exp() - 1 - lv).sum(2) * weights).sum()
/// loss = error(decode(mu + (lv / 2).exp() * fill((3, 2, 3), 4.))) + .5 * kl
/// loss.backward()
/// print(decode(mu)[-1].flatten().tolist(), loss.item())
/// print([p.grad.sum().item() for p in ps])
/// ```
#[test]
fn agrees_with_pytorch() {
    let mut parameters = Parameters::new(0, Device::Cpu);
    let model = FsVae::new(&mut parameters, 2, 5, SMALL).unwrap();
    fill(&mut parameters);
    let by_row = |tensor: Tensor| tensor.permute([1, 0, 2]).reshape([2, 8]);
    let memory = Tensor::cat(&[by_row(filled(&[2, 2, 4], 5.0)), by_row(filled(&[2, 2, 4], 6.0))], 1);
    let (foretold, _) = model.foretell(&chunk(3), &memory).unwrap();
    assert_near(&values(&foretold.select(0, 2)), &[0.79958987, -0.35734373, 0.80908394, -0.36422110]);
    let encoded = model.encode_chunk(&chunk(3), &memory).unwrap();
    let loss = model.loss_of(&chunk(3), &encoded, Some(&filled(&[3, 2, 3], 4.0))).unwrap();
    assert_near(&values(&loss), &[2.26724863]);
    let gradients = [
        -0.00143649,
        -0.00185442,
        -0.00601729,
        -0.00601729,
        -0.00224173,
        -0.02139615,
        -0.05695575,
        -0.05695575,
        -0.07841134,
        -0.32796896,
        0.01034041,
        0.13619417,
        0.62207246,
        1.33651173,
        0.52630877,
        0.62514675,
        -0.83898520,
        -1.04642820,
        -1.29433298,
        3.06101394,
        1.92312658,
        1.52068591,
    ];
    assert_near(&gradient_sums(&parameters, &loss), &gradients);
}

/// Inputs of up to 0.5 move the logarithm of the variance by less than 1 from where it begins.
#[test]
fn the_state_begins_with_as_little_noise_as_the_settings_say() {
    for initial_log_variance in [0.0, -4.0] {
        let settings = FsVaeSettings { initial_log_variance, ..SMALL };
        let model = FsVae::new(&mut Parameters::new(0, Device::Cpu), 2, 5, settings).unwrap();
        let encoded = model.encode_chunk(&chunk(3), &filled(&[2, 16], 5.0)).unwrap();
        let found = values(&encoded.log_variance.unwrap());
        assert!(found.iter().all(|found| (found - f64::from(initial_log_variance)).abs() < 1.0), "{found:?}");
    }
}

#[test]
fn beta_rises_over_the_warm_up_and_stands_at_its_end_where_nothing_is_trained() {
    let mut parameters = Parameters::new(1, Device::Cpu);
    let settings = FsVaeSettings { warm_up_updates: 10, ..SMALL };
    let mut model = FsVae::new(&mut parameters, 2, 5, settings).unwrap();
    assert_eq!(model.beta, 0.5);
    for (updates, beta) in [(0, 0.0), (5, 0.25), (10, 0.5), (99, 0.5)] {
        model.begin_update(updates);
        assert!((model.beta - beta).abs() < 1e-12);
    }
}

#[test]
fn ablations_leave_out_what_they_say() {
    let plain = |settings: FsVaeSettings| {
        let mut parameters = Parameters::new(1, Device::Cpu);
        let model = FsVae::new(&mut parameters, 2, 5, settings).unwrap();
        fill(&mut parameters);
        let memory = Tensor::zeros([2, model.memory_length() as i64], (Kind::Float, Device::Cpu));
        let foretold = model.foretell(&chunk(3), &memory).unwrap().0;
        let mut other_plays = chunk(3);
        other_plays.plays = filled(&[3, 2, 7], 9.0);
        let mut other_moments = chunk(3);
        other_moments.moments = filled(&[4, 5], 9.0);
        let changes = [&other_plays, &other_moments].map(|chunk| {
            let other = model.foretell(chunk, &memory).unwrap().0;
            !other.allclose(&foretold, 1e-6, 1e-6, false)
        });
        let losses = [1, 2].map(|seed| {
            let mut noise = CounterRng::new(seed, Stream::Noise, 0, 0);
            values(&model.loss(&chunk(3), &memory, &mut noise).unwrap().0)[0]
        });
        (changes, losses[0] != losses[1])
    };
    assert_eq!(plain(SMALL), ([true, true], true));
    assert_eq!(plain(FsVaeSettings { fast: false, ..SMALL }), ([false, true], true));
    assert_eq!(plain(FsVaeSettings { slow: false, ..SMALL }), ([true, false], true));
    assert_eq!(plain(FsVaeSettings { probabilistic: false, ..SMALL }), ([true, true], false));
    assert!(FsVaeSettings { fast: false, slow: false, ..SMALL }.validate().is_err());
    assert!(FsVaeSettings { fast: false, shuffled: true, ..SMALL }.validate().is_err());
}

/// Changes every play from the second step on: nothing foretold before may move, shuffled or not.
#[test]
fn nothing_later_is_seen() {
    for shuffled in [false, true] {
        let mut parameters = Parameters::new(1, Device::Cpu);
        let model = FsVae::new(&mut parameters, 2, 5, FsVaeSettings { shuffled, ..SMALL }).unwrap();
        let memory = Tensor::zeros([2, model.memory_length() as i64], (Kind::Float, Device::Cpu));
        let foretell = |chunk: &PlayChunk| model.foretell(chunk, &memory).unwrap().0;
        let (before, poisoned) = (foretell(&chunk(3)), chunk(3));
        let _ = poisoned.plays.narrow(0, 2, 1).fill_(f64::NAN);
        let after = foretell(&poisoned);
        assert_eq!(values(&before.narrow(0, 0, 2)), values(&after.narrow(0, 0, 2)), "shuffled {shuffled}");
        assert!(values(&after.select(0, 2)).iter().all(|x| x.is_nan()));
    }
}

fn mean_distance(foreteller: &dyn Foreteller, targets: impl Fn(usize) -> Vec<f32>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    let mut take = |foretold: crate::user_state::Foretold<'_>| {
        let squares = targets(foretold.target).iter().zip(foretold.vector).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        sum += f64::from(squares.sqrt());
        count += 1.0;
        Ok(())
    };
    foreteller.foretell(Part::all(Split::Test), &mut take).unwrap();
    sum / count
}

#[test]
fn it_learns_to_tell_users_apart_on_held_out_plays() {
    let (histories, vectors) = synthetic(120, 28);
    let training =
        TrainingSettings { lanes: 8, steps: 10, max_epochs: 5, learning_rate: 2e-3, ..TrainingSettings::default() };
    let source = PlayChunks {
        histories: &histories,
        vectors: &vectors,
        device: Device::Cpu,
        steps: training.steps,
        lanes: training.lanes_per_shard(),
        offset: TargetOffset::NEXT,
        by_session: false,
    };
    let moment_length = histories.slow_length() + CONTEXT_FEATURES;
    let mut parameters = Parameters::new(1, Device::Cpu);
    let settings = FsVaeSettings {
        lstm_units: 32,
        fast_width: 32,
        slow_widths: [64, 32],
        state_length: 16,
        decoder_width: 32,
        warm_up_updates: 100,
        ..FsVaeSettings::default()
    };
    let model = FsVae::new(&mut parameters, vectors.dimension(), moment_length, settings).unwrap();
    let run = TrainingRun { name: "", settings: &training, seed: 5, threads: 2, checkpoint: None, progress: &Silent };
    train_sequences(&model, &mut parameters, &source, &run, &mut Unwatched).unwrap().unwrap();
    let scale = (vectors.dimension() as f32).sqrt();
    let target = |play: usize| vectors.vector(histories.track(play)).iter().map(|x| scale * x).collect();
    let trained = mean_distance(&NetworkForeteller { model: &model, parameters: &parameters, source: &source }, target);
    // The best that can be foretold without knowing the user.
    let popularity = mean_distance(&Popularity::new(&histories, &vectors).unwrap(), target);
    assert!(trained < 0.97 * popularity, "FS-VAE {trained}, Popularity {popularity}");
}
