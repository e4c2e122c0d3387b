//! Plays taken apart into the columns of their table.

use crate::Play;
use crate::response_shares::ResponseTally;
use crate::table::{ColumnValues, Values};

/// Plays taken apart at once: they stay in the fastest cache for all columns.
pub(crate) const PLAYS_AT_ONCE: usize = 512;

/// The columns of the plays of one row group, but for those that tell of their sessions.
pub(crate) struct PlayColumns {
    pub(crate) tracks: Vec<i32>,
    pub(crate) starts_ms: Vec<i64>,
    pub(crate) ms_played: Values<i32>,
    pub(crate) complete: Values<bool>,
    pub(crate) skip: Values<bool>,
    pub(crate) past_threshold: Values<bool>,
    /// `None` where no play has one.
    pub(crate) skip_steps: Option<Values<i32>>,
    /// `None` where no play has one.
    pub(crate) propensities: Option<Values<f32>>,
}

impl PlayColumns {
    /// With room for so many plays.
    pub(crate) fn with_capacity(plays: usize) -> Self {
        Self {
            tracks: Vec::with_capacity(plays),
            starts_ms: Vec::with_capacity(plays),
            ms_played: Values::none_yet(plays),
            complete: Values::none_yet(plays),
            skip: Values::none_yet(plays),
            past_threshold: Values::none_yet(plays),
            skip_steps: Some(Values::none_yet(plays)),
            propensities: Some(Values::none_yet(plays)),
        }
    }

    /// Adds plays, [`PLAYS_AT_ONCE`] of them or so.
    pub(crate) fn extend(&mut self, plays: &[Play]) {
        self.tracks.extend(plays.iter().map(|play| play.track as i32));
        self.starts_ms.extend(plays.iter().map(|play| play.start_ms));
        self.ms_played.extend(plays, |play| play.ms_played.map(|ms| ms as i32));
        self.complete.extend(plays, |play| play.responses.complete);
        self.skip.extend(plays, |play| play.responses.skip);
        self.past_threshold.extend(plays, |play| play.responses.past_threshold);
        if let Some(skip_steps) = &mut self.skip_steps {
            skip_steps.extend(plays, |play| play.skip_step.map(i32::from));
        }
        if let Some(propensities) = &mut self.propensities {
            propensities.extend(plays, |play| play.propensity);
        }
    }

    pub(super) fn tally(&self) -> ResponseTally {
        let counts = [&self.complete, &self.skip, &self.past_threshold].map(|values| (values.yes(), values.known()));
        ResponseTally::new(self.tracks.len(), counts)
    }

    pub(super) fn into_columns(self) -> [ColumnValues; 8] {
        let rows = self.tracks.len();
        [
            ColumnValues::Int(Values::all(self.tracks)),
            ColumnValues::Long(Values::all(self.starts_ms)),
            ColumnValues::Int(self.ms_played),
            ColumnValues::Bool(self.complete),
            ColumnValues::Bool(self.skip),
            ColumnValues::Bool(self.past_threshold),
            self.skip_steps.map_or(ColumnValues::Missing(rows), ColumnValues::Int),
            self.propensities.map_or(ColumnValues::Missing(rows), ColumnValues::Float),
        ]
    }
}
