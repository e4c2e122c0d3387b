//! A folder of files that appears only when it is whole.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::{DataError, Result};

/// A folder under a temporary name. It vanishes when dropped, unless it was finished.
pub(super) struct LogFolder {
    out: PathBuf,
    partial: PathBuf,
}

impl LogFolder {
    /// Begins a folder that will be `out`, which must not exist.
    pub(super) fn create(out: &Path) -> Result<Self> {
        if out.exists() {
            return Err(DataError::bad_file(out, "exists already", "choose another --out, or remove it"));
        }
        let mut partial = out.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(|e| DataError::file("remove the unfinished", &partial, e))?;
        }
        fs::create_dir_all(&partial).map_err(|e| DataError::file("create", &partial, e))?;
        Ok(Self { out: out.to_owned(), partial })
    }

    /// Where a file of the folder lies until the folder is finished.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.partial.join(name)
    }

    /// Begins a file of the folder.
    pub(super) fn file(&self, name: &str) -> Result<LogFile> {
        let path = self.path(name);
        let file = File::create(&path).map_err(|e| DataError::file("create", &path, e))?;
        Ok(LogFile { writer: BufWriter::with_capacity(1 << 18, file), path })
    }

    /// Gives the folder its name.
    pub(super) fn finish(self) -> Result<()> {
        fs::rename(&self.partial, &self.out).map_err(|e| DataError::file("rename to", &self.out, e))
    }
}

impl Drop for LogFolder {
    fn drop(&mut self) {
        // The failure that ends the writing is worth more than that of the clean-up; the next run removes what stays.
        let _ = fs::remove_dir_all(&self.partial);
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
