//! Why a play began and ended, and what that says of the listener. The table is in `docs/formats/spotify-extended.md`.

/// A start or end reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Reason {
    /// Blank, `unknown`, or a word this version does not know.
    Unknown,
    TrackDone,
    Forward,
    Back,
    /// The listener picked a track in a list, a menu or a side bar.
    Click,
    PlayButton,
    /// Another play took its place.
    EndPlay,
    /// Controlled from, or handed over to, another device.
    Remote,
    /// The program was closed, crashed, or was opened anew.
    Left,
    TrackError,
}

impl Reason {
    const ALL: [Self; 10] = [
        Self::Unknown,
        Self::TrackDone,
        Self::Forward,
        Self::Back,
        Self::Click,
        Self::PlayButton,
        Self::EndPlay,
        Self::Remote,
        Self::Left,
        Self::TrackError,
    ];

    /// The reason of a word; `None` for a word this version does not know.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "" | "unknown" | "persisted" => Self::Unknown,
            "trackdone" => Self::TrackDone,
            "fwdbtn" | "nextbtn" => Self::Forward,
            "backbtn" => Self::Back,
            "clickrow" | "clickside" | "popup" | "uriopen" => Self::Click,
            "playbtn" => Self::PlayButton,
            "endplay" => Self::EndPlay,
            "remote" => Self::Remote,
            "logout" | "unexpected-exit" | "unexpected-exit-while-paused" | "appload" | "reload" => Self::Left,
            "trackerror" => Self::TrackError,
            _ => return None,
        })
    }

    pub(super) fn code(self) -> u8 {
        self as u8
    }

    /// The reason of a [`Self::code`].
    pub(super) fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Unknown)
    }

    /// The end reason of a play, told by the start reason of a play that followed `gap_ms` after its end.
    ///
    /// Measured on rows whose end reason is known (three listeners; the table is in the documentation of the format):
    /// within 5 s, a start by `trackdone` follows an end by `trackdone` in 98 % of cases or more, `fwdbtn` likewise,
    /// `backbtn` in 93 % or more, and a click follows `endplay` or a click in 93 % or more. Later, clicks fall to 32
    /// to 77 % and buttons to 50 to 92 %, while `trackdone` holds at 92 % or more through the whole session: the
    /// player, not the listener, moved on, and the gap is a pause. A program opened anew follows one that was left,
    /// early (74 to 98 %) or late (85 to 93 %). `playbtn` follows everything and tells nothing.
    pub(super) fn told_by_next(start: Self, gap_ms: i64, same_session: bool) -> Self {
        match start {
            Self::TrackDone | Self::Left if same_session => start,
            Self::Forward | Self::Back | Self::TrackError if gap_ms.abs() <= AT_ONCE_MS => start,
            Self::Click if gap_ms.abs() <= AT_ONCE_MS => Self::EndPlay,
            _ => Self::Unknown,
        }
    }
}

/// Plays this close to each other follow at once. End times are cut to whole seconds and played time includes
/// buffering, so that adjoining plays seem to overlap or to part by a few seconds.
pub(super) const AT_ONCE_MS: i64 = 5_000;

/// What the end of a play says of the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Outcome {
    /// Nothing is known.
    Unknown,
    /// The track ran to its end.
    Finished,
    /// The listener pressed next, or went back to another track.
    SteppedOn,
    /// The listener picked another track.
    PickedAnother,
    /// The same track began anew.
    Restarted,
    /// The listener left, or the player failed: the track was not judged.
    Left,
}

impl Outcome {
    const ALL: [Self; 6] =
        [Self::Unknown, Self::Finished, Self::SteppedOn, Self::PickedAnother, Self::Restarted, Self::Left];

    /// The outcome of a play with a (possibly repaired) end reason. `next_is_same_track`: whether the next play of
    /// the session is of the same track; `None` where no play follows in the session.
    pub(super) fn new(end: Reason, skipped: Option<bool>, next_is_same_track: Option<bool>) -> Self {
        match (end, next_is_same_track) {
            (Reason::TrackDone, _) => Self::Finished,
            (Reason::Forward, _) => Self::SteppedOn,
            (Reason::Back | Reason::Click | Reason::PlayButton | Reason::EndPlay, Some(true)) => Self::Restarted,
            (Reason::Back, _) => Self::SteppedOn,
            (Reason::Click | Reason::PlayButton, _) | (Reason::EndPlay, Some(false)) => Self::PickedAnother,
            // `skipped` changed its meaning over the years; only true, and only where the reason tells less.
            (Reason::EndPlay | Reason::Unknown, _) if skipped == Some(true) => Self::PickedAnother,
            (Reason::EndPlay | Reason::Left | Reason::TrackError, _) => Self::Left,
            (Reason::Remote | Reason::Unknown, _) => Self::Unknown,
        }
    }

    /// Whether the track ran to its end, and whether the listener moved on: the arguments of
    /// [`crate::SessionRules::responses`].
    pub(super) fn finished_and_moved_on(self) -> (Option<bool>, Option<bool>) {
        match self {
            Self::Unknown => (None, None),
            Self::Finished => (Some(true), Some(false)),
            Self::SteppedOn | Self::PickedAnother => (Some(false), Some(true)),
            Self::Restarted | Self::Left => (Some(false), Some(false)),
        }
    }

    pub(super) fn code(self) -> u8 {
        self as u8
    }

    /// The outcome of a [`Self::code`].
    pub(super) fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_both_ways() {
        assert!(Reason::ALL.into_iter().all(|reason| Reason::from_code(reason.code()) == reason));
        assert!(Outcome::ALL.into_iter().all(|outcome| Outcome::from_code(outcome.code()) == outcome));
    }

    #[test]
    fn next_rows_tell_blank_ends_only_while_they_are_reliable() {
        let told = Reason::told_by_next;
        assert_eq!(told(Reason::TrackDone, 900_000, true), Reason::TrackDone);
        assert_eq!(told(Reason::TrackDone, 1_300_000, false), Reason::Unknown);
        assert_eq!(told(Reason::Forward, 5_000, true), Reason::Forward);
        assert_eq!(told(Reason::Forward, 5_001, true), Reason::Unknown);
        assert_eq!(told(Reason::Click, -4_000, true), Reason::EndPlay);
        assert_eq!(told(Reason::PlayButton, 0, true), Reason::Unknown);
    }

    #[test]
    fn outcomes_follow_the_documented_table() {
        for (end, skipped, next_is_same_track, outcome) in [
            (Reason::TrackDone, Some(true), Some(true), Outcome::Finished),
            (Reason::Forward, None, Some(true), Outcome::SteppedOn),
            (Reason::Back, None, Some(true), Outcome::Restarted),
            (Reason::Back, None, Some(false), Outcome::SteppedOn),
            (Reason::EndPlay, None, Some(false), Outcome::PickedAnother),
            (Reason::EndPlay, None, Some(true), Outcome::Restarted),
            (Reason::EndPlay, Some(false), None, Outcome::Left),
            (Reason::EndPlay, Some(true), None, Outcome::PickedAnother),
            (Reason::Click, None, None, Outcome::PickedAnother),
            (Reason::Left, Some(true), Some(false), Outcome::Left),
            (Reason::TrackError, None, Some(false), Outcome::Left),
            (Reason::Remote, None, Some(false), Outcome::Unknown),
            (Reason::Unknown, Some(true), None, Outcome::PickedAnother),
            (Reason::Unknown, Some(false), Some(false), Outcome::Unknown),
        ] {
            assert_eq!(Outcome::new(end, skipped, next_is_same_track), outcome, "{end:?} {skipped:?}");
        }
    }
}
