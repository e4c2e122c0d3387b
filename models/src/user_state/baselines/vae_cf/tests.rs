use std::collections::BTreeSet;
use std::path::Path;

use listening_data::Silent;
use tch::Device;

use super::*;
use crate::splits::Split;
use crate::user_state::histories::tests::synthetic;
use crate::user_state::training::tests::train_in_pieces;
use crate::user_state::{TrainingRun, TrainingSettings, TrainingWatcher, Unwatched};

const SMALL: VaeCfSettings = VaeCfSettings {
    tracks: 120,
    hidden: 32,
    latent: 8,
    dropout: 0.5,
    beta: 0.2,
    anneal_updates: 40,
    users_per_update: 4,
};

/// Bags against sets made from the columns themselves.
#[test]
fn bags_hold_what_was_heard_before_their_session() {
    let (histories, vectors) = synthetic(6, 15);
    let modelled = Modelled::new(&histories, &vectors, 120).unwrap();
    let mut targets = 0;
    let part = Part::all(Split::Test);
    for_each_batch(&histories, &vectors, &modelled, part, &mut |batch| {
        for (bag, plays) in batch.bags.iter().zip(&batch.targets) {
            let session = histories.session_of(plays[0]);
            assert!(plays.iter().all(|&play| histories.session_of(play) == session));
            let user = (0..histories.users()).find(|&user| histories.sessions_of(user).contains(&session)).unwrap();
            let before = histories.plays_of_all(histories.sessions_of(user).start..session);
            let expected: BTreeSet<u32> = before
                .filter(|&play| !histories.skipped(play))
                .map(|play| modelled.place(histories.track(play)) as u32)
                .filter(|&place| place < modelled.len() as u32)
                .collect();
            assert!(expected.into_iter().eq(bag.iter().copied()));
            targets += plays.len();
        }
        Ok(())
    })
    .unwrap();
    let sessions = (0..histories.sessions()).filter(|&session| histories.split(session) == Split::Test);
    let plays = sessions.flat_map(|session| histories.plays_of(session));
    assert_eq!(targets, plays.filter(|&play| !histories.skipped(play)).count());
}

#[test]
fn training_ranks_held_out_tracks_better_than_untrained_weights_do() {
    let (histories, vectors) = synthetic(40, 28);
    let settings =
        TrainingSettings { learning_rate: 3e-3, max_epochs: 30, patience: 30, ..TrainingSettings::default() };
    let run = TrainingRun { name: "", settings: &settings, seed: 1, threads: 1, checkpoint: None, progress: &Silent };
    let mut parameters = Parameters::new(1, Device::Cpu);
    let model = VaeCf::new(&mut parameters, &histories, &vectors, SMALL).unwrap();
    let mean_rank = || {
        let (mut sum, mut count) = (0.0, 0.0);
        let mut take = |foretold: Foretold<'_>| {
            let rank = foretold.rank.unwrap();
            assert!((rank as usize) < vectors.tracks());
            let place = model.modelled.place(histories.track(foretold.target));
            assert!(place < 120 && rank < 120 || place as u32 == rank);
            sum += f64::from(rank);
            count += 1.0;
            Ok(())
        };
        model.foretell(Part::all(Split::Test), &mut take).unwrap();
        sum / count
    };
    let before = mean_rank();
    let report = model.train(&mut parameters, &run, &mut Unwatched).unwrap().unwrap();
    let after = mean_rank();
    assert!(after < 0.8 * before, "{before} {after}");
    // Scores that are all alike have ln(tracks).
    assert!(report.validation_loss[report.best_epoch - 1] < 120f64.ln() - 0.1, "{report:?}");
}

#[test]
fn training_that_was_stopped_ends_with_the_same_weights() {
    let (histories, vectors) = synthetic(40, 28);
    let settings = TrainingSettings { learning_rate: 3e-3, max_epochs: 4, patience: 4, ..TrainingSettings::default() };
    let train = |checkpoint: Option<&Path>, watcher: &mut dyn TrainingWatcher| {
        let run = TrainingRun { name: "", settings: &settings, seed: 1, threads: 1, checkpoint, progress: &Silent };
        let mut parameters = Parameters::new(1, Device::Cpu);
        let model = VaeCf::new(&mut parameters, &histories, &vectors, SMALL).unwrap();
        let report = model.train(&mut parameters, &run, watcher).unwrap()?;
        let values = parameters.tensors().flat_map(|tensor| Vec::<f32>::try_from(tensor.reshape([-1])).unwrap());
        Some((report, values.map(f32::to_bits).collect::<Vec<u32>>()))
    };
    let updates = histories.users().div_ceil(SMALL.users_per_update);
    let found = train_in_pieces(updates + 1, |path, watcher| train(Some(path), watcher));
    assert_eq!(found, train(None, &mut Unwatched).unwrap());
}

/// With one track modelled its vector is what is foretold, and it ranks first.
#[test]
fn one_modelled_track_is_foretold_with_certainty() {
    let (histories, vectors) = synthetic(6, 15);
    let mut parameters = Parameters::new(1, Device::Cpu);
    let settings = VaeCfSettings { tracks: 1, ..SMALL };
    let model = VaeCf::new(&mut parameters, &histories, &vectors, settings).unwrap();
    let track = model.modelled.tracks()[0];
    let scale = (vectors.dimension() as f32).sqrt();
    let mut take = |foretold: Foretold<'_>| {
        assert!(foretold.vector.iter().zip(vectors.vector(track)).all(|(a, b)| (a - scale * b).abs() < 1e-5));
        let own = histories.track(foretold.target);
        assert_eq!(foretold.rank == Some(0), own == track);
        Ok(())
    };
    model.foretell(Part::all(Split::Test), &mut take).unwrap();
}
