//! A folder of files that appears only when it is whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::new_folder::NewFolder;
use crate::{DataError, Result};

/// A log's folder, which appears only when it is whole.
pub(super) struct LogFolder(NewFolder);

impl LogFolder {
    /// Begins a folder that will be `out`, which must not exist.
    pub(super) fn create(out: &Path) -> Result<Self> {
        Ok(Self(NewFolder::create(out)?))
    }

    /// Where a file of the folder lies until the folder is finished.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    /// Begins a file of the folder.
    pub(super) fn file(&self, name: &str) -> Result<LogFile> {
        let path = self.path(name);
        let file = File::create(&path).map_err(|e| DataError::file("create", &path, e))?;
        Ok(LogFile { writer: BufWriter::with_capacity(1 << 18, file), path })
    }

    /// Gives the folder its name.
    pub(super) fn finish(self) -> Result<()> {
        self.0.finish()
    }
}

/// A file being written.
pub(super) struct LogFile {
    writer: BufWriter<File>,
    path: PathBuf,
}

impl LogFile {
    pub(super) fn write(&mut self, text: &str) -> Result<()> {
        self.writer.write_all(text.as_bytes()).map_err(|e| DataError::file("write", &self.path, e))
    }

    /// Writes what is left to the disk.
    pub(super) fn finish(mut self) -> Result<()> {
        self.writer.flush().map_err(|e| DataError::file("write", &self.path, e))
    }
}
