//! Sorting more records than memory holds: sorted runs go to a temporary file and are merged while read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytemuck::Pod;

use crate::{DataError, Progress, Result};

/// Records held in memory before a run is written (times the record's size: 1 Mi records of 40 bytes are 40 MiB).
pub(crate) const RUN_RECORDS: usize = 1 << 20;
/// Records read ahead per run while merging.
const READ_AHEAD: usize = 1 << 12;

/// Sorts fixed-size records in bounded memory: one run plus a read-ahead buffer per run.
///
/// The order is that of `T: Ord`; give ties a last field that tells them apart where their order matters.
pub struct ExternalSort<T> {
    folder: PathBuf,
    run: Vec<T>,
    run_records: usize,
    spilled: Option<(File, Vec<usize>)>,
}

impl<T: Pod + Ord> ExternalSort<T> {
    /// A sorter whose temporary file lies in `folder` (and vanishes when dropped).
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self::with_run_records(folder, RUN_RECORDS)
    }

    pub(crate) fn with_run_records(folder: impl AsRef<Path>, run_records: usize) -> Self {
        Self { folder: folder.as_ref().to_owned(), run: Vec::new(), run_records, spilled: None }
    }

    /// Adds a record.
    pub fn push(&mut self, record: T) -> Result<()> {
        self.run.push(record);
        if self.run.len() >= self.run_records { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<()> {
        self.run.sort_unstable();
        if self.spilled.is_none() {
            let file = tempfile::tempfile_in(&self.folder)
                .map_err(|e| DataError::file("create a temporary file in", &self.folder, e))?;
            self.spilled = Some((file, Vec::new()));
        }
        if let Some((file, lengths)) = &mut self.spilled {
            file.write_all(bytemuck::cast_slice(&self.run))
                .map_err(|e| DataError::file("write a temporary file in", &self.folder, e))?;
            lengths.push(self.run.len());
        }
        self.run.clear();
        Ok(())
    }

    /// Gives the records in order to `take`, as a stage of the progress.
    pub(crate) fn take_sorted(
        self,
        stage: &str,
        unit: &'static str,
        progress: &dyn Progress,
        mut take: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let spilled: usize = self.spilled.iter().flat_map(|(_, lengths)| lengths).sum();
        let records = (spilled + self.run.len()) as u64;
        progress.begin(stage, records, unit);
        for (done, record) in (0..).zip(self.sorted()?) {
            take(record?)?;
            if done % 65_536 == 0 {
                progress.advance(done);
            }
        }
        progress.advance(records);
        progress.end();
        Ok(())
    }

    /// The records in order.
    pub fn sorted(mut self) -> Result<impl Iterator<Item = Result<T>>> {
        if self.spilled.is_some() {
            if !self.run.is_empty() {
                self.spill()?;
            }
            // A cleared run still holds its memory, which the merge has no use for.
            self.run = Vec::new();
        }
        self.run.sort_unstable();
        let mut runs = vec![Run::memory(std::mem::take(&mut self.run))];
        if let Some((file, lengths)) = self.spilled.take() {
            let mut start = 0;
            for length in lengths {
                let file =
                    file.try_clone().map_err(|e| DataError::file("read a temporary file in", &self.folder, e))?;
                runs.push(Run { buffer: Vec::new(), next: 0, file: Some((file, start, length)) });
                start += (length * size_of::<T>()) as u64;
            }
        }
        Merge::new(runs, self.folder)
    }
}

/// One sorted run: a buffer, and where the rest lies.
struct Run<T> {
    buffer: Vec<T>,
    next: usize,
    /// File, byte position and records left.
    file: Option<(File, u64, usize)>,
}

impl<T: Pod> Run<T> {
    fn memory(buffer: Vec<T>) -> Self {
        Self { buffer, next: 0, file: None }
    }

    fn pop(&mut self) -> std::io::Result<Option<T>> {
        if self.next == self.buffer.len() {
            self.refill()?;
        }
        let record = self.buffer.get(self.next).copied();
        self.next += 1;
        Ok(record)
    }

    fn refill(&mut self) -> std::io::Result<()> {
        self.buffer.clear();
        self.next = 0;
        if let Some((file, position, left)) = &mut self.file {
            let records = READ_AHEAD.min(*left);
            self.buffer.resize(records, T::zeroed());
            file.seek(SeekFrom::Start(*position))?;
            file.read_exact(bytemuck::cast_slice_mut(&mut self.buffer))?;
            *position += (records * size_of::<T>()) as u64;
            *left -= records;
        }
        Ok(())
    }
}

struct Merge<T> {
    runs: Vec<Run<T>>,
    heads: BinaryHeap<Reverse<(T, usize)>>,
    folder: PathBuf,
}

impl<T: Pod + Ord> Merge<T> {
    fn new(runs: Vec<Run<T>>, folder: PathBuf) -> Result<Self> {
        let mut merge = Self { heads: BinaryHeap::with_capacity(runs.len()), runs, folder };
        for run in 0..merge.runs.len() {
            merge.advance(run)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, run: usize) -> Result<()> {
        let head = self.runs[run].pop().map_err(|e| DataError::file("read a temporary file in", &self.folder, e))?;
        self.heads.extend(head.map(|record| Reverse((record, run))));
        Ok(())
    }
}

impl<T: Pod + Ord> Iterator for Merge<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let Reverse((record, run)) = self.heads.pop()?;
        Some(self.advance(run).map(|()| record))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sorts_as_the_standard_library_does(mut values in proptest::collection::vec(any::<u64>(), 0..500), run in 1usize..64) {
            let folder = tempfile::tempdir().unwrap();
            let mut sort = ExternalSort::with_run_records(folder.path(), run);
            for &value in &values {
                sort.push(value).unwrap();
            }
            let sorted: Vec<u64> = sort.sorted().unwrap().map(|v| v.unwrap()).collect();
            values.sort_unstable();
            prop_assert_eq!(sorted, values);
        }
    }

    #[test]
    fn runs_longer_than_the_read_ahead_are_read_to_their_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut sort = ExternalSort::with_run_records(folder.path(), 3 * READ_AHEAD + 7);
        let count = 10 * READ_AHEAD as u32;
        for value in (0..count).rev() {
            sort.push(value).unwrap();
        }
        assert!(sort.sorted().unwrap().map(|v| v.unwrap()).eq(0..count));
    }

    /// What a stage told.
    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl Progress for Told {
        fn begin(&self, stage: &str, total: u64, unit: &'static str) {
            self.0.lock().unwrap().push(format!("{stage}: {total} {unit}"));
        }

        fn advance(&self, done: u64) {
            self.0.lock().unwrap().push(done.to_string());
        }

        fn remark(&self, _text: &str) {}

        fn end(&self) {
            self.0.lock().unwrap().push("end".to_owned());
        }
    }

    #[test]
    fn a_stage_gives_every_record_and_tells_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        for run in [7, 1000] {
            let mut sort = ExternalSort::with_run_records(folder.path(), run);
            (0..100u32).rev().for_each(|value| sort.push(value).unwrap());
            let (told, mut taken) = (Told::default(), Vec::new());
            let mut take = |value| {
                taken.push(value);
                Ok(())
            };
            sort.take_sorted("sorting", "rows", &told, &mut take).unwrap();
            assert!(taken.into_iter().eq(0..100));
            assert_eq!(*told.0.lock().unwrap(), ["sorting: 100 rows", "0", "100", "end"]);
        }
    }
}
