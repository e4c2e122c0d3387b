//! What every command promises: help that teaches, exit codes, errors that name the remedy.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;

use support::sim;
use tempfile::tempdir;

/// Names of the commands in a help text.
fn commands_in(help: &str) -> Vec<String> {
    let list = help.split("Commands:\n").nth(1).unwrap_or_default();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|&name| name != "help").map(str::to_owned).collect()
}

#[test]
fn help_of_every_command_teaches_by_an_example() {
    let folder = tempdir().unwrap();
    let mut open = vec![String::new()];
    let mut seen = 0;
    while let Some(command) = open.pop() {
        let help = sim(folder.path(), &format!("{command} --help")).expect(0).out;
        assert!(help.contains("Example:") && help.contains("\n  sim "), "`sim {command} --help`:\n{help}");
        open.extend(commands_in(&help).iter().map(|name| format!("{command} {name}")));
        seen += 1;
    }
    assert!(seen >= 10, "sim itself, its commands and a kind of import, found {seen}");
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let folder = tempdir().unwrap();
    sim(folder.path(), "").expect(2);
    sim(folder.path(), "synthesise --out x").expect(2).says(&["synthesize"]);
    sim(folder.path(), "inspect nowhere").expect(1).says(&["error: nowhere: does not exist", "sim import"]);
    sim(folder.path(), "synthesize --out x --seed -1").expect(2);
    sim(folder.path(), "synthesize --out x --set seed").expect(2).says(&["KEY=VALUE"]);
    assert!(!folder.path().join("x").exists());
}

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("my.toml"), "[data.synthetic.size]\nusers = 3\ndais = 2\n").unwrap();
    sim(folder.path(), "synthesize --out x --config my.toml")
        .expect(2)
        .says(&["my.toml: unknown key `data.synthetic.size.dais`", "did you mean `data.synthetic.size.days`?"]);
    sim(folder.path(), "show-config --set data.source=spotify").expect(2).says(&["`spotify-extended`?"]);
    sim(folder.path(), "show-config --config none.toml").expect(2).says(&["none.toml"]);
    sim(folder.path(), "show-config --set world.max_length=0").expect(2).says(&["world.max_length: must be"]);
}

#[test]
fn the_effective_config_can_be_given_back() {
    let folder = tempdir().unwrap();
    let first =
        sim(folder.path(), "show-config --set embeddings.cbow.dimension=32 --name mine --seed 5 --threads 2").expect(0);
    assert!(first.out.contains("name = \"mine\"") && first.out.contains("dimension = 32"), "{}", first.out);
    fs::write(folder.path().join("mine.toml"), &first.out).unwrap();
    assert_eq!(sim(folder.path(), "show-config --config mine.toml").expect(0).out, first.out);
}

#[test]
fn completions_are_printed() {
    let folder = tempdir().unwrap();
    assert!(sim(folder.path(), "completions bash").expect(0).out.contains("synthesize"));
}

#[test]
fn speed_is_measured_and_shown_with_pictures() {
    let folder = tempdir().unwrap();
    let small = "--set data.synthetic.size.users=20 --set data.synthetic.catalog.tracks=300 \
                 --set data.synthetic.catalog.artists=60 --set features.training_starts=20 \
                 --set features.held_out_starts=5 --set embeddings.cbow.dimension=8 --set embeddings.cbow.epochs=1 \
                 --set user_model.hidden=[8] --set user_model.sequential.lstm=[8] --set agent.learning_starts=300 \
                 --set agent.batch=8 --set agent.replay_capacity=1000 --set train.sessions=8";
    let sizes = "--worlds oracle,swm --policies random,action-head-dqn --sessions 1,3 --candidates 10 --batches 4 --repeats 2 --seconds 0.01 --threads 2";
    let growth = "--users 100,120";
    sim(folder.path(), &format!("bench {small} {sizes} {growth} --out speed")).expect(0).prints(&[
        "oracle",
        "swm",
        "action-head-dqn",
        "share of the limit",
        "slope of the cost",
    ]);
    let text = fs::read_to_string(folder.path().join("speed/bench.json")).unwrap();
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = |name: &str| found[name].as_array().unwrap().clone();
    // Two worlds; one session on one thread, three on one and on two; two policies.
    let counts = ["environment", "choosing", "learning", "training"].map(|name| rows(name).len());
    assert_eq!(counts, [6, 2, 1, 4]);
    for row in ["environment", "choosing", "learning", "training"].iter().flat_map(|name| rows(name)) {
        let rate = |of: &str| row["rates"][of]["median"].as_f64().unwrap();
        assert!(rate("per_second") > 0.0 && rate("sgemm") > 1e6, "{row}");
        let (operations, share) = (row["operations"].as_f64().unwrap(), row["share"]["median"].as_f64());
        assert_eq!(share.is_some(), operations > 0.0, "{row}");
        assert!(share.is_none_or(|share| share > 0.0), "{row}");
    }
    let (size, growth) = (&found["growth"][0][0], found["growth"][0][1].as_array().unwrap());
    assert_eq!((size.as_str(), growth.len()), (Some("users"), 3));
    for work in growth {
        let sizes: Vec<_> = work["rows"].as_array().unwrap().iter().map(|row| row[0].as_u64().unwrap()).collect();
        assert_eq!(sizes, [100, 120], "{work}");
        assert!(work["slope"].as_f64().unwrap().is_finite(), "{work}");
    }
    assert!(fs::read_to_string(folder.path().join("speed/bench.html")).unwrap().contains("<svg"));
    sim(folder.path(), "bench --catalogs 5000").expect(2).says(&["--catalogs", "two different sizes"]);
    sim(folder.path(), "bench --worlds cwm,tcn").expect(2).says(&["tcn", "transformer"]);
}
