//! What an interaction is: a play of a track, or a whole session.
//!
//! A session meets one item, the track most often played in it (ours; the first such, and where all were skipped the one
//! most often heard). What is foretold is the vector of all tracks played.

use listening_data::Source;

use super::interactions::{InTimeOrder, Interaction};
use super::{Jodie, JodieLengths, JodieSettings};
use crate::features::{CONTEXT_FEATURES, FAST_EXTRAS, write_context};
use crate::splits::Split;
use crate::track_embeddings::TrackVectors;
use crate::user_state::baselines::is_target;
use crate::user_state::{
    Histories, SESSION_CONTEXT, SessionTracks, session_vector, write_play_extras, write_session_context,
};

/// What an interaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Play,
    Session,
}

impl Unit {
    pub(super) fn lengths(
        self,
        histories: &Histories,
        vectors: &TrackVectors,
        settings: &JodieSettings,
    ) -> JodieLengths {
        let dimension = vectors.dimension();
        let (features, user_static) = match self {
            Self::Play => (dimension + FAST_EXTRAS, histories.slow_length() + CONTEXT_FEATURES),
            Self::Session => (2 * (dimension + 1) + Source::ALL.len(), SESSION_CONTEXT),
        };
        JodieLengths { embedding: settings.embedding_length, features, user_static, item_static: dimension }
    }
}

impl Jodie<'_> {
    /// The interactions up to the end of a split, in order of time. That of a session stands at the session's start.
    pub(super) fn interactions(&self, split: Split) -> impl Iterator<Item = Interaction> {
        InTimeOrder::new(self.histories, split).filter(|interaction| match self.unit {
            Unit::Play => true,
            Unit::Session => interaction.play == self.histories.plays_of(interaction.session).start,
        })
    }

    /// How many there are.
    pub(super) fn size(&self, split: Split) -> usize {
        let sessions = (0..self.histories.users()).map(|user| self.histories.sessions_until(user, split));
        match self.unit {
            Unit::Play => sessions.map(|sessions| self.histories.plays_of_all(sessions).len()).sum(),
            Unit::Session => {
                let heard = |session: &usize| !self.histories.plays_of(*session).is_empty();
                sessions.map(|sessions| sessions.filter(heard).count()).sum()
            }
        }
    }

    /// The track that the user met.
    pub(super) fn item(&self, interaction: &Interaction) -> u32 {
        match self.unit {
            Unit::Play => self.histories.track(interaction.play),
            Unit::Session => main_track(self.histories, interaction.session),
        }
    }

    /// The number of the play or session, where it is a target.
    pub(super) fn target(&self, interaction: &Interaction, split: Split) -> Option<usize> {
        let (histories, vectors, session) = (self.histories, self.vectors, interaction.session);
        match self.unit {
            Unit::Play => is_target(histories, vectors, split, interaction.play, session).then_some(interaction.play),
            Unit::Session => {
                let counts = |play: usize| is_target(histories, vectors, split, play, session);
                histories.plays_of(session).any(counts).then_some(session)
            }
        }
    }

    /// Adds what is to be foretold, of length sqrt(dimension).
    pub(super) fn write_target(&self, interaction: &Interaction, row: &mut Vec<f32>) {
        let at = row.len();
        match self.unit {
            Unit::Play => row.extend(self.vectors.vector(self.histories.track(interaction.play))),
            Unit::Session => {
                row.resize(at + self.vectors.dimension(), 0.0);
                let tracks = SessionTracks::Played;
                session_vector(self.histories, self.vectors, interaction.session, tracks, &mut row[at..]);
            }
        }
        let scale = (self.vectors.dimension() as f32).sqrt();
        row[at..].iter_mut().for_each(|x| *x *= scale);
    }

    /// Adds what becomes known by the interaction: of a play its track's vector, responses and time; of a session the
    /// vectors and numbers of the tracks played and skipped, and what it was streamed from.
    pub(super) fn write_features(&self, interaction: &Interaction, row: &mut Vec<f32>) {
        let (histories, vectors, session) = (self.histories, self.vectors, interaction.session);
        match self.unit {
            Unit::Play => {
                let play = interaction.play;
                row.extend(vectors.vector(histories.track(play)));
                let mut extras = [0.0; FAST_EXTRAS];
                write_play_extras(histories.responses(play), histories.gap_hours(play), &mut extras);
                row.extend(extras);
            }
            Unit::Session => {
                for tracks in [SessionTracks::Played, SessionTracks::Skipped] {
                    let at = row.len();
                    row.resize(at + vectors.dimension(), 0.0);
                    let number = session_vector(histories, vectors, session, tracks, &mut row[at..]);
                    row.push((number as f32).ln_1p() / 4.0);
                }
                let source = histories.context(session).source;
                row.extend(Source::ALL.iter().map(|&one| if source == Some(one) { 1.0 } else { 0.0 }));
            }
        }
    }

    /// Adds what is known of the user when the interaction begins: for a play slow features and context at its session's
    /// start, for a session its context.
    pub(super) fn write_user_static(&self, interaction: &Interaction, row: &mut Vec<f32>) {
        let context = self.histories.context(interaction.session);
        match self.unit {
            Unit::Play => {
                let mut features = [0.0; CONTEXT_FEATURES];
                write_context(&context, &mut features);
                row.extend(self.histories.slow_features(interaction.session));
                row.extend(features);
            }
            Unit::Session => {
                let mut features = [0.0; SESSION_CONTEXT];
                write_session_context(&context, &mut features);
                row.extend(features);
            }
        }
    }
}

/// The track most often played in a session; 0 in a session without plays, which has no interaction.
fn main_track(histories: &Histories, session: usize) -> u32 {
    let plays = histories.plays_of(session);
    let played = |play: &usize| SessionTracks::Played.contains(histories, *play);
    let any_played = plays.clone().any(|play| played(&play));
    let counted = || plays.clone().filter(|play| !any_played || played(play)).map(|play| histories.track(play));
    let count = |track: u32| counted().filter(|&other| other == track).count();
    // The first of the most frequent.
    let best = counted().map(|track| (count(track), track)).reduce(|a, b| if b.0 > a.0 { b } else { a });
    best.map_or(0, |(_, track)| track)
}

#[cfg(test)]
mod tests {
    use listening_data::Device;

    use super::*;
    use crate::user_state::histories::tests::{ByHand, by_hand};

    #[test]
    fn a_session_meets_the_track_most_often_played_in_it() {
        let session = |plays: &[(u32, bool)]| ByHand {
            split: Split::Train,
            hour: 1,
            device: Device::Phone,
            plays: plays.to_vec(),
        };
        let histories = by_hand(&[vec![
            session(&[(1, false), (2, false), (2, false), (3, true), (3, true), (3, true)]),
            session(&[(4, false), (5, false)]),
            session(&[(6, true), (7, true), (7, true)]),
        ]]);
        assert_eq!([0, 1, 2].map(|session| main_track(&histories, session)), [2, 4, 7]);
    }
}
