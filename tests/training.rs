//! Training is reproducible, can be interrupted at any moment, and survives what happens to files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Outcome, sim};
use tempfile::{TempDir, tempdir};

/// A run of a few seconds. Checkpoints come often, so that interruptions find some.
const TINY: &str = r#"
name = "tiny"
device = "cpu"

[data.synthetic.size]
users = 60

[data.synthetic.catalog]
tracks = 300
artists = 60

[embeddings.cbow]
dimension = 16
epochs = 2

[features]
training_starts = 200
held_out_starts = 100
candidates_per_source = 32

[user_model]
hidden = [32, 16]
max_epochs = 2

[world]
max_length = 10

[world.reward]
kind = "expected"

[world.pool]
min_size = 12
max_size = 30

[agent]
hidden = [32, 16]
batch = 64
replay_capacity = 3000
learning_starts = 300

[train]
env_steps = 12_000
sessions = 32
log_every_rounds = 5
evaluate_every = 4_000
evaluate_sessions = 64
checkpoint_every = 500

[evaluate]
sessions = 300
"#;

/// A folder with the config and, once for all tests, the stages before the agent.
fn folder() -> TempDir {
    static ARTIFACTS: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let artifacts = ARTIFACTS.get_or_init(|| {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("tiny.toml"), TINY).unwrap();
        sim(folder.path(), "train-agent --config tiny.toml --set train.env_steps=400").expect(0);
        folder.keep().join("artifacts")
    });
    let folder = tempdir().unwrap();
    let artifacts = format!("artifacts = {:?}\n", artifacts.display().to_string());
    fs::write(folder.path().join("tiny.toml"), artifacts + TINY).unwrap();
    folder
}

fn train(folder: &Path, more: &str) -> Outcome {
    sim(folder, &format!("train-agent --config tiny.toml {more}"))
}

/// What a run has come to: its metrics and its weights, byte for byte.
fn results(folder: &Path, name: &str) -> (String, Vec<u8>) {
    let run = folder.join("runs").join(name);
    let metrics = fs::read_to_string(run.join("metrics.json")).unwrap();
    (metrics, fs::read(run.join("agent.safetensors")).unwrap())
}

#[test]
fn threads_and_checkpoints_change_nothing() {
    let folder = folder();
    let folder = folder.path();
    train(folder, "--name one --threads 1").expect(0);
    train(folder, "--name two --threads 2 --set train.checkpoint_every=3000").expect(0);
    train(folder, "--name actors --threads 1 --set train.actors=2 --set train.sessions=16").expect(0);
    train(folder, "--name actors2 --threads 3 --set train.actors=2 --set train.sessions=16").expect(0);
    train(folder, "--name other --seed 2").expect(0);
    let one = results(folder, "one");
    assert!(one == results(folder, "two"), "one thread or two, many checkpoints or few");
    assert!(results(folder, "actors") == results(folder, "actors2"), "two actors on one thread or three");
    assert!(one.1 != results(folder, "other").1, "another seed gives another agent");
}

#[test]
fn a_run_killed_at_random_moments_ends_as_if_it_had_not_been() {
    let folder = folder();
    let folder = folder.path();
    // Long enough for 20 kills on a fast machine.
    const LONG: &str = "--set train.env_steps=40000";
    train(folder, &format!("--name whole {LONG}")).expect(0);
    let (mut kills, mut resumes, mut stages, mut busy) = (0, 0, BTreeSet::new(), 1);
    // Each attempt lives a little longer than the one before it, so that some die before their first checkpoint.
    for attempt in 0.. {
        assert!(attempt < 400, "never finished");
        let resume = if attempt == 0 { "" } else { "--resume" };
        let arguments = format!("train-agent --config tiny.toml --name killed {LONG} {resume}");
        let mut child = Command::new(env!("CARGO_BIN_EXE_sim"))
            .args(arguments.split_whitespace())
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // At least 20 kills: the first ones come soon, and none after the run could have ended is counted.
        // On a machine that is too busy to reach a checkpoint in that time, all come later.
        if stages.is_empty() {
            busy = 1 + kills / 5;
        }
        let patience = if kills < 20 { busy * (250 + 37 * (attempt % 17)) } else { 60_000 };
        let mut waited = 0;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if waited >= patience {
                break None;
            }
            std::thread::sleep(Duration::from_millis(10));
            waited += 10;
        };
        match status {
            Some(status) => {
                assert!(status.success(), "attempt {attempt}");
                break;
            }
            None => {
                child.kill().unwrap();
                let output = child.wait_with_output().unwrap();
                let log = String::from_utf8_lossy(&output.stderr).into_owned();
                kills += 1;
                resumes += u32::from(log.contains("resuming after"));
                let checkpoints = folder.join("runs/killed/checkpoints");
                stages.extend(fs::read_to_string(checkpoints.join("latest")).ok());
            }
        }
    }
    assert!(results(folder, "whole") == results(folder, "killed"), "after {kills} kills");
    eprintln!("{kills} kills, {resumes} of them in resumed runs, at {} different checkpoints", stages.len());
    assert!(kills >= 20, "only {kills} kills: the run ended too soon for the test to mean anything");
    assert!(!stages.is_empty(), "no checkpoint was ever found");
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_a_checkpoint_and_the_run_goes_on_from_it() {
    let folder = folder();
    let folder = folder.path();
    train(folder, "--name whole").expect(0);
    let child = Command::new(env!("CARGO_BIN_EXE_sim"))
        .args(["train-agent", "--config", "tiny.toml", "--name", "stopped", "--set", "train.checkpoint_every=1000000"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let run = folder.join("runs/stopped");
    // The event file appears when the training begins.
    for _ in 0..600 {
        let entries = fs::read_dir(&run).into_iter().flatten().flatten();
        if entries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().contains("tfevents")) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{log}");
    assert!(log.contains("sim train-agent --resume --name stopped"), "{log}");
    train(folder, "--name stopped").expect(2).says(&["unfinished run", "--resume"]);
    sim(folder, "train-agent --resume --name stopped").expect(0).says(&["resuming after"]);
    assert!(results(folder, "whole") == results(folder, "stopped"));
    let again = train(folder, "--name stopped").expect(0);
    assert!(again.out.contains("nothing to do"), "{}", again.out);
    train(folder, "--name stopped --set agent.gamma=0.5").expect(2).says(&["another config", "--overwrite"]);
}

#[test]
fn torn_checkpoints_are_passed_over() {
    let folder = folder();
    let folder = folder.path();
    train(folder, "--name run").expect(0);
    let whole = results(folder, "run");
    let run = folder.join("runs/run");
    let checkpoints = || -> Vec<PathBuf> {
        let entries = fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
        let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    let newest = checkpoints();
    assert_eq!(newest.len(), 3, "{newest:?}");
    fs::remove_file(run.join("metrics.json")).unwrap();
    let networks = newest[2].join("networks.safetensors");
    let bytes = fs::read(&networks).unwrap();
    fs::write(&networks, &bytes[..bytes.len() - 7]).unwrap();
    let replay = newest[1].join("replay.safetensors");
    let mut bytes = fs::read(&replay).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&replay, bytes).unwrap();
    train(folder, "--name run --resume").expect(0).says(&[
        "networks.safetensors is cut",
        "replay.safetensors was altered",
        "using the checkpoint before it",
        "resuming after",
    ]);
    assert!(whole == results(folder, "run"));
}

/// The replay alone grows beyond the limit of the test below, after some checkpoints.
const LARGE_REPLAY: &str = "--set agent.replay_capacity=12000";

/// A full disk, by a limit of 150 KiB on the size of files: writing on fails as on a full disk.
#[cfg(unix)]
#[test]
fn a_full_disk_is_a_clear_error_and_leaves_the_last_checkpoint_whole() {
    let folder = folder();
    let folder = folder.path();
    train(folder, &format!("--name whole {LARGE_REPLAY}")).expect(0);
    let script = format!(
        "trap '' XFSZ; ulimit -f 150; exec '{}' train-agent --config tiny.toml --name full {LARGE_REPLAY}",
        env!("CARGO_BIN_EXE_sim")
    );
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("error: cannot write") && log.contains("runs/full/checkpoints"), "{log}");
    let latest = fs::read_to_string(folder.join("runs/full/checkpoints/latest")).unwrap();
    assert!(latest.trim().parse::<u64>().unwrap() > 0);
    train(folder, &format!("--name full --resume {LARGE_REPLAY}")).expect(0).says(&["resuming after"]);
    assert!(results(folder, "whole") == results(folder, "full"));
}

/// What the files of an evaluation say of each measure is what their sessions say.
fn measures_agree(comparison: &serde_json::Value, sessions: &str, groups: &str) {
    let table = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let (sessions, groups) = (table(sessions), table(groups));
    let column = |name: &str| sessions[0].iter().position(|column| column == name).unwrap();
    assert_eq!(comparison["resampled"], "users");
    for policy in comparison["policies"].as_array().unwrap() {
        let own: Vec<&Vec<String>> =
            sessions.iter().filter(|row| row[0] == policy["policy"].as_str().unwrap()).collect();
        let mean = |value: &dyn Fn(&Vec<String>) -> Option<f64>| {
            let values: Vec<f64> = own.iter().filter_map(|row| value(row)).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let number = |row: &Vec<String>, name: &str| row[column(name)].parse::<f64>().ok();
        let said = |name: &str| policy[name]["mean"].as_f64().unwrap();
        let plain = ["return", "minutes", "diversity", "novelty", "artist_repeats", "smoothness", "miscalibration"];
        for name in plain {
            let found = mean(&|row| number(row, name));
            assert!((found - said(name)).abs() < 1e-9, "{name}: {found} {}", said(name));
            let (low, high) = (policy[name]["low"].as_f64().unwrap(), policy[name]["high"].as_f64().unwrap());
            assert!(low < said(name) && said(name) < high, "{name}: {}", policy[name]);
        }
        for (name, count) in [("completion_rate", "completions"), ("skip_rate", "skips")] {
            let found = mean(&|row| Some(number(row, count)? / number(row, "length")?));
            assert!((found - said(name)).abs() < 1e-9, "{name}: {found} {}", said(name));
        }
        for difference in policy["minus_reference"].as_object().unwrap().values() {
            let p = |name: &str| difference[name].as_f64().unwrap();
            assert!(p("adjusted_p_value") >= p("p_value"), "{difference}");
        }
        assert!(said("artist_repeats") > 0.0 && said("minutes") > 0.5 * said("completions"), "{policy}");
        assert!((0.0..2.0).contains(&said("diversity")) && said("miscalibration") > 0.0, "{policy}");
        let coverage = policy["exposure"]["coverage"].as_f64().unwrap();
        assert!(coverage > 0.0 && coverage <= 1.0, "{policy}");
    }
    // Every session is in one segment, where all are large enough to be shown.
    let segments = groups.iter().filter(|row| row[0] == "activity" && row[4] == "random" && row[5] == "return");
    let [mut count, mut sum] = [0.0; 2];
    for row in segments {
        let [sessions, mean] = [2, 6].map(|at| row[at].parse::<f64>().unwrap());
        (count, sum) = (count + sessions, sum + sessions * mean);
    }
    let overall = comparison["policies"][0]["return"]["mean"].as_f64().unwrap();
    assert!(count == 300.0 && (sum / count - overall).abs() < 1e-9, "{count} {sum} {overall}");
    assert!(groups.iter().any(|row| row[0] == "hour") && groups.iter().any(|row| row[0] == "device"));
}

#[test]
fn policies_are_compared_and_playlists_made() {
    let folder = folder();
    let folder = folder.path();
    sim(folder, "evaluate-policy --run runs/none").expect(2).says(&["not a run", "sim train-agent"]);
    train(folder, "--name run").expect(0);
    let table = sim(folder, "evaluate-policy --run runs/run --threads 1").expect(0).out;
    for policy in ["random", "popularity", "cosine", "greedy", "action-head-dqn"] {
        assert!(table.contains(policy), "{table}");
    }
    let results = folder.join("runs/run/evaluation");
    let first = fs::read_to_string(results.join("policies.json")).unwrap();
    let comparison: serde_json::Value = serde_json::from_str(&first).unwrap();
    let mean = |policy: usize| comparison["policies"][policy]["return"]["mean"].as_f64().unwrap();
    assert!(mean(3) > mean(0), "greedy beats random: {table}");
    assert!(mean(4) > mean(0), "the agent beats random: {table}");
    // The sessions are paired: what the CSV holds gives the differences of the table.
    let csv = fs::read_to_string(results.join("sessions.csv")).unwrap();
    let returns = |policy: &str| -> Vec<f64> {
        let rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>()).filter(|row| row[0] == policy);
        rows.map(|row| row[2].parse().unwrap()).collect()
    };
    let (greedy, random) = (returns("greedy"), returns("random"));
    assert_eq!((greedy.len(), random.len()), (300, 300));
    let difference = greedy.iter().zip(&random).map(|(g, r)| g - r).sum::<f64>() / 300.0;
    let said = comparison["policies"][3]["return_minus_random"]["mean"].as_f64().unwrap();
    assert!((difference - said).abs() < 1e-9, "{difference} {said}");
    measures_agree(&comparison, &csv, &fs::read_to_string(results.join("groups.csv")).unwrap());
    assert_eq!(fs::read_to_string(results.join("policies.html")).unwrap().matches("<svg").count(), 5);
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    sim(folder, "evaluate-policy --run runs/run --threads 2").expect(0);
    assert_eq!(first, fs::read_to_string(results.join("policies.json")).unwrap(), "one thread or two");
    sim(folder, "evaluate-policy --run runs/run --policies gredy").expect(2).says(&["no policy `gredy`"]);
    sim(folder, "evaluate-policy --run runs/run --policies oracle-greedy").expect(2).says(&["--listeners oracle"]);
    sim(folder, "evaluate-policy --run runs/run --compare-with oracle-beam")
        .expect(2)
        .says(&["--compare-with", "oracle"]);
    sim(folder, "evaluate-policy --run runs/run --policies random --compare-with popularity --by segment --out other")
        .expect(0)
        .prints(&["return minus popularity", "activity: low (to"]);
    let other = fs::read_to_string(folder.join("other/policies.json")).unwrap();
    let other: serde_json::Value = serde_json::from_str(&other).unwrap();
    let difference = |policy: usize| other["policies"][policy]["minus_reference"]["return"]["mean"].as_f64();
    assert_eq!(difference(0).unwrap(), -other["policies"][1]["return_minus_random"]["mean"].as_f64().unwrap());
    assert_eq!(difference(1), None, "popularity itself");
    sim(folder, "evaluate-policy --run runs/run --listeners oracle --threads 1").expect(0);
    let online = fs::read_to_string(folder.join("runs/run/evaluation-oracle/policies.json")).unwrap();
    let comparison: serde_json::Value = serde_json::from_str(&online).unwrap();
    let mean = |policy: usize| comparison["policies"][policy]["return"]["mean"].as_f64().unwrap();
    assert_eq!(comparison["policies"][5]["policy"], "oracle-greedy");
    assert_eq!(comparison["policies"][6]["policy"], "oracle-beam");
    for knowing in [5, 6] {
        assert!((0..5).all(|policy| mean(knowing) > mean(policy)), "who knows the listeners' minds is best: {online}");
    }
    sim(folder, "evaluate-policy --run runs/run --listeners oracle --threads 2").expect(0);
    let again = fs::read_to_string(folder.join("runs/run/evaluation-oracle/policies.json")).unwrap();
    assert_eq!(online, again, "one thread or two");

    let playlist =
        sim(folder, "generate-playlist --run runs/run --user synthetic:listener:000007 --json").expect(0).out;
    let playlist: serde_json::Value = serde_json::from_str(&playlist).unwrap();
    let tracks = playlist["tracks"].as_array().unwrap();
    assert_eq!(tracks.len(), 10);
    let names: BTreeSet<&str> = tracks.iter().map(|track| track["track_id"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 10, "no track twice");
    for track in tracks {
        let of = |name: &str| track[name].as_f64().unwrap();
        assert!(of("complete") >= 0.0 && of("complete") + of("skip") <= 1.0 + 1e-6 && of("q").is_finite());
    }
    let text =
        sim(folder, "generate-playlist --run runs/run --user synthetic:listener:000007 --length 4").expect(0).out;
    assert!(text.contains("chosen from") && text.contains("Q"), "{text}");
    sim(folder, "generate-playlist --run runs/run --user synthetic:listener:0000")
        .expect(2)
        .says(&["did you mean `synthetic:listener:0000"]);
}

/// The user state is two networks, trained on the way, that move with every play.
const MOVING: &str = "--set user_state.encoders=[\"fs-vae\",\"rhst\",\"cosernn\"] --set user_state.training.max_epochs=1 \
    --set user_state.fs_vae.lstm_units=16 --set user_state.fs_vae.state_length=8 --set user_state.taste_rnn.units=16 \
    --set user_state.session_training.max_epochs=1 --set user_state.cosernn.lstm_units=8 \
    --set train.env_steps=4000";

#[test]
fn agents_are_trained_on_user_states_that_move() {
    let folder = folder();
    let folder = folder.path();
    train(folder, &format!("--name one --threads 1 {MOVING}")).expect(0).prints(&["user-state", "histories"]);
    train(folder, &format!("--name two --threads 2 {MOVING}")).expect(0);
    let one = results(folder, "one");
    assert!(one == results(folder, "two"), "one thread or two");
    // Back to the last checkpoint but one.
    let run = folder.join("runs/two");
    fs::remove_file(run.join("metrics.json")).unwrap();
    let newest = fs::read_to_string(run.join("checkpoints/latest")).unwrap();
    fs::remove_dir_all(run.join("checkpoints").join(newest.trim())).unwrap();
    train(folder, &format!("--name two --resume {MOVING}")).expect(0).says(&["resuming after"]);
    assert!(one == results(folder, "two"), "resumed");
    let table = sim(folder, "evaluate-policy --run runs/one --sessions 40").expect(0).out;
    assert!(table.contains("cosine") && table.contains("action-head-dqn"), "{table}");
    sim(folder, "generate-playlist --run runs/one --user synthetic:listener:000007 --length 4").expect(0);
    train(folder, "--name other --set user_state.encoders=[\"vae-cf\"]")
        .expect(2)
        .says(&["`vae-cf` is no encoder of user states; there are recency-weighted-mean, fs-vae"]);
}

/// All that the agent can be made of at once.
const EVERY_SWITCH: &str = "--set agent.dueling=true --set agent.layer_norm=true --set agent.quantiles=8 \
    --set agent.prioritized=true --set agent.n_step=3 --set agent.replay_capacity=1500 --set train.env_steps=4000";

#[test]
fn with_every_switch_threads_and_interruptions_change_nothing() {
    let folder = folder();
    let folder = folder.path();
    train(folder, &format!("--name one --threads 1 {EVERY_SWITCH}")).expect(0);
    train(folder, &format!("--name two --threads 2 {EVERY_SWITCH}")).expect(0);
    train(folder, "--name plain --set train.env_steps=4000").expect(0);
    let one = results(folder, "one");
    assert!(one == results(folder, "two"), "one thread or two");
    let evenly = "--set agent.prioritized=false";
    train(folder, &format!("--name evenly {EVERY_SWITCH} {evenly}")).expect(0);
    assert!(one.1 != results(folder, "evenly").1, "priorities matter");
    // Back to the last checkpoint but two; the replay had begun to drop sessions before it.
    let run = folder.join("runs/two");
    fs::remove_file(run.join("metrics.json")).unwrap();
    let mut checkpoints: Vec<PathBuf> =
        fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect();
    checkpoints.retain(|path| path.is_dir());
    checkpoints.sort();
    for newest in &checkpoints[1..] {
        fs::remove_dir_all(newest).unwrap();
    }
    train(folder, &format!("--name two --resume {EVERY_SWITCH}")).expect(0).says(&["resuming after"]);
    assert!(one == results(folder, "two"), "resumed");
    // What an agent is made of stands in its file: that of another run is loaded by the config of this one.
    let file = |name: &str| folder.join("runs").join(name).join("agent.safetensors");
    fs::copy(file("one"), file("plain")).unwrap();
    let table = sim(folder, "evaluate-policy --run runs/plain --sessions 40").expect(0).out;
    assert!(table.contains("action-head-dqn"), "{table}");
    train(folder, "--name one --overwrite --set agent.quantiles=1").expect(2).says(&["agent.quantiles:", "median"]);
}
