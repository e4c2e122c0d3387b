use std::fs;
use std::path::PathBuf;

use super::*;

fn load(text: &str, sets: &[&str]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.toml");
    fs::write(&file, text).unwrap();
    let overrides: Vec<Override> = sets.iter().map(|set| set.parse().unwrap()).collect();
    Config::load(Some(&file), &overrides).map_err(|error| {
        assert!(error.is::<UsageError>(), "{error:#}");
        error.to_string()
    })
}

fn refusal(text: &str, sets: &[&str]) -> String {
    load(text, sets).unwrap_err()
}

#[test]
fn defaults_are_valid_and_survive_toml() {
    let config = Config::default();
    config.validate().unwrap();
    let text = config.to_toml().unwrap();
    assert_eq!(load(&text, &[]).unwrap(), config);
    assert!(!keys::known().is_empty());
}

#[test]
fn later_sources_win() {
    let text = "seed = 2\n[embeddings.cbow]\nwindow = 3\ndimension = 16\n";
    let config =
        load(text, &["embeddings.cbow.window=7", "embeddings.cbow.window=8", "name=2024", "user_model.weight_decay=0"]);
    let config = config.unwrap();
    assert_eq!((config.seed, config.embeddings.cbow.window, config.embeddings.cbow.dimension), (2, 8, 16));
    assert_eq!((config.name.as_str(), config.user_model.weight_decay), ("2024", 0.0));
}

#[test]
fn lists_texts_and_whole_sections_can_be_set() {
    let sets = [
        "user_model.hidden=[64, 32]",
        "data.source=spotify-extended",
        "data.paths=[\"a.zip\"]",
        "world.pool={ min_size = 5, max_size = 9 }",
    ];
    let config = load("[world.pool]\ntheme = 2.0", &sets).unwrap();
    assert_eq!(config.user_model.hidden, [64, 32]);
    assert_eq!(config.data.paths, [PathBuf::from("a.zip")]);
    assert_eq!((config.world.pool.min_size, config.world.pool.max_size, config.world.pool.theme), (5, 9, 2.0));
    config.validate().unwrap();
}

#[test]
fn unknown_keys_name_the_file_the_path_and_the_nearest_key() {
    let message = refusal("[data.synthetic.size]\nuser = 3", &[]);
    assert!(message.contains("my.toml: unknown key `data.synthetic.size.user`"), "{message}");
    assert!(message.contains("did you mean `data.synthetic.size.users`?"), "{message}");
    let message = refusal("[embedings]\nwindow = 3", &[]);
    assert!(message.contains("`embeddings`?"), "{message}");
    // The right name at the wrong place.
    let message = refusal("half_life_plays = 3", &[]);
    assert!(message.contains("did you mean `user_state.recency_weighted_mean.half_life_plays`?"), "{message}");
    // Nothing is near: all are named.
    let message = refusal("[splits]\nzebra = 3", &[]);
    assert!(message.contains("the keys in `splits` are"), "{message}");
    assert!(message.contains("validation") && message.contains("test"), "{message}");
}

#[test]
fn unknown_keys_of_set_are_refused_alike() {
    let message = refusal("", &["embeddings.cbow.dimensions=3"]);
    assert!(
        message.starts_with("--set embeddings.cbow.dimensions=3: unknown key `embeddings.cbow.dimensions`"),
        "{message}"
    );
    assert!(message.contains("did you mean `embeddings.cbow.dimension`?"), "{message}");
    assert!(refusal("", &["seed.x=3"]).contains("`seed` is a value"), "a value has no keys");
    let message = refusal("", &["world.pool={ minsize = 5 }"]);
    assert!(message.contains("did you mean `world.pool.min_size`?"), "{message}");
    let message = refusal("", &["embeddings..window=5"]);
    assert!(message.contains("unknown key"), "{message}");
}

#[test]
fn wrong_types_name_key_expected_and_found() {
    let message = refusal("", &["embeddings.cbow.window=wide"]);
    assert!(message.contains("`embeddings.cbow.window`: expected an integer, found a text (\"wide\")"), "{message}");
    let message = refusal("", &["embeddings.cbow.window=-1"]);
    assert!(message.contains("`embeddings.cbow.window`") && message.contains("-1"), "{message}");
    let message = refusal("", &["embeddings=3"]);
    assert!(message.contains("`embeddings` is a section") && message.contains("method"), "{message}");
    let message = refusal("[embeddings.cbow]\nwindow = \"wide\"", &[]);
    assert!(message.contains("my.toml") && message.contains("line 2") && message.contains("wide"), "{message}");
    let message = refusal("[embeddings\n", &[]);
    assert!(message.contains("my.toml") && message.contains("line 1"), "{message}");
}

#[test]
fn wrong_choices_name_the_nearest() {
    for message in [refusal("", &["data.source=spotify"]), refusal("[data]\nsource = \"spotify_extended\"", &[])] {
        assert!(message.contains("did you mean `spotify-extended`?"), "{message}");
    }
    let message = refusal("", &["world.reward.kind=zebra"]);
    assert!(message.contains("`sampled`") && !message.contains("did you mean"), "{message}");
}

#[test]
fn a_missing_file_and_a_bad_set_are_usage_errors() {
    let error = Config::load(Some("/no/such.toml".as_ref()), &[]).unwrap_err();
    assert!(error.is::<UsageError>() && error.to_string().contains("/no/such.toml"), "{error}");
    assert!("seed".parse::<Override>().unwrap_err().contains("KEY=VALUE"));
}

#[test]
fn each_section_is_validated_by_the_full_name_of_its_key() {
    let cases = [
        ("name=a/b", "name:"),
        ("device=gpu", "device:"),
        ("data.paths=[\"x\"]", "data.paths:"),
        ("data.source=dataset", "data.paths:"),
        ("data.utc_offset_minutes=5000", "data.utc_offset_minutes:"),
        ("data.rules.complete_share=2", "data.rules.complete_share:"),
        ("data.synthetic.size.users=0", "data.synthetic.size.users:"),
        ("splits.test=1", "splits:"),
        ("embeddings.cbow.dimension=0", "embeddings.cbow.dimension:"),
        ("user_state.recency_weighted_mean.half_life_plays=0", "user_state.recency_weighted_mean.half_life_plays:"),
        ("user_state.encoders=[]", "user_state.encoders:"),
        ("user_state.encoders=[\"fs-vae\", \"jodie\"]", "user_state.encoders: `jodie` is no encoder"),
        ("features.candidates_per_source=0", "features.candidates_per_source:"),
        ("user_model.batch=0", "user_model.batch:"),
        ("world.max_length=0", "world.max_length:"),
        ("agent.gamma=1", "agent.gamma:"),
        ("agent.quantiles=1", "agent.quantiles:"),
        ("agent.priority_alpha=2", "agent.priority_alpha:"),
        ("agent.priority_beta=-0.1", "agent.priority_beta:"),
        ("train.actors=0", "train.actors:"),
        ("evaluate.sessions=1", "evaluate.sessions:"),
    ];
    for (set, key) in cases {
        let message = load("", &[set]).unwrap().validate().unwrap_err().to_string();
        assert!(message.starts_with(key), "{set}: {message}");
    }
}
