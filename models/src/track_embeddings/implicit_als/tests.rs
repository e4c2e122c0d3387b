//! The parts together, against dense computations in f64 and against the `implicit` package.

use listening_data::{CounterRng, Silent, Stream};
use proptest::prelude::*;

use super::*;
use crate::track_embeddings::TrackVectors;

const USERS: usize = 23;
const TRACKS: usize = 17;

/// Random plays; user 5 and track 3 have none, user 7 played every other track.
fn plays(seed: u64) -> Vec<(u32, u32, f32)> {
    let mut rng = CounterRng::new(seed, Stream::Sampling, 0, 0);
    let mut triples = Vec::new();
    for user in (0..USERS as u32).filter(|&user| user != 5) {
        for track in (0..TRACKS as u32).filter(|&track| track != 3) {
            if user == 7 || rng.uniform() < 0.3 {
                triples.push((user, track, 1.0 + rng.below(4) as f32));
            }
        }
    }
    triples
}

fn interactions(seed: u64) -> Interactions {
    Interactions::from_triples(USERS, TRACKS, &plays(seed)).unwrap()
}

fn settings(solver: Solver, confidence: Confidence, biases: bool) -> AlsSettings {
    AlsSettings {
        factors: 5,
        regularization: 0.3,
        confidence,
        alpha: 1.5,
        log_scale: 0.5,
        solver,
        conjugate_gradient_steps: 40,
        biases,
        ..AlsSettings::default()
    }
}

/// A model whose factors and biases are far from 0, so that every term of the loss counts.
fn rough_model(interactions: &Interactions, settings: &AlsSettings) -> ImplicitAls {
    let mut training = AlsTraining::new(interactions, settings.clone(), 4, 1).unwrap();
    training.iterate().unwrap();
    training.model().clone()
}

/// p and c of every user and track.
fn dense(settings: &AlsSettings, seed: u64) -> Vec<Vec<(f64, f64)>> {
    let mut table = vec![vec![(0.0, 1.0); TRACKS]; USERS];
    for (user, track, plays) in plays(seed) {
        let r = f64::from(plays);
        let alpha = f64::from(settings.alpha);
        let confidence = match settings.confidence {
            Confidence::Linear => 1.0 + alpha * r,
            Confidence::Log => 1.0 + alpha * (1.0 + r / f64::from(settings.log_scale)).ln(),
        };
        table[user as usize][track as usize] = (1.0, confidence);
    }
    table
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

fn product(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

/// The loss by its formula, over every pair.
fn dense_loss(model: &ImplicitAls, settings: &AlsSettings, seed: u64) -> f64 {
    let (mut loss, mut weight) = (0.0, 0.0);
    for (user, row) in dense(settings, seed).iter().enumerate() {
        for (track, &(p, c)) in row.iter().enumerate() {
            let (user, track) = (user as u32, track as u32);
            let score = product(&doubles(model.user_vector(user)), &doubles(model.track_vector(track)))
                + f64::from(model.user_bias(user))
                + f64::from(model.track_bias(track));
            loss += c * (p - score).powi(2);
            weight += c;
        }
    }
    let users = (0..USERS as u32).flat_map(|user| doubles(model.user_vector(user)));
    let tracks = (0..TRACKS as u32).flat_map(|track| doubles(model.track_vector(track)));
    (loss + f64::from(settings.regularization) * users.chain(tracks).map(|x| x * x).sum::<f64>()) / weight
}

/// The vector (and bias) that minimises sum of c (target - y.x)^2 + lambda |x|^2, from the dense normal equations by
/// Gaussian elimination with pivoting. Each row is (y, target, c); unknowns from `regularized` on are not regularized.
fn least_squares(rows: &[(Vec<f64>, f64, f64)], regularization: f64, regularized: usize) -> Vec<f64> {
    let n = rows[0].0.len();
    let mut a = vec![vec![0.0; n + 1]; n];
    for i in 0..n {
        for (y, target, c) in rows {
            for j in 0..n {
                a[i][j] += c * y[i] * y[j];
            }
            a[i][n] += c * y[i] * target;
        }
        a[i][i] += if i < regularized { regularization } else { 0.0 };
    }
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs())).unwrap();
        a.swap(k, pivot);
        let pivot_row = a[k].clone();
        for (i, row) in a.iter_mut().enumerate().filter(|(i, _)| *i != k) {
            let factor = row[k] / pivot_row[k];
            assert!(i != k && factor.is_finite());
            row.iter_mut().zip(&pivot_row).for_each(|(x, p)| *x -= factor * p);
        }
    }
    (0..n).map(|i| a[i][n] / a[i][i]).collect()
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    let scale = expected.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 2e-4 * scale, "{what}: {found} instead of {expected}");
    }
}

#[test]
fn both_solvers_solve_the_dense_normal_equations() {
    for seed in 0..3 {
        for (confidence, biases) in
            [(Confidence::Linear, false), (Confidence::Linear, true), (Confidence::Log, false), (Confidence::Log, true)]
        {
            for solver in [Solver::Cholesky, Solver::ConjugateGradient] {
                let interactions = interactions(seed);
                let settings = settings(solver, confidence, biases);
                let before = rough_model(&interactions, &settings);
                let mut training = AlsTraining::resume(&interactions, settings.clone(), before.clone(), 2).unwrap();
                training.iterate().unwrap();
                check_iteration(&before, training.model(), &settings, &interactions, seed);
            }
        }
    }
}

fn check_iteration(
    before: &ImplicitAls,
    after: &ImplicitAls,
    settings: &AlsSettings,
    interactions: &Interactions,
    seed: u64,
) {
    let table = dense(settings, seed);
    let lambda = f64::from(settings.regularization);
    let with_one = |vector: &[f32]| -> Vec<f64> {
        let mut row = doubles(vector);
        row.extend(settings.biases.then_some(1.0));
        row
    };
    let unknowns = |vector: &[f32], bias: f32| -> Vec<f64> {
        let mut row = doubles(vector);
        row.extend(settings.biases.then_some(f64::from(bias)));
        row
    };
    for user in (0..USERS).filter(|&user| !interactions.tracks_of(user as u32).is_empty()) {
        let rows: Vec<_> = (0..TRACKS as u32)
            .map(|track| {
                let (p, c) = table[user][track as usize];
                (with_one(before.track_vector(track)), p - f64::from(before.track_bias(track)), c)
            })
            .collect();
        let expected = least_squares(&rows, lambda, settings.factors);
        let found = unknowns(after.user_vector(user as u32), after.user_bias(user as u32));
        assert_close(&found, &expected, &format!("user {user}, {settings:?}"));
    }
    for track in (0..TRACKS).filter(|&track| !interactions.users_of(track as u32).is_empty()) {
        let rows: Vec<_> = (0..USERS as u32)
            .map(|user| {
                let (p, c) = table[user as usize][track];
                (with_one(after.user_vector(user)), p - f64::from(after.user_bias(user)), c)
            })
            .collect();
        let expected = least_squares(&rows, lambda, settings.factors);
        let found = unknowns(after.track_vector(track as u32), after.track_bias(track as u32));
        assert_close(&found, &expected, &format!("track {track}, {settings:?}"));
    }
}

/// Long rows and many factors use every tile of the kernels: Cholesky and conjugate gradient must still agree.
#[test]
fn as_many_steps_as_factors_give_what_cholesky_gives() {
    let mut rng = CounterRng::new(9, Stream::Sampling, 1, 0);
    let pairs = (0..60u32).flat_map(|user| (0..300u32).map(move |track| (user, track)));
    let triples: Vec<_> = pairs.map(|(user, track)| (user, track, 1.0)).filter(|_| rng.uniform() < 0.6).collect();
    let interactions = Interactions::from_triples(60, 300, &triples).unwrap();
    for (factors, biases) in [(8, false), (31, true), (50, false), (64, true)] {
        let of = |solver| {
            let settings = AlsSettings { factors, alpha: 2.0, ..settings(solver, Confidence::Linear, biases) };
            let settings = AlsSettings { regularization: 5.0, conjugate_gradient_steps: factors + 2, ..settings };
            let mut training = AlsTraining::new(&interactions, settings, 1, 2).unwrap();
            training.iterate().unwrap();
            training.model().clone()
        };
        let (exact, steps) = (of(Solver::Cholesky), of(Solver::ConjugateGradient));
        for track in 0..300 {
            let what = format!("track {track} of {factors} factors");
            assert_close(&doubles(steps.track_vector(track)), &doubles(exact.track_vector(track)), &what);
        }
    }
}

#[test]
fn cholesky_lowers_the_loss_at_every_iteration() {
    for (confidence, biases) in [(Confidence::Linear, false), (Confidence::Log, true)] {
        let interactions = interactions(2);
        let settings = settings(Solver::Cholesky, confidence, biases);
        let mut training = AlsTraining::new(&interactions, settings.clone(), 3, 1).unwrap();
        let mut last = training.loss().unwrap();
        for _ in 0..10 {
            training.iterate().unwrap();
            let loss = training.loss().unwrap();
            let by_formula = dense_loss(training.model(), &settings, 2);
            assert!((loss - by_formula).abs() < 1e-6 * by_formula, "{loss} instead of {by_formula}");
            assert!(loss < last * (1.0 + 1e-6), "{loss} after {last}");
            last = loss;
        }
    }
}

#[test]
fn threads_change_no_bit_and_the_seed_does() {
    let mut rng = CounterRng::new(5, Stream::Sampling, 2, 0);
    let triples: Vec<_> = (0..6000).map(|_| (rng.below(700) as u32, rng.below(400) as u32, 1.0)).collect();
    let interactions = Interactions::from_triples(700, 400, &triples).unwrap();
    for solver in [Solver::Cholesky, Solver::ConjugateGradient] {
        let of = |seed, threads| {
            let settings = AlsSettings { factors: 12, iterations: 3, solver, ..AlsSettings::default() };
            let mut training = AlsTraining::new(&interactions, settings, seed, threads).unwrap();
            (0..3).for_each(|_| training.iterate().unwrap());
            let model = training.model();
            let bits: Vec<u32> = (0..400).flat_map(|track| model.track_vector(track)).map(|x| x.to_bits()).collect();
            let users: Vec<u32> = (0..700).collect();
            let lists = model.recommender().recommend(&users, Some(&interactions), 7, threads).unwrap();
            (bits, training.loss().unwrap().to_bits(), lists)
        };
        let one = of(1, 1);
        assert_eq!(one, of(1, 2));
        assert_eq!(one, of(1, 3));
        assert_ne!(one.0, of(2, 1).0);
    }
}

#[test]
fn users_and_tracks_without_plays_are_zero_and_never_recommended() {
    let interactions = interactions(0);
    for solver in [Solver::Cholesky, Solver::ConjugateGradient] {
        for biases in [false, true] {
            let settings = settings(solver, Confidence::Linear, biases);
            let model = train_implicit_als(&interactions, &settings, 1, 2, &Silent).unwrap();
            assert_eq!(model.user_vector(5), [0.0; 5]);
            assert_eq!(model.track_vector(3), [0.0; 5]);
            assert_eq!((model.user_bias(5), model.track_bias(3)), (0.0, 0.0));
            assert_eq!(biases, model.user_bias(7) != 0.0);
            for user in 0..USERS as u32 {
                assert!(model.user_vector(user).iter().all(|x| x.is_finite()));
                let all = model.recommender().recommend(&[user], None, TRACKS, 1).unwrap();
                assert_eq!(all[0].len(), TRACKS - 1);
                assert!(all[0].iter().all(|scored| scored.track != 3 && scored.score.is_finite()));
            }
            let vectors = model.track_vectors();
            assert!(!vectors.known(3) && vectors.known(4));
        }
    }
    let nothing = Interactions::from_triples(3, 4, &[]).unwrap();
    assert!(AlsTraining::new(&nothing, AlsSettings::default(), 1, 1).is_err());
}

#[test]
fn models_survive_the_disk() {
    for biases in [false, true] {
        let interactions = interactions(1);
        let settings = settings(Solver::Cholesky, Confidence::Log, biases);
        let model = rough_model(&interactions, &settings);
        let folder = tempfile::tempdir().unwrap();
        model.save(folder.path()).unwrap();
        let loaded = ImplicitAls::load(folder.path()).unwrap();
        let all: Vec<u32> = (0..USERS as u32).collect();
        let lists = |model: &ImplicitAls| model.recommender().recommend(&all, None, TRACKS, 1).unwrap();
        assert_eq!(lists(&loaded), lists(&model));
        let other = AlsSettings { factors: 6, ..settings.clone() };
        assert!(AlsTraining::resume(&interactions, other, loaded.clone(), 1).is_err());
        assert!(AlsTraining::resume(&interactions, settings, loaded, 1).is_ok());
    }
}

/// The numbers are those of the `implicit` package, version 0.7.3:
/// ```python
/// import numpy as np, scipy.sparse as sp
/// from implicit.cpu import _als
/// from implicit.cpu.als import AlternatingLeastSquares
/// plays = [(0,0,3), (0,1,1), (1,0,2), (1,2,4), (2,3,5), (2,1,1), (3,3,1), (3,4,2), (4,4,1), (4,0,1)]
/// u, i, r = map(np.array, zip(*plays))
/// c = sp.csr_matrix((1 + 2.0 * r.astype("f4"), (u, i)), shape=(6, 6), dtype="f4")
/// for cg in (True, False):
///     m = AlternatingLeastSquares(3, regularization=0.1, use_cg=cg, iterations=4, num_threads=1)
///     m.cg_steps = 2
///     m.user_factors = (np.arange(18).reshape(6, 3) % 7 * 0.1 - 0.2).astype("f4")
///     m.item_factors = (np.arange(18).reshape(6, 3) % 5 * 0.1 - 0.1).astype("f4")
///     m.fit(c, show_progress=False)
///     print(m.user_factors[:5], m.item_factors[:5], m.user_factors[5], m.item_factors[5])
///     print(_als.calculate_loss(c, m.user_factors, m.item_factors, 0.1))
/// ```
#[test]
fn agrees_with_the_implicit_package() {
    let plays = [
        (0, 0, 3.0),
        (0, 1, 1.0),
        (1, 0, 2.0),
        (1, 2, 4.0),
        (2, 3, 5.0),
        (2, 1, 1.0),
        (3, 3, 1.0),
        (3, 4, 2.0),
        (4, 4, 1.0),
        (4, 0, 1.0),
    ];
    let interactions = Interactions::from_triples(6, 6, &plays).unwrap();
    let start = |modulus: u32, offset: f32| -> Vec<f32> {
        (0..18).map(|place| (place % modulus) as f32 * 0.1 - offset).collect()
    };
    let model = ImplicitAls::from_factors(3, &start(7, 0.2), &start(5, 0.1)).unwrap();
    #[rustfmt::skip]
    let conjugate_gradient = (0.058_876_814_5, [
        -0.08385, 2.02702, 0.65072, -1.60176, 1.01372, 2.12147, 2.33649, 0.85427, 0.15464, 1.87026, -0.49399, 1.50322,
        0.10067, 0.65408, 2.27450, -0.06767, 0.39379, 0.26912, 0.23132, 0.54010, -0.12230, -0.21924, 0.05276, 0.24650,
        0.40513, 0.01938, 0.14107, 0.15316, -0.20193, 0.42082,
    ]);
    #[rustfmt::skip]
    let cholesky = (0.058_004_036_0, [
        -0.14691, 1.98308, 0.83090, -1.63848, 0.91742, 2.13576, 2.24429, 0.91894, 0.16662, 1.92435, -0.48798, 1.38310,
        0.12991, 0.53918, 2.27724, -0.06957, 0.36181, 0.29756, 0.21450, 0.56631, -0.11035, -0.21577, 0.03684, 0.25285,
        0.41295, 0.03671, 0.13234, 0.16608, -0.23670, 0.42267,
    ]);
    for (solver, (loss, factors)) in [(Solver::ConjugateGradient, conjugate_gradient), (Solver::Cholesky, cholesky)] {
        let settings = AlsSettings {
            factors: 3,
            regularization: 0.1,
            alpha: 2.0,
            solver,
            conjugate_gradient_steps: 2,
            ..AlsSettings::default()
        };
        let mut training = AlsTraining::resume(&interactions, settings, model.clone(), 1).unwrap();
        (0..4).for_each(|_| training.iterate().unwrap());
        let model = training.model();
        let found = (0..5).flat_map(|u| model.user_vector(u)).chain((0..5).flat_map(|i| model.track_vector(i)));
        for (found, expected) in found.zip(factors) {
            assert!((found - expected).abs() < 1e-4, "{solver:?}: {found} instead of {expected}");
        }
        assert_eq!((model.user_vector(5), model.track_vector(5)), (&[0.0; 3][..], &[0.0; 3][..]));
        assert!((training.loss().unwrap() - loss).abs() < 1e-6, "{solver:?}: {:?}", training.loss());
    }
}

#[test]
fn ranking_metrics_are_those_of_brute_force() {
    let (known, later) = (interactions(0), interactions(1));
    let settings = settings(Solver::Cholesky, Confidence::Linear, false);
    let model = train_implicit_als(&known, &settings, 1, 1, &Silent).unwrap();
    for exclude_known in [true, false] {
        let ranking = RankingSettings { at: 4, exclude_known };
        let found = evaluate_ranking(&model, &known, &later, ranking, 2).unwrap();
        let (mut precision, mut gains, mut covered) = (0.0, Vec::new(), std::collections::BTreeSet::new());
        for user in (0..USERS as u32).filter(|&user| !known.tracks_of(user).is_empty()) {
            let allowed = |track: &u32| !exclude_known || !known.tracks_of(user).contains(track);
            let relevant: Vec<u32> = later.tracks_of(user).iter().copied().filter(allowed).collect();
            if relevant.is_empty() {
                continue;
            }
            let score = |track: u32| product(&doubles(model.user_vector(user)), &doubles(model.track_vector(track)));
            let mut list: Vec<u32> = (0..TRACKS as u32).filter(|track| *track != 3 && allowed(track)).collect();
            list.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
            list.truncate(4);
            covered.extend(list.iter().copied());
            let gain = |place: usize| 1.0 / (place as f64 + 1.0).log2();
            let mut sum = 0.0;
            for (place, track) in list.iter().enumerate() {
                if relevant.contains(track) {
                    precision += 0.25;
                    sum += gain(place + 1);
                }
            }
            gains.push(sum / (1..=relevant.len().min(4)).map(gain).sum::<f64>());
        }
        let count = gains.len() as f64;
        let mean = gains.iter().sum::<f64>() / count;
        let deviation = (gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        assert_eq!(found.users, gains.len() as u64);
        let expected = [precision / count, mean, 1.96 * deviation / count.sqrt(), covered.len() as f64 / TRACKS as f64];
        let found = [found.precision, found.ndcg, found.ndcg_interval, found.coverage];
        assert!(found.iter().zip(&expected).all(|(f, e)| (f - e).abs() < 1e-12), "{found:?} and {expected:?}");
    }
    let other = Interactions::from_triples(USERS, TRACKS + 1, &[(0, 0, 1.0)]).unwrap();
    assert!(evaluate_ranking(&model, &known, &other, RankingSettings::default(), 1).is_err());
}

proptest! {
    /// 600 tracks make three tiles, 50 queries two blocks; scores of a coarse grid make many ties.
    #[test]
    fn recommendations_are_what_sorting_everything_gives(seed in 0u64..1000, count in 0usize..40) {
        let (users, tracks, factors) = (50, 600, 3);
        let mut rng = CounterRng::new(seed, Stream::Sampling, 3, 0);
        let mut draw = |rows: usize| -> Vec<f32> { (0..rows * factors).map(|_| rng.below(5) as f32 - 2.0).collect() };
        let (x, y) = (draw(users), draw(tracks));
        let model = ImplicitAls::from_factors(factors, &x, &y).unwrap();
        let known: Vec<_> = (0..tracks as u32).filter(|track| track % 7 == 0).map(|track| (1, track, 1.0)).collect();
        let known = Interactions::from_triples(users, tracks, &known).unwrap();
        let asked: Vec<u32> = (0..users as u32).collect();
        let found = model.recommender().recommend(&asked, Some(&known), count, 2).unwrap();
        for user in 0..users {
            let score = |track: u32| -> f32 {
                let y = &y[track as usize * factors..][..factors];
                x[user * factors..][..factors].iter().zip(y).fold(0.0, |sum, (a, b)| sum + a * b)
            };
            let zero = |track: u32| y[track as usize * factors..][..factors] == [0.0; 3];
            let mut all: Vec<u32> =
                (0..tracks as u32).filter(|&track| !zero(track) && (user != 1 || track % 7 != 0)).collect();
            all.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
            all.truncate(count);
            let tracks: Vec<u32> = found[user].iter().map(|scored| scored.track).collect();
            prop_assert_eq!(tracks, all);
            prop_assert!(found[user].iter().all(|scored| scored.score == score(scored.track)));
        }
    }

    #[test]
    fn similar_tracks_are_the_nearest_vectors_but_for_the_track_itself(
        values in proptest::collection::vec(-1.0f32..1.0, 3 * 40), count in 0usize..50
    ) {
        let vectors = TrackVectors::new(3, values);
        let tracks: Vec<u32> = (0..40).collect();
        let found = SimilarTracks::new(&vectors).similar(&tracks, count, 1).unwrap();
        for track in tracks {
            let mut expected = vectors.nearest(vectors.vector(track), 40);
            expected.retain(|&other| other != track);
            expected.truncate(count);
            // Compared by cosine: two tracks whose cosines differ in the last bit may change places.
            for (found, expected) in found[track as usize].iter().zip(&expected) {
                let cosine = super::super::dot(vectors.vector(track), vectors.vector(*expected));
                prop_assert!((found.score - cosine).abs() < 1e-6 && found.track != track);
            }
            prop_assert_eq!(found[track as usize].len(), expected.len());
        }
    }
}
