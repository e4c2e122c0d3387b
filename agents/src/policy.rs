//! What a policy is.

use playlist_envs::{SessionBatch, World};

use crate::Result;

/// Chooses the next track of many sessions at once. Deterministic: the same sessions get the same choice.
pub trait Policy: Send {
    /// The policy's name in tables, files and TensorBoard.
    fn name(&self) -> &str;

    /// For every session, the place in its pool of the track to play next; replaces the contents of `actions`.
    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()>;

    /// The same policy for use on another thread.
    fn fork(&self) -> Result<Box<dyn Policy>>;
}

/// The remaining place of highest score; ties go to the first.
pub(crate) fn best_remaining(scores: impl Iterator<Item = (u16, f32)>) -> u32 {
    let mut best: Option<(u16, f32)> = None;
    for (place, score) in scores {
        if best.is_none_or(|(_, highest)| score > highest) {
            best = Some((place, score));
        }
    }
    u32::from(best.map_or(0, |(place, _)| place))
}
