//! The lines of the files of an import, worked on in blocks on all cores, and how a wrong line is named.

use std::cell::RefCell;
use std::io::{self, Read};
use std::path::PathBuf;
use std::rc::Rc;

use super::inputs::{BytesRead, open_each, total_bytes};
use super::row_problem::RowProblem;
use crate::parallel::{LineBlock, LineBlocks, in_order};
use crate::{DataError, Progress, Result};

/// Bytes of a block: some thousand lines, so that handing it over costs nothing beside its work.
const BLOCK_BYTES: usize = 1 << 20;

/// A line as text, without its end.
pub(super) fn line_text(line: &[u8]) -> std::result::Result<&str, RowProblem> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    std::str::from_utf8(line).map_err(|e| {
        let byte = line.get(e.valid_up_to()).copied().unwrap_or_default();
        let found = format!("byte 0x{byte:02x} after {} bytes of the line", e.valid_up_to());
        RowProblem::new("(whole row)", "UTF-8 text", found)
    })
}

/// The lines of a block with their numbers in the file.
pub(super) fn numbered_lines(block: &LineBlock) -> impl Iterator<Item = (u64, &[u8])> {
    let lines = block.text.split_inclusive(|&byte| byte == b'\n');
    (block.first_line..).zip(lines)
}

/// Files read by [`read_lines`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FilesRead {
    pub(super) files: u64,
    /// Files that end too early, read up to there; never above 0 unless lenient.
    pub(super) cut: u64,
}

/// Reads the lines of all files: `work` gets the file's name and a block of whole lines, on all cores; `take` gets
/// what it made of them in the order of the files.
pub(super) fn read_lines<R: Send>(
    files: &[PathBuf],
    wanted: &dyn Fn(&str) -> bool,
    lenient: bool,
    progress: &dyn Progress,
    work: impl Fn(&str, &LineBlock) -> Result<R> + Sync,
    mut take: impl FnMut(R) -> Result<()> + Send,
) -> Result<FilesRead> {
    let (bytes, mut read) = (BytesRead::default(), FilesRead::default());
    progress.begin("reading rows", total_bytes(files)?, "bytes");
    for path in files {
        open_each(path, &bytes, wanted, &mut |label, contents| {
            let failure = Rc::new(RefCell::new(None));
            let mut blocks = LineBlocks::new(UntilFailure { reader: contents, failure: failure.clone() }, BLOCK_BYTES);
            read.files += 1;
            let next = || {
                let block = blocks.next_block().map_err(|error| cut_short(label, &error))?;
                progress.advance(bytes.get());
                let Some(error) = failure.borrow_mut().take() else { return Ok(block) };
                if !lenient {
                    return Err(cut_short(label, &error));
                }
                read.cut += 1;
                Ok(block.map(without_cut_line))
            };
            in_order(next, |block| work(label, &block), &mut take)
        })?;
    }
    progress.end();
    Ok(read)
}

/// The error of a file that cannot be read to its end.
pub(super) fn cut_short(label: &str, error: &io::Error) -> DataError {
    let problem = format!("cannot be read to its end; it is cut short or damaged ({error})");
    DataError::bad_file(label, problem, "copy or download it again, or pass --lenient to keep what stands before")
}

fn without_cut_line(mut block: LineBlock) -> LineBlock {
    block.text.truncate(memchr::memrchr(b'\n', &block.text).map_or(0, |end| end + 1));
    block
}

/// A stream that ends where it fails, so that what came before the failure is not lost.
struct UntilFailure<R> {
    reader: R,
    failure: Rc<RefCell<Option<io::Error>>>,
}

impl<R: Read> Read for UntilFailure<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                *self.failure.borrow_mut() = Some(error);
                Ok(0)
            }
            read => read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;
    use crate::importers::test_bench::gzip;

    /// All lines of a file, with their numbers.
    fn lines(path: &std::path::Path, lenient: bool) -> Result<(Vec<(u64, String)>, FilesRead)> {
        let mut all = Vec::new();
        let work = |_: &str, block: &LineBlock| {
            let lines = numbered_lines(block).map(|(number, line)| (number, line_text(line).unwrap().to_owned()));
            Ok(lines.collect::<Vec<_>>())
        };
        let files = [path.to_owned()];
        let read = read_lines(&files, &|_| true, lenient, &Silent, work, |lines| {
            all.extend(lines);
            Ok(())
        })?;
        Ok((all, read))
    }

    #[test]
    fn a_cut_file_is_an_error_or_gives_its_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let text: String = (1..=100_000).map(|number| format!("line {number} {}\n", number * 7919 % 10_007)).collect();
        let packed = gzip(text);
        let path = folder.path().join("lines.gz");
        std::fs::write(&path, &packed).unwrap();
        let (whole, read) = lines(&path, false).unwrap();
        assert_eq!((whole.len(), read), (100_000, FilesRead { files: 1, cut: 0 }));
        assert!(whole.iter().all(|(number, line)| line.starts_with(&format!("line {number} "))));

        std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
        let error = lines(&path, false).unwrap_err().to_string();
        assert!(error.contains("lines.gz: cannot be read to its end") && error.contains("--lenient"), "{error}");
        let (part, read) = lines(&path, true).unwrap();
        assert_eq!(read.cut, 1);
        assert!(part.len() > 10_000 && part[..] == whole[..part.len()]);
    }
}
