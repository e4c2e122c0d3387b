use listening_data::Device;

use super::super::super::foreteller::Foretold;
use super::super::super::histories::tests::{ByHand, by_hand};
use super::*;
use crate::splits::Split;

/// Foretells what it is told to.
struct Told(Vec<(usize, Vec<f32>)>);

impl Foreteller for Told {
    fn foretell(&self, _part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        self.0.iter().try_for_each(|(target, vector)| take(Foretold { target: *target, vector, rank: None }))
    }
}

fn at_degrees(degrees: f32) -> Vec<f32> {
    vec![degrees.to_radians().cos(), degrees.to_radians().sin()]
}

/// Track k at 10 k degrees, and track 10 at 35.
fn vectors() -> TrackVectors {
    let degrees = (0..10).map(|k| 10.0 * k as f32).chain([35.0]);
    TrackVectors::new(2, degrees.flat_map(at_degrees).collect())
}

/// A user whose session k held track k (and skipped track 9), and who then hears track 10, at night or in the evening.
fn user(hour: u8) -> Vec<ByHand> {
    let session = |k: u32, split, hour| {
        let plays = if k == 9 { vec![(9, false)] } else { vec![(k, false), (9, true)] };
        ByHand { split, hour, device: Device::Phone, plays }
    };
    let past = (0..10).map(|k| session(k, Split::Train, 20));
    past.chain([session(10, Split::Test, hour)]).collect()
}

#[test]
fn scores_are_those_counted_by_hand() {
    let (histories, vectors) = (by_hand(&[user(3), user(20)]), vectors());
    // The first user's state lies at 0 degrees, as do tracks 0 to 3 before track 10; the second's right on track 10.
    let told = Told(vec![(10, at_degrees(0.0)), (21, at_degrees(35.0).iter().map(|x| x * 5.0).collect())]);
    let scores = score_sessions(&histories, &vectors, &told, Part::all(Split::Test)).unwrap();
    let of = |group: &str, measure: &str| scores.means(group).get(measure).map(|mean| (mean.mean, mean.sessions));
    let near = |found: Option<(f64, u64)>, expected: f64, sessions: u64| {
        let (mean, count) = found.unwrap();
        assert!((mean - expected).abs() < 1e-6 && count == sessions, "{found:?} {expected}");
    };
    let cosine = f64::from(35.0f32.to_radians().cos());
    near(of("hour: night", "cosine"), cosine, 1);
    near(of("all", "cosine"), (cosine + 1.0) / 2.0, 2);
    // The last nine sessions held tracks 1 to 9: tracks 1, 2 and 3 lie nearer.
    near(of("hour: night", "session-ranking-9/mean-rank"), 4.0, 1);
    near(of("hour: evening", "session-ranking-9/mean-rank"), 1.0, 1);
    near(of("all", "session-ranking-9/mrr"), (0.25 + 1.0) / 2.0, 2);
    near(of("all", "session-ranking-9/recall-at-1"), 0.5, 2);
    // The ten recent tracks are 0 to 9.
    near(of("hour: night", "track-ranking-10/mean-rank"), 5.0, 1);
    near(of("hour: night", "track-ranking-10/recall-at-5"), 1.0, 1);
    near(of("device: phone", "track-ranking-10/recall-at-1"), 0.5, 2);
    assert_eq!(of("all", "session-ranking-19/mean-rank"), None, "no user has 19 past sessions");
    assert_eq!(of("all", "track-ranking-25/mrr"), None, "no user has heard 25 tracks");
    near(of("share of the context: below 5 %", "cosine"), cosine, 1);
    near(of("share of the context: 50 % and more", "cosine"), 1.0, 1);
    assert_eq!(scores.user_means("all", "session-ranking-9/mean-rank"), [(0, 4.0), (1, 1.0)]);
}

#[test]
fn tracks_heard_again_are_no_wrong_answers() {
    let mut sessions = user(20);
    // Track 2 is heard once more, and track 10 was heard before: of the recent ten, 1 and 3 to 9 and 0 remain.
    sessions[10].plays = vec![(10, false), (2, false)];
    sessions[0].plays = vec![(0, false), (10, false)];
    let (histories, vectors) = (by_hand(&[sessions]), vectors());
    let state = at_degrees(0.0);
    let places = rank_tracks(&histories, &vectors, &state, 0, 10);
    assert!(places.iter().all(Vec::is_empty), "only nine other tracks were heard");
}

#[test]
fn gains_are_shares_of_the_baseline() {
    let (histories, vectors) = (by_hand(&[user(3), user(20)]), vectors());
    let scores = |first: f32, second: f32| {
        let told = Told(vec![(10, at_degrees(first)), (21, at_degrees(second))]);
        score_sessions(&histories, &vectors, &told, Part::all(Split::Test)).unwrap()
    };
    // Ranks among the last nine sessions: 4 and 4, against 1 and 4.
    let (baseline, model) = (scores(0.0, 0.0), scores(35.0, 0.0));
    let gain = |measure: &str| relative_gain(&model, &baseline, "all", measure, 500, 3).unwrap();
    let rank = gain("session-ranking-9/mean-rank");
    assert!((rank.value - (4.0 - 2.5) / 4.0).abs() < 1e-9, "{rank:?}");
    // Both users drawn are the one without gain, or the one with all of it, once in four draws each.
    assert!(rank.low.abs() < 1e-9 && (rank.high - 0.75).abs() < 1e-9, "{rank:?}");
    assert!((gain("session-ranking-9/mrr").value - (0.625 - 0.25) / 0.25).abs() < 1e-9);
    assert!(relative_gain(&model, &baseline, "device: car", "cosine", 10, 3).is_none());
}

#[test]
fn seeds_together_count_each_session_once_per_seed() {
    let (histories, vectors) = (by_hand(&[user(3), user(20)]), vectors());
    let scores = |first: f32, second: Option<f32>| {
        let second = second.map(|degrees| (21, at_degrees(degrees)));
        let told = Told(std::iter::once((10, at_degrees(first))).chain(second).collect());
        score_sessions(&histories, &vectors, &told, Part::all(Split::Test)).unwrap()
    };
    // Of the user at night: ranks 4 and 1; of the other one: rank 4, with the second seed alone.
    let all = SessionScores::of_all_seeds(&[scores(0.0, None), scores(35.0, Some(0.0))]).unwrap();
    let rank = |group: &str| all.means(group)["session-ranking-9/mean-rank"];
    assert_eq!(rank("all"), MeanOverSessions { mean: 3.0, sessions: 3 });
    assert_eq!(rank("hour: night"), MeanOverSessions { mean: 2.5, sessions: 2 });
    assert_eq!(rank("hour: evening"), MeanOverSessions { mean: 4.0, sessions: 1 });
    assert!(SessionScores::of_all_seeds(&[]).is_none());
}
