//! `sim train-user-state` and `sim evaluate-user-state`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::sim;
use tempfile::tempdir;

const SMALL: &str = "data.synthetic.size.users = 30\ndata.synthetic.size.days = 20\n\
    embeddings.cbow = { epochs = 1, dimension = 8 }\n\
    user_state.training = { lanes = 8, steps = 10, max_epochs = 2 }\n\
    user_state.session_training = { lanes = 8, steps = 10, max_epochs = 2 }\n\
    user_state.fs_vae = { lstm_units = 16, fast_width = 16, slow_widths = [16, 16], state_length = 16, decoder_width = 16 }\n\
    user_state.cosernn = { lstm_units = 16, dense_units = 16 }\n\
    user_state.plain_rnn = { units = 16 }\nuser_state.session_latent_cross = { units = 16 }\n\
    user_state.jodie = { embedding_length = 16 }\nuser_state.session_jodie = { embedding_length = 16 }\n\
    user_state.vae_cf = { hidden = 16, latent = 8 }\n\
    user_state.latent_cross = { units = 16 }\nuser_state.vanilla_rnn = { units = 16 }\n\
    user_state.taste_rnn = { units = 16 }\n";

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The folders of trained user states.
fn trained(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("artifacts")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.filter(|path| path.to_string_lossy().contains("/user-state-")).collect();
    found.sort();
    found
}

#[test]
fn every_model_is_trained_and_measured() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("c.toml"), SMALL).unwrap();
    let evaluate = "evaluate-user-state --config c.toml --seeds 2 --out results";
    let told = sim(folder, &format!("{evaluate} --task next-track"));
    told.expect(0).prints(&["fs-vae-shuffled", "vae-cf", "jodie", "less the others, paired by listener"]);
    let models = json(&folder.join("results/next-track.json"));
    assert_eq!(models.as_array().unwrap().len(), 12);
    for model in models.as_array().unwrap() {
        let reports = model["reports"].as_array().unwrap();
        assert_eq!(reports.len(), 2);
        let l2 = reports[0]["exact"]["l2"].as_f64().unwrap();
        assert!(l2 > 0.0 && l2.is_finite(), "{model}");
    }
    // Seeds are different models; a second look trains nothing and says the same.
    let before = trained(folder);
    assert_eq!(before.len(), 2 * 9);
    sim(folder, &format!("{evaluate} --task next-track")).expect(0);
    assert_eq!(json(&folder.join("results/next-track.json")), models);
    assert_eq!(trained(folder), before);

    sim(folder, &format!("{evaluate} --task sessions")).expect(0).prints(&[
        "cosernn-union",
        "session-jodie",
        "Gain of cosernn",
    ]);
    let sessions = json(&folder.join("results/sessions.json"));
    assert_eq!(sessions["models"].as_array().unwrap().len(), 15);
    sim(folder, &format!("{evaluate} --task horizon")).expect(0).prints(&["bwlt", "rhst", "51 to 200"]);
    sim(folder, "evaluate-user-state --config c.toml --task analyses --out results")
        .expect(0)
        .prints(&["analyses.html"]);
    let page = fs::read_to_string(folder.join("results/analyses.html")).unwrap();
    assert!(page.matches("<svg").count() >= 5 && page.contains("skip rate"), "{}", page.len());
}

#[test]
fn training_tells_its_losses_and_mistakes_are_explained() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("c.toml"), SMALL).unwrap();
    let train = "train-user-state --config c.toml --model cosernn,average";
    sim(folder, train).expect(0).prints(&["cosernn", "validation loss"]).says(&["average has nothing to train"]);
    let [model] = &trained(folder)[..] else { panic!("one model is trained") };
    let metrics = json(&model.join("metrics.json"));
    assert_eq!(metrics["validation_loss"].as_array().unwrap().len(), 2);
    assert!(model.join("model.safetensors").exists());
    let events =
        fs::read_dir(model).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().contains("tfevents"));
    assert!(events, "TensorBoard events lie beside the model");

    let mixed = "evaluate-user-state --config c.toml --task sessions --model fs-vae --out x";
    sim(folder, mixed).expect(2).says(&["fs-vae", "plays", "--task"]);
    sim(folder, "train-user-state --config c.toml --model fsvae").expect(2).says(&["fs-vae"]);
    let bad = "train-user-state --config c.toml --model fs-vae --set user_state.fs_vae.beta=-1";
    sim(folder, bad).expect(2).says(&["beta"]);
}
