//! Marginals from published counts of the columns of the Music Streaming Sessions Dataset.
//!
//! A file holds a line `value count` per value, in any order; empty lines and repeated line ends are passed over.

use std::path::Path;

use super::tally::hundredths;
use super::{Marginal, Marginals};
use crate::{DataError, Result};

/// The shortest and the longest session of the set; longer ones were cut.
const SESSION_PLAYS: (f64, f64) = (10.0, 20.0);

/// Reads how often one value occurred into the counts of a marginal; says what was expected where the value is none.
type Reader = fn(&str, u64, &mut Counts) -> std::result::Result<(), String>;

/// Counts on the way to a marginal.
#[derive(Default)]
struct Counts {
    classes: Vec<f64>,
    /// Plays of a track, and tracks with so many.
    plays: Vec<(u64, u64)>,
}

/// The files, the marginals they tell, and how their values are read.
const FILES: [(&str, Marginal, Reader); 4] = [
    ("session_lengths.txt", Marginal::SessionLengths, session_length),
    ("reason_end.txt", Marginal::Responses, end_reason),
    ("track_counts.txt", Marginal::Popularity, track_count),
    ("track_skips.txt", Marginal::TrackSkips, track_skip),
];

/// Reads what a folder holds of `session_lengths.txt`, `reason_end.txt`, `track_counts.txt` (plays of a track, tracks) and
/// `track_skips.txt` (per cent of a track's plays that were skipped, tracks).
///
/// The set does not say which skips the last file counts; they are taken for `skip_2`, which the set's challenge foretold,
/// and these for plays left before 30 s. Of the end reasons `trackdone` is complete; `logout` and half of `endplay` are
/// neither complete nor skipped (as `docs/formats/mssd.md` has them); all other known ones are skips.
pub fn published_mssd_marginals(folder: impl AsRef<Path>) -> Result<Marginals> {
    let folder = folder.as_ref();
    let names = FILES.map(|(name, ..)| name);
    let remedy = format!("name the folder that holds {}", names.join(", "));
    if !folder.is_dir() {
        return Err(DataError::bad_file(folder, "is no folder", remedy));
    }
    let mut marginals = Marginals::default();
    for (name, marginal, reader) in FILES {
        let path = folder.join(name);
        if !path.exists() {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|error| DataError::file("read", &path, error))?;
        let counts = read(&bytes, reader).map_err(|problem| {
            DataError::bad_file(&path, problem, "each line holds a value, a space and how often it occurred")
        })?;
        let classes = if marginal == Marginal::Popularity { hundredths(counts.plays) } else { counts.classes };
        marginals.insert(marginal, vec![classes]);
    }
    if marginals.is_empty() {
        return Err(DataError::bad_file(folder, "holds no counts", remedy));
    }
    Ok(marginals)
}

/// Reads all lines of a file; a problem is told with its line.
fn read(bytes: &[u8], reader: Reader) -> std::result::Result<Counts, String> {
    let mut counts = Counts::default();
    for (line, text) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let wrong = |expected: &str, found: &str| format!("line {line}: expected {expected}, found `{found}`");
        let text = std::str::from_utf8(text).map_err(|_| wrong("UTF-8 text", &String::from_utf8_lossy(text)))?.trim();
        if text.is_empty() {
            continue;
        }
        let (value, count) = text.split_once(char::is_whitespace).ok_or_else(|| wrong("a value and a count", text))?;
        let count = count.trim().parse().map_err(|_| wrong("a whole number as the count", count.trim()))?;
        reader(value, count, &mut counts).map_err(|expected| wrong(&expected, value))?;
    }
    Ok(counts)
}

/// A number between two bounds.
fn number(value: &str, what: &str, (low, high): (f64, f64)) -> std::result::Result<f64, String> {
    let number = value.parse::<f64>().ok().filter(|number| (low..=high).contains(number));
    number.ok_or_else(|| format!("{what}, {low} to {high}"))
}

impl Counts {
    fn add(&mut self, class: usize, classes: usize, count: f64) {
        self.classes.resize(classes, 0.0);
        self.classes[class] += count;
    }
}

fn session_length(value: &str, count: u64, counts: &mut Counts) -> std::result::Result<(), String> {
    // The published file also names the lengths that there are not.
    let (_, longest) = SESSION_PLAYS;
    let bounds = if count == 0 { (0.0, longest) } else { SESSION_PLAYS };
    let length = number(value, "a session length of the set", bounds)?;
    if length.fract() != 0.0 {
        return Err("a whole number of plays".into());
    }
    if count > 0 {
        counts.add(length as usize - 1, super::tally::LENGTHS, count as f64);
    }
    Ok(())
}

fn end_reason(value: &str, count: u64, counts: &mut Counts) -> std::result::Result<(), String> {
    // Shares of complete, skipped, neither.
    let shares = match value {
        "trackdone" => [1.0, 0.0, 0.0],
        "fwdbtn" | "backbtn" | "clickrow" | "remote" | "playbtn" => [0.0, 1.0, 0.0],
        "endplay" => [0.0, 0.5, 0.5],
        "logout" | "trackerror" => [0.0, 0.0, 1.0],
        _ => {
            let known = "trackdone, fwdbtn, backbtn, clickrow, remote, playbtn, endplay, logout, trackerror";
            return Err(format!("an end reason of the set ({known})"));
        }
    };
    for (class, share) in shares.into_iter().enumerate() {
        counts.add(class, shares.len(), share * count as f64);
    }
    Ok(())
}

fn track_count(value: &str, tracks: u64, counts: &mut Counts) -> std::result::Result<(), String> {
    let plays = value.parse().map_err(|_| "a whole number of plays")?;
    if plays > 0 && tracks > 0 {
        counts.plays.push((plays, tracks));
    }
    Ok(())
}

fn track_skip(value: &str, tracks: u64, counts: &mut Counts) -> std::result::Result<(), String> {
    let share = number(value, "per cent of skips", (0.0, 100.0))? / 100.0;
    counts.add(0, 2, (1.0 - share) * tracks as f64);
    counts.add(1, 2, share * tracks as f64);
    Ok(())
}

/// Any bytes as each of the files.
pub(crate) fn fuzz(bytes: &[u8]) {
    for (_, _, reader) in FILES {
        if let Ok(counts) = read(bytes, reader) {
            hundredths(counts.plays);
        }
    }
}
