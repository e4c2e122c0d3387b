//! Writes synthetic listeners' playlists as slices of the Million Playlist Dataset (`docs/formats/mpd.md`): each listener
//! has one playlist, of the tracks that it played to the end, those played most first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::LogWriter;
use super::log_folder::{LogFile, LogFolder};
use crate::synthetic::SyntheticWorld;
use crate::{DataError, Result, Session};

/// Playlists of one slice, and the fewest and most tracks of one playlist, as published.
const SLICE_PLAYLISTS: u32 = 1_000;
const LEAST_TRACKS: usize = 5;
const MOST_TRACKS: usize = 250;

pub(super) fn writer<'a>(out: &Path, world: &'a SyntheticWorld) -> Result<Box<dyn LogWriter + 'a>> {
    Ok(Box::new(MpdWriter { world, folder: LogFolder::create(out)?, slice: None, playlists: 0 }))
}

struct MpdWriter<'a> {
    world: &'a SyntheticWorld,
    folder: LogFolder,
    slice: Option<LogFile>,
    /// Playlists written.
    playlists: u32,
}

impl LogWriter for MpdWriter<'_> {
    fn write(&mut self, _listener: u32, sessions: &[Session]) -> Result<()> {
        let tracks = most_completed(sessions);
        let Some(last) = sessions.last().filter(|_| tracks.len() >= LEAST_TRACKS) else { return Ok(()) };
        // Published times are those of midnight, in seconds.
        let playlist = self.playlist(&tracks, last.start_ms.div_euclid(86_400_000) * 86_400);
        let in_slice = self.playlists % SLICE_PLAYLISTS;
        if in_slice == 0 {
            self.end_slice()?;
            let name = format!("{}-{}", self.playlists, self.playlists + SLICE_PLAYLISTS - 1);
            let mut slice = self.folder.file(&format!("mpd.slice.{name}.json"))?;
            let info = json!({ "generated_on": "2017-12-03 08:41:42.057563", "slice": name, "version": "v1" });
            slice.write(&format!("{{\n    \"info\": {},\n    \"playlists\": [\n        ", indented(&info, 1)?))?;
            self.slice = Some(slice);
        }
        self.playlists += 1;
        let comma = if in_slice == 0 { "" } else { ",\n        " };
        let text = format!("{comma}{}", indented(&playlist, 2)?);
        self.slice.as_mut().map_or(Ok(()), |slice| slice.write(&text))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.end_slice()?;
        self.folder.finish()
    }
}

impl MpdWriter<'_> {
    fn end_slice(&mut self) -> Result<()> {
        let Some(mut slice) = self.slice.take() else { return Ok(()) };
        slice.write("\n    ]\n}\n")?;
        slice.finish()
    }

    fn playlist(&self, numbers: &[u32], modified_at: i64) -> Value {
        let tracks: Vec<Value> = numbers
            .iter()
            .enumerate()
            .map(|(pos, &number)| {
                let track = &self.world.tracks()[number as usize];
                json!({
                    "pos": pos,
                    "artist_name": track.artist,
                    "track_uri": format!("spotify:track:{number:022}"),
                    "artist_uri": format!("spotify:artist:{}", uri_text(&track.artist)),
                    "track_name": track.name,
                    "album_uri": format!("spotify:album:{}", uri_text(&track.album)),
                    "duration_ms": track.duration_ms,
                    "album_name": track.album,
                })
            })
            .collect();
        let known = || numbers.iter().map(|&number| &self.world.tracks()[number as usize]);
        let albums: BTreeSet<(&str, &str)> =
            known().map(|track| (track.artist.as_str(), track.album.as_str())).collect();
        let artists: BTreeSet<&str> = known().map(|track| track.artist.as_str()).collect();
        let duration_ms: u64 = known().map(|track| u64::from(track.duration_ms.unwrap_or(0))).sum();
        json!({
            "name": format!("Playlist {}", self.playlists),
            "collaborative": "false",
            "pid": self.playlists,
            "modified_at": modified_at,
            "num_tracks": tracks.len(),
            "num_albums": albums.len(),
            "num_followers": 1,
            "num_edits": 1,
            "duration_ms": duration_ms,
            "num_artists": artists.len(),
            "tracks": tracks,
        })
    }
}

/// A name as the last part of a uri.
fn uri_text(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The tracks that were played to the end, those played to it most often first.
fn most_completed(sessions: &[Session]) -> Vec<u32> {
    let mut counts = BTreeMap::new();
    for play in sessions.iter().flat_map(|session| &session.plays) {
        if play.responses.complete == Some(true) {
            *counts.entry(play.track).or_insert(0u32) += 1;
        }
    }
    let mut tracks: Vec<(u32, u32)> = counts.into_iter().collect();
    tracks.sort_by_key(|&(track, count)| (std::cmp::Reverse(count), track));
    tracks.into_iter().take(MOST_TRACKS).map(|(track, _)| track).collect()
}

/// JSON indented by four, as published, within a value at a depth.
fn indented(value: &Value, depth: usize) -> Result<String> {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, formatter);
    serde::Serialize::serialize(value, &mut writer).map_err(|e| DataError::file("write", "a slice", e.into()))?;
    Ok(String::from_utf8_lossy(&text).replace('\n', &format!("\n{}", "    ".repeat(depth))))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{direct, log};
    use crate::{Content, Dataset, ImportOptions, Silent, SyntheticFormat, import_mpd};

    #[test]
    fn the_tracks_completed_most_are_imported_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let written = folder.path().join("log");
        log(SyntheticFormat::Mpd, &written);
        let text = std::fs::read_to_string(written.join("mpd.slice.0-999.json")).unwrap();
        assert!(text.starts_with("{\n    \"info\": {\n        \"generated_on\""), "{}", &text[..200]);
        assert!(text.contains("    \"playlists\": [\n        {\n            \""));
        let out = folder.path().join("imported");
        let report = import_mpd(&[written], &out, &ImportOptions::default(), &Silent).unwrap();
        assert_eq!(report.manifest.content, Content::Playlists);
        assert!(report.counts.remarks.iter().all(|remark| remark.what == "playlists read" || remark.count == 0));

        // By another way: from the direct dataset, listener by listener.
        let direct = direct(folder.path());
        let tracks = direct.catalog().unwrap();
        let mut heard: Vec<Vec<u32>> = vec![vec![0; tracks.len()]; direct.manifest().users as usize];
        let mut last = vec![0; heard.len()];
        for session in direct.sessions().unwrap().map(|logged| logged.unwrap().session) {
            last[session.user as usize] = session.start_ms - session.start_ms.rem_euclid(86_400_000);
            for play in session.plays.iter().filter(|play| play.responses.complete == Some(true)) {
                heard[session.user as usize][play.track as usize] += 1;
            }
        }
        let expected: Vec<(i64, Vec<&str>)> = heard
            .iter()
            .zip(last)
            .map(|(counts, last)| {
                let mut numbers: Vec<usize> = (0..counts.len()).filter(|&track| counts[track] > 0).collect();
                numbers.sort_by(|&a, &b| counts[b].cmp(&counts[a]));
                (last, numbers.into_iter().take(250).map(|track| tracks[track].name.as_str()).collect())
            })
            .filter(|(_, names): &(i64, Vec<&str>)| names.len() >= 5)
            .collect();
        let imported = Dataset::open(&out).unwrap();
        let catalog = imported.catalog().unwrap();
        let sessions: Vec<_> = imported.sessions().unwrap().map(|logged| logged.unwrap().session).collect();
        let playlists: Vec<(i64, Vec<&str>)> = sessions
            .iter()
            .map(|s| (s.start_ms, s.plays.iter().map(|play| catalog[play.track as usize].name.as_str()).collect()))
            .collect();
        assert!(playlists.len() > 5);
        assert_eq!(playlists, expected);
        assert!(catalog.iter().all(|track| track.duration_ms.is_some() && !track.artist.is_empty()));
    }
}
