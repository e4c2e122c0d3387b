//! One zip per listener, each with JSON lists of rows: the shape in which Spotify hands out histories.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::log_folder::LogFolder;
use crate::{DataError, Result};

/// Rows of one file at most; real account data are cut there.
const FILE_ROWS: usize = 10_000;

/// The zips of all listeners in one folder, which appears when it is whole.
pub(super) struct ListenerZips {
    folder: LogFolder,
}

impl ListenerZips {
    pub(super) fn create(out: &Path) -> Result<Self> {
        Ok(Self { folder: LogFolder::create(out)? })
    }

    /// Writes the rows of a listener; `name` gives the name in the zip of the file with a number.
    pub(super) fn write<T: Serialize>(&self, listener: u32, rows: &[T], name: impl Fn(usize) -> String) -> Result<()> {
        let path = self.folder.path(&format!("synthetic-listener-{listener:06}.zip"));
        let file = File::create(&path).map_err(|e| DataError::file("create", &path, e))?;
        let write = || -> std::io::Result<()> {
            let mut zip = ZipWriter::new(BufWriter::new(file));
            // A listener who never listened still has a history, which is empty.
            let pieces = rows.chunks(FILE_ROWS).chain(rows.is_empty().then_some(rows));
            for (number, rows) in pieces.enumerate() {
                zip.start_file(name(number), SimpleFileOptions::default())?;
                serde_json::to_writer_pretty(&mut zip, rows)?;
            }
            zip.finish()?.flush()
        };
        write().map_err(|e| DataError::file("write", &path, e))
    }

    pub(super) fn finish(self) -> Result<()> {
        self.folder.finish()
    }
}
