//! Sequences of tracks on disk: streamed in from any source, memory-mapped when read.
//!
//! A corpus is a folder with two raw little-endian columns: `tokens` (u32 track numbers, all sequences one after the
//! other) and `ends` (u64, where each sequence ends in `tokens`). It appears under its name when it is whole.

use std::fs;
use std::path::{Path, PathBuf};

use listening_data::Dataset;

use crate::splits::{Split, TimeSplit};
use crate::{Column, ColumnWriter, ModelError, Result};

const TOKENS: &str = "tokens";
const ENDS: &str = "ends";

/// Writes a corpus, one sequence at a time.
pub struct CorpusWriter {
    folder: PathBuf,
    partial: PathBuf,
    tokens: ColumnWriter<u32>,
    ends: ColumnWriter<u64>,
    length: u64,
}

impl CorpusWriter {
    /// Begins the corpus `folder`, which must not exist; it is written under `<folder>.partial` until it is whole.
    pub fn create(folder: &Path) -> Result<Self> {
        if folder.exists() {
            let there = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(ModelError::file("create", folder, there));
        }
        let mut partial = folder.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        fs::create_dir_all(&partial).map_err(|e| ModelError::file("create", &partial, e))?;
        let tokens = ColumnWriter::create(&partial, TOKENS)?;
        let ends = ColumnWriter::create(&partial, ENDS)?;
        Ok(Self { folder: folder.to_owned(), partial, tokens, ends, length: 0 })
    }

    /// Appends a sequence of track numbers; an empty one leaves no trace.
    pub fn push(&mut self, sequence: &[u32]) -> Result<()> {
        if sequence.is_empty() {
            return Ok(());
        }
        self.length += sequence.len() as u64;
        self.tokens.push(sequence)?;
        self.ends.push(&[self.length])
    }

    /// Makes the corpus appear and opens it.
    pub fn finish(self) -> Result<Corpus> {
        self.tokens.finish()?;
        self.ends.finish()?;
        fs::rename(&self.partial, &self.folder).map_err(|e| ModelError::file("rename", &self.partial, e))?;
        Corpus::open(&self.folder)
    }
}

/// A memory-mapped corpus.
pub struct Corpus {
    tokens: Column<u32>,
    ends: Column<u64>,
}

impl Corpus {
    /// Opens what [`CorpusWriter`] wrote and checks the ends of the sequences.
    pub fn open(folder: &Path) -> Result<Self> {
        let values = |name: &str, size: usize| {
            let path = folder.join(name);
            let bytes = fs::metadata(&path).map_err(|e| ModelError::file("read", &path, e))?.len() as usize;
            Ok::<usize, ModelError>(bytes / size)
        };
        let tokens = Column::<u32>::open(folder, TOKENS, values(TOKENS, size_of::<u32>())?)?;
        let ends = Column::<u64>::open(folder, ENDS, values(ENDS, size_of::<u64>())?)?;
        if !ends.is_sorted_by(|a, b| a < b) || ends.last().copied().unwrap_or(0) != tokens.len() as u64 {
            let problem = format!("its ends do not rise to the {} tracks of `{TOKENS}`", tokens.len());
            return Err(ModelError::bad_file(folder.join(ENDS), problem));
        }
        Ok(Self { tokens, ends })
    }

    /// Writes one part of a dataset's sessions as the corpus `folder`: a session is a sequence.
    pub fn of_part(dataset: &Dataset, split: &TimeSplit, part: Split, folder: &Path) -> Result<Self> {
        let mut writer = CorpusWriter::create(folder)?;
        let mut sequence = Vec::new();
        for item in split.sessions(dataset)? {
            let (logged, found) = item?;
            if found == part {
                sequence.clear();
                sequence.extend(logged.session.plays.iter().map(|play| play.track));
                writer.push(&sequence)?;
            }
        }
        writer.finish()
    }

    /// Writes all sequences of a dataset, sessions or playlists, as the corpus `folder`, with other numbers for its
    /// tracks: `numbers` gives those.
    pub fn of_renumbered(dataset: &Dataset, numbers: &[u32], folder: &Path) -> Result<Self> {
        let mut writer = CorpusWriter::create(folder)?;
        let mut sequence = Vec::new();
        for logged in dataset.sessions()? {
            sequence.clear();
            sequence.extend(logged?.session.plays.iter().map(|play| numbers[play.track as usize]));
            writer.push(&sequence)?;
        }
        writer.finish()
    }

    /// The tracks of all sequences, one sequence after the other.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Where each sequence ends in [`Self::tokens`].
    pub fn ends(&self) -> &[u64] {
        &self.ends
    }

    /// The sequences, in the order in which they were written.
    pub fn sequences(&self) -> impl Iterator<Item = &[u32]> {
        let mut begin = 0;
        self.ends.iter().map(move |&end| {
            let sequence = &self.tokens[begin..end as usize];
            begin = end as usize;
            sequence
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_read_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corpus");
        let mut writer = CorpusWriter::create(&path).unwrap();
        for sequence in [&[1, 2, 3][..], &[], &[7], &[2, 2]] {
            writer.push(sequence).unwrap();
        }
        assert!(!path.exists(), "a corpus that is not whole does not exist");
        let corpus = writer.finish().unwrap();
        assert_eq!(corpus.sequences().collect::<Vec<_>>(), [&[1, 2, 3][..], &[7], &[2, 2]]);
        assert_eq!((corpus.tokens().len(), corpus.ends()), (6, &[3, 4, 6][..]));
        assert!(CorpusWriter::create(&path).is_err(), "a corpus is never overwritten");
        let empty = CorpusWriter::create(&folder.path().join("empty")).unwrap().finish().unwrap();
        assert_eq!(empty.sequences().count(), 0);
    }

    #[test]
    fn a_damaged_corpus_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = |name: &str, file: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            let mut writer = CorpusWriter::create(&path).unwrap();
            writer.push(&[1, 2]).unwrap();
            writer.push(&[3]).unwrap();
            writer.finish().unwrap();
            fs::write(path.join(file), bytes).unwrap();
            Corpus::open(&path).err().unwrap().to_string()
        };
        assert!(damaged("cut", TOKENS, &[0; 9]).contains("holds 9 bytes, expected 8"));
        assert!(damaged("short", TOKENS, &[0; 8]).contains("do not rise to the 2 tracks"));
        let falling: Vec<u8> = [3u64, 2].iter().flat_map(|end| end.to_le_bytes()).collect();
        assert!(damaged("falling", ENDS, &falling).contains("do not rise"));
    }
}
