use listening_data::{Play, Responses};
use tch::{Device, Kind, Tensor};

use super::super::MeanStates;
use super::*;
use crate::features::CONTEXT_FEATURES;
use crate::network::Parameters;
use crate::splits::Split;
use crate::user_state::taste::{TasteRnn, TasteRnnSettings};
use crate::user_state::{
    ChunkSource, CoSeRnn, CoSeRnnSettings, FsVae, FsVaeSettings, Part, PlayChunk, PlayChunks, RecencyWeightedMean,
    RecencyWeightedMeanSettings, SequenceModel, SessionChunks, TargetOffset, synthetic,
};

const STATE: usize = 6;
const ALL: StartDraw = StartDraw { seed: 1, shares: [2.0, 2.0] };

/// A session of the histories as the dataset has it, as far as user states look at it.
fn logged(histories: &Histories, session: usize) -> LoggedSession {
    let plays = histories.plays_of(session).map(|play| Play {
        track: histories.track(play),
        responses: Responses { skip: Some(histories.skipped(play)), ..Responses::default() },
        ..Play::default()
    });
    let user = histories.user_number(histories.user_of(session));
    let (start_ms, context) = (histories.start_ms(session), histories.context(session));
    LoggedSession { number: session as u64, session: Session { user, start_ms, context, plays: plays.collect() } }
}

fn networks(dimension: usize, moment: usize) -> (FsVae, TasteRnn) {
    let settings = FsVaeSettings {
        lstm_units: 8,
        fast_width: 5,
        slow_widths: [7, 4],
        state_length: STATE,
        decoder_width: 5,
        ..FsVaeSettings::default()
    };
    let fs_vae = FsVae::new(&mut Parameters::new(1, Device::Cpu), dimension, moment, settings).unwrap();
    let settings = TasteRnnSettings { units: 5, layers: 2, ..TasteRnnSettings::default() };
    let width = dimension + FAST_EXTRAS;
    (fs_vae, TasteRnn::new(&mut Parameters::new(2, Device::Cpu), width, dimension, &settings).unwrap())
}

/// What the networks make of a user's whole history in one run: FS-VAE's states, the vectors it foretells, tastes; one row
/// per play, before that play.
fn one_run(fs_vae: &FsVae, taste: &TasteRnn, chunk: &PlayChunk) -> [Vec<Vec<f32>>; 3] {
    let zeros = |length: usize| Tensor::zeros([1, length as i64], (Kind::Float, Device::Cpu));
    let PlayChunk { plays, moments, moment_of, .. } = chunk;
    let encoded = fs_vae.encode(plays, moments, moment_of, &zeros(SequenceModel::memory_length(fs_vae)), 0).unwrap();
    let foretold = fs_vae.decode(&encoded.mean).unwrap();
    let tastes = taste.foretell(chunk, &zeros(taste.memory_length())).unwrap().0;
    [encoded.mean, foretold, tastes].map(|rows| {
        let row = |step| Vec::try_from(rows.select(0, step).reshape([-1])).unwrap();
        (0..rows.size()[0]).map(row).collect()
    })
}

fn scaled(row: &[f32], length: f32) -> Vec<f32> {
    row.iter().map(|x| x / length).collect()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
}

/// The truth is a run through each whole history at once, and the mean taken session by session. More users than lanes.
#[test]
fn carried_states_are_those_of_one_run_through_the_whole_history() {
    let (histories, vectors) = synthetic(LANES as u32 + 30, 4);
    let vectors = Arc::new(vectors);
    let dimension = vectors.dimension();
    let (fs_vae, taste) = networks(dimension, histories.slow_length() + CONTEXT_FEATURES);
    let mean = || RecencyWeightedMean::new(Arc::clone(&vectors), RecencyWeightedMeanSettings::default()).unwrap();
    let settings = CoSeRnnSettings { lstm_units: 7, dense_units: 5, ..CoSeRnnSettings::default() };
    let cosernn = CoSeRnn::new(&mut Parameters::new(3, Device::Cpu), dimension, &settings).unwrap();
    let networks = [fs_vae.user_state(), taste.user_state(), cosernn.user_state()];
    let mut encoders: Vec<Box<dyn UserState>> = networks.into_iter().flatten().collect();
    encoders.push(Box::new(mean()));
    let encoders = UserStates::new(encoders, Device::Cpu).unwrap();
    let mut carried = CarriedStates::new(encoders.another(), 3).unwrap();
    let mut states = EncodedStates::new(encoders, &histories, Arc::clone(&vectors)).unwrap();
    let mut means = MeanStates::new(mean());
    let (mut moved, mut compared) = (0, 0);
    for user in 0..histories.users() {
        let source = PlayChunks {
            histories: &histories,
            vectors: &vectors,
            device: Device::Cpu,
            steps: 1 << 20,
            lanes: 1,
            offset: TargetOffset::NEXT,
            by_session: false,
        };
        let part = Part { split: Split::Test, shuffled: None, shard: user, stride: histories.users() };
        let whole = source.chunks(part).next().map(|chunk| one_run(&fs_vae, &taste, &chunk.unwrap()));
        let source =
            SessionChunks { histories: &histories, vectors: &vectors, device: Device::Cpu, steps: 1 << 20, lanes: 1 };
        let sessions = source.chunks(part).next().map(|chunk| {
            let zeros = Tensor::zeros([1, SequenceModel::memory_length(&cosernn) as i64], (Kind::Float, Device::Cpu));
            cosernn.foretell(&chunk.unwrap(), &zeros).unwrap().0.squeeze_dim(1)
        });
        let first = histories.plays_of_all(histories.sessions_of(user)).start;
        for session in histories.sessions_of(user) {
            let logged = logged(&histories, session);
            let mean = means.at_start(&logged, &ALL).unwrap().vector.to_vec();
            let state = states.at_start(&logged, &ALL).unwrap();
            assert_close(&state.vector[STATE + 2 * dimension..], &mean);
            let (Some([encoded, foretold, tastes]), Some(sessions)) = (&whole, &sessions) else { continue };
            let place = session - histories.sessions_of(user).start;
            let of_session = Vec::<f32>::try_from(sessions.select(0, place as i64)).unwrap();
            let expected = |step: usize| -> Vec<f32> {
                let mut row = scaled(&encoded[step], (STATE as f32).sqrt());
                row.extend(scaled(&tastes[step], (dimension as f32).sqrt()));
                row.extend(&of_session);
                row.extend(&mean);
                row
            };
            let plays = histories.plays_of(session);
            let step = plays.start - first;
            assert_close(state.vector, &expected(step));
            let length = foretold[step].iter().map(|x| x * x).sum::<f32>().sqrt();
            assert_close(state.direction, &scaled(&foretold[step], length));
            assert_eq!(state.gap_hours, histories.gap_hours(plays.start));
            // The session goes on from the memory that is kept with its start; the rows beside it stand still.
            carried.set_memory(1, state.memory).unwrap();
            let before = carried.vectors().unwrap();
            let mut rows = vec![0.0; 3 * (dimension + FAST_EXTRAS)];
            for play in plays.start..plays.end - 1 {
                let row = &mut rows[dimension + FAST_EXTRAS..][..dimension + FAST_EXTRAS];
                write_play(&histories, &vectors, play, row);
                carried.play(&[false, true, false], &rows).unwrap();
                let found = carried.vectors().unwrap();
                let width = found.len() / 3;
                assert_close(&found[width..2 * width], &expected(play + 1 - first));
                assert!(found[..width] == before[..width] && found[2 * width..] == before[2 * width..]);
                moved += usize::from(found[width..2 * width] != before[width..2 * width]);
                compared += 1;
            }
        }
    }
    assert!(compared > 500 && moved == compared, "{compared} {moved}");
}

#[test]
fn other_histories_are_refused() {
    let (histories, vectors) = synthetic(3, 4);
    let vectors = Arc::new(vectors);
    let (fs_vae, _) = networks(vectors.dimension(), histories.slow_length() + CONTEXT_FEATURES);
    let encoders = UserStates::new(vec![fs_vae.user_state().unwrap()], Device::Cpu).unwrap();
    let mut states = EncodedStates::new(encoders, &histories, vectors).unwrap();
    let mut other = logged(&histories, 0);
    other.session.start_ms += 1;
    assert!(matches!(states.at_start(&other, &ALL), Err(ModelError::OtherHistories { session: 0 })));
}
