use std::collections::BTreeMap;

use super::super::histories::tests::synthetic;
use super::*;

fn source<'a>(histories: &'a Histories, vectors: &'a TrackVectors) -> PlayChunks<'a> {
    let offset = TargetOffset::NEXT;
    PlayChunks { histories, vectors, device: Device::Cpu, steps: 7, lanes: 3, offset, by_session: false }
}

fn row(tensor: &Tensor, step: usize, lane: usize) -> Vec<f32> {
    Vec::try_from(tensor.select(0, step as i64).select(0, lane as i64)).unwrap()
}

/// The play taken in, the moment, the target.
type Step = (Vec<f32>, Vec<f32>, Vec<f32>);

/// By the play foretold.
fn by_play(source: &PlayChunks<'_>, part: Part) -> BTreeMap<usize, Step> {
    let mut seen = BTreeMap::new();
    for chunk in source.chunks(part) {
        let chunk = chunk.unwrap();
        assert_eq!(chunk.frame.count, chunk.frame.foretold.iter().flatten().count());
        for (cell, play) in chunk.frame.foretold.iter().enumerate().filter_map(|(cell, play)| Some((cell, (*play)?))) {
            let (step, lane) = (cell / source.lanes, cell % source.lanes);
            let moment = chunk.moment_of.int64_value(&[cell as i64]);
            let moment = Vec::try_from(chunk.moments.select(0, moment)).unwrap();
            let entry = (row(&chunk.plays, step, lane), moment, row(&chunk.targets, step, lane));
            assert!(seen.insert(play, entry).is_none(), "play {play} came twice");
        }
    }
    seen
}

#[test]
fn every_play_of_a_part_is_foretold_once_from_the_play_before_it() {
    let (histories, vectors) = synthetic(7, 15);
    let source = source(&histories, &vectors);
    for split in [Split::Train, Split::Validation, Split::Test] {
        let seen = by_play(&source, Part::all(split));
        let mut expected = 0;
        for user in 0..histories.users() {
            let first = histories.plays_of_all(histories.sessions_of(user)).start;
            for session in histories.sessions_of(user).filter(|&session| histories.split(session) == split) {
                for play in histories.plays_of(session).filter(|&play| !histories.skipped(play)) {
                    expected += 1;
                    let (before, moment, target) = &seen[&play];
                    let dimension = vectors.dimension();
                    let heard = vectors.vector(histories.track(play.max(1) - 1));
                    match play > first {
                        true => {
                            assert_eq!(before[..dimension], *heard);
                            assert_eq!(before[dimension + 1..dimension + 4], histories.responses(play - 1));
                        }
                        false => assert!(before.iter().all(|&x| x == 0.0)),
                    }
                    assert_eq!(moment[..histories.slow_length()], *histories.slow_features(session));
                    let scale = (dimension as f32).sqrt();
                    let wanted = vectors.vector(histories.track(play)).iter().map(|x| x * scale);
                    assert!(target.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6));
                }
            }
        }
        assert_eq!(seen.len(), expected, "{split:?}");
        assert!(expected > 20, "{split:?} {expected}");
    }
}

#[test]
fn shards_and_shuffling_change_the_order_only() {
    let (histories, vectors) = synthetic(7, 15);
    let source = source(&histories, &vectors);
    let whole: Vec<usize> = by_play(&source, Part::all(Split::Train)).into_keys().collect();
    let mut parts: Vec<usize> = (0..2)
        .flat_map(|shard| {
            let part = Part { split: Split::Train, shuffled: Some((5, 1)), shard, stride: 2 };
            by_play(&source, part).into_keys()
        })
        .collect();
    parts.sort_unstable();
    assert_eq!(parts, whole);
}

#[test]
fn chunks_passed_over_are_the_ones_not_made() {
    let (histories, vectors) = synthetic(7, 15);
    let source = source(&histories, &vectors);
    let part = Part { split: Split::Train, shuffled: Some((5, 1)), shard: 0, stride: 2 };
    let third = source.chunks(part).nth(2).unwrap().unwrap();
    let mut chunks = source.chunks(part);
    chunks.next().unwrap().unwrap();
    chunks.next().unwrap().unwrap();
    assert_eq!(chunks.next().unwrap().unwrap().frame.foretold, third.frame.foretold);
}

#[test]
fn later_targets_lie_within_their_distance_and_their_sequence() {
    let (histories, vectors) = synthetic(7, 15);
    let mut source = source(&histories, &vectors);
    source.offset = TargetOffset { shortest: 3, longest: 6 };
    source.by_session = true;
    let part = Part { split: Split::Train, shuffled: Some((5, 1)), shard: 0, stride: 1 };
    let mut distances = [0; 8];
    for chunk in source.chunks(part) {
        let chunk = chunk.unwrap();
        // The plays of a lane follow each other, so that a step tells which play has been taken in.
        for lane in 0..source.lanes {
            let cells = (0..chunk.frame.foretold.len() / source.lanes).map(|step| (step, step * source.lanes + lane));
            for (step, target) in cells.filter_map(|(step, cell)| Some((step, chunk.frame.foretold[cell]?))) {
                let heard = row(&chunk.plays, step, lane);
                if heard.iter().all(|&x| x == 0.0) {
                    continue;
                }
                let session = histories.plays_of(histories.session_of(target));
                let distance = (3..=6).find(|distance| {
                    target >= session.start + distance
                        && *vectors.vector(histories.track(target - distance)) == heard[..vectors.dimension()]
                });
                distances[distance.expect("the play taken in lies 3 to 6 before its target, in one session")] += 1;
            }
        }
    }
    assert!(distances[3..7].iter().all(|&count| count > 10), "{distances:?}");
}
