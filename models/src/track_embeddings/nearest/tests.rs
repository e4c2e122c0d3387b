use std::fs;

use listening_data::{CounterRng, Stream};

use super::*;

const DIMENSION: usize = 24;

/// Tracks in 40 clusters of unequal size; every 50th has no vector.
fn clustered(tracks: usize, seed: u64) -> TrackVectors {
    TrackVectors::new(DIMENSION, clustered_values(tracks, seed))
}

fn clustered_values(tracks: usize, seed: u64) -> Vec<f32> {
    let mut values = Vec::with_capacity(tracks * DIMENSION);
    for track in 0..tracks {
        let mut rng = CounterRng::new(seed, Stream::Sampling, track as u64, 0);
        let cluster = (40.0 * rng.uniform() * rng.uniform()) as u64;
        let mut centre = CounterRng::new(9, Stream::Sampling, cluster, 1);
        let unknown = track % 50 == 49;
        values.extend((0..DIMENSION).map(|_| {
            let value = centre.uniform() - 0.5 + 0.6 * (rng.uniform() - 0.5);
            if unknown { 0.0 } else { value }
        }));
    }
    values
}

fn queries(count: usize) -> Vec<f32> {
    clustered(count, 77).values().to_vec()
}

fn build(vectors: TrackVectors) -> NearestTracks {
    NearestTracks::indexed(vectors, &IndexSettings::default(), &mut |_| {}).unwrap()
}

fn tracks(found: &[Neighbour]) -> Vec<u32> {
    found.iter().map(|neighbour| neighbour.track).collect()
}

/// Share of the true neighbours that were found.
fn recall(index: &NearestTracks, queries: &[f32], count: usize) -> f64 {
    let exact = copy(index);
    let truth = exact.nearest_batch(queries, count, 2).unwrap();
    let found = index.nearest_batch(queries, count, 2).unwrap();
    let hits = |(truth, found): (&Vec<Neighbour>, &Vec<Neighbour>)| {
        truth.iter().filter(|a| found.iter().any(|b| a.track == b.track)).count()
    };
    let all: usize = truth.iter().map(Vec::len).sum();
    truth.iter().zip(&found).map(hits).sum::<usize>() as f64 / all as f64
}

/// The same tracks with exact search.
fn copy(index: &NearestTracks) -> NearestTracks {
    NearestTracks {
        vectors: index.vectors.clone(),
        removed: index.removed.clone(),
        present: index.present.clone(),
        index: None,
    }
}

#[test]
fn exact_search_is_what_sorting_everything_gives() {
    // More tracks and queries than one block and one batch hold, and no multiples of them.
    let (vectors, queries) = (clustered(1003, 1), queries(101));
    let exact = NearestTracks::exact(vectors.clone());
    for count in [0, 1, 100, 2000] {
        let found = exact.nearest_batch(&queries, count, 1).unwrap();
        for (query, found) in queries.chunks_exact(DIMENSION).zip(&found) {
            let cosine = |track: u32| {
                let products = vectors.vector(track).iter().zip(query).map(|(&x, &y)| f64::from(x) * f64::from(y));
                products.sum::<f64>()
            };
            let mut all: Vec<u32> = (0..1003).filter(|&track| vectors.known(track)).collect();
            all.sort_by(|&a, &b| cosine(b).total_cmp(&cosine(a)));
            assert_eq!(found.len(), count.min(all.len()));
            for (neighbour, expected) in found.iter().zip(all) {
                // Two tracks may change places only where rounding does not tell them apart.
                assert!((cosine(neighbour.track) - cosine(expected)).abs() < 1e-6);
                assert!((f64::from(neighbour.similarity) - cosine(neighbour.track)).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn equal_tracks_come_in_the_order_of_their_numbers() {
    let vectors = TrackVectors::new(2, [1.0, 0.0].repeat(600));
    let found = NearestTracks::exact(vectors.clone()).nearest(&[1.0, 0.0], 5).unwrap();
    assert_eq!(tracks(&found), [0, 1, 2, 3, 4]);
}

#[test]
fn the_index_finds_the_true_neighbours_and_never_an_unknown_track() {
    let vectors = clustered(20_000, 1);
    let index = build(vectors.clone());
    let queries = queries(200);
    let found = recall(&index, &queries, 100);
    assert!(found > 0.95, "recall {found}");
    for found in index.nearest_batch(&queries, 100, 2).unwrap() {
        assert_eq!(found.len(), 100);
        assert!(found.iter().all(|neighbour| vectors.known(neighbour.track)));
        assert!(found.is_sorted_by(|a, b| Neighbour::order(a, b).is_lt()), "best first, none twice");
    }
    // Nearly all tracks are asked for: what the graph cannot give is searched for exactly.
    assert_eq!(index.nearest(&queries[..DIMENSION], 20_000).unwrap().len(), 19_600);
}

#[test]
fn results_do_not_depend_on_threads_or_on_which_build() {
    let queries = queries(100);
    let (first, second) = (build(clustered(5000, 1)), build(clustered(5000, 1)));
    let expected = first.nearest_batch(&queries, 20, 1).unwrap();
    let exact = copy(&first);
    let truth = exact.nearest_batch(&queries, 20, 1).unwrap();
    for threads in [1, 2, 3, 200] {
        assert_eq!(second.nearest_batch(&queries, 20, threads).unwrap(), expected);
        assert_eq!(exact.nearest_batch(&queries, 20, threads).unwrap(), truth);
    }
    for (query, (found, truth)) in queries.chunks_exact(DIMENSION).zip(expected.iter().zip(&truth)) {
        assert_eq!(&first.nearest(query, 20).unwrap(), found);
        assert_eq!(&exact.nearest(query, 20).unwrap(), truth);
    }
}

#[test]
fn removed_tracks_are_no_neighbours_until_they_are_added_again() {
    let vectors = clustered(5000, 1);
    for mut nearest in [NearestTracks::exact(vectors.clone()), build(vectors.clone())] {
        let query = vectors.vector(7);
        let before = tracks(&nearest.nearest(query, 50).unwrap());
        assert_eq!(before[0], 7);
        // All that stood nearest go: the next ones must be found beyond them.
        assert!(before.iter().all(|&track| nearest.remove(track)));
        assert!(!nearest.remove(7) && !nearest.remove(49) && !nearest.remove(5000), "gone, unknown, beyond the end");
        let without = tracks(&nearest.nearest(query, 50).unwrap());
        assert!(without.len() == 50 && without.iter().all(|track| !before.contains(track)));
        assert!(before.iter().all(|&track| nearest.add(track)));
        assert!(!nearest.add(7) && !nearest.add(49));
        assert_eq!(tracks(&nearest.nearest(query, 50).unwrap()), before);
    }
}

#[test]
fn a_newer_table_is_taken_over_without_a_rebuild() {
    let newer = clustered(6000, 1);
    let (values, changed) = (clustered_values(5000, 1), clustered_values(500, 2));
    // The older table lacks the last 1000 tracks, and its first 500 have other vectors.
    let older = [&changed[..], &values[500 * DIMENSION..]].concat();
    let mut index = build(TrackVectors::new(DIMENSION, older));
    assert!(index.remove(3) && index.remove(700));
    assert_eq!(index.update(newer.clone()).unwrap(), 1470, "490 other and 980 new vectors");
    let found = |index: &NearestTracks, track| index.nearest(newer.vector(track), 1).unwrap()[0].track;
    for track in [3, 498, 5000, 5998] {
        assert_eq!(found(&index, track), track, "changed and new tracks are found at their new places");
    }
    assert_ne!(found(&index, 700), 700, "a track that did not change stays out");
    let recall = recall(&index, &queries(100), 50);
    assert!(recall > 0.95, "recall {recall}");
    assert!(index.update(clustered(10, 1)).unwrap_err().to_string().contains("build anew"));
}

#[test]
fn small_catalogs_are_searched_exactly() {
    let settings = IndexSettings { exact_below: 99, ..IndexSettings::default() };
    // Of 100 tracks 98 are known, of 102 tracks 100.
    for (tracks, indexed) in [(100, false), (102, true)] {
        assert_eq!(NearestTracks::new(clustered(tracks, 1), &settings, &mut |_| {}).unwrap().is_indexed(), indexed);
    }
    let empty = build(TrackVectors::new(2, vec![0.0; 6]));
    assert_eq!(empty.nearest(&[1.0, 0.0], 3).unwrap(), []);
}

#[test]
fn senseless_queries_and_settings_are_refused() {
    let exact = NearestTracks::exact(clustered(10, 1));
    assert!(exact.nearest(&[0.0; DIMENSION + 1], 3).unwrap_err().to_string().contains("24 values"));
    assert!(exact.nearest(&[f32::NAN; DIMENSION], 3).is_err());
    let settings = IndexSettings { connectivity: 1, ..IndexSettings::default() };
    assert!(NearestTracks::indexed(clustered(10, 1), &settings, &mut |_| {}).is_err());
}

#[test]
fn a_saved_index_opens_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (vectors, queries) = (clustered(3000, 1), queries(50));
    for mut nearest in [NearestTracks::exact(vectors.clone()), build(vectors.clone())] {
        nearest.remove(5);
        nearest.save(folder.path()).unwrap();
        let mut opened = NearestTracks::open(folder.path(), vectors.clone()).unwrap();
        assert_eq!(opened.is_indexed(), nearest.is_indexed());
        let found = |nearest: &NearestTracks| nearest.nearest_batch(&queries, 30, 1).unwrap();
        assert_eq!(found(&opened), found(&nearest));
        // What was opened can be changed like what was built.
        assert!(opened.add(5));
        assert_eq!(opened.update(clustered(3100, 1)).unwrap(), 98);
        let last = opened.vectors().vector(3097).to_vec();
        assert_eq!(opened.nearest(&last, 1).unwrap()[0].track, 3097);
    }
}

#[test]
fn damaged_foreign_and_stale_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = clustered(500, 1);
    let refusal = |vectors: &TrackVectors| match NearestTracks::open(folder.path(), vectors.clone()) {
        Ok(_) => panic!("must be refused"),
        Err(e) => e.to_string(),
    };
    assert!(refusal(&vectors).contains("cannot read"), "nothing there");
    build(vectors.clone()).save(folder.path()).unwrap();

    let stale = refusal(&clustered(500, 2));
    assert!(stale.contains("other vectors") && stale.contains("must be made again"), "{stale}");
    assert!(refusal(&clustered(501, 1)).contains("(500, 24)"));

    let graph = folder.path().join("nearest_tracks.usearch");
    let whole = fs::read(&graph).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() - 1], &whole[..0], &flipped, b"something else"] {
        fs::write(&graph, damaged).unwrap();
        let message = refusal(&vectors);
        assert!(message.contains("nearest_tracks.usearch") && message.contains("must be made again"), "{message}");
    }
    fs::remove_file(&graph).unwrap();
    assert!(refusal(&vectors).contains("nearest_tracks.usearch"));
    fs::write(&graph, &whole).unwrap();

    let manifest = folder.path().join("nearest_tracks.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let newer = text.replace("\"format_version\": 1", "\"format_version\": 2");
    fs::write(&manifest, newer).unwrap();
    assert!(refusal(&vectors).contains("format version 2, expected 1"));
    for damaged in [&text[..text.len() / 2], "", "{}", "[1]"] {
        fs::write(&manifest, damaged).unwrap();
        assert!(refusal(&vectors).contains("is not an index's manifest"), "{damaged}");
    }
    fs::write(&manifest, text).unwrap();
    NearestTracks::open(folder.path(), vectors).unwrap();
}
