use std::path::Path;

use listening_data::Silent;
use tch::{Device, Tensor};

use super::interactions::{InTimeOrder, Interaction};
use super::*;
use crate::splits::Split;
use crate::user_state::histories::tests::synthetic;
use crate::user_state::training::tests::train_in_pieces;
use crate::user_state::{TrainingRun, TrainingSettings, TrainingWatcher, Unwatched};

const SMALL: JodieSettings = JodieSettings { embedding_length: 6, user_change: 0.5, item_change: 0.5, window: 150 };

fn foretold(jodie: &Jodie<'_>, part: Part) -> Vec<(usize, Vec<f32>)> {
    let mut found = Vec::new();
    let mut take = |foretold: Foretold<'_>| {
        found.push((foretold.target, foretold.vector.to_vec()));
        Ok(())
    };
    jodie.foretell(part, &mut take).unwrap();
    found.sort_by_key(|(target, _)| *target);
    found
}

/// Windows of one play each are worked on one after another: t-batches, and where windows are cut, change nothing.
#[test]
fn t_batches_give_what_play_after_play_gives() {
    let (histories, vectors) = synthetic(8, 28);
    let run = |window| {
        let mut parameters = Parameters::new(2, Device::Cpu);
        let settings = JodieSettings { window, ..SMALL };
        foretold(&Jodie::new(&mut parameters, &histories, &vectors, settings).unwrap(), Part::all(Split::Test))
    };
    let (one_by_one, together) = (run(1), run(400));
    assert!(one_by_one.len() > 50);
    assert_eq!(one_by_one.len(), together.len());
    for ((target, expected), (same, found)) in one_by_one.iter().zip(&together) {
        assert_eq!(target, same);
        assert!(expected.iter().zip(found).all(|(a, b)| (a - b).abs() < 1e-5), "{target}");
    }
}

/// What is foretold of the first plays is the same, bit for bit, whatever comes after them.
#[test]
fn nothing_later_is_seen() {
    let (histories, vectors) = synthetic(8, 28);
    let mut parameters = Parameters::new(2, Device::Cpu);
    let jodie = Jodie::new(&mut parameters, &histories, &vectors, SMALL).unwrap();
    let plays: Vec<Interaction> = InTimeOrder::new(&histories, Split::Train).take(120).collect();
    let run = |plays: &[Interaction]| {
        let window = jodie.run_window(plays.to_vec(), Split::Train, &mut jodie.beginning()).unwrap();
        let values = Vec::<f32>::try_from(window.foretold.reshape([-1])).unwrap();
        let rows = values.chunks_exact(vectors.dimension()).map(<[f32]>::to_vec);
        let mut rows: Vec<(usize, Vec<f32>)> =
            window.interactions.iter().map(|interaction| interaction.play).zip(rows).collect();
        rows.sort_by_key(|(play, _)| *play);
        rows
    };
    let mut poisoned = plays.clone();
    poisoned[60..].reverse();
    let early: Vec<usize> = plays[..60].iter().map(|interaction| interaction.play).collect();
    let kept = |rows: Vec<(usize, Vec<f32>)>| -> Vec<(usize, Vec<f32>)> {
        rows.into_iter().filter(|(play, _)| early.contains(play)).collect()
    };
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    let (first, second) = (kept(run(&plays)), kept(run(&poisoned)));
    assert_eq!(first.len(), 60);
    assert!(first.iter().zip(&second).all(|(a, b)| a.0 == b.0 && near(&a.1, &b.1)));
    assert_ne!(run(&plays), run(&poisoned));
}

#[test]
fn a_part_gives_its_own_users_as_the_whole_does() {
    let (histories, vectors) = synthetic(8, 28);
    let mut parameters = Parameters::new(2, Device::Cpu);
    let jodie = Jodie::new(&mut parameters, &histories, &vectors, SMALL).unwrap();
    let whole = foretold(&jodie, Part::all(Split::Validation));
    let mut parts: Vec<_> =
        (0..3).flat_map(|shard| foretold(&jodie, Part { shard, stride: 3, ..Part::all(Split::Validation) })).collect();
    parts.sort_by_key(|(target, _)| *target);
    assert_eq!(parts, whole);
}

#[test]
fn training_lowers_the_error_on_held_out_plays_and_repeats_itself() {
    let (histories, vectors) = synthetic(8, 28);
    let settings = TrainingSettings { learning_rate: 3e-3, max_epochs: 3, patience: 3, ..TrainingSettings::default() };
    let run = TrainingRun { name: "", settings: &settings, seed: 1, threads: 1, checkpoint: None, progress: &Silent };
    let train = |checkpoint: Option<&Path>, watcher: &mut dyn TrainingWatcher| {
        let mut parameters = Parameters::new(1, Device::Cpu);
        let jodie = Jodie::new(&mut parameters, &histories, &vectors, SMALL).unwrap();
        let report = jodie.train(&mut parameters, &TrainingRun { checkpoint, ..run }, watcher).unwrap()?;
        let values = parameters.tensors().flat_map(|tensor| Vec::<f32>::try_from(tensor.reshape([-1])).unwrap());
        Some((report, values.map(f32::to_bits).collect::<Vec<u32>>()))
    };
    let results = [(); 2].map(|()| train(None, &mut Unwatched).unwrap());
    assert_eq!(results[0], results[1]);
    // An epoch and some windows of the next: the checkpoint is that of the epoch's end.
    let windows = InTimeOrder::new(&histories, Split::Train).count().div_ceil(SMALL.window);
    assert_eq!(train_in_pieces(windows + 2, |path, watcher| train(Some(path), watcher)), results[0]);
    let report = &results[0].0;
    let best = report.validation_loss[report.best_epoch - 1];
    // A model that foretells nothing has half the squared length of a target.
    assert!(best < 0.98 * vectors.dimension() as f64 / 2.0, "{report:?}");
    assert!(report.training_loss[2] < report.training_loss[0], "{report:?}");
}

/// Gradients flow through the updates of earlier plays in the window, to the first embeddings too.
#[test]
fn every_parameter_learns() {
    let (histories, vectors) = synthetic(8, 28);
    let mut parameters = Parameters::new(2, Device::Cpu);
    let jodie = Jodie::new(&mut parameters, &histories, &vectors, SMALL).unwrap();
    let plays = InTimeOrder::new(&histories, Split::Train).take(100).collect();
    let window = jodie.run_window(plays, Split::Train, &mut jodie.beginning()).unwrap();
    let tensors: Vec<&Tensor> = parameters.tensors().collect();
    for (gradient, (name, _)) in
        Tensor::run_backward(&[&window.error], &tensors, false, false).iter().zip(parameters.named())
    {
        assert!(gradient.abs().max().double_value(&[]) > 0.0, "{name}");
    }
}
