//! Moments at which a session started: user, features, and the candidates that may be played.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{SessionStart, SessionStates, StartBuilder};
use crate::features::{CONTEXT_FEATURES, RELATION_FEATURES, SLOW_FEATURES};
use crate::{Column, ColumnWriter, ModelError, Result};

/// Where the candidates of a pool come from, in the order of their slots.
pub const SOURCES: [&str; 3] = ["theme", "library", "nearest"];

/// Lengths of what a table of session starts holds of each.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct StartLengths {
    pub(super) user_state: usize,
    pub(super) track_direction: usize,
    pub(super) memory: usize,
    pub(super) candidates_per_source: usize,
}

impl StartLengths {
    /// Of starts with these user states, by this builder, and with so many candidates.
    pub(super) fn new(states: &dyn SessionStates, builder: &StartBuilder<'_>, candidates_per_source: usize) -> Self {
        let (user_state, memory) = (states.dimension(), states.kept_memory());
        Self { user_state, track_direction: builder.track_dimension(), memory, candidates_per_source }
    }
}

/// Session starts, as mapped columns. A candidate is named by its *slot*: slots 0..n are the theme's, n..2n the
/// user's library, 2n..3n the nearest to the user state, with n candidates per source.
pub struct SessionStarts {
    session_length: usize,
    candidates_per_source: usize,
    track_direction: usize,
    memory_length: usize,
    users: Column<u32>,
    logged_sessions: Column<u32>,
    session_features: Column<f32>,
    track_directions: Column<f32>,
    memories: Column<f32>,
    gap_hours: Column<f32>,
    tracks: Column<u32>,
    relations: Column<f32>,
}

impl SessionStarts {
    pub(super) fn open(folder: &Path, starts: usize, lengths: StartLengths) -> Result<Self> {
        let session_length = lengths.user_state + SLOW_FEATURES + CONTEXT_FEATURES;
        let slots = starts * SOURCES.len() * lengths.candidates_per_source;
        Ok(Self {
            session_length,
            candidates_per_source: lengths.candidates_per_source,
            track_direction: lengths.track_direction,
            memory_length: lengths.memory,
            users: Column::open(folder, "user.u32", starts)?,
            logged_sessions: Column::open(folder, "logged_session.u32", starts)?,
            session_features: Column::open(folder, "session_features.f32", starts * session_length)?,
            track_directions: Column::open(folder, "track_direction.f32", starts * lengths.track_direction)?,
            memories: Column::open(folder, "memory.f32", starts * lengths.memory)?,
            gap_hours: Column::open(folder, "gap_hours.f32", starts)?,
            tracks: Column::open(folder, "candidate_track.u32", slots)?,
            relations: Column::open(folder, "candidate_relations.f32", slots * RELATION_FEATURES)?,
        })
    }

    /// A table of one start, in memory.
    pub fn one(start: SessionStart) -> Self {
        Self {
            session_length: start.session_features.len(),
            candidates_per_source: start.tracks.len() / SOURCES.len(),
            track_direction: start.track_direction.len(),
            memory_length: start.memory.len(),
            users: Column::Owned(vec![start.user]),
            logged_sessions: Column::Owned(vec![start.logged_session]),
            session_features: Column::Owned(start.session_features),
            track_directions: Column::Owned(start.track_direction),
            memories: Column::Owned(start.memory),
            gap_hours: Column::Owned(vec![start.gap_hours]),
            tracks: Column::Owned(start.tracks),
            relations: Column::Owned(start.relations),
        }
    }

    /// Number of starts.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Length of the session features.
    pub fn session_length(&self) -> usize {
        self.session_length
    }

    /// Candidates per source.
    pub fn candidates_per_source(&self) -> usize {
        self.candidates_per_source
    }

    /// Slots per start.
    pub fn slots(&self) -> usize {
        SOURCES.len() * self.candidates_per_source
    }

    /// The user of a start.
    pub fn user(&self, start: usize) -> u32 {
        self.users[start]
    }

    /// All starts of the user of a start, in order of time: they follow each other.
    pub fn starts_of_user(&self, start: usize) -> std::ops::Range<usize> {
        let user = self.users[start];
        self.users.partition_point(|&other| other < user)..self.users.partition_point(|&other| other <= user)
    }

    /// The logged session that a start was taken from.
    pub fn logged_session(&self, start: usize) -> u32 {
        self.logged_sessions[start]
    }

    /// The session features of a start.
    pub fn session_features(&self, start: usize) -> &[f32] {
        &self.session_features[start * self.session_length..][..self.session_length]
    }

    /// Length of the user state, which comes first among the session features.
    pub fn state_length(&self) -> usize {
        self.session_length - SLOW_FEATURES - CONTEXT_FEATURES
    }

    /// The user's slow features among the session features of a start.
    pub fn slow_features(&self, start: usize) -> &[f32] {
        &self.session_features(start)[self.state_length()..][..SLOW_FEATURES]
    }

    /// Where the user state of a start points in the space of the tracks: of length 1, or zeros.
    pub fn track_direction(&self, start: usize) -> &[f32] {
        &self.track_directions[start * self.track_direction..][..self.track_direction]
    }

    /// Length of the memories of user states that move within sessions; 0 where none does.
    pub fn memory_length(&self) -> usize {
        self.memory_length
    }

    /// The memory of the user states of a start.
    pub fn memory(&self, start: usize) -> &[f32] {
        &self.memories[start * self.memory_length..][..self.memory_length]
    }

    /// Hours between the user's last play and a start; 0 where there is none, and where nothing moves within sessions.
    pub fn gap_hours(&self, start: usize) -> f32 {
        self.gap_hours[start]
    }

    /// The candidate tracks of a start, by slot.
    pub fn tracks(&self, start: usize) -> &[u32] {
        &self.tracks[start * self.slots()..][..self.slots()]
    }

    /// The relation features of the candidate in a slot.
    pub fn relation(&self, start: usize, slot: usize) -> &[f32] {
        &self.relations[(start * self.slots() + slot) * RELATION_FEATURES..][..RELATION_FEATURES]
    }
}

pub(super) struct StartsWriter {
    starts: usize,
    users: ColumnWriter<u32>,
    logged_sessions: ColumnWriter<u32>,
    session_features: ColumnWriter<f32>,
    track_directions: ColumnWriter<f32>,
    memories: ColumnWriter<f32>,
    gap_hours: ColumnWriter<f32>,
    tracks: ColumnWriter<u32>,
    relations: ColumnWriter<f32>,
}

impl StartsWriter {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| ModelError::file("create", folder, e))?;
        Ok(Self {
            starts: 0,
            users: ColumnWriter::create(folder, "user.u32")?,
            logged_sessions: ColumnWriter::create(folder, "logged_session.u32")?,
            session_features: ColumnWriter::create(folder, "session_features.f32")?,
            track_directions: ColumnWriter::create(folder, "track_direction.f32")?,
            memories: ColumnWriter::create(folder, "memory.f32")?,
            gap_hours: ColumnWriter::create(folder, "gap_hours.f32")?,
            tracks: ColumnWriter::create(folder, "candidate_track.u32")?,
            relations: ColumnWriter::create(folder, "candidate_relations.f32")?,
        })
    }

    pub(super) fn write(&mut self, start: &SessionStart) -> Result<()> {
        self.starts += 1;
        self.users.push(&[start.user])?;
        self.logged_sessions.push(&[start.logged_session])?;
        self.session_features.push(&start.session_features)?;
        self.track_directions.push(&start.track_direction)?;
        self.memories.push(&start.memory)?;
        self.gap_hours.push(&[start.gap_hours])?;
        self.tracks.push(&start.tracks)?;
        self.relations.push(&start.relations)
    }

    /// Flushes; returns the number of starts.
    pub(super) fn finish(self) -> Result<usize> {
        for column in [self.users, self.logged_sessions, self.tracks] {
            column.finish()?;
        }
        let floats = [self.session_features, self.track_directions, self.memories, self.gap_hours, self.relations];
        for column in floats {
            column.finish()?;
        }
        Ok(self.starts)
    }
}
