//! The laws of response: how taste, memory and the session so far make the hazard of skipping, and when a listener
//! leaves.

use std::sync::LazyLock;

use super::draws::normal;
use super::hazard::{Heard, SkipHazard};
use super::{Listener, SyntheticWorld};
use crate::{Context, CounterRng, Device, Responses, prefetch};

/// Recent hearings that satiation looks back on. At the default decay of 0.7 the eleventh weighs 0.03.
const HEARINGS_REMEMBERED: usize = 10;
/// Place of the leaning behind those of the recent hearings.
const LEANING: usize = HEARINGS_REMEMBERED;
/// Places in all, as many as fill registers of four.
const PLACES: usize = 12;
/// Room for the plays of most sessions.
const USUAL_PLAYS: usize = 32;

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
    /// What a track is compared with: by element of the tracks' space that of each recent hearing's track, the newest at the
    /// number of plays before it modulo the hearings remembered, and that of the leaning. So all cosines are summed side by
    /// side.
    compared: Vec<[f32; PLACES]>,
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
    artist: u32,
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

    /// Cosines of a track's vector with what it is compared with.
    fn cosines(&self, vector: &[f32]) -> [f32; PLACES] {
        let mut cosines = [0.0; PLACES];
        for (compared, &x) in self.compared.iter().zip(vector) {
            cosines.iter_mut().zip(compared).for_each(|(cosine, y)| *cosine += x * y);
        }
        cosines
    }

    /// Of these cosines, that with the track before; 0 at the start of a session.
    fn coherence(&self, cosines: &[f32; PLACES]) -> f64 {
        self.plays.len().checked_sub(1).map_or(0.0, |last| f64::from(cosines[last % HEARINGS_REMEMBERED]))
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
            compared: leaning
                .iter()
                .map(|&x| std::array::from_fn(|place| if place == LEANING { x } else { 0.0 }))
                .collect(),
            leaning,
            theme,
            restlessness,
            plays: Vec::with_capacity(USUAL_PLAYS),
            skips_in_a_row: 0,
            last_satiation: 0.0,
            interrupted: false,
        }
    }

    /// The hazard of skipping a track if it were played next.
    pub fn skip_hazard(&self, listener: &Listener, session: &SessionState, track: u32) -> SkipHazard {
        let cosines = session.cosines(self.catalog.vector(track));
        let satiation = self.satiation_by(session, track, &cosines);
        let config = &self.config.response;
        let log_hazard = config.base + listener.skip_habit
            - config.affinity * f64::from(cosines[LEANING])
            - config.familiarity * self.familiarity(listener, track)
            - config.coherence * session.coherence(&cosines)
            + satiation
            + config.streak * self.streak(session)
            + config.position * logarithm(session.position())
            + config.device * device_offset(session.context.device);
        SkipHazard::new(config, log_hazard, satiation, &self.timings[track as usize])
    }

    /// Asks for what [`Self::skip_hazard`] will read, so that the memory of several sessions is waited for at once.
    pub fn prefetch(&self, listener: &Listener, session: &SessionState, track: u32) {
        let at = track as usize;
        prefetch(self.catalog.vector(track));
        prefetch(&self.timings[at..=at]);
        prefetch(&self.catalog.artists[at..=at]);
        prefetch(&session.compared);
        prefetch(&session.plays);
        // What a table holds can but be read.
        std::hint::black_box(listener.hearings(track));
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
        self.satiation_by(session, track, &session.cosines(self.catalog.vector(track)))
    }

    fn satiation_by(&self, session: &SessionState, track: u32, cosines: &[f32; PLACES]) -> f64 {
        let config = &self.config.response;
        let artist = self.catalog.artists[track as usize];
        let mut weight = 1.0;
        let mut satiation = 0.0;
        for (place, &Hearing { artist: earlier, share, .. }) in
            session.plays.iter().enumerate().rev().take(HEARINGS_REMEMBERED)
        {
            let similarity = cosines[place % HEARINGS_REMEMBERED];
            let excess = (f64::from(similarity) - config.satiation_threshold).max(0.0);
            let same_artist = f64::from(u8::from(earlier == artist));
            satiation +=
                weight * share * (config.satiation_artist * same_artist + config.satiation_similarity * excess);
            weight *= config.satiation_decay;
        }
        satiation
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
        let share = (f64::from(ms_played) / 1_000.0 / self.timings[track as usize].duration_s).min(1.0);
        let place = session.plays.len() % HEARINGS_REMEMBERED;
        for (compared, &x) in session.compared.iter_mut().zip(self.catalog.vector(track)) {
            compared[place] = x;
        }
        let artist = self.catalog.artists[track as usize];
        session.plays.push(Hearing { track, artist, share, complete: responses.complete == Some(true) });
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

/// ln(1 + plays) of the first plays of a session: most sessions have no more.
static LOGARITHMS: LazyLock<[f64; 64]> = LazyLock::new(|| std::array::from_fn(|plays| (plays as f64).ln_1p()));

fn logarithm(plays: usize) -> f64 {
    LOGARITHMS.get(plays).copied().unwrap_or_else(|| (plays as f64).ln_1p())
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
