//! The names in TensorBoard are those that `docs/metrics.md` promises.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use protobuf::Message;
use support::sim;
use tempfile::tempdir;
use tensorboard_proto::event::Event;

/// The events of a file of length-prefixed records: u64 length, u32 checksum, data, u32 checksum.
fn events(path: &Path) -> Vec<Event> {
    let bytes = fs::read(path).unwrap();
    let (mut events, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let length = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        events.push(Event::parse_from_bytes(&bytes[at + 12..at + 12 + length]).unwrap());
        at += 16 + length;
    }
    events
}

/// Names in the first column of the tables under the heading for TensorBoard.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|line| line.split('`').next());
    let known = |name: &&str| ["rollout/", "train/", "eval/", "time/"].iter().any(|group| name.starts_with(group));
    names.filter(|name| known(name) || *name == "config").map(str::to_owned).collect()
}

#[test]
fn every_documented_name_is_in_the_event_file_and_no_other() {
    let folder = tempdir().unwrap();
    fs::write(
        folder.path().join("c.toml"),
        "data.synthetic.size.users = 40\nembeddings.cbow.epochs = 1\nfeatures.training_starts = 50\n\
         features.held_out_starts = 50\nuser_model.hidden = [16]\nuser_model.max_epochs = 1\nagent.hidden = [16]\n\
         agent.learning_starts = 256\nagent.replay_capacity = 5000\n\
         train = { env_steps = 4096, sessions = 64, evaluate_every = 2048, evaluate_sessions = 20 }\n",
    )
    .unwrap();
    sim(folder.path(), "train-agent --config c.toml").expect(0).says(&["device: "]);
    let files = fs::read_dir(folder.path().join("runs/run")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.to_string_lossy().contains("tfevents")).collect();
    assert_eq!(files.len(), 1);
    let events = events(&files[0]);
    assert_eq!(events[0].get_file_version(), "brain.Event:2");
    let values = events.iter().flat_map(|event| event.get_summary().get_value());
    let written: BTreeSet<String> = values.map(|value| value.get_tag().to_owned()).collect();
    assert_eq!(written, documented(), "left: written, right: documented in docs/metrics.md");
    let config = events.iter().flat_map(|event| event.get_summary().get_value()).find(|v| v.get_tag() == "config");
    let text = String::from_utf8(config.unwrap().get_tensor().get_string_val()[0].clone()).unwrap();
    assert!(text.contains("env_steps = 4096"), "{text}");
}
