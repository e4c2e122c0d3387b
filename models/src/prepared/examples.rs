//! Examples for the user-response model: one per play.

use std::fs;
use std::path::Path;

use listening_data::Session;

use super::start_builder::Moment;
use crate::features::{CONTEXT_FEATURES, RELATION_FEATURES, SLOW_FEATURES};
use crate::{Column, ColumnWriter, ModelError, Result};

/// Labels of a play: complete, skip, past threshold, and whether the session ended with it.
pub const LABELS: usize = 4;

/// The plays of one split, as mapped columns.
pub struct Examples {
    session_length: usize,
    session_features: Column<f32>,
    /// Per session, its first play; its plays follow each other.
    first_play: Column<u32>,
    /// Per play, its session's row in `session_features`.
    pub session: Column<u32>,
    /// Per play, its user.
    pub user: Column<u32>,
    /// Per play, its track.
    pub track: Column<u32>,
    /// Per play, its place in the session, from 0.
    pub position: Column<u32>,
    relations: Column<f32>,
    /// Per play, bit i: label i is true; bit 4 + i: label i is known.
    labels: Column<u8>,
    /// Per play, its propensity; NaN where there is none.
    propensities: Column<f32>,
}

impl Examples {
    pub(super) fn open(folder: &Path, (sessions, plays): (usize, usize), user_state: usize) -> Result<Self> {
        let session_length = user_state + SLOW_FEATURES + CONTEXT_FEATURES;
        Ok(Self {
            session_length,
            session_features: Column::open(folder, "session_features.f32", sessions * session_length)?,
            first_play: Column::open(folder, "first_play.u32", sessions)?,
            session: Column::open(folder, "session.u32", plays)?,
            user: Column::open(folder, "user.u32", plays)?,
            track: Column::open(folder, "track.u32", plays)?,
            position: Column::open(folder, "position.u32", plays)?,
            relations: Column::open(folder, "relations.f32", plays * RELATION_FEATURES)?,
            labels: Column::open(folder, "labels.u8", plays)?,
            propensities: Column::open(folder, "propensities.f32", plays)?,
        })
    }

    /// Number of plays.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no plays.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Number of sessions.
    pub fn sessions(&self) -> usize {
        self.first_play.len()
    }

    /// The plays of a session, in order.
    pub fn plays(&self, session: usize) -> std::ops::Range<usize> {
        let end = self.first_play.get(session + 1).map_or(self.len(), |&play| play as usize);
        self.first_play[session] as usize..end
    }

    /// The session features of a play.
    pub fn session_features(&self, play: usize) -> &[f32] {
        &self.session_features[self.session[play] as usize * self.session_length..][..self.session_length]
    }

    /// The relation features of a play.
    pub fn relation(&self, play: usize) -> &[f32] {
        &self.relations[play * RELATION_FEATURES..][..RELATION_FEATURES]
    }

    /// How likely a play's track was to be played there, where the log tells.
    pub fn propensity(&self, play: usize) -> Option<f32> {
        Some(self.propensities[play]).filter(|p| !p.is_nan())
    }

    /// The labels of a play: complete, skip, past threshold, end of session; `None` where unknown.
    pub fn labels(&self, play: usize) -> [Option<bool>; LABELS] {
        let bits = self.labels[play];
        std::array::from_fn(|label| (bits >> (LABELS + label) & 1 == 1).then_some(bits >> label & 1 == 1))
    }
}

#[cfg(test)]
impl Examples {
    /// Sessions of one user, in which track 0 is played with these labels, and nothing else is known.
    pub(crate) fn of_labels(sessions: &[Vec<[Option<bool>; LABELS]>]) -> Self {
        let plays =
            || sessions.iter().enumerate().flat_map(|(session, plays)| (0..plays.len()).map(move |at| (session, at)));
        let count = plays().count();
        let bits =
            |label: usize, value: Option<bool>| value.map_or(0u8, |yes| u8::from(yes) << label | 1 << (LABELS + label));
        let labels =
            plays().map(|(session, at)| (0..LABELS).map(|label| bits(label, sessions[session][at][label])).sum());
        let first = sessions.iter().scan(0, |next, plays| {
            *next += plays.len() as u32;
            Some(*next - plays.len() as u32)
        });
        Self {
            session_length: CONTEXT_FEATURES,
            session_features: Column::Owned(vec![0.0; sessions.len() * CONTEXT_FEATURES]),
            first_play: Column::Owned(first.collect()),
            session: Column::Owned(plays().map(|(session, _)| session as u32).collect()),
            user: Column::Owned(vec![0; count]),
            track: Column::Owned(vec![0; count]),
            position: Column::Owned(plays().map(|(_, at)| at as u32).collect()),
            relations: Column::Owned(vec![0.0; count * RELATION_FEATURES]),
            labels: Column::Owned(labels.collect()),
            propensities: Column::Owned(vec![f32::NAN; count]),
        }
    }

    /// The same plays with these propensities.
    pub(crate) fn with_propensities(self, propensities: &[Option<f32>]) -> Self {
        let propensities = propensities.iter().map(|p| p.unwrap_or(f32::NAN)).collect();
        Self { propensities: Column::Owned(propensities), ..self }
    }
}

pub(super) struct ExamplesWriter {
    sessions: usize,
    plays: usize,
    session_features: ColumnWriter<f32>,
    first_play: ColumnWriter<u32>,
    session: ColumnWriter<u32>,
    user: ColumnWriter<u32>,
    track: ColumnWriter<u32>,
    position: ColumnWriter<u32>,
    relations: ColumnWriter<f32>,
    labels: ColumnWriter<u8>,
    propensities: ColumnWriter<f32>,
}

impl ExamplesWriter {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| ModelError::file("create", folder, e))?;
        Ok(Self {
            sessions: 0,
            plays: 0,
            session_features: ColumnWriter::create(folder, "session_features.f32")?,
            first_play: ColumnWriter::create(folder, "first_play.u32")?,
            session: ColumnWriter::create(folder, "session.u32")?,
            user: ColumnWriter::create(folder, "user.u32")?,
            track: ColumnWriter::create(folder, "track.u32")?,
            position: ColumnWriter::create(folder, "position.u32")?,
            relations: ColumnWriter::create(folder, "relations.f32")?,
            labels: ColumnWriter::create(folder, "labels.u8")?,
            propensities: ColumnWriter::create(folder, "propensities.f32")?,
        })
    }

    pub(super) fn write_session(&mut self, session: &Session, moment: &Moment<'_>) -> Result<()> {
        self.session_features.push(&moment.session_features())?;
        self.first_play.push(&[self.plays as u32])?;
        let mut relation = [0.0; RELATION_FEATURES];
        for (position, play) in session.plays.iter().enumerate() {
            moment.relations.write(play.track, &mut relation);
            let ended = Some(position + 1 == session.plays.len());
            let responses = play.responses;
            let labels = [responses.complete, responses.skip, responses.past_threshold, ended];
            let bits = labels.iter().enumerate().fold(0u8, |bits, (label, value)| match value {
                Some(yes) => bits | u8::from(*yes) << label | 1 << (LABELS + label),
                None => bits,
            });
            self.session.push(&[self.sessions as u32])?;
            self.user.push(&[session.user])?;
            self.track.push(&[play.track])?;
            self.position.push(&[position as u32])?;
            self.relations.push(&relation)?;
            self.labels.push(&[bits])?;
            self.propensities.push(&[play.propensity.unwrap_or(f32::NAN)])?;
        }
        self.sessions += 1;
        self.plays += session.plays.len();
        Ok(())
    }

    /// Flushes; returns the numbers of sessions and plays.
    pub(super) fn finish(self) -> Result<(usize, usize)> {
        self.session_features.finish()?;
        for column in [self.first_play, self.session, self.user, self.track, self.position] {
            column.finish()?;
        }
        self.relations.finish()?;
        self.labels.finish()?;
        self.propensities.finish()?;
        Ok((self.sessions, self.plays))
    }
}
