//! What results depend on.

use std::path::{Path, PathBuf};

use anyhow::Context;
use listening_data::{fingerprint_of_file, fingerprint_of_text};

use super::stage::fingerprint;
use crate::config::Config;

/// The fingerprint of a run: of all that its result depends on. Names, places, device, threads and how often it is
/// saved are left out, and so is the comparison of policies that comes after it.
pub fn run_fingerprint(config: &Config, user_model: &str) -> anyhow::Result<String> {
    let mut train = config.train.clone();
    (train.checkpoint_every, train.checkpoints_kept) = (1, 1);
    fingerprint("run-5", &(&config.world, &config.agent, &train, &config.evaluate.seed, config.seed), user_model)
}

/// The fingerprint of input files and folders, by content.
pub fn of_inputs(paths: &[PathBuf]) -> anyhow::Result<String> {
    let mut text = String::new();
    for path in paths {
        let mut files = Vec::new();
        collect(path, &mut files)?;
        files.sort();
        for file in files {
            text.push_str(&format!("{} {}\n", file.display(), fingerprint_of_file(&file)?));
        }
    }
    Ok(fingerprint_of_text(&text))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let context = || format!("data.paths: cannot read {}", path.display());
    if !std::fs::metadata(path).with_context(context)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).with_context(context)? {
        collect(&entry.with_context(context)?.path(), files)?;
    }
    Ok(())
}
