//! Settings of the synthetic listeners. Formulas and sources: `docs/synthetic-listeners.md`.

mod mind;

pub use mind::MindConfig;

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// Settings of a synthetic dataset. The defaults make a demo of about 350,000 plays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyntheticConfig {
    /// How much is logged.
    pub size: SizeConfig,
    /// The tracks.
    pub catalog: CatalogConfig,
    /// How listeners differ.
    pub listeners: ListenerConfig,
    /// How a listener changes: over weeks, over days, and by context.
    pub mind: MindConfig,
    /// When a listener skips.
    pub response: ResponseConfig,
    /// When a listener leaves.
    pub leaving: LeavingConfig,
    /// Who chooses the tracks.
    pub behaviour: BehaviourConfig,
}

/// How much is logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SizeConfig {
    /// Listeners. 1,500 give a world model enough plays, and a demo is still made in seconds.
    pub users: u32,
    /// Days of listening. 28: four whole weeks, so that each weekday weighs the same.
    pub days: u32,
}

impl Default for SizeConfig {
    fn default() -> Self {
        Self { users: 1_500, days: 28 }
    }
}

/// The catalog: genres hold styles, styles hold artists, artists hold tracks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogConfig {
    /// Tracks. 3,000: about 100 plays each at the default size, enough to learn an embedding.
    pub tracks: u32,
    /// Artists, at most as many as tracks. 500: six tracks each, two thirds of an album.
    pub artists: u32,
    /// Genres. 12: as many as a streaming service shows on its first page.
    pub genres: u32,
    /// Styles in each genre. 4, so that a genre is broader than one taste.
    pub styles_per_genre: u32,
    /// Dimension of the latent vectors. 12: small enough to be learnt from the demo's plays.
    pub dimension: u32,
    /// Length of a style's own direction relative to its genre's.
    pub style_spread: f64,
    /// Length of an artist's own direction relative to the genre's.
    pub artist_spread: f64,
    /// Length of a track's own direction relative to the genre's.
    pub track_spread: f64,
    /// Exponent of the Zipf law of popularity, over artists and over the tracks of an artist. 0 is uniform; 0.8
    /// keeps the rarest of the demo's tracks in the log, while real catalogs reach about 1.
    pub popularity_exponent: f64,
    /// Median duration in seconds (MSSD: 218).
    pub duration_median_s: f64,
    /// Standard deviation of the logarithm of the duration (MSSD: quartiles 177 and 267 s, heavier tails).
    pub duration_spread: f64,
    /// Mean age of an album in years at the time of listening (MSSD: half of the tracks are at most 5 years old).
    pub mean_age_years: f64,
    /// Correlation between an audio feature and its latent direction, 0 to 1.
    pub audio_signal: f64,
    /// Share of tracks without audio features.
    pub audio_missing: f64,
}

impl Default for CatalogConfig {
    fn default() -> Self {
        Self {
            tracks: 3_000,
            artists: 500,
            genres: 12,
            styles_per_genre: 4,
            dimension: 12,
            style_spread: 0.6,
            artist_spread: 0.4,
            track_spread: 0.4,
            popularity_exponent: 0.8,
            duration_median_s: 218.0,
            duration_spread: 0.35,
            mean_age_years: 9.0,
            audio_signal: 0.8,
            audio_missing: 0.1,
        }
    }
}

/// How listeners differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenerConfig {
    /// Styles that a taste is mixed from. 3: more would make all tastes alike.
    pub styles: u32,
    /// Length of a taste's own direction relative to the mixture of styles.
    pub own_direction: f64,
    /// Standard deviation of the skip habit, on the scale of the log hazard.
    pub skip_habit_spread: f64,
    /// Mean sessions per week (the demo's number of plays follows from it).
    pub sessions_per_week: f64,
    /// Standard deviation of the logarithm of a listener's sessions per week.
    pub activity_spread: f64,
    /// Tracks in a listener's library at the start, if the draws do not repeat.
    pub library_tracks: u32,
    /// Mean number of times a track of the library was heard before the log begins.
    pub library_hearings: f64,
    /// Affinity from which a track that was heard out joins the library, -1 to 1.
    pub library_affinity: f64,
    /// Share of listeners who pay (MSSD: 0.81 of plays).
    pub premium_share: f64,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            styles: 3,
            own_direction: 0.4,
            skip_habit_spread: 0.6,
            sessions_per_week: 4.8,
            activity_spread: 0.6,
            library_tracks: 40,
            library_hearings: 3.0,
            library_affinity: 0.6,
            premium_share: 0.81,
        }
    }
}

/// When a listener skips: strengths of the terms of the log hazard. A strength of 0 switches its term off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResponseConfig {
    /// Log hazard of a whole track with all terms at 0; calibrated to the share of skips.
    pub base: f64,
    /// Share of the hazard that lies in the first moments (real exports: 0.76 to 0.90 of skips come before 30 s).
    pub early_share: f64,
    /// Seconds over which the early hazard falls to 1/e.
    pub early_s: f64,
    /// Lowers the hazard per unit of affinity (taste times track, -1 to 1).
    pub affinity: f64,
    /// Lowers the hazard at the peak of familiarity.
    pub familiarity: f64,
    /// Earlier hearings at which familiarity is at its peak. 8: mere exposure works over some ten repeats.
    pub familiarity_peak: f64,
    /// Raises the hazard per recent hearing of the same artist.
    pub satiation_artist: f64,
    /// Raises the hazard per unit of similarity above the threshold to a recent hearing.
    pub satiation_similarity: f64,
    /// Cosine from which two tracks are too similar to follow each other.
    pub satiation_threshold: f64,
    /// Weight of a hearing relative to the one after it, 0 to 1.
    pub satiation_decay: f64,
    /// Lowers the hazard per unit of similarity (-1 to 1) to the track before.
    pub coherence: f64,
    /// Raises the hazard per skip in a row.
    pub streak: f64,
    /// Skips in a row from which the streak no longer grows.
    pub streak_limit: u32,
    /// Raises the hazard per unit of the logarithm of one plus the position.
    pub position: f64,
    /// Scales the effect of the device: phones are skipped on most, cars and speakers least.
    pub device: f64,
}

impl Default for ResponseConfig {
    fn default() -> Self {
        Self {
            base: 0.38,
            early_share: 0.65,
            early_s: 9.0,
            affinity: 3.0,
            familiarity: 0.8,
            familiarity_peak: 8.0,
            satiation_artist: 0.6,
            satiation_similarity: 2.0,
            satiation_threshold: 0.6,
            satiation_decay: 0.7,
            coherence: 0.5,
            streak: 0.55,
            streak_limit: 4,
            position: 0.05,
            device: 1.0,
        }
    }
}

/// When a listener leaves: terms of the log odds of leaving after a play.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeavingConfig {
    /// Log odds with all terms at 0; calibrated to the session lengths.
    pub base: f64,
    /// Standard deviation between sessions (MSSD: the hazard of ending falls from 0.088 to 0.055 over plays 10 to 19,
    /// as it does where sessions differ).
    pub session_spread: f64,
    /// Added per skip in a row, up to the streak's limit.
    pub streak: f64,
    /// Added per unit of the satiation of the track just played.
    pub satiation: f64,
    /// Interruptions per hour of music: the play stops before its end, and the session ends with it.
    pub interruptions_per_hour: f64,
}

impl Default for LeavingConfig {
    fn default() -> Self {
        Self { base: -3.75, session_spread: 1.0, streak: 0.4, satiation: 0.3, interruptions_per_hour: 1.2 }
    }
}

/// Who chooses the tracks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BehaviourConfig {
    /// Relative share of sessions in which the listener chooses.
    pub own_choice: f64,
    /// Relative share of sessions played by a radio (with editorial playlists; MSSD: 0.36 of plays).
    pub radio: f64,
    /// Relative share of sessions in uniformly random order; they make off-policy evaluation possible.
    pub shuffled: f64,
    /// Smallest pool of a shuffled session.
    pub pool_min: u32,
    /// Largest pool of a shuffled session.
    pub pool_max: u32,
    /// Tracks that a listener or a radio considers for one play.
    pub considered: u32,
    /// How sharply a listener prefers affinity, and a radio similarity, among what is considered. 0 is chance.
    pub sharpness: f64,
    /// How sharply the seed of a radio or of a shuffled pool is chosen from the library by what the listener is after.
    /// 0 is chance.
    pub seed_sharpness: f64,
    /// Adds the session's theme to what the listener is after; length relative to the taste.
    pub theme: f64,
    /// How sharply a session's theme is chosen by its fit to the leaning, among the styles of taste, moods and interests.
    pub theme_sharpness: f64,
    /// Share of what is considered in the catalog, in a session of one's own choice, that is of the theme's style.
    pub theme_share: f64,
    /// Mean age, in additions to the library since, of what is drawn from it. 0 draws all of it alike.
    pub library_recent: f64,
    /// Raises the score of what is considered in one's own choice per unit of similarity to the track before, in
    /// proportion to the share of that track that was heard.
    pub coherence: f64,
    /// Probability that a play of one's own choice repeats a track that was heard out in the session (real exports:
    /// 0.09 to 0.23 of plays are repeats within their session).
    pub repeat: f64,
    /// Plays after which a session ends in any case; it bounds the time and memory of one session.
    pub session_plays_max: u32,
}

impl Default for BehaviourConfig {
    fn default() -> Self {
        Self {
            own_choice: 0.44,
            radio: 0.36,
            shuffled: 0.20,
            pool_min: 20,
            pool_max: 100,
            considered: 20,
            sharpness: 7.0,
            seed_sharpness: 10.0,
            theme: 1.5,
            theme_sharpness: 10.0,
            theme_share: 0.5,
            library_recent: 20.0,
            coherence: 2.0,
            repeat: 0.1,
            session_plays_max: 200,
        }
    }
}

impl SyntheticConfig {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        let Self { size, catalog, listeners, mind, response, leaving, behaviour } = self;
        at_least_one("size.users", size.users)?;
        at_least_one("size.days", size.days)?;

        at_least_one("catalog.artists", catalog.artists)?;
        let tracks = "must be at least catalog.artists: each artist has a track";
        check(catalog.tracks >= catalog.artists, "catalog.tracks", tracks, catalog.tracks)?;
        at_least_one("catalog.genres", catalog.genres)?;
        at_least_one("catalog.styles_per_genre", catalog.styles_per_genre)?;
        at_least_one("catalog.dimension", catalog.dimension)?;
        not_negative("catalog.style_spread", catalog.style_spread)?;
        not_negative("catalog.artist_spread", catalog.artist_spread)?;
        not_negative("catalog.track_spread", catalog.track_spread)?;
        not_negative("catalog.popularity_exponent", catalog.popularity_exponent)?;
        positive("catalog.duration_median_s", catalog.duration_median_s)?;
        not_negative("catalog.duration_spread", catalog.duration_spread)?;
        not_negative("catalog.mean_age_years", catalog.mean_age_years)?;
        share("catalog.audio_signal", catalog.audio_signal)?;
        share("catalog.audio_missing", catalog.audio_missing)?;

        at_least_one("listeners.styles", listeners.styles)?;
        not_negative("listeners.own_direction", listeners.own_direction)?;
        not_negative("listeners.skip_habit_spread", listeners.skip_habit_spread)?;
        positive("listeners.sessions_per_week", listeners.sessions_per_week)?;
        not_negative("listeners.activity_spread", listeners.activity_spread)?;
        not_negative("listeners.library_hearings", listeners.library_hearings)?;
        finite("listeners.library_affinity", listeners.library_affinity)?;
        share("listeners.premium_share", listeners.premium_share)?;

        mind.validate()?;

        finite("response.base", response.base)?;
        share("response.early_share", response.early_share)?;
        positive("response.early_s", response.early_s)?;
        finite("response.affinity", response.affinity)?;
        finite("response.familiarity", response.familiarity)?;
        positive("response.familiarity_peak", response.familiarity_peak)?;
        finite("response.satiation_artist", response.satiation_artist)?;
        finite("response.satiation_similarity", response.satiation_similarity)?;
        finite("response.satiation_threshold", response.satiation_threshold)?;
        share("response.satiation_decay", response.satiation_decay)?;
        finite("response.coherence", response.coherence)?;
        finite("response.streak", response.streak)?;
        finite("response.position", response.position)?;
        finite("response.device", response.device)?;

        finite("leaving.base", leaving.base)?;
        not_negative("leaving.session_spread", leaving.session_spread)?;
        finite("leaving.streak", leaving.streak)?;
        finite("leaving.satiation", leaving.satiation)?;
        not_negative("leaving.interruptions_per_hour", leaving.interruptions_per_hour)?;

        not_negative("behaviour.own_choice", behaviour.own_choice)?;
        not_negative("behaviour.radio", behaviour.radio)?;
        not_negative("behaviour.shuffled", behaviour.shuffled)?;
        let total = behaviour.own_choice + behaviour.radio + behaviour.shuffled;
        check(total > 0.0, "behaviour", "own_choice, radio and shuffled must not all be 0", total)?;
        at_least_one("behaviour.pool_min", behaviour.pool_min)?;
        let (min, max) = (behaviour.pool_min, behaviour.pool_max);
        check(max >= min, "behaviour.pool_max", "must be at least behaviour.pool_min", max)?;
        at_least_one("behaviour.considered", behaviour.considered)?;
        not_negative("behaviour.sharpness", behaviour.sharpness)?;
        not_negative("behaviour.seed_sharpness", behaviour.seed_sharpness)?;
        not_negative("behaviour.theme", behaviour.theme)?;
        not_negative("behaviour.theme_sharpness", behaviour.theme_sharpness)?;
        share("behaviour.theme_share", behaviour.theme_share)?;
        not_negative("behaviour.library_recent", behaviour.library_recent)?;
        not_negative("behaviour.coherence", behaviour.coherence)?;
        share("behaviour.repeat", behaviour.repeat)?;
        at_least_one("behaviour.session_plays_max", behaviour.session_plays_max)
    }
}

fn check(holds: bool, setting: &'static str, allowed: &str, found: impl std::fmt::Display) -> Result<()> {
    let problem = || format!("{allowed}, found {found}");
    if holds { Ok(()) } else { Err(DataError::Setting { setting, problem: problem() }) }
}

fn at_least_one(setting: &'static str, value: u32) -> Result<()> {
    check(value >= 1, setting, "must be at least 1", value)
}

fn finite(setting: &'static str, value: f64) -> Result<()> {
    check(value.is_finite(), setting, "must be a finite number", value)
}

fn positive(setting: &'static str, value: f64) -> Result<()> {
    check(value > 0.0 && value.is_finite(), setting, "must be above 0", value)
}

fn not_negative(setting: &'static str, value: f64) -> Result<()> {
    check(value >= 0.0 && value.is_finite(), setting, "must not be negative", value)
}

fn share(setting: &'static str, value: f64) -> Result<()> {
    check((0.0..=1.0).contains(&value), setting, "must be between 0 and 1", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_named() {
        assert!(SyntheticConfig::default().validate().is_ok());
        let refused = |change: fn(&mut SyntheticConfig)| {
            let mut config = SyntheticConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(refused(|c| c.size.users = 0), "size.users: must be at least 1, found 0");
        let artists = refused(|c| c.catalog.artists = 4_000);
        assert!(artists.contains("catalog.tracks") && artists.contains("found 3000"), "{artists}");
        assert!(refused(|c| c.response.affinity = f64::NAN).contains("response.affinity"));
        assert!(refused(|c| c.catalog.audio_missing = 1.5).contains("between 0 and 1, found 1.5"));
        assert!(refused(|c| c.behaviour.pool_max = 3).contains("behaviour.pool_max"));
        assert!(
            refused(|c| c.behaviour =
                BehaviourConfig { own_choice: 0.0, radio: 0.0, shuffled: 0.0, ..BehaviourConfig::default() })
            .contains("must not all be 0")
        );
    }

    #[test]
    fn unknown_keys_are_refused_and_known_ones_read() {
        let config: SyntheticConfig = toml::from_str("[size]\nusers = 7").unwrap();
        assert_eq!(config.size, SizeConfig { users: 7, ..SizeConfig::default() });
        assert!(toml::from_str::<SyntheticConfig>("[size]\nuser = 7").unwrap_err().to_string().contains("user"));
        let text = toml::to_string(&SyntheticConfig::default()).unwrap();
        assert_eq!(toml::from_str::<SyntheticConfig>(&text).unwrap(), SyntheticConfig::default());
    }
}
