//! Likes, dislikes and the like: what listeners say of tracks beyond playing them.

use crate::play::named_enum;

named_enum! {
    /// Kind of feedback.
    FeedbackKind {
        /// The listener likes the track (or saves it).
        Like = "like",
        /// A like taken back.
        Unlike = "unlike",
        /// The listener does not want the track.
        Dislike = "dislike",
        /// A dislike taken back.
        Undislike = "undislike",
        /// The track was added to a playlist.
        PlaylistAdd = "playlist-add",
    }
}

/// One like, dislike or the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Index into the table of users.
    pub user: u32,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Index into the catalog.
    pub track: u32,
    /// Which.
    pub kind: FeedbackKind,
}
