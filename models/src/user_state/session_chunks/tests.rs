use std::collections::BTreeMap;

use tch::Kind;

use super::super::histories::tests::synthetic;
use super::*;

fn source<'a>(histories: &'a Histories, vectors: &'a TrackVectors) -> SessionChunks<'a> {
    SessionChunks { histories, vectors, device: Device::Cpu, steps: 4, lanes: 3 }
}

/// Per session foretold: all inputs in one row, then the target.
fn by_session(source: &SessionChunks<'_>, part: Part) -> BTreeMap<usize, Vec<f32>> {
    let mut seen = BTreeMap::new();
    for chunk in source.chunks(part) {
        let chunk = chunk.unwrap();
        assert_eq!(chunk.frame.count, chunk.frame.foretold.iter().flatten().count());
        assert_eq!(chunk.weights.sum(Kind::Double).double_value(&[]), chunk.frame.count as f64);
        let streams = [&chunk.played, &chunk.skipped, &chunk.all];
        let mut parts = vec![&chunk.context, &chunk.since, &chunk.source];
        parts.extend(streams.iter().flat_map(|stream| [&stream.vectors, &stream.numbers]));
        parts.push(&chunk.targets);
        let rows = Tensor::cat(&parts, 2).reshape([chunk.frame.foretold.len() as i64, -1]);
        for (cell, session) in chunk.frame.foretold.iter().enumerate().filter_map(|(cell, s)| Some((cell, (*s)?))) {
            let row = Vec::try_from(rows.select(0, cell as i64)).unwrap();
            assert!(seen.insert(session, row).is_none(), "session {session} came twice");
        }
    }
    seen
}

/// The unit mean of tracks' vectors, and their number, by the book.
fn mean(histories: &Histories, vectors: &TrackVectors, plays: &[usize]) -> Vec<f32> {
    let mut sum = vec![0.0; vectors.dimension()];
    for &play in plays {
        for (sum, value) in sum.iter_mut().zip(vectors.vector(histories.track(play))) {
            *sum += f64::from(*value) / plays.len() as f64;
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    sum.iter().map(|x| if length > 0.0 { (x / length) as f32 } else { 0.0 }).collect()
}

#[test]
fn every_session_of_a_part_is_foretold_once_from_its_context_and_the_session_before() {
    let (histories, vectors) = synthetic(12, 20);
    let source = source(&histories, &vectors);
    for split in [Split::Train, Split::Validation, Split::Test] {
        let seen = by_session(&source, Part::all(split));
        let mut expected = 0;
        for user in 0..histories.users() {
            let all = histories.sessions_of(user);
            for session in all.clone().filter(|&session| histories.split(session) == split) {
                let of = |session: usize, skipped: &[bool]| -> Vec<usize> {
                    histories.plays_of(session).filter(|&p| skipped.contains(&histories.skipped(p))).collect()
                };
                let played = of(session, &[false]);
                if played.is_empty() {
                    assert!(!seen.contains_key(&session));
                    continue;
                }
                expected += 1;
                let context = histories.context(session);
                let mut row = vec![0.0; 38];
                row[usize::from(context.weekday.unwrap())] = 1.0;
                row[7 + usize::from(context.hour.unwrap())] = 1.0;
                row[31 + context.device.unwrap() as usize] = 1.0;
                let first = session == all.start;
                let gap = histories.gap_hours(histories.plays_of(session).start);
                row.push(if first { 0.0 } else { (1.0 + gap).ln() / 8.0 });
                let mut from = vec![0.0; 6];
                if let Some(source) = (!first).then(|| histories.context(session - 1).source).flatten() {
                    from[source as usize] = 1.0;
                }
                row.extend(from);
                for skipped in [&[false][..], &[true], &[false, true]] {
                    let plays = if first { Vec::new() } else { of(session - 1, skipped) };
                    row.extend(mean(&histories, &vectors, &plays));
                    row.push((1.0 + plays.len() as f32).ln() / 4.0);
                }
                row.extend(mean(&histories, &vectors, &played));
                let found = &seen[&session];
                assert_eq!(found.len(), row.len());
                assert!(found.iter().zip(&row).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {row:?}");
            }
        }
        assert_eq!(seen.len(), expected, "{split:?}");
        assert!(expected > 10, "{split:?} {expected}");
    }
}

#[test]
fn shards_and_shuffling_change_the_order_only() {
    let (histories, vectors) = synthetic(12, 20);
    let source = source(&histories, &vectors);
    let whole: Vec<usize> = by_session(&source, Part::all(Split::Train)).into_keys().collect();
    let parts = [0, 1].map(|shard| Part { split: Split::Train, shuffled: Some((5, 1)), shard, stride: 2 });
    let mut found: Vec<usize> = parts.iter().flat_map(|&part| by_session(&source, part).into_keys()).collect();
    found.sort_unstable();
    assert_eq!(found, whole);
    let training_sessions = (0..histories.sessions()).filter(|&session| histories.split(session) == Split::Train);
    assert_eq!(parts.map(|part| source.size(part)).iter().sum::<usize>(), training_sessions.count());
}

#[test]
fn missing_context_is_zero() {
    let mut features = [9.0; SESSION_CONTEXT];
    write_session_context(&Context::default(), &mut features);
    assert_eq!(features, [0.0; 38]);
    let context = Context { hour: Some(23), device: Some(DeviceClass::Car), ..Context::default() };
    write_session_context(&context, &mut features);
    let marked: Vec<usize> = (0..38).filter(|&place| features[place] == 1.0).collect();
    assert_eq!(marked, [7 + 23, 37]);
}
