//! Checkpoints: whole or not there.
//!
//! A checkpoint is a folder `<checkpoints>/<env steps>` with some files and a manifest, written last, that holds every
//! file's size and SHA-256. The folder is written under another name and renamed, and `latest` then points to it. A
//! torn or altered checkpoint is recognised by its manifest, and the one before it is used.

use std::fs;
use std::path::{Path, PathBuf};

use listening_data::{fingerprint_of_file, write_atomically};
use serde::{Deserialize, Serialize};

use crate::{AgentError, Result};

/// Version of the checkpoint's format.
const FORMAT_VERSION: u32 = 3;
const MANIFEST: &str = "manifest.json";
const LATEST: &str = "latest";
const REMEDY: &str = "start the run again without --resume, or use the version of sim that wrote it";

#[derive(Serialize, Deserialize)]
struct Manifest {
    format_version: u32,
    /// Fingerprint of the config that the run must be resumed with.
    config: String,
    files: Vec<FileEntry>,
}

#[derive(Serialize, Deserialize)]
struct FileEntry {
    name: String,
    bytes: u64,
    sha256: String,
}

/// The checkpoints of one run.
pub struct Checkpoints {
    folder: PathBuf,
    config: String,
    kept: usize,
}

impl Checkpoints {
    /// The checkpoints in `folder`, for a run whose config has the fingerprint `config`.
    pub fn new(folder: PathBuf, config: String, kept: usize) -> Self {
        Self { folder, config, kept }
    }

    /// Writes a checkpoint: `fill` puts the files into the folder it is given.
    pub fn write(&self, env_steps: u64, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(|e| AgentError::file("create", &self.folder, e))?;
        let name = format!("{env_steps:012}");
        // A run that is stopped right after it was resumed has nothing new to keep.
        if check(&self.folder.join(&name)).is_ok_and(|manifest| manifest.config == self.config) {
            return Ok(());
        }
        let partial = self.folder.join(format!("{name}.partial"));
        remove(&partial)?;
        let result = self.write_partial(&partial, &name, fill);
        if result.is_err() {
            // The reason for the failure is worth more than that of a failed clean-up; a full disk gets room again.
            let _ = fs::remove_dir_all(&partial);
        }
        result?;
        self.remove_old(&name)
    }

    fn write_partial(&self, partial: &Path, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        fs::create_dir(partial).map_err(|e| AgentError::file("create", partial, e))?;
        fill(partial)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(partial).map_err(|e| AgentError::file("read", partial, e))? {
            let path = entry.map_err(|e| AgentError::file("read", partial, e))?.path();
            let bytes = fs::metadata(&path).map_err(|e| AgentError::file("read", &path, e))?.len();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push(FileEntry { name, bytes, sha256: fingerprint_of_file(&path)? });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let manifest = Manifest { format_version: FORMAT_VERSION, config: self.config.clone(), files };
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|e| AgentError::file("write", partial, std::io::Error::other(e)))?;
        write_atomically(partial.join(MANIFEST), text.as_bytes())?;
        let whole = self.folder.join(name);
        remove(&whole)?;
        fs::rename(partial, &whole).map_err(|e| AgentError::file("rename to", &whole, e))?;
        Ok(write_atomically(self.folder.join(LATEST), format!("{name}\n").as_bytes())?)
    }

    fn remove_old(&self, newest: &str) -> Result<()> {
        let mut names = self.names()?;
        names.retain(|name| name.as_str() <= newest);
        for name in names.iter().rev().skip(self.kept) {
            remove(&self.folder.join(name))?;
        }
        Ok(())
    }

    /// Names of the checkpoints, oldest first.
    fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(AgentError::file("read", &self.folder, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|e| AgentError::file("read", &self.folder, e))?.file_name();
            let name = name.to_string_lossy().into_owned();
            if name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit()) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The newest checkpoint that is whole, and a warning for each newer one that is not. `None` where there is none.
    ///
    /// # Errors
    /// A checkpoint of another format version or of another config.
    pub fn newest_whole(&self) -> Result<(Option<PathBuf>, Vec<String>)> {
        let mut warnings = Vec::new();
        for name in self.names()?.iter().rev() {
            let path = self.folder.join(name);
            match check(&path) {
                Ok(manifest) if manifest.format_version != FORMAT_VERSION => {
                    let found = manifest.format_version;
                    let problem =
                        format!("checkpoint format version {found}, this program reads {FORMAT_VERSION}; {REMEDY}");
                    return Err(AgentError::checkpoint(path, problem));
                }
                Ok(manifest) if manifest.config != self.config => {
                    let problem = "was written with another config; resume with the run's own config.toml, or start a \
                                   run of another name";
                    return Err(AgentError::checkpoint(path, problem));
                }
                Ok(_) => return Ok((Some(path), warnings)),
                Err(problem) => warnings.push(format!("{}: {problem}; using the checkpoint before it", path.display())),
            }
        }
        Ok((None, warnings))
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(AgentError::file("remove", folder, error)),
        _ => Ok(()),
    }
}

/// Compares every file with the manifest.
fn check(path: &Path) -> std::result::Result<Manifest, String> {
    let text = fs::read_to_string(path.join(MANIFEST)).map_err(|e| format!("{MANIFEST} cannot be read ({e})"))?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|e| format!("{MANIFEST} is broken ({e})"))?;
    for file in &manifest.files {
        let found = path.join(&file.name);
        let bytes = fs::metadata(&found).map_err(|e| format!("{} cannot be read ({e})", file.name))?.len();
        if bytes != file.bytes {
            return Err(format!("{} is cut: {bytes} bytes of {}", file.name, file.bytes));
        }
        let sha256 = fingerprint_of_file(&found).map_err(|e| e.to_string())?;
        if sha256 != file.sha256 {
            return Err(format!("{} was altered (its checksum differs)", file.name));
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(checkpoints: &Checkpoints, steps: u64) {
        let fill = |folder: &Path| Ok(write_atomically(folder.join("a"), format!("content {steps}").as_bytes())?);
        checkpoints.write(steps, fill).unwrap();
    }

    fn newest(checkpoints: &Checkpoints) -> Option<String> {
        let path = checkpoints.newest_whole().unwrap().0?;
        Some(path.file_name().unwrap().to_string_lossy().into_owned())
    }

    #[test]
    fn torn_and_altered_checkpoints_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path().join("c"), "config".into(), 3);
        assert_eq!(newest(&checkpoints), None);
        (1..=5).for_each(|steps| write(&checkpoints, steps));
        assert_eq!(checkpoints.names().unwrap(), ["000000000003", "000000000004", "000000000005"]);
        assert_eq!(fs::read_to_string(folder.path().join("c/latest")).unwrap(), "000000000005\n");
        fs::write(folder.path().join("c/000000000005/a"), "content").unwrap();
        assert_eq!(newest(&checkpoints).unwrap(), "000000000004");
        fs::write(folder.path().join("c/000000000004/a"), "cOntent 4").unwrap();
        let (path, warnings) = checkpoints.newest_whole().unwrap();
        assert!(path.unwrap().ends_with("000000000003"));
        assert!(warnings[0].contains("is cut") && warnings[1].contains("was altered"), "{warnings:?}");
        fs::remove_file(folder.path().join("c/000000000003").join(MANIFEST)).unwrap();
        assert_eq!(newest(&checkpoints), None);
    }

    #[test]
    fn foreign_checkpoints_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = |config: &str| Checkpoints::new(folder.path().to_owned(), config.into(), 3);
        write(&checkpoints("one"), 1);
        assert!(checkpoints("two").newest_whole().unwrap_err().to_string().contains("another config"));
        let manifest = folder.path().join("000000000001").join(MANIFEST);
        let written = format!("\"format_version\": {FORMAT_VERSION}");
        let text = fs::read_to_string(&manifest).unwrap().replace(&written, "\"format_version\": 7");
        fs::write(&manifest, text).unwrap();
        let message = checkpoints("one").newest_whole().unwrap_err().to_string();
        assert!(message.contains("version 7") && message.contains("without --resume"), "{message}");
    }

    #[test]
    fn a_failed_checkpoint_leaves_the_last_one_and_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path().to_owned(), "config".into(), 3);
        write(&checkpoints, 1);
        let full =
            |path: &Path| Err(AgentError::file("write", path, std::io::Error::from(std::io::ErrorKind::StorageFull)));
        assert!(checkpoints.write(2, full).is_err());
        assert_eq!(newest(&checkpoints).unwrap(), "000000000001");
        assert!(!folder.path().join("000000000002.partial").exists());
    }
}
