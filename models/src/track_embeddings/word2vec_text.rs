//! Track vectors in word2vec's text format, and tables of track ids.
//!
//! The text format is a line `count dimension`, then one line `id v1 v2 ...` per track with a vector, as gensim's
//! `KeyedVectors.load_word2vec_format` reads it. The format has no quoting, so white space, control characters and `%`
//! in ids are percent-encoded, byte by byte (`a b` is `a%20b`; Python's `urllib.parse.unquote` undoes it). An id table
//! holds the ids of all tracks in the same spelling, one per line: line n, from 0, is track n, row n of the vectors.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::TrackVectors;
use crate::{ModelError, Result};

const ID_TABLE: &str = "track_ids.txt";

/// Writes the vectors of all tracks that have one, in word2vec's text format; `ids` names the tracks by number.
pub fn write_word2vec_text<'a>(
    path: &Path,
    ids: impl IntoIterator<Item = &'a str>,
    vectors: &TrackVectors,
) -> Result<()> {
    let known = (0..vectors.tracks() as u32).filter(|&track| vectors.known(track)).count();
    write_whole(path, |file| {
        writeln!(file, "{known} {}", vectors.dimension())?;
        let mut tracks = 0;
        for (track, id) in ids.into_iter().enumerate() {
            tracks += 1;
            if track < vectors.tracks() && vectors.known(track as u32) {
                write!(file, "{}", encode(id)?)?;
                vectors.vector(track as u32).iter().try_for_each(|value| write!(file, " {value}"))?;
                writeln!(file)?;
            }
        }
        if tracks == vectors.tracks() {
            return Ok(());
        }
        Err(std::io::Error::other(format!("there are {tracks} ids for {} vectors", vectors.tracks())))
    })
}

/// Reads word2vec's text format: the ids, and their vectors scaled to length 1.
pub fn read_word2vec_text(path: &Path) -> Result<(Vec<String>, TrackVectors)> {
    let bad = |line: usize, problem: &str| ModelError::bad_file(path, format!("line {line}: {problem}"));
    let mut lines = open_lines(path)?;
    let header = lines.next().transpose()?.unwrap_or_default();
    let numbers: Vec<usize> = header.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let (count, dimension) = match numbers[..] {
        [count, dimension] if dimension > 0 => (count, dimension),
        _ => return Err(bad(1, "expected the number of vectors and their dimension")),
    };
    let (mut ids, mut values) = (Vec::new(), Vec::new());
    for (number, line) in lines.enumerate() {
        let line = line?;
        let mut fields = line.split_ascii_whitespace();
        let id = fields.next().and_then(decode).ok_or_else(|| bad(number + 2, "expected a percent-encoded id"))?;
        let before = values.len();
        for field in fields {
            let value: Option<f32> = field.parse().ok().filter(|value: &f32| value.is_finite());
            values.push(value.ok_or_else(|| bad(number + 2, &format!("`{field}` is no finite number")))?);
        }
        if values.len() - before != dimension {
            let problem = format!("holds {} values, expected {dimension}", values.len() - before);
            return Err(bad(number + 2, &problem));
        }
        ids.push(id);
    }
    if ids.len() != count {
        return Err(bad(1, &format!("tells of {count} vectors, but the file holds {}", ids.len())));
    }
    Ok((ids, TrackVectors::new(dimension, values)))
}

/// Writes the id table `track_ids.txt` into a folder.
pub fn write_track_ids<'a>(folder: &Path, ids: impl IntoIterator<Item = &'a str>) -> Result<()> {
    write_whole(&folder.join(ID_TABLE), |file| ids.into_iter().try_for_each(|id| writeln!(file, "{}", encode(id)?)))
}

/// Reads what [`write_track_ids`] wrote: the ids by track number.
pub fn read_track_ids(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join(ID_TABLE);
    let bad = |line: usize| ModelError::bad_file(&path, format!("line {}: expected a percent-encoded id", line + 1));
    open_lines(&path)?.enumerate().map(|(number, line)| decode(&line?).ok_or_else(|| bad(number))).collect()
}

fn open_lines(path: &Path) -> Result<impl Iterator<Item = Result<String>>> {
    let file = File::open(path).map_err(|e| ModelError::file("open", path, e))?;
    Ok(BufReader::new(file).lines().map(move |line| line.map_err(|e| ModelError::file("read", path, e))))
}

/// Writes a file piece by piece under a temporary name and renames it.
fn write_whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let whole = || {
        let mut file = BufWriter::new(File::create(&partial)?);
        write(&mut file)?;
        file.into_inner().map_err(|e| e.into_error())?.sync_all()?;
        fs::rename(&partial, path)
    };
    whole().map_err(|source| {
        // The reason for the failure is worth more than that of a failed clean-up.
        let _ = fs::remove_file(&partial);
        ModelError::file("write", path, source)
    })
}

fn encode(id: &str) -> std::io::Result<String> {
    if id.is_empty() {
        return Err(std::io::Error::other("a track has an empty id, which the format cannot hold"));
    }
    let mut encoded = String::with_capacity(id.len());
    for letter in id.chars() {
        if letter.is_whitespace() || letter.is_control() || letter == '%' {
            let mut bytes = [0; 4];
            letter.encode_utf8(&mut bytes).bytes().for_each(|byte| encoded.push_str(&format!("%{byte:02X}")));
        } else {
            encoded.push(letter);
        }
    }
    Ok(encoded)
}

fn decode(encoded: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(encoded.len()), encoded.as_bytes());
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok().filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_id_survives_without_white_space(id in "\\PC{0,8}[ \\t\\n\\r%\\u{a0}\\u{85}\\u{2028}x]{1,3}\\PC{0,8}") {
            let encoded = encode(&id).unwrap();
            prop_assert!(!encoded.contains(|letter: char| letter.is_whitespace() || letter.is_control()));
            prop_assert_eq!(decode(&encoded), Some(id));
        }
    }

    #[test]
    fn vectors_and_ids_are_read_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let vectors = TrackVectors::new(2, vec![3.0, 4.0, 0.0, 0.0, -1.0, 0.0]);
        let ids = ["spotify:track:1", "no vector", "a b\n100%é"];
        let path = folder.path().join("vectors.txt");
        write_word2vec_text(&path, ids, &vectors).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "2 2\nspotify:track:1 0.6 0.8\na%20b%0A100%25é -1 0\n");
        let (read, known) = read_word2vec_text(&path).unwrap();
        assert_eq!(read, [ids[0], ids[2]]);
        assert_eq!((known.vector(0), known.vector(1)), (vectors.vector(0), vectors.vector(2)));
        write_track_ids(folder.path(), ids).unwrap();
        assert_eq!(read_track_ids(folder.path()).unwrap(), ids);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file stays");
    }

    #[test]
    fn bad_files_and_ids_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors.txt");
        let vectors = TrackVectors::new(1, vec![1.0, 1.0]);
        let message = write_word2vec_text(&path, ["a", ""], &vectors).unwrap_err().to_string();
        assert!(message.contains("empty id"), "{message}");
        let message = write_word2vec_text(&path, ["a"], &vectors).unwrap_err().to_string();
        assert!(message.contains("1 ids for 2 vectors"), "{message}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        for (text, expected) in [
            ("", "line 1: expected the number"),
            ("1 0\n", "line 1: expected the number"),
            ("1 2\na 1\n", "line 2: holds 1 values, expected 2"),
            ("1 1\na x\n", "line 2: `x` is no finite number"),
            ("1 1\na NaN\n", "line 2: `NaN` is no finite number"),
            ("1 1\na%2 1\n", "line 2: expected a percent-encoded id"),
            ("2 1\na 1\n", "line 1: tells of 2 vectors, but the file holds 1"),
        ] {
            fs::write(&path, text).unwrap();
            let message = read_word2vec_text(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
