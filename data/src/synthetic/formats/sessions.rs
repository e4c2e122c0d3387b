//! Writes synthetic listeners as plain lists of item ids, a session per line (`docs/formats/sessions.md`).

use std::fmt::Write;
use std::path::Path;

use super::LogWriter;
use super::log_folder::{LogFile, LogFolder};
use crate::synthetic::SyntheticWorld;
use crate::{Result, Session};

pub(super) fn writer<'a>(out: &Path, _world: &'a SyntheticWorld) -> Result<Box<dyn LogWriter + 'a>> {
    let folder = LogFolder::create(out)?;
    let sessions = folder.file("sessions.txt")?;
    Ok(Box::new(SessionsWriter { folder, sessions, lines: String::new() }))
}

struct SessionsWriter {
    folder: LogFolder,
    sessions: LogFile,
    lines: String,
}

impl LogWriter for SessionsWriter {
    fn write(&mut self, _listener: u32, sessions: &[Session]) -> Result<()> {
        self.lines.clear();
        for session in sessions {
            for (place, play) in session.plays.iter().enumerate() {
                let blank = if place == 0 { "" } else { " " };
                // Writing to a string cannot fail. Items are counted from 1, as in #nowplaying.
                let _ = write!(self.lines, "{blank}{}", play.track + 1);
            }
            self.lines.push('\n');
        }
        self.sessions.write(&self.lines)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.sessions.finish()?;
        self.folder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{direct, log};
    use crate::{Dataset, ImportOptions, SessionsOptions, Silent, SyntheticFormat, import_sessions};

    #[test]
    fn what_is_written_is_imported_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let written = folder.path().join("log");
        let counts = log(SyntheticFormat::Sessions, &written);
        let out = folder.path().join("imported");
        let options = ImportOptions::default();
        let report = import_sessions(&[written], &out, &options, &SessionsOptions::default(), &Silent).unwrap();
        assert_eq!((report.manifest.plays, report.manifest.sessions), (counts.plays, counts.sessions));
        let imported = Dataset::open(&out).unwrap();
        let catalog = imported.catalog().unwrap();
        let lists: Vec<Vec<u32>> = imported
            .sessions()
            .unwrap()
            .map(|logged| logged.unwrap().session.plays)
            .map(|plays| plays.iter().map(|play| catalog[play.track as usize].id.parse::<u32>().unwrap() - 1).collect())
            .collect();
        let expected: Vec<Vec<u32>> = direct(folder.path())
            .sessions()
            .unwrap()
            .map(|logged| logged.unwrap().session.plays.iter().map(|play| play.track).collect())
            .collect();
        assert_eq!(lists, expected);
    }
}
