//! Which files of the set there are, and what each holds.

use std::path::{Path, PathBuf};

use super::events::EventKind;
use crate::importers::inputs::{file_name, find_files};
use crate::{DataError, Result};

pub(super) const REMEDY: &str = "pass the folder of one size of the set, such as yambda/flat/50m, with listens.parquet \
                                 or multi_event.parquet in it, or such files by name";

/// The files of an import by what they hold. Events without a kind have one in each row.
#[derive(Default)]
pub(super) struct FoundFiles {
    pub(super) plays: Vec<(PathBuf, Option<EventKind>)>,
    pub(super) feedback: Vec<(PathBuf, Option<EventKind>)>,
    pub(super) artists: Vec<PathBuf>,
    pub(super) albums: Vec<PathBuf>,
    pub(super) embeddings: Vec<PathBuf>,
}

impl FoundFiles {
    /// Sorts the files by their names. `multi_event` holds what the files of single events hold: it counts only where
    /// there are no listens, and then alone.
    pub(super) fn find(inputs: &[PathBuf]) -> Result<Self> {
        let mut found = Self::default();
        let mut all_events = Vec::new();
        for path in find_files(inputs, |name| name.ends_with(".parquet"), REMEDY)? {
            let name = file_name(&path).to_lowercase();
            // A name within another stands behind it.
            let kinds = [
                ("undislikes", EventKind::Undislike),
                ("dislikes", EventKind::Dislike),
                ("unlikes", EventKind::Unlike),
                ("likes", EventKind::Like),
            ];
            let feedback = kinds.into_iter().find(|(word, _)| name.contains(word));
            if name.contains("embedding") {
                found.embeddings.push(path);
            } else if name.contains("artist") {
                found.artists.push(path);
            } else if name.contains("album") {
                found.albums.push(path);
            } else if name.contains("multi_event") {
                all_events.push((path, None));
            } else if name.contains("listens") {
                found.plays.push((path, Some(EventKind::Listen)));
            } else if let Some((_, kind)) = feedback {
                found.feedback.push((path, Some(kind)));
            } else {
                let problem = "is none of the set's files by its name";
                let remedy = "give it the name it has in the set, such as listens.parquet or likes.parquet";
                return Err(DataError::bad_file(path, problem, remedy));
            }
        }
        if found.plays.is_empty() {
            found.plays = all_events;
            found.feedback.clear();
        }
        let Some((first, _)) = found.plays.first() else {
            return Err(DataError::bad_file(&inputs[0], "holds no listens", REMEDY));
        };
        // Sizes and layouts hold the same rows again; parts of one file lie side by side.
        let folder = first.parent().unwrap_or(Path::new(""));
        let elsewhere = |(path, _): &&(PathBuf, Option<EventKind>)| path.parent() != Some(folder);
        if let Some((other, _)) = found.plays.iter().chain(&found.feedback).find(elsewhere) {
            let problem = format!("lies in another folder than {}: two sizes or layouts at once", first.display());
            return Err(DataError::bad_file(other, problem, REMEDY));
        }
        Ok(found)
    }
}
