//! Builds the nearest-neighbour index over raw vectors and times it, for `benches/index/compare.py`.
//!
//! Arguments: a folder with `vectors.f32` and `queries.f32` (32-bit floats, row by row), the dimension, the neighbours
//! asked for, and the query expansions to try; with none of them, exact search is timed. Prints one JSON object per
//! line, and writes the neighbours found with expansion E to `found-E.u32`, by exact search to `found-exact.u32`. An
//! index that lies in the folder is used again.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first error")]

use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use listening_models::track_embeddings::{IndexSettings, NearestTracks, TrackVectors};
use serde_json::json;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let folder = Path::new(&arguments[1]);
    let number = |text: &String| text.parse::<usize>().unwrap();
    let (dimension, count) = (number(&arguments[2]), number(&arguments[3]));
    let read = |name: &str| bytemuck::allocation::pod_collect_to_vec::<u8, f32>(&fs::read(folder.join(name)).unwrap());
    let vectors = TrackVectors::new(dimension, read("vectors.f32"));
    let queries = read("queries.f32");
    let rows = queries.len() / dimension;

    if arguments.len() == 4 {
        let exact = NearestTracks::exact(vectors);
        let start = processor_seconds();
        let found = exact.nearest_batch(&queries, count, 1).unwrap();
        println!("{}", json!({"exact_queries_per_s": rows as f64 / (processor_seconds() - start)}));
        write(folder, "exact", &found);
        return;
    }

    let settings = IndexSettings::default();
    if NearestTracks::open(folder, vectors.clone()).is_err() {
        let start = processor_seconds();
        let index = NearestTracks::indexed(vectors.clone(), &settings, &mut |_| {}).unwrap();
        let build_s = processor_seconds() - start;
        index.save(folder).unwrap();
        let bytes = fs::metadata(folder.join("nearest_tracks.usearch")).unwrap().len();
        println!("{}", json!({"build_s": build_s, "bytes": bytes}));
    }
    let start = Instant::now();
    let mut index = NearestTracks::open(folder, vectors).unwrap();
    println!("{}", json!({"open_s": start.elapsed().as_secs_f64()}));
    for expansion in arguments[4..].iter().map(number) {
        index.set_expansion(expansion).unwrap();
        let start = processor_seconds();
        let found: Vec<_> = queries.chunks(dimension).map(|query| index.nearest(query, count).unwrap()).collect();
        let rate = rows as f64 / (processor_seconds() - start);
        write(folder, &expansion.to_string(), &found);
        println!("{}", json!({"expansion": expansion, "queries_per_s": rate}));
    }
}

/// Time that this thread has had a processor (Linux), which a busy machine does not stretch as it does the clock.
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn write(folder: &Path, name: &str, found: &[Vec<listening_models::track_embeddings::Neighbour>]) {
    let tracks: Vec<u32> = found.iter().flatten().map(|neighbour| neighbour.track).collect();
    fs::write(folder.join(format!("found-{name}.u32")), bytemuck::cast_slice(&tracks)).unwrap();
}
