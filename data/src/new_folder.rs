//! A folder that is either whole or absent.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{DataError, Result};

/// A folder being filled under a temporary name, `<name>.partial`. It vanishes when dropped, unless it was finished: a
/// failed import leaves nothing behind.
pub(crate) struct NewFolder {
    name: PathBuf,
    partial: PathBuf,
}

impl NewFolder {
    /// Begins a folder that will be `name`, which must not exist.
    pub(crate) fn create(name: &Path) -> Result<Self> {
        if name.exists() {
            return Err(DataError::bad_file(name, "exists already", "choose another --out, or remove it"));
        }
        let mut partial = name.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(|e| DataError::file("remove the unfinished", &partial, e))?;
        }
        fs::create_dir_all(&partial).map_err(|e| DataError::file("create", &partial, e))?;
        Ok(Self { name: name.to_owned(), partial })
    }

    /// The folder under its temporary name.
    pub(crate) fn partial(&self) -> &Path {
        &self.partial
    }

    /// Where a file of the folder lies until the folder is finished.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.partial.join(file)
    }

    /// Gives the folder its name.
    pub(crate) fn finish(self) -> Result<()> {
        fs::rename(&self.partial, &self.name).map_err(|e| DataError::file("rename to", &self.name, e))
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // The failure that ends the work is worth more than that of the clean-up; the next run removes what stays.
        let _ = fs::remove_dir_all(&self.partial);
    }
}
