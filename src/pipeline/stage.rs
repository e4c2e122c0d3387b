//! One stage: made once, in a folder that appears when it is whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use listening_data::{fingerprint_of_text, write_atomically};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What became of a stage, for the summary.
#[derive(Clone, Debug)]
pub struct StageNote {
    /// The stage's name.
    pub stage: &'static str,
    /// Its folder.
    pub folder: PathBuf,
    /// The time it took to make it; none where it was there.
    pub made_in: Option<Duration>,
}

/// Letters of the fingerprint in a folder's name: 16^12 folders cannot be confused.
const FINGERPRINT_LETTERS: usize = 12;

/// A stage's fingerprint: of its name with the version of its code (raised with every change of code that changes
/// results), its settings, and what it is made from.
pub fn fingerprint(stage: &str, settings: &impl Serialize, upstream: &str) -> anyhow::Result<String> {
    Ok(fingerprint_of_text(&format!("{stage}\n{}\n{upstream}", serde_json::to_string(settings)?)))
}

/// The folder of a stage; `make` fills it if it is not there. A stage asked for twice is noted once.
pub fn run(
    artifacts: &Path,
    stage: &'static str,
    fingerprint: &str,
    settings: &impl Serialize,
    notes: &mut Vec<StageNote>,
    make: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let folder = artifacts.join(format!("{stage}-{}", &fingerprint[..FINGERPRINT_LETTERS]));
    let mut made_in = None;
    if !folder.exists() {
        let begun = Instant::now();
        // The process number keeps two runs that make the same stage at once out of each other's way.
        let partial =
            artifacts.join(format!("{stage}-{}.{}.partial", &fingerprint[..FINGERPRINT_LETTERS], std::process::id()));
        remove(&partial)?;
        fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
        let made = make(&partial).and_then(|()| {
            write_atomically(partial.join("config.toml"), toml::to_string(settings)?.as_bytes())?;
            Ok(write_atomically(partial.join("fingerprint"), fingerprint.as_bytes())?)
        });
        if made.is_err() {
            // The reason for the failure is worth more than that of a failed clean-up.
            let _ = fs::remove_dir_all(&partial);
        }
        made.with_context(|| format!("stage `{stage}`"))?;
        if let Err(error) = fs::rename(&partial, &folder)
            && !folder.exists()
        {
            return Err(error).with_context(|| format!("cannot rename {} to {}", partial.display(), folder.display()));
        }
        remove(&partial)?;
        made_in = Some(begun.elapsed());
    }
    if !notes.iter().any(|note| note.folder == folder) {
        notes.push(StageNote { stage, folder: folder.clone(), made_in });
    }
    Ok(folder)
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a stage's `metrics.json`.
pub fn write_metrics(folder: &Path, metrics: &impl Serialize) -> anyhow::Result<()> {
    Ok(write_atomically(folder.join("metrics.json"), serde_json::to_string_pretty(metrics)?.as_bytes())?)
}

/// Reads a stage's `metrics.json`.
pub fn read_metrics<T: DeserializeOwned>(folder: &Path) -> anyhow::Result<T> {
    let path = folder.join("metrics.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}: remove the folder to have it made again", path.display()))
}
