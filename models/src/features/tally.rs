//! Counts of responses, and smoothed rates from them.

use std::path::Path;

use listening_data::{Dataset, Responses};

use crate::splits::TimeSplit;
use crate::tensors::{SavedTensor, TensorFile, save_tensors};
use crate::{ModelError, Result};

/// The responses, in the order of every array over them.
pub const RESPONSES: [&str; 3] = ["complete", "skip", "past_threshold"];

const FILE: &str = "track_totals.safetensors";

/// How often each response was given, and how often it was known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Plays.
    pub plays: u32,
    /// Plays with the response, by response.
    pub given: [u32; 3],
    /// Plays of which the response is known, by response.
    pub known: [u32; 3],
}

impl Tally {
    /// Adds one play.
    pub fn add(&mut self, responses: &Responses) {
        self.plays += 1;
        for (index, response) in response_array(responses).into_iter().enumerate() {
            self.known[index] += u32::from(response.is_some());
            self.given[index] += u32::from(response == Some(true));
        }
    }

    /// What remains without another tally that is part of this one.
    pub fn without(&self, part: &Tally) -> Tally {
        let subtract = |a: [u32; 3], b: [u32; 3]| std::array::from_fn(|i| a[i].saturating_sub(b[i]));
        Tally {
            plays: self.plays.saturating_sub(part.plays),
            given: subtract(self.given, part.given),
            known: subtract(self.known, part.known),
        }
    }

    /// Rate of a response, drawn towards `prior` as by `weight` plays of that rate.
    pub fn rate(&self, response: usize, prior: f32, weight: f32) -> f32 {
        (self.given[response] as f32 + weight * prior) / (self.known[response] as f32 + weight)
    }
}

/// The responses as an array, in the order of [`RESPONSES`].
pub(crate) fn response_array(responses: &Responses) -> [Option<bool>; 3] {
    [responses.complete, responses.skip, responses.past_threshold]
}

/// Tallies of the training sessions: per track and overall.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackTotals {
    /// Per track.
    pub tracks: Vec<Tally>,
    /// Over all plays: gives the base rates.
    pub all: Tally,
    /// Training sessions.
    pub sessions: u32,
    /// Those whose tracks were chosen with known probability.
    pub with_propensity: u32,
}

impl TrackTotals {
    /// Counts the training sessions of a dataset.
    pub fn count(dataset: &Dataset, split: &TimeSplit) -> Result<Self> {
        let mut tracks = vec![Tally::default(); dataset.manifest().tracks as usize];
        let mut all = Tally::default();
        let (mut sessions, mut with_propensity) = (0, 0);
        for logged in split.training_sessions(dataset)? {
            let plays = logged?.session.plays;
            sessions += 1;
            with_propensity += u32::from(plays.iter().any(|play| play.propensity.is_some()));
            for play in &plays {
                tracks[play.track as usize].add(&play.responses);
                all.add(&play.responses);
            }
        }
        Ok(Self { tracks, all, sessions, with_propensity })
    }

    /// Share of all plays with each response; 0.5 where none is known.
    pub fn base_rates(&self) -> [f32; 3] {
        std::array::from_fn(|response| match self.all.known[response] {
            0 => 0.5,
            known => self.all.given[response] as f32 / known as f32,
        })
    }

    /// Writes the totals into a folder.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let rows: Vec<u32> = self.tracks.iter().chain([&self.all]).flat_map(row).collect();
        let tensors = [
            ("tallies".to_owned(), SavedTensor::integers(&[self.tracks.len() + 1, 7], &rows)),
            ("sessions".to_owned(), SavedTensor::number(self.sessions)),
            ("with_propensity".to_owned(), SavedTensor::number(self.with_propensity)),
        ];
        save_tensors(&folder.join(FILE), &tensors)
    }

    /// Reads what [`Self::save`] wrote for a catalog of `tracks` tracks.
    pub fn load(folder: &Path, tracks: usize) -> Result<Self> {
        let path = folder.join(FILE);
        let file = TensorFile::open(&path)?;
        let rows = file.integers("tallies")?;
        if rows.len() != 7 * (tracks + 1) {
            return Err(ModelError::bad_file(&path, format!("does not fit a catalog of {tracks} tracks")));
        }
        let mut tracks: Vec<Tally> = rows.chunks_exact(7).map(tally).collect();
        let all = tracks.pop().unwrap_or_default();
        let number = |name: &str| Ok::<_, ModelError>(file.integers(name)?.first().copied().unwrap_or(0));
        Ok(Self { tracks, all, sessions: number("sessions")?, with_propensity: number("with_propensity")? })
    }
}

fn row(tally: &Tally) -> [u32; 7] {
    let (given, known) = (tally.given, tally.known);
    [tally.plays, given[0], given[1], given[2], known[0], known[1], known[2]]
}

fn tally(row: &[u32]) -> Tally {
    Tally { plays: row[0], given: [row[1], row[2], row[3]], known: [row[4], row[5], row[6]] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_responses_are_not_counted_as_false() {
        let mut tally = Tally::default();
        tally.add(&Responses { complete: Some(true), skip: Some(false), past_threshold: None });
        tally.add(&Responses { complete: None, skip: Some(true), past_threshold: None });
        assert_eq!(tally, Tally { plays: 2, given: [1, 1, 0], known: [1, 2, 0] });
        assert_eq!(tally.rate(0, 0.5, 1.0), 0.75);
        assert_eq!(tally.rate(2, 0.3, 2.0), 0.3);
        assert_eq!(tally.without(&tally), Tally::default());
    }
}
