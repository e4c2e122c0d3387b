//! Spotify's exports: finds the files of play history in zips, folders and single files, and opens them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::inputs::{file_name, list_files};
use crate::{DataError, Result};

/// Which of Spotify's exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Export {
    /// The extended streaming history: the life of the account.
    Extended,
    /// The account data: one year.
    Account,
}

impl Export {
    fn other(self) -> Self {
        match self {
            Self::Extended => Self::Account,
            Self::Account => Self::Extended,
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Extended => {
                "pass the zip of a Spotify extended streaming history (or its unpacked folder), which holds files \
                 named Streaming_History_Audio_*.json or endsong_*.json; it can be ordered on the privacy page of a \
                 Spotify account"
            }
            Self::Account => {
                "pass the zip of Spotify's account data (or its unpacked folder), which holds files named \
                 StreamingHistory*.json; it can be ordered on the privacy page of a Spotify account"
            }
        }
    }

    /// An input that is not this export, perhaps because it is the other one.
    pub(super) fn not_found(self, path: &Path, is_other: bool) -> DataError {
        let (problem, remedy) = match (self, is_other) {
            (Self::Extended, true) => (
                "is Spotify's account data with one year of history (StreamingHistory*.json)",
                "import it with `sim import spotify-account`, or order the extended streaming history on the same \
                 privacy page, which tells more",
            ),
            (Self::Account, true) => (
                "is a Spotify extended streaming history, not the account data",
                "import it with `sim import spotify-extended`",
            ),
            (Self::Extended, false) => {
                ("is not a Spotify extended export: it holds no file of play history", self.remedy())
            }
            (Self::Account, false) => {
                ("is not Spotify's account data: it holds no file of play history", self.remedy())
            }
        };
        DataError::bad_file(path, problem, remedy)
    }
}

/// Whose history a source holds where its rows do not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// User id.
    pub(super) user: String,
    /// The zip, folder or file that the id was taken from.
    pub(super) origin: PathBuf,
}

/// One JSON file.
#[derive(Debug)]
pub(super) struct Source {
    /// Index into [`Sources::owners`].
    pub(super) owner: usize,
    /// The file itself, or the zip it lies in.
    pub(super) path: PathBuf,
    /// Its name in the zip.
    pub(super) entry: Option<String>,
    /// Length of the JSON text.
    pub(super) bytes: u64,
}

/// The files of play history in the inputs.
#[derive(Debug)]
pub(super) struct Sources {
    export: Export,
    pub(super) owners: Vec<Owner>,
    pub(super) files: Vec<Source>,
}

/// What a file's name says of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    History(Export),
    Zip,
    Other,
}

fn kind_of(name: &str) -> Kind {
    let name = name.to_lowercase();
    let json = name.ends_with(".json");
    if json && (name.starts_with("streaming_history_audio") || name.starts_with("endsong")) {
        Kind::History(Export::Extended)
    } else if json && name.starts_with("streaminghistory") {
        Kind::History(Export::Account)
    } else if name.ends_with(".zip") {
        Kind::Zip
    } else {
        Kind::Other
    }
}

impl Sources {
    /// Looks through the inputs for files of one kind of export.
    pub(super) fn find(export: Export, inputs: &[PathBuf]) -> Result<Self> {
        let mut sources = Self { export, owners: Vec::new(), files: Vec::new() };
        for input in inputs {
            let metadata = fs::metadata(input).map_err(|e| DataError::file("read", input, e))?;
            if metadata.is_dir() {
                sources.add_folder(input)?;
            } else if is_zip(input)? {
                sources.add_zip(input)?;
            } else {
                sources.add_json(input, metadata.len())?;
            }
        }
        if sources.files.is_empty() {
            let problem = format!("none given; {}", export.remedy());
            return Err(DataError::Setting { setting: "input", problem });
        }
        Ok(sources)
    }

    /// One zip is one person's export.
    fn add_zip(&mut self, path: &Path) -> Result<()> {
        let Contents { histories, other_export } = Contents::of_zip(path, self.export)?;
        if histories.is_empty() {
            return Err(self.export.not_found(path, other_export));
        }
        let owner = self.owner(stem(path), path);
        self.files.extend(histories.into_iter().map(|(entry, bytes)| Source {
            owner,
            path: path.to_owned(),
            entry: Some(entry),
            bytes,
        }));
        Ok(())
    }

    /// The JSON files under one folder are one person's export; each zip under it is one of its own.
    fn add_folder(&mut self, folder: &Path) -> Result<()> {
        let mut files = Vec::new();
        list_files(folder, 0, &mut files)?;
        files.sort_by(|a, b| by_numbers(&a.to_string_lossy(), &b.to_string_lossy()));
        let of_kind = |kind: Kind| files.iter().filter(move |file| kind_of(&file_name(file)) == kind);
        let histories: Vec<&PathBuf> = of_kind(Kind::History(self.export)).collect();
        let mut folders: Vec<&Path> = histories.iter().filter_map(|file| file.parent()).collect();
        folders.dedup();
        if let [first, second, ..] = folders[..] {
            let problem =
                format!("holds play histories in several folders ({}, {})", first.display(), second.display());
            let remedy = "pass each person's folder by itself, or put one person's files into one folder";
            return Err(DataError::bad_file(folder, problem, remedy));
        }
        if !histories.is_empty() {
            let owner = self.owner(stem(&fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())), folder);
            for file in histories {
                let bytes = fs::metadata(file).map_err(|e| DataError::file("read", file, e))?.len();
                self.files.push(Source { owner, path: file.clone(), entry: None, bytes });
            }
        }
        let mut other_export = of_kind(Kind::History(self.export.other())).next().is_some();
        let mut found = !folders.is_empty();
        for zip in of_kind(Kind::Zip) {
            // Zips of other things may lie beside exports; a damaged one is an error, for it may be an export.
            let contents = Contents::of_zip(zip, self.export)?;
            other_export |= contents.other_export;
            if !contents.histories.is_empty() {
                found = true;
                self.add_zip(zip)?;
            }
        }
        if found { Ok(()) } else { Err(self.export.not_found(folder, other_export)) }
    }

    /// Files given by themselves belong to the person of their folder.
    fn add_json(&mut self, path: &Path, bytes: u64) -> Result<()> {
        let name = file_name(path);
        if kind_of(&name) == Kind::History(self.export.other()) {
            return Err(self.export.not_found(path, true));
        }
        if !name.to_lowercase().ends_with(".json") || name.to_lowercase().starts_with("streaming_history_video") {
            return Err(self.export.not_found(path, false));
        }
        let folder = fs::canonicalize(path).map_err(|e| DataError::file("read", path, e))?;
        let folder = folder.parent().unwrap_or(Path::new("/")).to_owned();
        let owner = self.owner(stem(&folder), &folder);
        self.files.push(Source { owner, path: path.to_owned(), entry: None, bytes });
        Ok(())
    }

    fn owner(&mut self, user: String, origin: &Path) -> usize {
        let owner = Owner { user, origin: origin.to_owned() };
        self.owners.iter().position(|known| *known == owner).unwrap_or_else(|| {
            self.owners.push(owner);
            self.owners.len() - 1
        })
    }
}

/// What a zip holds.
struct Contents {
    /// Names and lengths of its files of play history, in order of name.
    histories: Vec<(String, u64)>,
    other_export: bool,
}

impl Contents {
    fn of_zip(path: &Path, export: Export) -> Result<Self> {
        let mut archive = open_zip(path)?;
        // A name that is no text is not that of a history.
        let mut names: Vec<String> = archive.file_names().flatten().map(Cow::into_owned).collect();
        names.retain(|name| !is_hidden(name));
        names.sort_unstable_by(|a, b| by_numbers(a, b));
        let other_export = names.iter().any(|name| kind_of(base(name)) == Kind::History(export.other()));
        names.retain(|name| kind_of(base(name)) == Kind::History(export));
        let length = |name: String| {
            let bytes = archive.by_name(&name).map_err(|e| zip_error(path, e))?.size();
            Ok((name, bytes))
        };
        Ok(Self { histories: names.into_iter().map(length).collect::<Result<_>>()?, other_export })
    }
}

impl Source {
    /// The name shown to the user: `archive.zip!folder/file.json`.
    pub(super) fn label(&self) -> String {
        match &self.entry {
            Some(entry) => format!("{}!{entry}", self.path.display()),
            None => self.path.display().to_string(),
        }
    }

    /// Opens the file and hands it to `read`.
    pub(super) fn open<T>(&self, read: impl FnOnce(&mut dyn BufRead) -> Result<T>) -> Result<T> {
        match &self.entry {
            None => {
                let file = File::open(&self.path).map_err(|e| DataError::file("open", &self.path, e))?;
                read(&mut BufReader::with_capacity(1 << 16, file))
            }
            Some(entry) => {
                let mut archive = open_zip(&self.path)?;
                let file = archive.by_name(entry).map_err(|e| zip_error(&self.path, e))?;
                read(&mut BufReader::with_capacity(1 << 16, file))
            }
        }
    }
}

fn open_zip(path: &Path) -> Result<ZipArchive<BufReader<File>>> {
    let file = File::open(path).map_err(|e| DataError::file("open", path, e))?;
    ZipArchive::new(BufReader::new(file)).map_err(|e| zip_error(path, e))
}

fn zip_error(path: &Path, error: zip::result::ZipError) -> DataError {
    let problem = format!("cannot be read as a zip; it is cut short or damaged ({error})");
    DataError::bad_file(path, problem, "copy or download the export again, or pass the JSON files unpacked from it")
}

/// Whether a file is a zip by its first bytes, or claims to be one by its name.
fn is_zip(path: &Path) -> Result<bool> {
    let mut magic = Vec::new();
    let file = File::open(path).map_err(|e| DataError::file("open", path, e))?;
    file.take(4).read_to_end(&mut magic).map_err(|e| DataError::file("read", path, e))?;
    Ok(magic == *b"PK\x03\x04" || kind_of(&file_name(path)) == Kind::Zip)
}

/// Whether a name is one that a file manager left behind (`__MACOSX/._x.json`).
fn is_hidden(name: &str) -> bool {
    name.starts_with("__MACOSX") || base(name).starts_with('.')
}

fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// The order of names whose numbers count as numbers: `StreamingHistory10` follows `StreamingHistory9`, as their rows
/// follow each other in time.
fn by_numbers(a: &str, b: &str) -> Ordering {
    let padded = |name: &str| {
        let mut text = String::with_capacity(name.len() + 16);
        let mut rest = name;
        while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
            let digits = rest[begin..].bytes().take_while(u8::is_ascii_digit).count();
            text += &format!("{}{:0>20}", &rest[..begin], &rest[begin..begin + digits]);
            rest = &rest[begin + digits..];
        }
        text + rest
    };
    padded(a).cmp(&padded(b)).then_with(|| a.cmp(b))
}

/// The last name of a path without the ending of an archive.
fn stem(path: &Path) -> String {
    let name = file_name(path);
    let name = if kind_of(&name) == Kind::Zip { &name[..name.len() - 4] } else { &name };
    if name.is_empty() { "listener".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_follow_each_other_by_their_numbers() {
        let mut names = ["h10.json", "h9.json", "h.json", "a/h2.json", "h09.json", "h1é2.json", "h1é10.json"];
        names.sort_by(|a, b| by_numbers(a, b));
        assert_eq!(names, ["a/h2.json", "h.json", "h1é2.json", "h1é10.json", "h09.json", "h9.json", "h10.json"]);
    }
}
