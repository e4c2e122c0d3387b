use std::cell::Cell;

use listening_data::Silent;
use tch::Device;

use super::super::baselines::VanillaRnn;
use super::super::histories::tests::synthetic;
use super::super::{Histories, PlayChunks, TargetOffset};
use super::*;
use crate::track_embeddings::TrackVectors;

const SETTINGS: TrainingSettings = TrainingSettings {
    learning_rate: 3e-3,
    weight_decay: 0.0,
    gradient_norm: 1.0,
    lanes: 8,
    steps: 10,
    max_epochs: 3,
    patience: 2,
    checkpoint_every: 4,
};

fn source<'a>(histories: &'a Histories, vectors: &'a TrackVectors) -> PlayChunks<'a> {
    let (lanes, steps, offset) = (SETTINGS.lanes_per_shard(), SETTINGS.steps, TargetOffset::NEXT);
    PlayChunks { histories, vectors, device: Device::Cpu, steps, lanes, offset, by_session: false }
}

fn network(vectors: &TrackVectors) -> (VanillaRnn, Parameters) {
    let mut parameters = Parameters::new(1, Device::Cpu);
    (VanillaRnn::new(&mut parameters, vectors.dimension(), 16).unwrap(), parameters)
}

fn bits(parameters: &Parameters) -> Vec<u32> {
    let values = parameters.tensors().flat_map(|tensor| Vec::<f32>::try_from(tensor.reshape([-1])).unwrap());
    values.map(f32::to_bits).collect()
}

fn run(threads: usize, checkpoint: Option<&Path>) -> TrainingRun<'_> {
    TrainingRun { name: "test", settings: &SETTINGS, seed: 9, threads, checkpoint, progress: &Silent }
}

#[test]
fn training_learns_and_does_not_depend_on_threads() {
    let (histories, vectors) = synthetic(12, 20);
    let source = source(&histories, &vectors);
    let results = [1, 2].map(|threads| {
        let (model, mut parameters) = network(&vectors);
        let report =
            train_sequences(&model, &mut parameters, &source, &run(threads, None), &mut Unwatched).unwrap().unwrap();
        (report, bits(&parameters))
    });
    assert_eq!(results[0], results[1]);
    let report = &results[0].0;
    assert_eq!(report.steps_per_epoch, source.size(Part::all(Split::Train)) as u64);
    // A state that foretells nothing has half the squared length of a target.
    let nothing = vectors.dimension() as f64 / 2.0;
    assert!(report.training_loss[0] < 1.05 * nothing, "{report:?}");
    assert!(report.validation_loss[report.best_epoch - 1] < 0.98 * nothing, "{report:?}");
}

#[test]
fn the_step_size_falls_from_the_first_epoch_on() {
    let (histories, vectors) = synthetic(12, 20);
    let source = source(&histories, &vectors);
    let [short, long] = [1, 3].map(|max_epochs| {
        let (model, mut parameters) = network(&vectors);
        let run = TrainingRun { settings: &TrainingSettings { max_epochs, ..SETTINGS }, ..run(2, None) };
        train_sequences(&model, &mut parameters, &source, &run, &mut Unwatched).unwrap().unwrap()
    });
    // Where one epoch is all the steps end smaller.
    assert_ne!(short.training_loss[0], long.training_loss[0]);
}

/// Stops when it has been asked a number of times.
struct StopAfter {
    asked: Cell<usize>,
    after: usize,
}

/// Trains again and again from the checkpoint, stopped each time when the watcher has been asked `after` times, until
/// training ends: what it gives then. It must have been stopped at least twice.
pub(in crate::user_state) fn train_in_pieces<R>(
    after: usize,
    mut train: impl FnMut(&Path, &mut dyn TrainingWatcher) -> Option<R>,
) -> R {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let mut stops = 0;
    loop {
        let mut watcher = StopAfter { asked: Cell::new(0), after };
        match train(&path, &mut watcher) {
            Some(found) => {
                assert!(stops > 1, "{stops}");
                return found;
            }
            None => stops += 1,
        }
        assert!(stops < 1000, "training does not go on");
    }
}

impl TrainingWatcher for StopAfter {
    fn scalar(&mut self, _name: &str, _updates: u64, _value: f64) -> Result<()> {
        Ok(())
    }

    fn interrupted(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.asked.get() > self.after
    }
}

#[test]
fn training_that_was_stopped_at_any_moment_ends_with_the_same_weights() {
    let (histories, vectors) = synthetic(12, 20);
    let source = source(&histories, &vectors);
    let (model, mut parameters) = network(&vectors);
    let report = train_sequences(&model, &mut parameters, &source, &run(2, None), &mut Unwatched).unwrap().unwrap();
    let expected = (report, bits(&parameters));
    for after in [1, 7, 23] {
        let found = train_in_pieces(after, |path, watcher| {
            let (model, mut parameters) = network(&vectors);
            let report = train_sequences(&model, &mut parameters, &source, &run(2, Some(path)), watcher).unwrap()?;
            Some((report, bits(&parameters)))
        });
        assert_eq!(found, expected, "stopped after {after}");
    }
}
