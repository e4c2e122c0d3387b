//! Sessions given as lists of items: plain text (`plain`), or the files of 30Music (`thirty_music`). The formats, their
//! traps and what is made of them are documented in `docs/formats/sessions.md`.

mod plain;
mod thirty_music;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub(crate) use self::plain::fuzz as fuzz_item_lists;
pub(crate) use self::thirty_music::fuzz as fuzz_thirty_music;
use super::inputs::{file_name, find_files};
use super::options::ImportOptions;
use super::report::ImportReport;
use crate::play::named_enum;
use crate::{DataError, Progress, Result};

named_enum! {
    /// What stands between the items of a line.
    ItemSeparator {
        /// Blanks, one or more.
        Blank = "blank",
        /// A comma.
        Comma = "comma",
        /// A tab.
        Tab = "tab",
    }
}

/// Settings of an import of plain lists.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct SessionsOptions {
    /// What stands between items; told from the first lines where it is not given.
    pub separator: Option<ItemSeparator>,
}

const REMEDY: &str = "pass text files with a session of item ids per line, or the folder or archive of 30Music";

/// Imports lists of items into a new dataset at `out`.
///
/// Text files hold a session per line, as #nowplaying does; each line is then a listener of its own, without times.
/// 30Music (a folder or archive with `sessions.idomaar` and, for names, `tracks.idomaar`) has listeners and times.
pub fn import_sessions(
    inputs: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    lists: &SessionsOptions,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    options.validate()?;
    let wanted = |name: &str| plain::is_list(name) || thirty_music::is_part(name);
    let files = find_files(inputs, wanted, REMEDY)?;
    let parts = files.iter().filter(|file| thirty_music::is_part(&file_name(file).to_lowercase())).count();
    if parts == 0 {
        return plain::import(&files, out, options, lists, progress);
    }
    // The text files beside those of 30Music are its read-me and licence.
    let given = |file: &PathBuf| inputs.contains(file) && !thirty_music::is_part(&file_name(file).to_lowercase());
    if let Some(file) = files.iter().find(|file| given(file)) {
        return Err(DataError::bad_file(file, "is no part of 30Music, as other inputs are", "import it by itself"));
    }
    thirty_music::import(&files, out, options, progress)
}

#[cfg(test)]
mod tests;
