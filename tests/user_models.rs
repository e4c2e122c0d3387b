//! User models through the binary: training, measuring, and worlds whose listeners answer by them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::sim;
use tempfile::{TempDir, tempdir};

/// Listeners who are fed up after a skip: what they do next depends on the session.
const TINY: &str = r#"
name = "tiny"
device = "cpu"

[data.synthetic.size]
users = 100

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
kind = "swm"
users = "even"
hidden = [32, 16]
max_epochs = 2

[user_model.sequential]
lstm = [24, 12]
hidden = [32, 16]
batch = 16
learning_rate = 3e-3
max_epochs = 3

[user_model.transformer]
width = 16
attention_heads = 2
layers = 1
hidden = [32, 16]
batch = 16
learning_rate = 3e-3
max_epochs = 3

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
env_steps = 6_000
sessions = 32
evaluate_every = 3_000
evaluate_sessions = 64
checkpoint_every = 20

[evaluate]
sessions = 300
"#;

fn folder() -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("tiny.toml"), TINY).unwrap();
    folder
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn models_of_the_session_foretell_better_than_the_contextual_one_on_any_number_of_threads() {
    let folder = folder();
    let folder = folder.path();
    let evaluate = "evaluate-user-model --config tiny.toml --set user_model.users=all --model cwm,swm,transformer";
    sim(folder, &format!("{evaluate} --threads 1 --out one")).expect(0).prints(&[
        "session_end",
        "place: 2 to 3",
        "device: ",
        "cwm",
        "swm",
        "transformer",
    ]);
    fs::remove_dir_all(folder.join("artifacts")).unwrap();
    sim(folder, &format!("{evaluate} --threads 2 --out two")).expect(0);
    let one = json(&folder.join("one/user-models.json"));
    assert_eq!(one, json(&folder.join("two/user-models.json")), "threads change nothing");
    assert!(fs::read_to_string(folder.join("one/user-models.html")).unwrap().contains("Reliability: skip"));
    let head = |model: usize, head: usize| one[model]["report"]["test"]["heads"][head].clone();
    let loss = |report: &Value| report["model"]["log_loss"].as_f64().unwrap();
    for response in 0..3 {
        let cwm = head(0, response);
        for sequential in [head(1, response), head(2, response)] {
            assert!(loss(&sequential) < 0.99 * loss(&cwm), "{} {}", loss(&sequential), loss(&cwm));
            assert!(loss(&sequential) < sequential["rates_log_loss"].as_f64().unwrap());
        }
    }
    // The same models, asked to go on by themselves.
    for task in ["roll-outs", "skip-challenge"] {
        sim(folder, &format!("{evaluate} --threads 1 --out one --task {task}"))
            .expect(0)
            .prints(&["swm", "transformer"]);
    }
    let challenge = json(&folder.join("one/skip-challenge.json"));
    let accuracy = |model: usize, score: usize| {
        challenge[model]["report"]["scores"][score]["mean_average_accuracy"].as_f64().unwrap()
    };
    assert!(accuracy(1, 0) > accuracy(1, 1), "swm {} against the last response {}", accuracy(1, 0), accuracy(1, 1));
    let rolled = json(&folder.join("one/roll-outs.json"));
    assert!(rolled[1]["report"]["place_error"].as_f64().unwrap() < 0.15, "{}", rolled[1]["report"]);
    // Groups and reliability divide the same plays.
    let skip = head(1, 1);
    let sum = |values: &Value| values.as_array().unwrap().iter().map(|x| x["count"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum(&skip["reliability"]), skip["model"]["count"].as_u64().unwrap());
    let places: Vec<Value> = skip["groups"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|group| group["group"].as_str().unwrap().starts_with("place: "))
        .cloned()
        .collect();
    assert_eq!(sum(&Value::Array(places)), skip["model"]["count"].as_u64().unwrap());
}

#[test]
fn worlds_of_sequential_listeners_can_be_trained_in_left_and_judged() {
    let folder = folder();
    let folder = folder.path();
    let train = "train-agent --config tiny.toml --threads 2";
    sim(folder, train).expect(0).prints(&["user-response model", "skip"]);
    let agent = fs::read(folder.join("runs/tiny/agent.safetensors")).unwrap();

    sim(folder, "train-agent --config tiny.toml --name whole --threads 1").expect(0);
    assert_eq!(agent, fs::read(folder.join("runs/whole/agent.safetensors")).unwrap(), "threads change nothing");

    sim(folder, "evaluate-policy --run runs/tiny --policies beam,greedy-swm --sessions 100 --out beam").expect(0);
    let planned = json(&folder.join("beam/policies.json"));
    assert_eq!(planned["policies"][2]["policy"], "beam");
    assert!(planned["policies"][2]["return_minus_random"]["low"].as_f64().unwrap() > 0.0, "{planned}");
    sim(folder, "evaluate-policy --run runs/tiny").expect(0).prints(&["greedy-swm", "action-head-dqn"]);
    sim(folder, "evaluate-policy --run runs/tiny --listeners independent --policies greedy,greedy-swm").expect(0);
    let of = |folder_name: &str, policy: usize| {
        let comparison = json(&folder.join("runs/tiny").join(folder_name).join("policies.json"));
        comparison["policies"][policy].clone()
    };
    assert_eq!(of("evaluation-independent", 2)["policy"], "greedy-swm");
    let mean = |report: Value| report["return"]["mean"].as_f64().unwrap();
    assert_ne!(mean(of("evaluation", 0)), mean(of("evaluation-independent", 0)), "other listeners");
    let better = of("evaluation", 4)["return_minus_random"]["low"].as_f64().unwrap();
    assert!(better > 0.0, "greedy-swm against random: {better}");

    sim(folder, "validate-simulator --run runs/tiny --threads 1").expect(0).prints(&["Spearman", "least-expected"]);
    let path = folder.join("runs/tiny/validation/validation.json");
    let validation = json(&path);
    assert_eq!(validation["policies"].as_array().unwrap().len(), 15);
    assert!(validation["spearman"]["value"].as_f64().unwrap() > 0.5, "{}", validation["spearman"]);
    assert!(fs::read_to_string(folder.join("runs/tiny/validation/validation.html")).unwrap().contains("<svg"));
    sim(folder, "validate-simulator --run runs/tiny --threads 2").expect(0);
    assert_eq!(validation, json(&path), "threads change nothing");
}

/// A part of the synthetic log was shuffled: those plays have propensities.
#[test]
fn models_can_be_trained_on_plays_with_propensities_alone() {
    let folder = folder();
    let folder = folder.path();
    let losses = ["all", "with-propensity", "inverse-propensity"].map(|plays| {
        let set = format!("--set user_model.plays={plays} --set user_model.sequential.max_epochs=1 --out {plays}");
        sim(folder, &format!("evaluate-user-model --config tiny.toml --model cwm,swm {set}")).expect(0);
        let report = json(&folder.join(plays).join("user-models.json"));
        [0, 1].map(|model: usize| report[model]["report"]["training"][0]["validation_loss"][0].as_f64().unwrap())
    });
    for model in 0..2 {
        assert!(losses.iter().all(|loss| loss[model] > 0.0 && loss[model] < 4.0), "{losses:?}");
        assert_ne!(losses[0][model], losses[1][model], "other plays");
    }
}

/// The log loss is convex: that of the mean is never above the mean of the members'.
#[test]
fn an_ensemble_foretells_no_worse_than_its_members_and_agents_are_trained_in_it() {
    let folder = folder();
    let folder = folder.path();
    let members = "--set user_model.members=3 --set user_model.sequential.max_epochs=1";
    sim(folder, &format!("evaluate-user-model --config tiny.toml --model swm {members} --out together")).expect(0);
    let heads = |report: &Value| -> Vec<f64> {
        let heads = report["test"]["heads"].as_array().unwrap().iter();
        heads.map(|head| head["model"]["log_loss"].as_f64().unwrap()).collect()
    };
    let alone: Vec<Vec<f64>> = fs::read_dir(folder.join("artifacts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("sequential-model-"))
        .map(|path| heads(&json(&path.join("metrics.json"))))
        .collect();
    assert_eq!(alone.len(), 3);
    let together = json(&folder.join("together/user-models.json"))[0]["report"].clone();
    assert_eq!(together["training"].as_array().unwrap().len(), 3);
    for (head, together) in heads(&together).into_iter().enumerate() {
        let mean = alone.iter().map(|losses| losses[head]).sum::<f64>() / 3.0;
        assert!(together < mean, "{together} {mean}");
    }
    let train = format!("train-agent --config tiny.toml {members} --set train.env_steps=2000");
    let rewards = |name: &str, kind: &str, penalty: f64| {
        let set = format!("--set user_model.kind={kind} --set agent.uncertainty_penalty={penalty}");
        sim(folder, &format!("{train} --name {name} {set}")).expect(0);
        json(&folder.join("runs").join(name).join("metrics.json"))["last"]["rollout/return"].as_f64().unwrap()
    };
    for kind in ["swm", "cwm"] {
        let [charged, free] = ["charged", "free"].map(|name| format!("{name}-{kind}"));
        let less = rewards(&charged, kind, 5.0) < rewards(&free, kind, 0.0);
        assert!(less, "what the members of {kind} disagree about is worth less");
    }
    sim(folder, "evaluate-policy --run runs/charged-swm").expect(0).prints(&["greedy-swm"]);
}

#[test]
fn an_agent_is_trained_and_judged_in_episodes_of_several_sessions() {
    let folder = folder();
    let folder = folder.path();
    let set = "--set user_model.kind=cwm --set world.episode.sessions=3 --set world.episode.return_hours=48";
    for threads in [1, 2] {
        let train = format!("train-agent --config tiny.toml {set} --name episodes-{threads} --threads {threads}");
        sim(folder, &train).expect(0).prints(&["user-return", "returns within 48 h"]);
    }
    let weights = |threads: u32| fs::read(folder.join(format!("runs/episodes-{threads}/agent.safetensors"))).unwrap();
    assert_eq!(weights(1), weights(2));
    assert!(
        json(&folder.join("runs/episodes-1/metrics.json"))["last"]["rollout/returned_rate"].as_f64().unwrap() > 0.1
    );
    for listeners in ["simulated", "independent", "oracle"] {
        let evaluate =
            format!("evaluate-policy --run runs/episodes-1 --policies greedy,cosine --listeners {listeners}");
        sim(folder, &format!("{evaluate} --out out")).expect(0).prints(&["sessions per episode", "episodes of"]);
        let found = json(&folder.join("out/policies.json"));
        let sessions = found["policies"][0]["sessions"]["mean"].as_f64().unwrap();
        assert!(sessions > 1.1 && sessions < 3.0, "{sessions} {listeners}");
    }
    let estimate = "evaluate-estimators --run runs/episodes-1 --logs 2 --log-sessions 50 --sessions 100 --length 2";
    sim(folder, estimate).expect(0);
    sim(folder, "evaluate-policy --run runs/episodes-1 --listeners logged --policies greedy").expect(0);
    sim(folder, "validate-simulator --run runs/episodes-1").expect(0);
}

#[test]
fn estimators_are_held_against_what_the_policy_returns() {
    let folder = folder();
    let folder = folder.path();
    sim(folder, "train-agent --config tiny.toml --set user_model.kind=cwm --set train.env_steps=400").expect(0);
    let estimate =
        "evaluate-estimators --run runs/tiny --logs 10 --log-sessions 300 --sessions 2000 --length 2 --pool 5";
    sim(folder, &format!("{estimate} --threads 1")).expect(0).prints(&["doubly-robust", "greedy+random-50"]);
    let path = folder.join("runs/tiny/estimators/estimators.json");
    let found = json(&path);
    for quality in found["estimators"].as_array().unwrap() {
        let (mean, truth) = (quality["mean"].as_f64().unwrap(), found["truth"]["mean"].as_f64().unwrap());
        assert!((mean / truth - 1.0).abs() < 0.1, "{quality} {truth}");
    }
    sim(folder, &format!("{estimate} --threads 2")).expect(0);
    assert_eq!(found, json(&path), "threads change nothing");
    sim(folder, "evaluate-estimators --run runs/tiny --policy best").expect(2).says(&["best", "action-head-dqn"]);
}

#[test]
fn policies_are_estimated_from_the_recorded_sessions_of_the_log() {
    let folder = folder();
    let folder = folder.path();
    sim(folder, "train-agent --config tiny.toml --set user_model.kind=cwm --set train.env_steps=400").expect(0);
    let evaluate = "evaluate-policy --run runs/tiny --listeners logged --length 3 --random-percent 80";
    sim(folder, evaluate).expect(0).prints(&["doubly-robust", "greedy+random-80", "with the listeners", "of each"]);
    let path = folder.join("runs/tiny/evaluation-logged/off-policy.json");
    let found = json(&path);
    let (logged, policies) = (found["logged"]["mean"].as_f64().unwrap(), found["policies"].as_array().unwrap());
    assert!(found["sessions"].as_u64().unwrap() > 20 && policies.len() == 5);
    // Shuffled sessions are those of the random policy; the model of the doubly robust estimator adds nothing but noise.
    for estimate in policies[0]["estimates"].as_array().unwrap() {
        let end = |name: &str| estimate["return"][name].as_f64().unwrap();
        if estimate["estimator"] == "doubly-robust" {
            assert!(end("low") < logged && logged < end("high"), "{estimate} {logged}");
        } else {
            assert!((end("mean") / logged - 1.0).abs() < 1e-6, "{estimate} {logged}");
        }
        assert_eq!(estimate["effective_sessions"].as_f64().unwrap().round() as u64, found["sessions"]);
    }
    for difference in policies[0]["minus_logged"].as_array().unwrap().iter().take(4) {
        assert_eq!((difference["mean"].as_f64(), difference["p_value"].as_f64()), (Some(0.0), Some(1.0)));
    }
    let rows = fs::read_to_string(path.with_extension("csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 5 * 5);
    sim(folder, &format!("{evaluate} --threads 1")).expect(0);
    assert_eq!(found, json(&path), "threads change nothing");
    let without = "--set data.synthetic.behaviour.shuffled=0 --set train.env_steps=400 --set user_model.kind=cwm";
    sim(folder, &format!("train-agent --config tiny.toml --name chosen {without}")).expect(0);
    sim(folder, "evaluate-policy --run runs/chosen --listeners logged").expect(2).says(&["candidate pools"]);
    sim(folder, "evaluate-policy --run runs/tiny --length 3").expect(2).says(&["--length", "--listeners logged"]);
    sim(folder, &format!("{evaluate} --compare-with greedy")).expect(2).says(&["--compare-with"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = folder();
    let folder = folder.path();
    let refuse = |setting: &str, says: &str| {
        sim(folder, &format!("train-user-model --config tiny.toml --set {setting}")).expect(2).says(&[says]);
    };
    refuse("user_model.sequential.lstm=[]", "user_model.sequential.lstm");
    refuse("user_model.sequential.batch=0", "user_model.sequential.batch");
    refuse("user_model.sequential.dropout=1", "user_model.sequential.dropout");
    refuse("user_model.transformer.attention_heads=3", "user_model.transformer.attention_heads");
    refuse("user_model.members=0", "user_model.members");
    refuse("user_model.plays=shuffled", "with-propensity");
    refuse("agent.uncertainty_penalty=-1", "agent.uncertainty_penalty");
    refuse("user_model.users=half", "user_model.users");
    refuse("user_model.kind=rnn", "user_model.kind");
    sim(folder, "train-agent --config tiny.toml --name all --set user_model.users=all --set train.env_steps=400 --set user_model.kind=cwm").expect(0);
    sim(folder, "evaluate-policy --run runs/all --listeners independent").expect(2).says(&["user_model.users"]);
    sim(folder, "validate-simulator --run nowhere").expect(2).says(&["nowhere", "train-agent"]);
}
