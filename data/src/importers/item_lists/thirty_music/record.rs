//! Plays as they are sorted.

use bytemuck::{Pod, Zeroable};

use super::line::{SessionLine, SessionPlay};
use crate::Result;
use crate::importers::text_lines::numbered_lines;
use crate::parallel::LineBlock;

/// Stands for a number that is not known.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// A play, as it is sorted.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
pub(super) struct Record {
    pub(super) user: u32,
    /// Start of the session, in seconds since 1970.
    pub(super) seconds: u32,
    /// The session's number, and the place in it.
    pub(super) session: u32,
    pub(super) position: u32,
    pub(super) track: u32,
    /// Seconds from the start of the session.
    pub(super) start_s: u32,
    pub(super) playtime_s: u32,
    pub(super) ratio_thousandths: u32,
    /// Whether it was skipped.
    pub(super) skipped: u32,
}

/// A play with the identifiers of its listener and track.
pub(super) struct ParsedPlay {
    pub(super) user: u64,
    pub(super) track: u64,
    pub(super) record: Record,
}

#[derive(Default)]
pub(super) struct ParsedSessions {
    pub(super) plays: Vec<ParsedPlay>,
    pub(super) rows_bad: u64,
    pub(super) without_tracks: u64,
}

impl ParsedSessions {
    pub(super) fn parse(label: &str, block: &LineBlock, lenient: bool) -> Result<Self> {
        let mut parsed = Self::default();
        for (number, line) in numbered_lines(block) {
            match SessionLine::parse(line) {
                Ok(session) => parsed.push(&session),
                Err(_) if lenient => parsed.rows_bad += 1,
                Err(problem) => return Err(problem.at(label, number)),
            }
        }
        Ok(parsed)
    }

    fn push(&mut self, session: &SessionLine<'_>) {
        self.without_tracks += u64::from(session.plays.is_empty());
        for (position, play) in (0..).zip(&session.plays) {
            let record = Record { seconds: session.seconds, position, ..Record::of(play) };
            self.plays.push(ParsedPlay { user: session.user, track: play.id, record });
        }
    }
}

impl Record {
    fn of(play: &SessionPlay<'_>) -> Self {
        // Below 0 is how the files write what is not known.
        let known = |value: Option<f64>, scale: f64| {
            let value = value.map(|value| value * scale).filter(|value| (0.0..1e9).contains(value));
            value.map_or(UNKNOWN, |value| value as u32)
        };
        Self {
            start_s: known(play.playstart, 1.0),
            playtime_s: known(play.playtime, 1.0),
            ratio_thousandths: known(play.playratio, 1000.0),
            skipped: u32::from(play.action.as_deref() == Some("skip")),
            ..Self::default()
        }
    }
}
