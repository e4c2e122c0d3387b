//! Writes what user models see of each play, for other learners to learn from (`benches/user_model/compare.py`).
//!
//!     cargo run --release -p listening-models --example user_model_rows -- DATASET EMBEDDINGS FEATURES OUT
//!
//! DATASET is a dataset's folder, EMBEDDINGS and FEATURES are folders of these stages under artifacts/. For each split
//! OUT/<split>.rows.f32 holds rows of session, track and relation features and those of the session so far, OUT/<split>.labels.u8
//! the labels of the heads (bits 0 to 3) and whether they are known (bits 4 to 7), OUT/<split>.places.u32 each play's place in
//! its session, from 0, OUT/<split>.users.u32 its user.

use std::path::Path;

use listening_data::{Dataset, artist_numbers};
use listening_models::features::{SessionSoFar, track_features};
use listening_models::track_embeddings::TrackVectors;
use listening_models::{ColumnWriter, Examples, PreparedData};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dataset, embeddings, features, out] = arguments.as_slice() else {
        return Err("expected DATASET EMBEDDINGS FEATURES OUT".into());
    };
    let tracks = Dataset::open(dataset)?.catalog()?;
    let artists = artist_numbers(&tracks);
    let vectors = TrackVectors::load(Path::new(embeddings), tracks.len())?;
    let table = track_features(&tracks, &vectors);
    let width = table.len() / tracks.len().max(1);
    let data = PreparedData::open(Path::new(features), tracks.len())?;
    std::fs::create_dir_all(out)?;
    for (name, examples) in [("train", &data.train), ("validation", &data.validation), ("test", &data.test)] {
        let row = |track: u32| &table[track as usize * width..][..width];
        write(Path::new(out), name, examples, &row, &vectors, &artists)?;
    }
    Ok(())
}

fn write<'a>(
    out: &Path,
    name: &str,
    examples: &Examples,
    track_row: &dyn Fn(u32) -> &'a [f32],
    vectors: &TrackVectors,
    artists: &[u32],
) -> Result<(), Box<dyn std::error::Error>> {
    let mut rows = ColumnWriter::<f32>::create(out, &format!("{name}.rows.f32"))?;
    let mut labels = ColumnWriter::<u8>::create(out, &format!("{name}.labels.u8"))?;
    let mut places = ColumnWriter::<u32>::create(out, &format!("{name}.places.u32"))?;
    let mut users = ColumnWriter::<u32>::create(out, &format!("{name}.users.u32"))?;
    let (mut so_far, mut features) = (SessionSoFar::default(), Vec::new());
    let mut count = 0;
    for session in 0..examples.sessions() {
        so_far.clear();
        for play in examples.plays(session) {
            let track = examples.track[play];
            features.clear();
            features.extend_from_slice(examples.session_features(play));
            features.extend_from_slice(track_row(track));
            features.extend_from_slice(examples.relation(play));
            features.extend_from_slice(&so_far.features(vectors, artists, track));
            rows.push(&features)?;
            let known = examples.labels(play);
            let bits = known.iter().enumerate().fold(0u8, |bits, (head, label)| {
                bits | u8::from(*label == Some(true)) << head | u8::from(label.is_some()) << (4 + head)
            });
            labels.push(&[bits])?;
            places.push(&[examples.position[play]])?;
            users.push(&[examples.user[play]])?;
            so_far.push(vectors, artists, track, [known[0], known[1], known[2]]);
            count += 1;
        }
    }
    println!("{name}: {count} plays of {} features", features.len());
    rows.finish()?;
    labels.finish()?;
    users.finish()?;
    Ok(places.finish()?)
}
