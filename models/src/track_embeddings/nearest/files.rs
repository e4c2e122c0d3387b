//! An index on disk: the library's file, and a manifest that says which vectors it belongs to.
//!
//! The manifest is written last. It holds a checksum of the library's file, which is read only if that is right, since
//! the library trusts what it reads.

use std::fs::{self, File};
use std::path::Path;

use listening_data::{fingerprint_of_file, write_atomically};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::graph::Graph;
use super::settings::IndexSettings;
use super::{Index, NearestTracks};
use crate::track_embeddings::TrackVectors;
use crate::{ModelError, Result};

const MANIFEST: &str = "nearest_tracks.json";
const GRAPH: &str = "nearest_tracks.usearch";
/// Version of the two files and of the code that is in the library's.
const FORMAT_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format_version: u32,
    tracks: usize,
    dimension: usize,
    /// SHA-256 of the vectors.
    vectors: String,
    /// Numbers of the tracks taken out.
    removed: Vec<u32>,
    /// Absent where search is exact.
    index: Option<IndexEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexEntry {
    settings: IndexSettings,
    /// SHA-256 of the library's file.
    checksum: String,
}

impl NearestTracks {
    /// Writes `nearest_tracks.json` and, if there is an index, `nearest_tracks.usearch` into the folder of the vectors.
    ///
    /// The vectors themselves are not written: see [`TrackVectors::save`].
    pub fn save(&self, folder: &Path) -> Result<()> {
        let manifest_path = folder.join(MANIFEST);
        // A crash between the two files must not leave an old manifest with a new index.
        match fs::remove_file(&manifest_path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(ModelError::file("replace", &manifest_path, e));
            }
            _ => {}
        }
        let index = self.index.as_ref().map(|index| save_graph(&index.graph, &index.settings, folder)).transpose()?;
        let removed = (0..self.vectors.tracks() as u32).filter(|&track| self.removed[track as usize]).collect();
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            tracks: self.vectors.tracks(),
            dimension: self.vectors.dimension(),
            vectors: fingerprint(&self.vectors),
            removed,
            index,
        };
        let text =
            serde_json::to_vec_pretty(&manifest).map_err(|e| ModelError::bad_file(&manifest_path, e.to_string()))?;
        Ok(write_atomically(&manifest_path, &text)?)
    }

    /// Reads what [`Self::save`] wrote. `vectors` must be those it was saved with.
    pub fn open(folder: &Path, vectors: TrackVectors) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let text = fs::read(&path).map_err(|e| ModelError::file("read", &path, e))?;
        let version: Version = parse(&path, &text)?;
        if version.format_version != FORMAT_VERSION {
            let problem = format!("has format version {}, expected {FORMAT_VERSION}", version.format_version);
            return Err(ModelError::bad_file(&path, problem));
        }
        let manifest: Manifest = parse(&path, &text)?;
        let (found, expected) = ((manifest.tracks, manifest.dimension), (vectors.tracks(), vectors.dimension()));
        if found != expected {
            let problem = format!("is for {found:?} (tracks, dimension), and the vectors have {expected:?}");
            return Err(ModelError::bad_file(&path, problem));
        }
        let given = fingerprint(&vectors);
        if manifest.vectors != given {
            let problem =
                format!("is for other vectors than those given (SHA-256 {}, given {given})", manifest.vectors);
            return Err(ModelError::bad_file(&path, problem));
        }
        let mut nearest = Self::exact(vectors);
        for track in manifest.removed {
            if !nearest.remove(track) {
                return Err(ModelError::bad_file(&path, format!("takes out track {track}, which is not there")));
            }
        }
        if let Some(entry) = manifest.index {
            nearest.index = Some(open_index(&folder.join(GRAPH), &entry, &nearest.vectors)?);
        }
        Ok(nearest)
    }
}

#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

fn parse<T: for<'a> Deserialize<'a>>(path: &Path, text: &[u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|e| ModelError::bad_file(path, format!("is not an index's manifest ({e})")))
}

fn save_graph(graph: &Graph, settings: &IndexSettings, folder: &Path) -> Result<IndexEntry> {
    let path = folder.join(GRAPH);
    let partial = folder.join(format!("{GRAPH}.partial"));
    graph.save(&partial)?;
    let checksum = fingerprint_of_file(&partial)?;
    File::open(&partial)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&partial, &path))
        .map_err(|e| ModelError::file("write", &path, e))?;
    Ok(IndexEntry { settings: settings.clone(), checksum })
}

fn open_index(path: &Path, entry: &IndexEntry, vectors: &TrackVectors) -> Result<Index> {
    entry.settings.validate()?;
    let checksum = fingerprint_of_file(path)?;
    if checksum != entry.checksum {
        let problem = format!("has SHA-256 {checksum}, and the manifest beside it says {}", entry.checksum);
        return Err(ModelError::bad_file(path, problem));
    }
    let graph = Graph::load(path, vectors.dimension(), &entry.settings)?;
    Ok(Index::new(graph, vectors, &entry.settings))
}

/// SHA-256 of the values of all vectors.
fn fingerprint(vectors: &TrackVectors) -> String {
    Sha256::digest(bytemuck::cast_slice(vectors.values())).iter().map(|byte| format!("{byte:02x}")).collect()
}
