//! The words of the field as types: track, user, play, responses, context, session.

use std::collections::HashMap;

/// Names of a track's audio features, in the order of [`AudioFeatures`] (those of Spotify's public API; tempo in
/// beats per minute, loudness in decibels, the others in 0..1).
pub const AUDIO_FEATURES: [&str; 9] = [
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
];

/// A track's audio features, in the order of [`AUDIO_FEATURES`].
pub type AudioFeatures = [f32; AUDIO_FEATURES.len()];

/// One track of the catalog. Its index is its row in the catalog.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    /// The source's identifier, e.g. `spotify:track:...`.
    pub id: String,
    /// Title.
    pub name: String,
    /// Main artist.
    pub artist: String,
    /// Album, empty where unknown.
    pub album: String,
    /// Length in milliseconds, where known or estimated.
    pub duration_ms: Option<u32>,
    /// Whether the length was estimated from plays that ran to the end.
    pub duration_estimated: bool,
    /// Year of release, where known.
    pub release_year: Option<u16>,
    /// Audio features, where known.
    pub audio_features: Option<AudioFeatures>,
}

/// Numbers the artists of a catalog, per track: 0 for the first artist met, and so on. Artists are told apart by name; a
/// track of unknown artist counts as an artist of its own.
pub fn artist_numbers(catalog: &[Track]) -> Vec<u32> {
    let mut numbers = HashMap::new();
    let mut artists = 0;
    let mut next = || {
        artists += 1;
        artists - 1
    };
    let number = |track: &Track| match track.artist.as_str() {
        "" => next(),
        artist => *numbers.entry(artist.to_owned()).or_insert_with(&mut next),
    };
    catalog.iter().map(number).collect()
}

/// One listener. Its index is its row in the table of users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The source's identifier.
    pub id: String,
}

/// How a listener responded to one play. A response that the source cannot tell is `None`, not false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Responses {
    /// Played to its end: the end reason says so, or at least 95 % of the duration was played.
    pub complete: Option<bool>,
    /// The listener moved on before the end. Excludes `complete`.
    pub skip: Option<bool>,
    /// Played for at least the threshold (30 s by default).
    pub past_threshold: Option<bool>,
}

/// One track started in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Play {
    /// Index into the catalog.
    pub track: u32,
    /// Start, in milliseconds since 1970, in the listener's local time where the source allows.
    pub start_ms: i64,
    /// How long it played, where known.
    pub ms_played: Option<u32>,
    /// The listener's responses.
    pub responses: Responses,
    /// How early a skip came, where the source tells it in steps and not in seconds: 1 very briefly played, 2 briefly,
    /// 3 mostly (MSSD's `skip_1`, `skip_2`, `skip_3`); `None` where not skipped or not known.
    pub skip_step: Option<u8>,
    /// Probability with which the behaviour policy chose this track, where known.
    pub propensity: Option<f32>,
}

/// Defines an enumeration stored by name in the dataset.
macro_rules! named_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All values, in a fixed order: a value's place is its code in features.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The name used in the dataset.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }

            /// The value of a name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some($name::$variant),)+ _ => None }
            }

            /// The value's place in [`Self::ALL`].
            pub fn code(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use named_enum;

named_enum! {
    /// Class of device.
    Device {
        /// Phone.
        Phone = "phone",
        /// Tablet.
        Tablet = "tablet",
        /// Desktop or laptop program.
        Computer = "computer",
        /// Player in a browser.
        Web = "web",
        /// Loudspeaker or cast target.
        Speaker = "speaker",
        /// Television or console.
        Television = "television",
        /// Car.
        Car = "car",
    }
}

named_enum! {
    /// What a stream was started from.
    Source {
        /// The listener's own collection.
        Collection = "collection",
        /// A playlist of the listener or of others.
        Playlist = "playlist",
        /// An editorial or chart playlist.
        Editorial = "editorial",
        /// Radio: tracks chosen by similarity.
        Radio = "radio",
        /// A personalised mix.
        Personalised = "personalised",
        /// The catalog: search, album and artist pages.
        Catalog = "catalog",
    }
}

named_enum! {
    /// Who chose the tracks of a logged session.
    BehaviourPolicy {
        /// The listener.
        OwnChoice = "own-choice",
        /// A radio by similarity.
        Radio = "radio",
        /// A pool played in uniformly random order: the propensity of each play is known.
        Shuffled = "shuffled",
    }
}

/// What is known of the circumstances at the start of a session; each part may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Hour of the day, 0 to 23.
    pub hour: Option<u8>,
    /// Day of the week, 0 (Monday) to 6.
    pub weekday: Option<u8>,
    /// Class of device.
    pub device: Option<Device>,
    /// What the stream was started from.
    pub source: Option<Source>,
    /// Whether the listener pays.
    pub premium: Option<bool>,
    /// Whether tracks are shuffled.
    pub shuffle: Option<bool>,
    /// Who chose the tracks.
    pub behaviour_policy: Option<BehaviourPolicy>,
}

impl Context {
    /// Sets hour and weekday from a time in milliseconds since 1970 (local).
    pub fn at(mut self, start_ms: i64) -> Self {
        let hours = start_ms.div_euclid(3_600_000);
        self.hour = Some(hours.rem_euclid(24) as u8);
        // 1 January 1970 was a Thursday.
        self.weekday = Some((hours.div_euclid(24) + 3).rem_euclid(7) as u8);
        self
    }
}

impl Play {
    /// When it ended; its start where it is not known how long it played.
    pub fn end_ms(&self) -> i64 {
        self.start_ms + i64::from(self.ms_played.unwrap_or(0))
    }
}

/// Plays of one user with less than the session gap of inactivity between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Index into the table of users.
    pub user: u32,
    /// Start of the first play.
    pub start_ms: i64,
    /// Circumstances at the start.
    pub context: Context,
    /// The plays in order.
    pub plays: Vec<Play>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_takes_hour_and_weekday_from_the_clock() {
        // date -u -d '2024-12-18 14:35:19' +'%s %u' gives 1734532519 and 3 (Wednesday).
        let context = Context::default().at(1_734_532_519_000);
        assert_eq!((context.hour, context.weekday), (Some(14), Some(2)));
        // A moment before 1970: 1969-12-31 23:00 was a Wednesday.
        let context = Context::default().at(-3_600_000);
        assert_eq!((context.hour, context.weekday), (Some(23), Some(2)));
    }

    #[test]
    fn tracks_of_unknown_artist_share_none() {
        let catalog = ["a", "", "b", "", "a"].map(|artist| Track { artist: artist.into(), ..Track::default() });
        assert_eq!(artist_numbers(&catalog), [0, 1, 2, 3, 0]);
    }

    #[test]
    fn names_and_codes_go_both_ways() {
        for (code, device) in Device::ALL.iter().enumerate() {
            assert_eq!(Device::from_name(device.name()), Some(*device));
            assert_eq!(device.code(), code);
        }
        assert_eq!(Source::from_name("nonsense"), None);
    }
}
