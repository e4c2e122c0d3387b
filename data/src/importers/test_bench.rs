//! A temporary folder with inputs and an output, for tests of importers.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use super::{ImportOptions, ImportReport};
use crate::external_sort::RUN_RECORDS;
use crate::{Dataset, Result, Session, Track};

/// Inputs, settings and output of imports.
pub(super) struct Bench {
    folder: tempfile::TempDir,
    pub(super) options: ImportOptions,
    /// Records that are sorted in memory at a time.
    pub(super) run_records: usize,
}

/// What an import made and reported.
pub(super) struct Imported<R = ImportReport> {
    pub(super) report: R,
    pub(super) sessions: Vec<Session>,
    pub(super) catalog: Vec<Track>,
    pub(super) users: Vec<String>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), options: ImportOptions::default(), run_records: RUN_RECORDS }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes a zip of texts by their names.
    pub(super) fn zip(&self, name: &str, entries: &[(&str, &str)]) -> PathBuf {
        let entries: Vec<(&str, &[u8])> = entries.iter().map(|(entry, text)| (*entry, text.as_bytes())).collect();
        self.write(name, zip(&entries))
    }

    /// Runs an import, checks its counts and reads what it made.
    pub(super) fn import(
        &self,
        import: impl FnOnce(&Path, &ImportOptions) -> Result<ImportReport>,
    ) -> Result<Imported> {
        let imported = self.run(import)?;
        let counts = &imported.report.counts;
        let dropped: u64 = counts.dropped.iter().map(|dropped| dropped.rows).sum();
        assert_eq!(counts.rows_read, counts.rows_kept + counts.rows_bad + dropped, "every row is accounted for");
        let details = &imported.report.manifest.source.details;
        assert_eq!(details["counts"], serde_json::to_value(counts).unwrap());
        Ok(imported)
    }

    /// Runs an import with a report of its own, and reads what it made.
    pub(super) fn run<R>(&self, import: impl FnOnce(&Path, &ImportOptions) -> Result<R>) -> Result<Imported<R>> {
        let out = self.path("out");
        let _ = fs::remove_dir_all(&out);
        let report = import(&out, &self.options);
        assert!(report.is_ok() || !out.exists(), "a failed import leaves nothing");
        assert!(!self.path("out.partial").exists(), "an import leaves no partial folder");
        let report = report?;
        let dataset = Dataset::open(&out)?;
        let sessions = dataset.sessions()?.map(|logged| logged.map(|logged| logged.session)).collect::<Result<_>>()?;
        let users = dataset.users()?.into_iter().map(|user| user.id).collect();
        Ok(Imported { report, sessions, catalog: dataset.catalog()?, users })
    }
}

impl Imported {
    /// Rows dropped for the reason that begins so.
    pub(super) fn dropped(&self, reason: &str) -> u64 {
        self.report.counts.dropped.iter().find(|dropped| dropped.reason.starts_with(reason)).unwrap().rows
    }

    /// The count of the remark that begins so.
    pub(super) fn remark(&self, what: &str) -> u64 {
        self.report.counts.remarks.iter().find(|remark| remark.what.starts_with(what)).unwrap().count
    }

    /// For each session its user's id and its tracks' ids.
    pub(super) fn track_ids(&self) -> Vec<(&str, Vec<&str>)> {
        let id = |track: u32| self.catalog[track as usize].id.as_str();
        let session = |session: &Session| session.plays.iter().map(|play| id(play.track)).collect();
        self.sessions.iter().map(|s| (self.users[s.user as usize].as_str(), session(s))).collect()
    }
}

/// The message of what must fail.
pub(super) fn message<T>(result: Result<T>) -> String {
    result.err().expect("an error").to_string()
}

pub(super) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(super) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Text that must all stand in an error.
pub(super) fn assert_all(error: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| error.contains(part)), "{error}");
}
