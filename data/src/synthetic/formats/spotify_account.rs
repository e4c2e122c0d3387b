//! Placeholder of the spotify_account writer.

use std::path::Path;

use super::LogWriter;
use crate::synthetic::SyntheticWorld;
use crate::{DataError, Result};

pub(super) fn writer<'a>(out: &Path, _world: &'a SyntheticWorld) -> Result<Box<dyn LogWriter + 'a>> {
    Err(DataError::bad_file(out, "not written yet", ""))
}
