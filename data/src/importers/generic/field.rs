//! The fields that a column can be mapped to.

use crate::play::named_enum;

named_enum! {
    /// A field of a play.
    #[derive(PartialOrd, Ord)]
    Field {
        /// The listener.
        User = "user",
        /// The track's identifier.
        Track = "track",
        /// When the play began.
        Start = "start",
        /// When the play ended.
        End = "end",
        /// Time played, in milliseconds.
        MsPlayed = "ms_played",
        /// Time played, in seconds.
        SecondsPlayed = "seconds_played",
        /// Time played, as a share of the duration.
        PlayedRatio = "played_ratio",
        /// Length of the track, in milliseconds.
        DurationMs = "duration_ms",
        /// Length of the track, in seconds.
        DurationSeconds = "duration_seconds",
        /// Whether the track was played to its end.
        Complete = "complete",
        /// Whether the listener moved on before the end.
        Skip = "skip",
        /// The session, as the log has it.
        Session = "session",
        /// The track's artist.
        Artist = "artist",
        /// The track's name.
        Name = "name",
        /// The track's album.
        Album = "album",
        /// Class of device.
        Device = "device",
        /// What the stream was started from.
        Source = "source",
        /// Whether the listener pays.
        Premium = "premium",
        /// Whether tracks are shuffled.
        Shuffle = "shuffle",
        /// Who chose the track.
        BehaviourPolicy = "behaviour_policy",
        /// Probability with which the track was chosen.
        Propensity = "propensity",
    }
}
