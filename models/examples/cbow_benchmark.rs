//! The Rust half of `benches/cbow/compare.py`: trains on a text file of sequences, and measures any vectors.
//!
//!     cbow_benchmark train SEQUENCES VECTORS WORKERS SEED key=value...
//!     cbow_benchmark evaluate VECTORS HELD_OUT WINDOW WORKERS
//!
//! SEQUENCES and HELD_OUT hold one sequence per line, ids separated by blanks; VECTORS is in word2vec's text format.
//! Both print one line of JSON.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

use listening_data::Silent;
use listening_models::track_embeddings::{
    CbowSettings, Corpus, CorpusWriter, next_track_hit_rates, read_word2vec_text, train_on_corpora, write_word2vec_text,
};

/// Reads sequences; ids not yet in `ids` get the next number.
fn read(path: &str, folder: &Path, ids: &mut Vec<String>) -> Corpus {
    let mut numbers: HashMap<String, u32> = ids.iter().cloned().zip(0..).collect();
    let mut writer = CorpusWriter::create(folder).unwrap();
    let mut sequence = Vec::new();
    for line in BufReader::new(File::open(path).unwrap()).lines() {
        sequence.clear();
        for id in line.unwrap().split_ascii_whitespace() {
            let number = *numbers.entry(id.to_owned()).or_insert(ids.len() as u32);
            if number as usize == ids.len() {
                ids.push(id.to_owned());
            }
            sequence.push(number);
        }
        writer.push(&sequence).unwrap();
    }
    writer.finish().unwrap()
}

fn train(sequences: &str, vectors: &str, workers: usize, seed: u64, settings: &[String]) {
    let settings: HashMap<&str, &str> = settings.iter().map(|setting| setting.split_once('=').unwrap()).collect();
    let settings = CbowSettings {
        dimension: settings["dimension"].parse().unwrap(),
        window: settings["window"].parse().unwrap(),
        negatives: settings["negatives"].parse().unwrap(),
        epochs: settings["epochs"].parse().unwrap(),
        minimum_count: settings["minimum_count"].parse().unwrap(),
        learning_rate: settings["learning_rate"].parse().unwrap(),
        subsample: settings["subsample"].parse().unwrap(),
    };
    let folder = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    let corpus = read(sequences, &folder.path().join("corpus"), &mut ids);
    let begun = Instant::now();
    let trained = train_on_corpora(&[&corpus], ids.len(), &settings, seed, workers, &Silent).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    write_word2vec_text(Path::new(vectors), ids.iter().map(String::as_str), &trained).unwrap();
    println!("{{\"seconds\": {seconds}, \"words\": {}}}", corpus.tokens().len() * settings.epochs);
}

fn evaluate(vectors: &str, held_out: &str, window: usize, workers: usize) {
    let (mut ids, vectors) = read_word2vec_text(Path::new(vectors)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let held_out = read(held_out, &folder.path().join("held-out"), &mut ids);
    // Ids that only the held-out sequences have are tracks without a vector.
    let dimension = vectors.dimension();
    let mut values = vectors.values().to_vec();
    values.resize(ids.len() * dimension, 0.0);
    let vectors = listening_models::track_embeddings::TrackVectors::new(dimension, values);
    println!("{}", serde_json::to_string(&next_track_hit_rates(&vectors, &held_out, window, workers)).unwrap());
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["train", sequences, vectors, workers, seed, ..] => {
            train(sequences, vectors, workers.parse().unwrap(), seed.parse().unwrap(), &arguments[5..]);
        }
        ["evaluate", vectors, held_out, window, workers] => {
            evaluate(vectors, held_out, window.parse().unwrap(), workers.parse().unwrap());
        }
        _ => panic!("expected `train` or `evaluate`, as at the top of this file"),
    }
}
