//! Counts the sessions of a log, one after the other.

use super::{Marginal, MarginalProtocol, Marginals};
use crate::{Play, Session};

/// Session lengths that are told apart.
pub(super) const LENGTHS: usize = 200;
/// Positions that are told apart.
const POSITIONS: usize = 20;
/// Distances of plays whose skips are compared.
const LAGS: usize = 5;
/// Plays within which a track is played again soon, or still.
const REPEAT_WINDOWS: [u32; 2] = [10, 50];

/// The state of a pass. Sessions come listener by listener.
pub(crate) struct MarginalTally {
    protocol: MarginalProtocol,
    lengths: Vec<u64>,
    responses: [u64; 3],
    positions: [[u64; 2]; POSITIONS],
    pairs: [[u64; 4]; LAGS],
    repeats: [u64; 3],
    tracks: Vec<TrackTally>,
    /// The present listener, and the number of the listener's plays so far.
    listener: (u32, u32),
}

/// What is counted of one track.
#[derive(Clone, Default)]
struct TrackTally {
    plays: u64,
    /// Plays past the threshold, and those left before it.
    threshold: [u64; 2],
    /// The last play: the listener, and which of the listener's plays it was, from 1; 0 before the first.
    last: (u32, u32),
}

impl MarginalTally {
    pub(crate) fn new(tracks: usize, protocol: MarginalProtocol) -> Self {
        Self {
            protocol,
            lengths: vec![0; LENGTHS],
            responses: [0; 3],
            positions: [[0; 2]; POSITIONS],
            pairs: [[0; 4]; LAGS],
            repeats: [0; 3],
            tracks: vec![TrackTally::default(); tracks],
            listener: (0, 0),
        }
    }

    pub(crate) fn add(&mut self, session: &Session) {
        if session.plays.len() < self.protocol.min_plays.max(1) {
            return;
        }
        let plays = &session.plays[..session.plays.len().min(self.protocol.max_plays)];
        self.lengths[plays.len().min(LENGTHS) - 1] += 1;
        if self.listener.0 != session.user {
            self.listener = (session.user, 0);
        }
        let skips: Vec<Option<bool>> = plays.iter().map(|play| self.skipped(play)).collect();
        for (position, (play, &skip)) in plays.iter().zip(&skips).enumerate() {
            if let (Some(complete), Some(skip)) = (play.responses.complete, skip) {
                self.responses[if complete { 0 } else { 2 - usize::from(skip) }] += 1;
            }
            let Some(skip) = skip else { continue };
            if let Some(counts) = self.positions.get_mut(position) {
                counts[usize::from(skip)] += 1;
            }
            for (lag, counts) in (1..=position).zip(&mut self.pairs) {
                if let Some(earlier) = skips[position - lag] {
                    counts[2 * usize::from(earlier) + usize::from(skip)] += 1;
                }
            }
        }
        plays.iter().for_each(|play| self.add_to_track(play));
    }

    fn skipped(&self, play: &Play) -> Option<bool> {
        if self.protocol.skip_is_incomplete {
            play.responses.complete.map(|complete| !complete)
        } else {
            play.responses.skip
        }
    }

    fn add_to_track(&mut self, play: &Play) {
        let (listener, before) = self.listener;
        self.listener.1 += 1;
        let track = &mut self.tracks[play.track as usize];
        track.plays += 1;
        if let Some(past) = play.responses.past_threshold {
            track.threshold[usize::from(!past)] += 1;
        }
        let (last_listener, last) = std::mem::replace(&mut track.last, (listener, before + 1));
        // A listener with fewer plays than the window could not have repeated what a longer history would.
        if before >= REPEAT_WINDOWS[1] {
            let apart = if last > 0 && last_listener == listener { before + 1 - last } else { u32::MAX };
            self.repeats[REPEAT_WINDOWS.iter().filter(|&&window| apart > window).count()] += 1;
        }
    }

    pub(crate) fn marginals(&self) -> Marginals {
        let mut marginals = Marginals::default();
        marginals.insert(Marginal::SessionLengths, vec![reals(&self.lengths)]);
        marginals.insert(Marginal::Responses, vec![reals(&self.responses)]);
        marginals.insert(Marginal::SkipByPosition, self.positions.iter().map(|counts| reals(counts)).collect());
        marginals.insert(Marginal::SkipPairs, self.pairs.iter().map(|counts| reals(counts)).collect());
        marginals.insert(Marginal::Repeats, vec![reals(&self.repeats)]);
        let (mut threshold, mut of_tracks) = ([0, 0], [0.0, 0.0]);
        let mut plays = Vec::new();
        for track in self.tracks.iter().filter(|track| track.plays > 0) {
            plays.push((track.plays, 1));
            let [past, left] = track.threshold;
            if past + left > 0 {
                threshold = [threshold[0] + past, threshold[1] + left];
                let share = left as f64 / (past + left) as f64;
                of_tracks = [of_tracks[0] + 1.0 - share, of_tracks[1] + share];
            }
        }
        marginals.insert(Marginal::PastThreshold, vec![reals(&threshold)]);
        marginals.insert(Marginal::TrackSkips, vec![of_tracks.to_vec()]);
        marginals.insert(Marginal::Popularity, vec![hundredths(plays)]);
        marginals
    }
}

fn reals(counts: &[u64]) -> Vec<f64> {
    counts.iter().map(|&count| count as f64).collect()
}

/// Plays of each hundredth of the tracks, the most played first, from (plays, tracks with so many plays).
pub(super) fn hundredths(mut plays: Vec<(u64, u64)>) -> Vec<f64> {
    plays.sort_unstable_by(|a, b| b.cmp(a));
    let width = plays.iter().map(|(_, tracks)| *tracks as f64).sum::<f64>() / 100.0;
    let mut shares = vec![0.0; 100];
    let (mut place, mut before) = (0, 0.0);
    for (plays, tracks) in plays {
        // So many tracks with the same plays lie side by side, over one hundredth or several.
        let end = before + tracks as f64;
        while before < end && place < shares.len() {
            let reach = if place + 1 == shares.len() { end } else { end.min((place + 1) as f64 * width) };
            shares[place] += plays as f64 * (reach - before);
            before = reach;
            place += usize::from(reach < end);
        }
    }
    shares
}
