//! What is measured of a session.

use std::sync::Arc;

use listening_models::track_embeddings::{TrackVectors, dot};
use playlist_envs::{Catalog, FinishedSession, PlayResponses, World};
use serde::{Deserialize, Serialize};

use super::{ListenerProfiles, SessionOutcome};

/// Share of the threshold that is heard of a play that does not reach it, and share of the rest of the track that is heard of
/// one that does but is not complete. Means of real Spotify exports (`docs/agents/policy-evaluation.md`).
const EARLY_SHARE: f64 = 0.18;
const LATE_SHARE: f64 = 0.43;

/// A measure of a session. Definitions with their sources: `docs/agents/policy-evaluation.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Sum of rewards.
    Return,
    /// Complete plays.
    Completions,
    /// Share of the plays that are complete.
    CompletionRate,
    /// Share of the plays that are skipped.
    SkipRate,
    /// Share of the plays that are past the threshold.
    PastThresholdRate,
    /// Minutes listened, expected from responses and lengths of the tracks.
    Minutes,
    /// Tracks played per session.
    SessionLength,
    /// Sessions of the episode.
    Sessions,
    /// 1 where the listener ended the session, else 0.
    TerminatedRate,
    /// Mean cosine distance of the pairs of tracks played.
    Diversity,
    /// Mean surprise of the tracks played, in bits.
    Novelty,
    /// Share of the plays whose artist was played before in the session.
    ArtistRepeats,
    /// Mean cosine of consecutive tracks.
    Smoothness,
    /// Kullback-Leibler divergence of the session from the user's taste, in nats.
    Miscalibration,
}

impl Measure {
    /// All of them, in the order of every array over them.
    pub const ALL: [Self; 14] = [
        Self::Return,
        Self::Completions,
        Self::CompletionRate,
        Self::SkipRate,
        Self::PastThresholdRate,
        Self::Minutes,
        Self::SessionLength,
        Self::Sessions,
        Self::TerminatedRate,
        Self::Diversity,
        Self::Novelty,
        Self::ArtistRepeats,
        Self::Smoothness,
        Self::Miscalibration,
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Return => "return",
            Self::Completions => "completions",
            Self::CompletionRate => "completion_rate",
            Self::SkipRate => "skip_rate",
            Self::PastThresholdRate => "past_threshold_rate",
            Self::Minutes => "minutes",
            Self::SessionLength => "session_length",
            Self::Sessions => "sessions",
            Self::TerminatedRate => "terminated_rate",
            Self::Diversity => "diversity",
            Self::Novelty => "novelty",
            Self::ArtistRepeats => "artist_repeats",
            Self::Smoothness => "smoothness",
            Self::Miscalibration => "miscalibration",
        }
    }
}

/// A session and what was measured of it; or an episode of several.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredSession {
    /// Its row in the world's session starts: that of the first session.
    pub start: u32,
    /// Its outcome.
    pub outcome: SessionOutcome,
    /// The tracks played, in order.
    pub tracks: Vec<u32>,
    /// In the order of [`Measure::ALL`]; `None` where a measure is not defined for the session.
    pub values: [Option<f64>; Measure::ALL.len()],
}

impl MeasuredSession {
    /// A measure's value.
    pub fn value(&self, measure: Measure) -> Option<f64> {
        self.values[measure as usize]
    }
}

/// Measures sessions of a world.
pub struct SessionMeter {
    catalog: Arc<Catalog>,
    profiles: ListenerProfiles,
    /// Training plays plus one, over all tracks.
    total_plays: f64,
    /// Of the tracks whose length is known.
    mean_duration_ms: Option<f64>,
}

impl SessionMeter {
    /// For sessions with tracks of a catalog, of listeners with these profiles.
    pub fn new(catalog: Arc<Catalog>, profiles: ListenerProfiles) -> Self {
        let total_plays = catalog.plays.iter().map(|&plays| f64::from(plays) + 1.0).sum();
        let known: Vec<f64> = catalog.durations_ms.iter().flatten().map(|&ms| f64::from(ms)).collect();
        let mean_duration_ms = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
        Self { catalog, profiles, total_plays, mean_duration_ms }
    }

    /// The listeners' profiles.
    pub fn profiles(&self) -> &ListenerProfiles {
        &self.profiles
    }

    /// Measures an episode that has ended: return, completions and minutes are those of all its
    /// sessions together, all else is the mean over those sessions for which it is defined.
    pub fn measure(&self, world: &World, episode: &[FinishedSession]) -> MeasuredSession {
        let apart: Vec<MeasuredSession> = episode.iter().map(|session| self.measure_one(world, session)).collect();
        let values = Measure::ALL.map(|measure| {
            let all: Vec<f64> = apart.iter().filter_map(|session| session.value(measure)).collect();
            let together =
                matches!(measure, Measure::Return | Measure::Completions | Measure::Minutes | Measure::Sessions);
            let share = if together { 1.0 } else { 1.0 / all.len() as f64 };
            (!all.is_empty()).then(|| share * all.iter().sum::<f64>())
        });
        MeasuredSession {
            start: episode.first().map_or(0, |session| session.start),
            outcome: SessionOutcome::of(world, episode),
            tracks: apart.into_iter().flat_map(|session| session.tracks).collect(),
            values,
        }
    }

    fn measure_one(&self, world: &World, session: &FinishedSession) -> MeasuredSession {
        let (outcome, view) = (SessionOutcome::of(world, std::slice::from_ref(session)), session.view());
        let tracks: Vec<u32> = session.played.iter().map(|&place| view.track(world, place)).collect();
        let share = |count: u32| f64::from(count) / f64::from(outcome.length.max(1));
        let vectors = &self.catalog.vectors;
        let values = Measure::ALL.map(|measure| match measure {
            Measure::Return => Some(outcome.total_reward),
            Measure::Completions => Some(f64::from(outcome.completions)),
            Measure::CompletionRate => Some(share(outcome.completions)),
            Measure::SkipRate => Some(share(outcome.skips)),
            Measure::PastThresholdRate => Some(share(outcome.past_threshold)),
            Measure::Minutes => self.minutes(&tracks, &session.responses),
            Measure::SessionLength => Some(f64::from(outcome.length)),
            Measure::Sessions => Some(1.0),
            Measure::TerminatedRate => Some(f64::from(outcome.terminated)),
            Measure::Diversity => diversity(vectors, &tracks),
            Measure::Novelty => Some(self.novelty(&tracks)),
            Measure::ArtistRepeats => Some(artist_repeats(&self.catalog.artists, &tracks)),
            Measure::Smoothness => smoothness(vectors, &tracks),
            Measure::Miscalibration => self.profiles.miscalibration(outcome.user, &tracks),
        });
        MeasuredSession { start: session.start, outcome, tracks, values }
    }

    /// Minutes heard: a complete play is heard whole; one that is past the threshold, up to there and `LATE_SHARE` of the
    /// rest; any other, `EARLY_SHARE` of what would have reached the threshold. A track of unknown length counts as one of
    /// the catalog's mean; `None` where no length is known.
    fn minutes(&self, tracks: &[u32], responses: &[PlayResponses]) -> Option<f64> {
        let mean = self.mean_duration_ms?;
        let threshold = f64::from(self.catalog.threshold_ms);
        let heard = tracks.iter().zip(responses).map(|(&track, responses)| {
            let duration = self.catalog.durations_ms[track as usize].map_or(mean, f64::from);
            let reached = threshold.min(duration);
            match (responses.complete, responses.past_threshold) {
                (true, _) => duration,
                (false, true) => reached + LATE_SHARE * (duration - reached),
                (false, false) => EARLY_SHARE * reached,
            }
        });
        Some(heard.sum::<f64>() / 60_000.0)
    }

    /// Mean of -log2 of the tracks' shares of the training plays, each track's counted one higher.
    fn novelty(&self, tracks: &[u32]) -> f64 {
        let bits = |&track: &u32| (self.total_plays / (f64::from(self.catalog.plays[track as usize]) + 1.0)).log2();
        tracks.iter().map(bits).sum::<f64>() / tracks.len().max(1) as f64
    }
}

/// Mean of 1 - cosine over the pairs of tracks; tracks without a vector are left out.
fn diversity(vectors: &TrackVectors, tracks: &[u32]) -> Option<f64> {
    let known: Vec<&[f32]> =
        tracks.iter().filter(|&&track| vectors.known(track)).map(|&track| vectors.vector(track)).collect();
    let pairs = known.len() * known.len().saturating_sub(1) / 2;
    let cosines = (0..known.len()).flat_map(|i| {
        known[..i].iter().map({
            let known = &known;
            move |other| f64::from(dot(known[i], other))
        })
    });
    (pairs > 0).then(|| 1.0 - cosines.sum::<f64>() / pairs as f64)
}

/// Mean cosine of each track and the one before it, over the pairs that both have a vector.
fn smoothness(vectors: &TrackVectors, tracks: &[u32]) -> Option<f64> {
    let known = tracks.windows(2).filter(|pair| pair.iter().all(|&track| vectors.known(track)));
    let cosines: Vec<f64> =
        known.map(|pair| f64::from(dot(vectors.vector(pair[0]), vectors.vector(pair[1])))).collect();
    (!cosines.is_empty()).then(|| cosines.iter().sum::<f64>() / cosines.len() as f64)
}

/// Share of the tracks whose artist has a track before them.
fn artist_repeats(artists: &[u32], tracks: &[u32]) -> f64 {
    let artist = |track: &u32| artists[*track as usize];
    let repeats =
        (0..tracks.len()).filter(|&at| tracks[..at].iter().any(|before| artist(before) == artist(&tracks[at])));
    repeats.count() as f64 / tracks.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use listening_data::Track;
    use listening_models::features::{Tally, TrackTotals};
    use playlist_envs::{WorldSettings, small_world};

    /// Unit vectors at 0, 90, 180 and 60 degrees, and a track without one.
    fn meter(durations: [Option<u32>; 5]) -> SessionMeter {
        let vectors =
            Arc::new(TrackVectors::new(2, vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.5, 0.75f32.sqrt(), 0.0, 0.0]));
        let tracks = durations.map(|duration_ms| Track { duration_ms, ..Track::default() });
        let plays = [3, 0, 1, 7, 0].map(|plays| Tally { plays, ..Tally::default() });
        let totals = TrackTotals { tracks: plays.to_vec(), all: Tally::default(), sessions: 1, with_propensity: 0 };
        let catalog = Catalog::new(&tracks, vec![0, 1, 0, 2, 1], vectors, &totals, 30_000);
        let profiles = ListenerProfiles::count(std::iter::empty(), vec![None; 5], 1);
        SessionMeter::new(Arc::new(catalog), profiles)
    }

    #[test]
    fn what_is_played_is_measured_as_by_hand() {
        let meter = meter([None; 5]);
        let vectors = &meter.catalog.vectors;
        let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-6;
        // Cosines 0, -1, 0 of the pairs.
        assert!(near(diversity(vectors, &[0, 1, 2]), 1.0 - (0.0 - 1.0 + 0.0) / 3.0));
        assert!(near(diversity(vectors, &[0, 4, 3]), 0.5), "the track without a vector is left out");
        assert_eq!((diversity(vectors, &[0, 4]), diversity(vectors, &[])), (None, None));
        // From 0 to 60 degrees, to 90, to 180.
        assert!(near(smoothness(vectors, &[0, 3, 1, 2]), (0.5 + 0.75f64.sqrt() + 0.0) / 3.0));
        assert!(near(smoothness(vectors, &[3, 0, 4, 2]), 0.5), "one pair of four tracks has vectors");
        assert_eq!(smoothness(vectors, &[0]), None);
        // Artists 0, 1, 0, 1, 2.
        assert_eq!(artist_repeats(&meter.catalog.artists, &[0, 1, 2, 4, 3]), 0.4);
        assert_eq!(artist_repeats(&meter.catalog.artists, &[]), 0.0);
        // 11 plays and 5 tracks: shares of 4, 1 and 8 sixteenths.
        assert_eq!(meter.novelty(&[0, 1, 3]), (2.0 + 4.0 + 1.0) / 3.0);
    }

    #[test]
    fn minutes_are_told_from_responses_and_lengths() {
        let heard = |complete, past_threshold| PlayResponses { complete, past_threshold, skip: !complete };
        let responses = [heard(true, true), heard(false, true), heard(false, false), heard(true, true)];
        let seconds = |meter: &SessionMeter, tracks: &[u32], responses: &[PlayResponses]| {
            (meter.minutes(tracks, responses).unwrap() * 60.0 * 1e6).round() / 1e6
        };
        let known = meter([Some(200_000), Some(230_000), Some(240_000), None, Some(10_000)]);
        assert_eq!(seconds(&known, &[0, 1, 2], &responses), 200.0 + (30.0 + 0.43 * 200.0) + 0.18 * 30.0);
        // The mean of the known lengths is 170 s.
        assert_eq!(seconds(&known, &[3], &responses[3..]), 170.0);
        // A track of 10 s is never past 30 s.
        assert_eq!(seconds(&known, &[4, 4], &[heard(true, false), heard(false, false)]), 10.0 + 1.8);
        assert_eq!(meter([None; 5]).minutes(&[0], &responses), None);
    }

    /// Of an episode, returns, completions and minutes are added; all else is the mean over the sessions that have it.
    #[test]
    fn an_episode_is_measured_as_its_sessions_are() {
        let folder = tempfile::tempdir().unwrap();
        let (world, _) = small_world(folder.path(), 30, WorldSettings::default(), 1).unwrap();
        let profiles = ListenerProfiles::count(std::iter::empty(), vec![None; world.catalog.tracks()], 30);
        let meter = SessionMeter::new(Arc::clone(&world.catalog), profiles);
        let session = |number: u64, plays: u16| {
            let (start, pool) = world.session_of(number);
            FinishedSession {
                number,
                start: start as u32,
                pool,
                played: (0..plays).collect(),
                responses: (0..plays).map(|play| PlayResponses::from_bits(1 + (play % 2) as u8)).collect(),
                rewards: vec![0.5; usize::from(plays)],
                states: Vec::new(),
                terminated: plays < 3,
                returned: true,
            }
        };
        let sessions = [session(0, 5), session(7, 1), session(3, 2)];
        let apart: Vec<MeasuredSession> =
            sessions.iter().map(|session| meter.measure(&world, std::slice::from_ref(session))).collect();
        let found = meter.measure(&world, &sessions);
        let value = |measure| found.value(measure).unwrap();
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-9;
        assert!(near(value(Measure::Return), 4.0) && near(value(Measure::Completions), 3.0 + 1.0 + 1.0));
        assert!(near(value(Measure::Sessions), 3.0) && near(value(Measure::SessionLength), 8.0 / 3.0));
        assert!(near(value(Measure::CompletionRate), (0.6 + 1.0 + 0.5) / 3.0));
        assert!(near(value(Measure::TerminatedRate), 2.0 / 3.0));
        let minutes = apart.iter().filter_map(|session| session.value(Measure::Minutes)).sum::<f64>();
        assert!(near(value(Measure::Minutes), minutes));
        // One track has no pair.
        assert_eq!(apart[1].value(Measure::Diversity), None);
        let of = |place: usize| apart[place].value(Measure::Diversity).unwrap();
        assert!(near(value(Measure::Diversity), (of(0) + of(2)) / 2.0));
        assert_eq!((found.tracks.len(), found.start, found.outcome.length), (8, sessions[0].start, 8));
    }

    #[test]
    fn names_in_files_are_those_of_serde() {
        for (place, measure) in Measure::ALL.into_iter().enumerate() {
            assert_eq!(measure as usize, place);
            assert_eq!(serde_json::to_value(measure).unwrap(), measure.name());
        }
    }
}
