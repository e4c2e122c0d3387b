//! The files of an import: found in folders and archives, opened whatever their compression.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::{DataError, Result};

/// Folders are searched no deeper than this.
const DEEPEST_FOLDER: usize = 16;

/// The files named by the user: those given as they are, and those under the folders given whose name is `wanted`
/// (by its lower-case last part), in order of name. `remedy` says what to pass where none is found.
pub(super) fn find_files(inputs: &[PathBuf], wanted: impl Fn(&str) -> bool, remedy: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for input in inputs {
        let metadata = fs::metadata(input).map_err(|e| DataError::file("read", input, e))?;
        if !metadata.is_dir() {
            found.push(input.clone());
            continue;
        }
        let mut files = Vec::new();
        list_files(input, 0, &mut files)?;
        files.retain(|file| wanted(&file_name(file).to_lowercase()));
        files.sort();
        if files.is_empty() {
            return Err(DataError::bad_file(input, "holds no file of this format", remedy));
        }
        found.extend(files);
    }
    if found.is_empty() {
        return Err(DataError::Setting { setting: "input", problem: format!("none given; {remedy}") });
    }
    Ok(found)
}

/// All files under a folder, but for hidden ones and what file managers leave behind.
pub(super) fn list_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|e| DataError::file("read", folder, e))?;
    for entry in entries {
        let path = entry.map_err(|e| DataError::file("read", folder, e))?.path();
        let name = file_name(&path);
        if name.starts_with("__MACOSX") || name.starts_with('.') {
            continue;
        }
        if path.is_file() {
            files.push(path);
        } else if path.is_dir() && depth < DEEPEST_FOLDER {
            list_files(&path, depth + 1, files)?;
        }
    }
    Ok(())
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a file is an archive, by its lower-case name.
pub(super) fn is_archive(name: &str) -> bool {
    is_tar(name) || name.ends_with(".zip")
}

fn is_tar(name: &str) -> bool {
    [".tar", ".tar.gz", ".tgz", ".tar.zst"].iter().any(|end| name.ends_with(end))
}

/// Bytes read so far from the files of an import, for its progress: compressed bytes where files are compressed.
#[derive(Clone, Default)]
pub(super) struct BytesRead(Arc<AtomicU64>);

impl BytesRead {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds bytes that were read by other means.
    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

struct Counting<R> {
    reader: R,
    bytes: BytesRead,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The sum of the files' lengths on the disk.
pub(super) fn total_bytes(files: &[PathBuf]) -> Result<u64> {
    files.iter().map(|file| Ok(fs::metadata(file).map_err(|e| DataError::file("read", file, e))?.len())).sum()
}

/// A stream of a file's contents.
pub(super) type Contents<'a> = Box<dyn Read + 'a>;

/// Opens a file and hands what it holds to `read`: the file itself, unpacked if it is gzip or Zstandard (told by its
/// first bytes), or each file in it whose name is `wanted` (by its lower-case last part) if it is a tar (perhaps
/// compressed) or zip archive. `read` gets the name to show to the user, e.g. `set.tar.gz!training/log_0.csv`.
pub(super) fn open_each(
    path: &Path,
    bytes: &BytesRead,
    wanted: &dyn Fn(&str) -> bool,
    read: &mut dyn FnMut(&str, Contents<'_>) -> Result<()>,
) -> Result<()> {
    let file = File::open(path).map_err(|e| DataError::file("open", path, e))?;
    let file = Counting { reader: file, bytes: bytes.clone() };
    let label = path.display().to_string();
    if starts_with(path, b"PK\x03\x04")? {
        return open_zip(path, bytes, wanted, read);
    }
    let contents = unpacked(Box::new(file)).map_err(|e| DataError::file("read", path, e))?;
    if is_tar(&file_name(path).to_lowercase()) {
        return open_tar(path, contents, wanted, read);
    }
    read(&label, contents)
}

fn open_tar(
    path: &Path,
    contents: Contents<'_>,
    wanted: &dyn Fn(&str) -> bool,
    read: &mut dyn FnMut(&str, Contents<'_>) -> Result<()>,
) -> Result<()> {
    let damaged = |error: io::Error| {
        let problem = format!("cannot be read as a tar archive; it is cut short or damaged ({error})");
        DataError::bad_file(path, problem, "copy or download it again")
    };
    let mut archive = tar::Archive::new(contents);
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let inner = entry.path().map_err(damaged)?.to_string_lossy().into_owned();
        let last = inner.rsplit(['/', '\\']).next().unwrap_or(&inner).to_lowercase();
        if entry.header().entry_type().is_file() && !last.starts_with('.') && wanted(&last) {
            let contents = unpacked(Box::new(entry)).map_err(damaged)?;
            read(&format!("{}!{inner}", path.display()), contents)?;
        }
    }
    Ok(())
}

fn open_zip(
    path: &Path,
    bytes: &BytesRead,
    wanted: &dyn Fn(&str) -> bool,
    read: &mut dyn FnMut(&str, Contents<'_>) -> Result<()>,
) -> Result<()> {
    let damaged = |error: zip::result::ZipError| {
        let problem = format!("cannot be read as a zip; it is cut short or damaged ({error})");
        DataError::bad_file(path, problem, "copy or download it again")
    };
    let file = File::open(path).map_err(|e| DataError::file("open", path, e))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(damaged)?;
        // A name that is no text is not that of a log.
        let Ok(inner) = entry.name().map(|name| name.into_owned()) else { continue };
        let last = inner.rsplit(['/', '\\']).next().unwrap_or(&inner).to_lowercase();
        if entry.is_file() && !inner.starts_with("__MACOSX") && !last.starts_with('.') && wanted(&last) {
            let before = bytes.get();
            let size = entry.compressed_size();
            let contents = unpacked(Box::new(entry)).map_err(|e| DataError::file("read", path, e))?;
            read(&format!("{}!{inner}", path.display()), contents)?;
            bytes.0.store(before + size, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// What a gzip or Zstandard stream holds, or the stream itself if it is neither.
fn unpacked<'a>(mut stream: Contents<'a>) -> io::Result<Contents<'a>> {
    let mut magic = Vec::new();
    stream.by_ref().take(4).read_to_end(&mut magic)?;
    let kind = magic.clone();
    let whole = io::Cursor::new(magic).chain(stream);
    Ok(match kind[..] {
        [0x1F, 0x8B, ..] => Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, whole))),
        [0x28, 0xB5, 0x2F, 0xFD] => Box::new(zstd::Decoder::new(whole)?),
        _ => Box::new(whole),
    })
}

fn starts_with(path: &Path, magic: &[u8]) -> Result<bool> {
    let mut found = Vec::new();
    let file = File::open(path).map_err(|e| DataError::file("open", path, e))?;
    file.take(magic.len() as u64).read_to_end(&mut found).map_err(|e| DataError::file("read", path, e))?;
    Ok(found == magic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::importers::test_bench::{gzip, tar, zip};

    fn read(path: &Path) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        open_each(
            path,
            &BytesRead::default(),
            &|name| name.ends_with(".csv") || name.ends_with(".gz"),
            &mut |label, mut contents| {
                let mut text = String::new();
                contents.read_to_string(&mut text).map_err(|e| DataError::file("read", path, e))?;
                found.push((label.rsplit('/').next().unwrap().to_owned(), text));
                Ok(())
            },
        )?;
        Ok(found)
    }

    #[test]
    fn any_packing_gives_the_same_contents() {
        let folder = tempfile::tempdir().unwrap();
        let text = "a,b\n1,2\n";
        let files: &[(&str, &[u8])] = &[("x/one.csv", text.as_bytes()), ("x/.two.csv", b"no"), ("x/three.txt", b"no")];
        let packed_inside: &[(&str, &[u8])] = &[("one.csv.gz", &gzip(text.as_bytes()))];
        for (name, bytes) in [
            ("one.csv", text.as_bytes().to_vec()),
            ("one.csv.gz", gzip(text.as_bytes())),
            // The bytes tell, not the name; several members follow each other in one gzip file.
            ("misnamed.csv", [gzip(&text.as_bytes()[..3]), gzip(&text.as_bytes()[3..])].concat()),
            ("one.csv.zst", zstd::encode_all(text.as_bytes(), 1).unwrap()),
            ("set.tar", tar(files)),
            ("set.tar.gz", gzip(tar(files))),
            ("set.zip", zip(files)),
            ("inner.tar", tar(packed_inside)),
            ("inner.zip", zip(packed_inside)),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            let found = read(&path).unwrap();
            assert_eq!(found.len(), 1, "{name}: {found:?}");
            assert_eq!(found[0].1, text, "{name}");
        }
    }

    #[test]
    fn damaged_archives_are_errors_that_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let long: Vec<u8> = (0..9000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let files: &[(&str, &[u8])] = &[("one.csv", &long)];
        for (name, bytes) in [("cut.csv.gz", gzip(&long)), ("cut.tar.gz", gzip(tar(files))), ("cut.zip", zip(files))] {
            let path = folder.path().join(name);
            fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn folders_are_searched_for_wanted_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        for name in ["b/c/2.csv", "1.CSV", "b/x.txt", ".hidden.csv"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let inputs = [folder.path().to_owned()];
        let found = find_files(&inputs, |name| name.ends_with(".csv"), "").unwrap();
        assert_eq!(found, [folder.path().join("1.CSV"), folder.path().join("b/c/2.csv")]);
        let none = find_files(&inputs, |name| name.ends_with(".json"), "pass a folder").unwrap_err().to_string();
        assert!(none.contains("pass a folder"));
        // A file given by name is taken whatever its name.
        assert_eq!(find_files(&[folder.path().join("b/x.txt")], |_| false, "").unwrap().len(), 1);
    }
}
