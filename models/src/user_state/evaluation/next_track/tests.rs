use super::*;
use crate::track_embeddings::{IndexSettings, NearestTracks};
use crate::user_state::baselines::{Average, Popularity};
use crate::user_state::histories::tests::synthetic;

fn task<'a>(histories: &'a Histories, vectors: &'a TrackVectors) -> NextTrackTask<'a> {
    let settings = NextTrackSettings::default();
    NextTrackTask { histories, vectors, index: None, split: Split::Test, settings, threads: 1 }
}

/// All metrics of one target by hand: in two dimensions targets have length sqrt(2).
#[test]
fn metrics_of_one_target() {
    let found = metrics(&[3.0, 0.0], &[0.6, 0.8], 14);
    let root = 2f64.sqrt();
    assert!((found.l2 - ((3.0 - 0.6 * root).powi(2) + (0.8 * root).powi(2)).sqrt()).abs() < 1e-6);
    assert!((found.cosine_distance - 0.4).abs() < 1e-6);
    assert_eq!((found.hit_rate_at_10, found.hit_rate_at_100, found.mrr), (0.0, 1.0, 1.0 / 15.0));
    let nothing = metrics(&[0.0, 0.0], &[0.6, 0.8], 0);
    assert!((nothing.l2 - root).abs() < 1e-6 && nothing.cosine_distance == 1.0);
}

/// The whole report against sums over what the model foretells, and ranks by sorting.
#[test]
fn the_report_is_the_mean_over_targets_and_users() {
    let (histories, vectors) = synthetic(8, 15);
    let average = Average { histories: &histories, vectors: &vectors };
    let nearest = NearestTracks::exact(vectors.clone());
    let task = NextTrackTask { index: Some(&nearest), ..task(&histories, &vectors) };
    let report = task.measure(&average).unwrap();
    let mut targets = 0u64;
    let (mut l2, mut mrr, mut hits) = (0.0, 0.0, 0.0);
    let mut by_user = vec![(0u64, 0.0); histories.users()];
    let mut take = |foretold: Foretold<'_>| {
        let track = histories.track(foretold.target);
        let scale = (vectors.dimension() as f32).sqrt();
        let squares = foretold.vector.iter().zip(vectors.vector(track)).map(|(x, v)| (x - scale * v).powi(2));
        let distance = f64::from(squares.sum::<f32>().sqrt());
        let rank = vectors.nearest(foretold.vector, usize::MAX).iter().position(|&near| near == track).unwrap();
        let rank = if foretold.vector.iter().any(|&x| x != 0.0) { rank } else { vectors.tracks() - 1 };
        let session = histories.session_of(foretold.target);
        let user = (0..histories.users()).find(|&user| histories.sessions_of(user).contains(&session)).unwrap();
        (by_user[user].0, by_user[user].1) = (by_user[user].0 + 1, by_user[user].1 + distance);
        targets += 1;
        l2 += distance;
        mrr += 1.0 / (rank + 1) as f64;
        hits += f64::from(u8::from(rank < 10));
        Ok(())
    };
    average.foretell(Part::all(Split::Test), &mut take).unwrap();
    assert_eq!((report.targets, report.users_stride), (targets, 1));
    let count = targets as f64;
    assert!((report.exact.l2 - l2 / count).abs() < 1e-4);
    // Equal products but for the last bit may change places.
    assert!((report.exact.mrr - mrr / count).abs() < 1e-3);
    assert!((report.exact.hit_rate_at_10 - hits / count).abs() < 1e-2);
    for user in &report.users {
        let place = (0..histories.users()).find(|&place| histories.user_number(place) == user.user).unwrap();
        assert_eq!(user.targets, by_user[place].0);
        assert!((user.means.l2 - by_user[place].1 / user.targets as f64).abs() < 1e-4);
    }
    let indexed = report.indexed.unwrap();
    assert!((indexed.hit_rate_at_10 - report.exact.hit_rate_at_10).abs() < 1e-9, "an exact index");
    assert!((indexed.hit_rate_at_100 - report.exact.hit_rate_at_100).abs() < 1e-9);
    assert!(indexed.mrr_at_100 <= report.exact.mrr);
    let threaded = NextTrackTask { threads: 3, ..task }.measure(&average).unwrap();
    assert_eq!(report, threaded);
}

#[test]
fn an_index_finds_nearly_what_there_is() {
    let (histories, vectors) = synthetic(8, 15);
    let index = NearestTracks::indexed(vectors.clone(), &IndexSettings::default(), &mut |_| ()).unwrap();
    let task = NextTrackTask { index: Some(&index), ..task(&histories, &vectors) };
    let report = task.measure(&Average { histories: &histories, vectors: &vectors }).unwrap();
    let indexed = report.indexed.unwrap();
    assert!(report.exact.hit_rate_at_100 > 0.3, "{report:?}");
    assert!(indexed.hit_rate_at_100 > 0.95 * report.exact.hit_rate_at_100, "{indexed:?}");
}

#[test]
fn users_are_left_out_evenly_and_a_models_own_ranks_are_taken() {
    let (histories, vectors) = synthetic(9, 15);
    let popularity = Popularity::new(&histories, &vectors).unwrap();
    let nearest = NearestTracks::exact(vectors.clone());
    let task = NextTrackTask { index: Some(&nearest), ..task(&histories, &vectors) };
    let whole = task.measure(&popularity).unwrap();
    assert_eq!(whole.indexed, None);
    let mut sum = 0.0;
    let mut take = |foretold: Foretold<'_>| {
        sum += 1.0 / (f64::from(foretold.rank.unwrap()) + 1.0);
        Ok(())
    };
    popularity.foretell(Part::all(Split::Test), &mut take).unwrap();
    assert!((whole.exact.mrr - sum / whole.targets as f64).abs() < 1e-12);
    let settings = NextTrackSettings { most_targets: whole.targets as usize / 2 };
    let half = NextTrackTask { settings, ..task }.measure(&popularity).unwrap();
    assert!(half.users_stride >= 2 && half.users.len() < whole.users.len());
    assert!(half.users.iter().all(|user| whole.users.contains(user)));
}
