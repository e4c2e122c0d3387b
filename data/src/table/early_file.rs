//! A file that the disk takes while it is written, so that the last flush has little left to wait for.

use std::fs::File;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::thread::JoinHandle;

use crossbeam::channel::{Sender, bounded};

/// Bytes between two flushes: small files have but the last one.
const FLUSHED_BYTES: usize = 1 << 24;

/// A file being written. Another thread flushes what has come together; whoever writes does not wait for it.
pub(super) struct EarlyFile {
    file: File,
    /// Bytes written since a flush was asked for.
    unflushed: usize,
    flusher: Option<Flusher>,
}

struct Flusher {
    requests: Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl EarlyFile {
    pub(super) fn new(file: File) -> Self {
        Self { file, unflushed: 0, flusher: None }
    }

    fn request_flush(&mut self) -> io::Result<()> {
        let flusher = match &self.flusher {
            Some(flusher) => flusher,
            None => self.flusher.insert(Flusher::begin(self.file.try_clone()?)),
        };
        // It fails while one is asked for already, and after an error, which the end tells.
        let _ = flusher.requests.try_send(());
        Ok(())
    }

    /// Waits until the whole file is on the disk.
    pub(super) fn finish(self) -> io::Result<()> {
        let flushed = self.flusher.map_or(Ok(()), Flusher::end);
        flushed.and_then(|()| self.file.sync_all())
    }
}

impl Write for EarlyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unflushed += written;
        if self.unflushed >= FLUSHED_BYTES {
            self.unflushed = 0;
            self.request_flush()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Flusher {
    fn begin(file: File) -> Self {
        let (requests, requested) = bounded(1);
        let thread = std::thread::spawn(move || requested.into_iter().try_for_each(|()| file.sync_data()));
        Self { requests, thread }
    }

    /// The system tells an error of the disk only once: it may have been told here.
    fn end(self) -> io::Result<()> {
        drop(self.requests);
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_flushed_meanwhile_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut file = EarlyFile::new(File::create(&path).unwrap());
        let piece: Vec<u8> = (0..1 << 20).map(|place| (place % 251) as u8).collect();
        let pieces = 2 * FLUSHED_BYTES / piece.len() + 3;
        (0..pieces).for_each(|_| file.write_all(&piece).unwrap());
        assert!(file.flusher.is_some());
        file.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == piece.repeat(pieces));
    }
}
