//! Settings of the simulated world.

use serde::{Deserialize, Serialize};

use crate::{EnvError, PlayResponses, Result};

/// How sessions go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldSettings {
    /// Tracks after which a session is truncated (MSSD's sessions are cut at 20).
    pub max_length: usize,
    /// Whether the listener may leave, by the session-end head.
    pub session_end: bool,
    /// Skips in a row after which the listener leaves; 0 for never.
    pub skips_in_a_row: u32,
    /// Episodes of several sessions.
    pub episode: EpisodeSettings,
    /// What a response is worth.
    pub reward: RewardSettings,
    /// The candidate pools.
    pub pool: PoolSettings,
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self {
            max_length: 20,
            session_end: true,
            skips_in_a_row: 0,
            episode: EpisodeSettings::default(),
            reward: RewardSettings::default(),
            pool: PoolSettings::default(),
        }
    }
}

/// Episodes: how many sessions of one listener may follow each other, and when the listener counts as having come back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EpisodeSettings {
    /// Sessions of an episode at most; with 1 every session stands alone. An episode ends before, where the listener does not
    /// come back.
    pub sessions: usize,
    /// Hours after a session within which a listener comes back, or does not. A day: ours.
    pub return_hours: f32,
}

impl Default for EpisodeSettings {
    fn default() -> Self {
        Self { sessions: 1, return_hours: 24.0 }
    }
}

/// The reward of one play: a weighted sum of the responses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardSettings {
    /// Worth of a complete play (Tomasi et al. 2023: the return counts completions).
    pub complete: f32,
    /// Worth of a skip.
    pub skip: f32,
    /// Worth of a play past the threshold.
    pub past_threshold: f32,
    /// Whether the reward counts sampled responses or their probabilities.
    pub kind: RewardKind,
}

impl Default for RewardSettings {
    fn default() -> Self {
        Self { complete: 1.0, skip: 0.0, past_threshold: 0.0, kind: RewardKind::Sampled }
    }
}

impl RewardSettings {
    /// The reward of a play: that of the sampled responses or of the probabilities that they were drawn with.
    pub fn of_play(&self, responses: PlayResponses, probabilities: impl FnOnce() -> [f32; 3]) -> f32 {
        self.of(match self.kind {
            RewardKind::Sampled => responses.as_floats(),
            RewardKind::Expected => probabilities(),
        })
    }

    /// The reward of responses given as 0, 1 or probabilities: complete, skip, past threshold.
    pub fn of(&self, responses: [f32; 3]) -> f32 {
        self.complete * responses[0] + self.skip * responses[1] + self.past_threshold * responses[2]
    }
}

/// Which value of the responses a reward counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RewardKind {
    /// The sampled responses, as a log would show them.
    Sampled,
    /// Their probabilities: the same mean with less noise.
    Expected,
}

/// Sizes and sources of candidate pools.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolSettings {
    /// Smallest pool.
    pub min_size: usize,
    /// Largest pool; sizes are drawn evenly between the two.
    pub max_size: usize,
    /// Weight of candidates near a seed track from the user's history.
    pub theme: f32,
    /// Weight of candidates from the user's own library.
    pub library: f32,
    /// Weight of candidates nearest to the user state.
    pub nearest: f32,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { min_size: 50, max_size: 100, theme: 1.0, library: 1.0, nearest: 1.0 }
    }
}

impl PoolSettings {
    /// The weights in the order of the sources.
    pub fn weights(&self) -> [f32; 3] {
        [self.theme, self.library, self.nearest]
    }
}

impl WorldSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        let check = |holds: bool, setting, problem: &str| {
            if holds { Ok(()) } else { Err(EnvError::Setting { setting, problem: problem.to_owned() }) }
        };
        check((1..=255).contains(&self.max_length), "world.max_length", "must be in 1..=255")?;
        check((1..=100).contains(&self.episode.sessions), "world.episode.sessions", "must be in 1..=100")?;
        let hours = self.episode.return_hours;
        check(hours > 0.0 && hours.is_finite(), "world.episode.return_hours", "must be above 0")?;
        let reward = self.reward.of([1.0; 3]);
        check(reward.is_finite(), "world.reward", "complete, skip and past_threshold must be finite numbers")?;
        check(self.pool.min_size >= 1, "world.pool.min_size", "must be at least 1")?;
        check(self.pool.max_size >= self.pool.min_size, "world.pool.max_size", "must not be below min_size")?;
        check(self.pool.max_size <= usize::from(u16::MAX), "world.pool.max_size", "must be at most 65535")?;
        let weights = self.pool.weights();
        let valid = weights.iter().all(|w| w.is_finite() && *w >= 0.0) && weights.iter().sum::<f32>() > 0.0;
        check(valid, "world.pool", "theme, library and nearest must not be negative, and one must be above 0")
    }
}
