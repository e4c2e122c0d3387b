//! Columns of fixed-size values in raw little-endian files: appended while streaming, memory-mapped when read.
//!
//! Examples and session starts can outgrow memory; a mapped column costs only the pages in use.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use bytemuck::Pod;
use memmap2::Mmap;

use crate::{ModelError, Result};

/// Appends values to a column file.
pub struct ColumnWriter<T> {
    path: PathBuf,
    file: BufWriter<File>,
    values: PhantomData<T>,
}

impl<T: Pod> ColumnWriter<T> {
    /// Creates `<folder>/<name>`.
    pub fn create(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(name);
        let file = File::create(&path).map_err(|e| ModelError::file("create", &path, e))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 18, file), values: PhantomData })
    }

    /// Appends values.
    pub fn push(&mut self, values: &[T]) -> Result<()> {
        self.file.write_all(bytemuck::cast_slice(values)).map_err(|e| ModelError::file("write", &self.path, e))
    }

    /// Flushes to the disk.
    pub fn finish(self) -> Result<()> {
        let file = self.file.into_inner().map_err(|e| ModelError::file("write", &self.path, e.into_error()))?;
        file.sync_all().map_err(|e| ModelError::file("write", &self.path, e))
    }
}

/// A column: memory-mapped, or in memory.
pub enum Column<T> {
    /// A file, mapped.
    Mapped(Mmap),
    /// Values in memory.
    Owned(Vec<T>),
}

impl<T: Pod> Column<T> {
    /// Opens `<folder>/<name>`, which must hold exactly `length` values.
    pub fn open(folder: &Path, name: &str, length: usize) -> Result<Self> {
        let path = folder.join(name);
        let file = File::open(&path).map_err(|e| ModelError::file("open", &path, e))?;
        let bytes = file.metadata().map_err(|e| ModelError::file("read", &path, e))?.len();
        let expected = (length * size_of::<T>()) as u64;
        if bytes != expected {
            return Err(ModelError::bad_file(&path, format!("holds {bytes} bytes, expected {expected}")));
        }
        // An empty file cannot be mapped.
        if length == 0 {
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: column files are written once, in a folder that is renamed when complete; nothing changes them.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| ModelError::file("map", &path, e))?;
        Ok(Self::Mapped(map))
    }
}

impl<T: Pod> std::ops::Deref for Column<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            // A mapping begins at a page, so it is aligned for every Pod type here.
            Self::Mapped(map) => bytemuck::cast_slice(map),
            Self::Owned(values) => values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ColumnWriter::<f32>::create(folder.path(), "x").unwrap();
        writer.push(&[1.0, 2.0]).unwrap();
        writer.push(&[3.0]).unwrap();
        writer.finish().unwrap();
        assert_eq!(*Column::<f32>::open(folder.path(), "x", 3).unwrap(), [1.0, 2.0, 3.0]);
        assert!(Column::<f32>::open(folder.path(), "x", 4).is_err());
        ColumnWriter::<u32>::create(folder.path(), "empty").unwrap().finish().unwrap();
        assert!(Column::<u32>::open(folder.path(), "empty", 0).unwrap().is_empty());
    }
}
