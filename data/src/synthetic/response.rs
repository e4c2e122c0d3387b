//! The laws of response: how taste, memory and the session so far make the hazard of skipping, and when a listener
//! leaves.

use super::draws::normal;
use super::hazard::{Heard, SkipHazard};
use super::{Listener, SyntheticWorld};
use crate::{Context, CounterRng, Device, Responses};

/// Recent hearings that satiation looks back on. At the default decay of 0.7 the eleventh weighs 0.03.
const HEARINGS_REMEMBERED: usize = 10;

/// What a listener carries through one session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionState {
    pub(super) context: Context,
    /// What fits the listener in this session.
    leaning: Vec<f32>,
    /// What the listener is after in this session.
    wish: Vec<f32>,
    /// The style that the session is about.
    theme: Option<u32>,
    /// Added to the log odds of leaving throughout the session.
    pub(super) restlessness: f64,
    plays: Vec<Hearing>,
    skips_in_a_row: u32,
    /// Satiation of the last track when it began.
    last_satiation: f64,
    interrupted: bool,
}

/// One play of the session.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Hearing {
    track: u32,
    /// Share that was heard.
    share: f64,
    complete: bool,
}

impl SessionState {
    /// The circumstances at the start.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Number of plays so far.
    pub fn position(&self) -> usize {
        self.plays.len()
    }

    /// Whether a track was played in this session.
    pub fn has_played(&self, track: u32) -> bool {
        self.plays.iter().any(|play| play.track == track)
    }

    /// What fits the listener in this session, of length 1: the taste with moods and interests of the beginning.
    pub fn leaning(&self) -> &[f32] {
        &self.leaning
    }

    /// What the listener is after in this session, of length 1: the leaning with the theme.
    pub fn wish(&self) -> &[f32] {
        &self.wish
    }

    /// The style that the session is about, if sessions have themes.
    pub(super) fn theme(&self) -> Option<u32> {
        self.theme
    }

    /// Number of plays heard out.
    pub fn completed(&self) -> usize {
        self.heard_out().count()
    }

    /// Share of the plays heard out; nothing before the first.
    pub fn contentment(&self) -> Option<f64> {
        (self.position() > 0).then(|| self.completed() as f64 / self.position() as f64)
    }

    /// Tracks heard out, in order; repeats included.
    pub(super) fn heard_out(&self) -> impl Iterator<Item = u32> {
        self.plays.iter().filter(|play| play.complete).map(|play| play.track)
    }
}

impl SyntheticWorld {
    /// Begins a session, with a restlessness drawn for it. The listener must have been advanced to its start.
    pub fn begin_session(&self, listener: &Listener, context: Context, rng: &mut CounterRng) -> SessionState {
        self.session_state(listener, context, self.restlessness(rng))
    }

    /// Draws what is added to the log odds of leaving throughout one session.
    pub(super) fn restlessness(&self, rng: &mut CounterRng) -> f64 {
        self.config.leaving.session_spread * normal(rng)
    }

    /// A session that begins, with a known restlessness. The listener must have been advanced to its start.
    pub fn session_state(&self, listener: &Listener, context: Context, restlessness: f64) -> SessionState {
        let leaning = self.leaning(listener, &context);
        let theme = self.theme(listener, &context, &leaning);
        SessionState {
            context,
            wish: self.wish(&leaning, theme),
            leaning,
            theme,
            restlessness,
            plays: Vec::new(),
            skips_in_a_row: 0,
            last_satiation: 0.0,
            interrupted: false,
        }
    }

    /// The hazard of skipping a track if it were played next.
    pub fn skip_hazard(&self, listener: &Listener, session: &SessionState, track: u32) -> SkipHazard {
        let satiation = self.satiation(session, track);
        let config = &self.config.response;
        let log_hazard = config.base + listener.skip_habit
            - config.affinity * self.affinity(&session.leaning, track)
            - config.familiarity * self.familiarity(listener, track)
            - config.coherence * self.coherence(session, track)
            + satiation
            + config.streak * self.streak(session)
            + config.position * (session.position() as f64).ln_1p()
            + config.device * device_offset(session.context.device);
        let duration_s = self.catalog.duration_s(track);
        let interruption = -(-self.config.leaving.interruptions_per_hour * duration_s / 3_600.0).exp_m1();
        SkipHazard::new(config, log_hazard, satiation, duration_s, interruption)
    }

    /// Inverted U over the times a track was heard out: 0 for a new track, 1 at the peak, towards 0 beyond.
    pub fn familiarity(&self, listener: &Listener, track: u32) -> f64 {
        let hearings = listener.hearings(track);
        // Most tracks are new.
        if hearings == 0 {
            return 0.0;
        }
        let ratio = f64::from(hearings) / self.config.response.familiarity_peak;
        ratio * (1.0 - ratio).exp()
    }

    /// How tired the listener is of such a track: recent hearings of its artist and of tracks too similar to it, each
    /// weighed by the share that was heard and by how recent it was.
    pub fn satiation(&self, session: &SessionState, track: u32) -> f64 {
        let config = &self.config.response;
        let artist = self.catalog.artists[track as usize];
        let recent = &session.plays[session.plays.len().saturating_sub(HEARINGS_REMEMBERED)..];
        let mut similarities = [0.0; HEARINGS_REMEMBERED];
        self.catalog.similarities(track, recent.iter().map(|hearing| hearing.track), &mut similarities);
        let mut weight = 1.0;
        let mut satiation = 0.0;
        for (&Hearing { track: earlier, share, .. }, similarity) in recent.iter().zip(similarities).rev() {
            let excess = (f64::from(similarity) - config.satiation_threshold).max(0.0);
            let same_artist = f64::from(u8::from(self.catalog.artists[earlier as usize] == artist));
            satiation +=
                weight * share * (config.satiation_artist * same_artist + config.satiation_similarity * excess);
            weight *= config.satiation_decay;
        }
        satiation
    }

    /// Cosine to the track before, 0 at the start of a session.
    fn coherence(&self, session: &SessionState, track: u32) -> f64 {
        session.plays.last().map_or(0.0, |previous| self.catalog.similarity(track, previous.track))
    }

    /// Coherence with what was heard of the track before: the similarity times the share that was heard.
    pub(super) fn coherence_with_heard(&self, session: &SessionState, track: u32) -> f64 {
        session.plays.last().map_or(0.0, |previous| previous.share * self.catalog.similarity(track, previous.track))
    }

    /// Skips in a row, up to the limit.
    fn streak(&self, session: &SessionState) -> f64 {
        f64::from(session.skips_in_a_row.min(self.config.response.streak_limit))
    }

    /// Carries a logged play and its responses into the session's state.
    pub fn observe(&self, session: &mut SessionState, track: u32, ms_played: u32, responses: Responses) {
        let satiation = self.satiation(session, track);
        self.take_in(session, track, satiation, Heard { ms_played, responses });
    }

    /// Carries a play into the session's state that went by the hazard of the track in this state.
    pub fn observe_heard(&self, session: &mut SessionState, track: u32, hazard: &SkipHazard, heard: Heard) {
        self.take_in(session, track, hazard.satiation, heard);
    }

    fn take_in(&self, session: &mut SessionState, track: u32, satiation: f64, heard: Heard) {
        let Heard { ms_played, responses } = heard;
        let skipped = responses.skip == Some(true);
        session.last_satiation = satiation;
        session.skips_in_a_row = if skipped { session.skips_in_a_row + 1 } else { 0 };
        session.interrupted = !skipped && responses.complete != Some(true);
        let share = (f64::from(ms_played) / 1_000.0 / self.catalog.duration_s(track)).min(1.0);
        session.plays.push(Hearing { track, share, complete: responses.complete == Some(true) });
    }

    /// Probability that the listener leaves after the last play observed.
    pub fn leave_probability(&self, session: &SessionState) -> f64 {
        if session.interrupted {
            return 1.0;
        }
        let config = &self.config.leaving;
        let log_odds = config.base
            + session.restlessness
            + config.streak * self.streak(session)
            + config.satiation * session.last_satiation;
        1.0 / (1.0 + (-log_odds).exp())
    }
}

/// What the device adds to the log hazard: a phone in the hand invites skips, a car or a speaker does not. The order
/// is plausible and the sizes are ours.
fn device_offset(device: Option<Device>) -> f64 {
    match device {
        Some(Device::Phone) => 0.15,
        Some(Device::Speaker | Device::Television) => -0.3,
        Some(Device::Car) => -0.4,
        Some(Device::Tablet | Device::Computer | Device::Web) | None => 0.0,
    }
}

#[cfg(test)]
mod tests;
