//! `sim train-embeddings`: vectors for other tools and for `train-agent`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;

use serde_json::Value;
use support::sim;
use tempfile::tempdir;

const SMALL: &str = "--set data.synthetic.size.users=40 --set data.synthetic.size.days=30 --seed 3";

#[test]
fn vectors_come_with_ids_text_index_and_quality() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    sim(folder, &format!("synthesize --out plays {SMALL}")).expect(0);
    sim(folder, &format!("synthesize --format mpd --out log {SMALL}")).expect(0);
    sim(folder, "import mpd log --out lists").expect(0);
    let train = "train-embeddings --dataset plays --set embeddings.cbow.epochs=2 --set embeddings.cbow.dimension=16";
    for threads in [1, 2] {
        let command =
            format!("{train} --out cbow-{threads} --threads {threads} --set artifacts=\"artifacts-{threads}\"");
        sim(folder, &command).expect(0).prints(&["next-track hit rate", "with a vector of their own"]);
    }
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    assert_eq!(read("cbow-1/track_vectors.safetensors"), read("cbow-2/track_vectors.safetensors"));
    let ids = String::from_utf8(read("cbow-1/track_ids.txt")).unwrap();
    let text = String::from_utf8(read("cbow-1/track_vectors.txt")).unwrap();
    let head: Vec<usize> = text.lines().next().unwrap().split(' ').map(|number| number.parse().unwrap()).collect();
    assert!(head[0] <= ids.lines().count() && head[1] == 16);
    assert_eq!(text.lines().count(), head[0] + 1);
    for name in ["nearest_tracks.json", "config.toml", "fingerprint", "metrics.json"] {
        assert!(folder.join("cbow-1").join(name).exists(), "{name}");
    }

    sim(folder, &format!("{train} --playlists lists --out joint")).expect(0);
    assert_ne!(read("joint/track_vectors.safetensors"), read("cbow-1/track_vectors.safetensors"));

    let als = "train-embeddings --dataset plays --method als --set embeddings.als.factors=8 --out als";
    sim(folder, als).expect(0).prints(&["NDCG", "coverage"]);
    let metrics: Value = serde_json::from_slice(&read("als/metrics.json")).unwrap();
    assert!(metrics["recommendation"]["all_tracks"]["ndcg"].as_f64() > Some(0.0));

    sim(folder, als).expect(2).says(&["als", "exists already"]);
    let refused = sim(folder, "train-embeddings --dataset plays --method als --playlists lists --out x").expect(2);
    refused.says(&["embeddings.playlists", "cbow"]);
    sim(folder, "train-embeddings --dataset nowhere --out y").expect(1).says(&["nowhere", "sim import"]);
}
