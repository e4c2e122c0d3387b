use listening_data::SyntheticConfig;

use super::*;
use crate::user_state::baselines::sessions::{PastVector, PastVectorKind};
use crate::user_state::baselines::{AggregateSequence, Average};
use crate::user_state::histories::tests::synthetic;
use crate::user_state::{NetworkForeteller, SessionChunks};

/// The world of [`synthetic`].
fn world(users: u32, days: u32, seed: u64) -> SyntheticSource {
    let mut config = SyntheticConfig::default();
    (config.size.users, config.size.days) = (users, days);
    (config.catalog.tracks, config.catalog.artists) = (200, 50);
    SyntheticSource { config, rules: SessionRules::default(), seed }
}

fn all(foreteller: &dyn Foreteller) -> Vec<(usize, Vec<f32>)> {
    let mut found = Vec::new();
    let mut take = |foretold: Foretold<'_>| {
        found.push((foretold.target, foretold.vector.to_vec()));
        Ok(())
    };
    foreteller.foretell(Part::all(Split::Test), &mut take).unwrap();
    found.sort_by_key(|(target, _)| *target);
    found
}

#[test]
fn plays_are_foretold_better_than_by_the_past() {
    let (histories, vectors) = synthetic(60, 28);
    let hidden = HiddenState::over_plays(&histories, &vectors, &world(60, 28, 1), 2).unwrap();
    let scale = (vectors.dimension() as f32).sqrt();
    let squared_distance = |found: &[(usize, Vec<f32>)]| {
        let errors = found.iter().map(|(play, vector)| {
            let target = vectors.vector(histories.track(*play));
            f64::from(vector.iter().zip(target).map(|(x, y)| (x - scale * y).powi(2)).sum::<f32>())
        });
        errors.sum::<f64>() / found.len() as f64
    };
    let hidden = all(&hidden);
    let average = all(&Average { histories: &histories, vectors: &vectors });
    let last = all(&AggregateSequence { histories: &histories, vectors: &vectors, settings: Default::default() });
    assert!(hidden.iter().map(|(play, _)| play).eq(average.iter().map(|(play, _)| play)));
    let [hidden, average, last] = [&hidden, &average, &last].map(|found| squared_distance(found));
    println!("squared distance: hidden state {hidden:.2}, average {average:.2}, last plays {last:.2}");
    assert!(hidden < 0.8 * average && hidden < 0.8 * last, "{hidden} {average} {last}");
}

#[test]
fn sessions_are_foretold_better_than_by_the_past() {
    let (histories, vectors) = synthetic(60, 28);
    let hidden = HiddenState::over_sessions(&histories, &vectors, &world(60, 28, 1), 2).unwrap();
    let source =
        SessionChunks { histories: &histories, vectors: &vectors, device: tch::Device::Cpu, steps: 20, lanes: 8 };
    let past = PastVector::new(vectors.dimension(), PastVectorKind::Average);
    let parameters = crate::network::Parameters::new(1, tch::Device::Cpu);
    let past = all(&NetworkForeteller { model: &past, parameters: &parameters, source: &source });
    let hidden = all(&hidden);
    assert!(hidden.iter().map(|(session, _)| session).eq(past.iter().map(|(session, _)| session)));
    let mut played = vec![0.0; vectors.dimension()];
    let [hidden, past] = [&hidden, &past].map(|found| {
        let cosines = found.iter().map(|(session, vector)| {
            let tracks = crate::user_state::SessionTracks::Played;
            crate::user_state::session_vector(&histories, &vectors, *session, tracks, &mut played);
            vector.iter().zip(&played).map(|(x, y)| f64::from(x * y)).sum::<f64>()
        });
        cosines.sum::<f64>() / found.len() as f64
    });
    println!("cosine: hidden state {hidden:.3}, average {past:.3}");
    assert!(hidden > past + 0.03, "{hidden} {past}");
}

#[test]
fn listeners_of_another_world_are_refused() {
    let (histories, vectors) = synthetic(6, 15);
    let other = HiddenState::over_plays(&histories, &vectors, &world(6, 15, 2), 2).unwrap();
    let error = other.foretell(Part::all(Split::Test), &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error, ModelError::OtherHistories { session: 0 }), "{error}");
}
