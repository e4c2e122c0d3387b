//! One zip per listener, each with JSON lists of rows: the shape in which Spotify hands out histories.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::LogWriter;
use super::log_folder::LogFolder;
use crate::{DataError, Result, Session};

/// Rows of one file at most; real account data are cut there.
const FILE_ROWS: usize = 10_000;

/// Writes the zips of all listeners into a folder, which appears when it is whole.
struct ListenerZips<F> {
    folder: LogFolder,
    rows: F,
}

/// Writes one zip per listener. `rows` gives a listener's rows, and how the names in the zip of the files that hold them
/// begin: their numbers follow.
pub(super) fn writer<'a, R, F>(out: &Path, rows: F) -> Result<Box<dyn LogWriter + 'a>>
where
    R: Serialize,
    F: Fn(&[Session]) -> (String, Vec<R>) + Send + 'a,
{
    Ok(Box::new(ListenerZips { folder: LogFolder::create(out)?, rows }))
}

impl<R: Serialize, F: Fn(&[Session]) -> (String, Vec<R>) + Send> LogWriter for ListenerZips<F> {
    fn write(&mut self, listener: u32, sessions: &[Session]) -> Result<()> {
        let (name, rows) = (self.rows)(sessions);
        let path = self.folder.path(&format!("synthetic-listener-{listener:06}.zip"));
        let file = File::create(&path).map_err(|e| DataError::file("create", &path, e))?;
        let write = || -> std::io::Result<()> {
            let mut zip = ZipWriter::new(BufWriter::new(file));
            // A listener who never listened still has a history, which is empty.
            let pieces = rows.chunks(FILE_ROWS).chain(rows.is_empty().then_some(&rows[..]));
            for (number, rows) in pieces.enumerate() {
                zip.start_file(format!("{name}{number}.json"), SimpleFileOptions::default())?;
                serde_json::to_writer_pretty(&mut zip, rows)?;
            }
            zip.finish()?.flush()
        };
        write().map_err(|e| DataError::file("write", &path, e))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.folder.finish()
    }
}
