//! User states that move with every play of a session.

use listening_models::features::FAST_EXTRAS;
use listening_models::user_state::{CarriedStates, write_play_extras};

use crate::{PlayResponses, Result, SessionBatch, World};

/// Carries the user states of a batch of sessions from play to play: one call of the encoders per step of all sessions,
/// whatever lies behind them.
pub struct MovingStates {
    carried: CarriedStates,
    plays: Vec<f32>,
}

impl MovingStates {
    /// For `sessions` sessions of a world; none where its user states stand still.
    pub fn new(world: &World, sessions: usize) -> Result<Option<Self>> {
        let Some(states) = world.user_state() else { return Ok(None) };
        let width = world.catalog.vectors.dimension() + FAST_EXTRAS;
        Ok(Some(Self { carried: CarriedStates::new(states, sessions)?, plays: vec![0.0; sessions * width] }))
    }

    /// Takes in the last play of each session chosen, and notes the new states in the batch.
    pub fn advance(&mut self, world: &World, sessions: &mut SessionBatch, chosen: &[bool]) -> Result<()> {
        let width = world.catalog.vectors.dimension() + FAST_EXTRAS;
        for (index, row) in self.plays.chunks_exact_mut(width).enumerate().filter(|(index, _)| chosen[*index]) {
            let view = sessions.view(index);
            let (Some(&place), Some(&responses)) = (view.played.last(), view.responses.last()) else { continue };
            let first = view.position() == 1;
            if first {
                self.carried.set_memory(index, world.starts.memory(view.start))?;
            }
            let (vector, extras) = row.split_at_mut(width - FAST_EXTRAS);
            vector.copy_from_slice(world.catalog.vectors.vector(view.track(world, place)));
            // Within a session one play follows the other at once.
            let gap_hours = if first { world.starts.gap_hours(view.start) } else { 0.0 };
            write_play_extras(known(responses), gap_hours, extras);
        }
        self.carried.play(chosen, &self.plays)?;
        let (states, directions) = (self.carried.vectors()?, self.carried.track_directions()?);
        let count = chosen.len().max(1);
        let rows = states.chunks_exact(states.len() / count).zip(directions.chunks_exact(directions.len() / count));
        for (index, (state, direction)) in rows.enumerate().filter(|(index, _)| chosen[*index]) {
            sessions.set_state(index, state, direction);
        }
        Ok(())
    }
}

/// Responses as 1 where given and -1 where not: all of a simulated play are known.
fn known(responses: PlayResponses) -> [f32; 3] {
    responses.as_floats().map(|given| 2.0 * given - 1.0)
}
