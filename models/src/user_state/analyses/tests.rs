use listening_data::Device;

use super::super::foreteller::{Foreteller, Foretold};
use super::super::histories::Histories;
use super::super::histories::tests::{ByHand, by_hand};
use super::super::sequences::Part;
use super::*;
use crate::Result;
use crate::splits::Split;
use crate::track_embeddings::TrackVectors;

/// Foretells what it is told to, of the users of the part.
struct Told<'a>(&'a Histories, Vec<(usize, Vec<f32>)>);

impl Foreteller for Told<'_> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        let of_part = self.1.iter().filter(|(target, _)| self.0.user_of(*target) % part.stride == part.shard);
        of_part.into_iter().try_for_each(|(target, vector)| take(Foretold { target: *target, vector, rank: None }))
    }
}

fn at_degrees(degrees: f32) -> Vec<f32> {
    vec![degrees.to_radians().cos(), degrees.to_radians().sin()]
}

/// Sessions by hour and device, each of one play of the track with the session's number.
fn user(first: u32, contexts: &[(u8, Device)]) -> Vec<ByHand> {
    let sessions = contexts.iter().enumerate();
    let by_hand = sessions.map(|(number, &(hour, device))| ByHand {
        split: Split::Test,
        hour,
        device,
        plays: vec![(first + number as u32, false)],
    });
    by_hand.collect()
}

fn states(degrees: &[f32], histories: &Histories) -> Vec<SampledState> {
    let states = degrees.iter().enumerate();
    let states =
        states.map(|(session, &d)| SampledState { user: histories.user_of(session), session, vector: at_degrees(d) });
    states.collect()
}

#[test]
fn pairs_are_of_one_user_and_stand_with_their_contexts() {
    use Device::{Car, Phone};
    let histories =
        by_hand(&[user(0, &[(1, Phone), (2, Phone), (20, Car)]), user(3, &[(3, Phone), (21, Car), (22, Car)])]);
    let found = similarity_by_context(&histories, &states(&[0.0, 60.0, 90.0, 0.0, 90.0, 90.0], &histories));
    let classes: Vec<&str> = found.iter().map(|similarity| similarity.class.as_str()).collect();
    assert_eq!(classes, ["night", "evening", "phone", "car"]);
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    // Within the night: one pair 60 degrees apart. Across: 90 and 30 degrees, then twice 90.
    assert_eq!((found[0].within.count, found[0].across.count), (1, 4));
    near(found[0].within.median, 0.5);
    near(found[0].across.median, 0.0);
    near(found[0].across.third, 30.0f64.to_radians().cos() / 4.0);
    near(found[1].within.median, 1.0);
}

#[test]
fn nearest_sessions_are_counted_by_context_and_never_the_own_one() {
    use Device::{Car, Phone};
    let histories = by_hand(&[user(0, &[(1, Phone), (2, Phone), (20, Car), (21, Car)])]);
    let vectors = TrackVectors::new(2, [0.0, 10.0, 90.0, 100.0].into_iter().flat_map(at_degrees).collect());
    // The third vector, drawn in the car, lies among the sessions on the phone.
    let states = states(&[0.0, 10.0, 5.0, 100.0], &histories);
    let found = nearest_contexts(&histories, &vectors, &states, ContextGrid::Device, 1);
    let (phone, car) = (Phone.code(), Car.code());
    assert_eq!(found.classes[car], "car");
    assert_eq!((found.chance[phone], found.chance[car]), (0.5, 0.5));
    assert_eq!((found.shares[phone][phone], found.shares[phone][car]), (1.0, 0.0));
    assert_eq!((found.shares[car][phone], found.shares[car][car]), (0.5, 0.5));
    let time = nearest_contexts(&histories, &vectors, &states, ContextGrid::Time, 2);
    assert!(time.shares.iter().flatten().all(|&share| share == 0.0), "no weekday is known");
}

#[test]
fn samples_are_of_users_chosen_evenly_and_bounded() {
    let long: Vec<(u8, Device)> = vec![(1, Device::Phone); 150];
    let histories = by_hand(&[user(0, &long), user(0, &long), user(0, &long), user(0, &long)]);
    let told = Told(&histories, (0..600).map(|session| (session, vec![0.0, 3.0])).collect());
    let found = sample_states(&histories, &told, Part::all(Split::Test), 200).unwrap();
    let users: Vec<usize> = found.chunk_by(|a, b| a.user == b.user).map(|states| states[0].user).collect();
    assert_eq!((users, found.len()), (vec![0, 2], 200));
    assert!(found.iter().all(|state| state.vector == [0.0, 1.0]));
}

#[test]
fn sessions_far_from_the_user_are_skipped_more_where_they_were_made_so() {
    let vectors = TrackVectors::new(2, [0.0, 60.0, 90.0].into_iter().flat_map(at_degrees).collect());
    // Of four plays of track k, k + 1 are skipped.
    let session = |k: u32| {
        let plays = (0..4).map(|play| (k, play <= k)).collect();
        ByHand { split: Split::Test, hour: 1, device: Device::Phone, plays }
    };
    let histories = by_hand(&[vec![session(0), session(1), session(2), session(0)]]);
    let told = Told(&histories, (0..4).map(|session| (session, vec![2.0, 0.0])).collect());
    let report = skip_rate_by_similarity(&histories, &vectors, &told, Part::all(Split::Test)).unwrap();
    // Similarities 1, 0.5, 0, 1 and skip rates 0.25, 0.5, 0.75, 0.25 lie on a line.
    assert_eq!(report.fits.iter().map(|fit| fit.sessions).collect::<Vec<_>>(), [4, 4, 4]);
    let fit = report.fits[0];
    let found = [fit.correlation.value, fit.slope.value, fit.intercept];
    assert!(found.iter().zip([-1.0, -0.5, 0.75]).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    let last = report.bins.last().unwrap();
    assert_eq!((last.sessions, last.skip_rate), (2, 0.25));
}

#[test]
fn movement_is_told_within_sessions_between_them_and_over_days() {
    let session = |plays: u32| ByHand {
        split: Split::Test,
        hour: 1,
        device: Device::Phone,
        plays: (0..plays).map(|track| (track, false)).collect(),
    };
    // Sessions begin 12 hours apart: the last one on the second day.
    let histories = by_hand(&[vec![session(2), session(1), session(1)]]);
    struct Plays(Vec<f32>);
    impl Foreteller for Plays {
        fn foretell(&self, _part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
            let plays = self.0.iter().enumerate();
            plays
                .into_iter()
                .try_for_each(|(target, &degrees)| take(Foretold { target, vector: &at_degrees(degrees), rank: None }))
        }
    }
    let found = state_movement(&histories, &Plays(vec![0.0, 60.0, 60.0, 150.0]), Part::all(Split::Test)).unwrap();
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    near(found.within_session, 0.5);
    near(found.between_sessions, (0.0 + 1.0) / 2.0);
    assert_eq!(found.since_first.len(), 1);
    assert_eq!(found.since_first[0].0, 1);
    near(found.since_first[0].1.median, 1.0 + 30.0f64.to_radians().cos());
}
