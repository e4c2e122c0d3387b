//! The track nearest to where the user state points, first.

use listening_models::track_embeddings::dot;
use playlist_envs::{SessionBatch, World};

use crate::policy::best_remaining;
use crate::{Policy, Result};

/// Plays the remaining candidate of highest cosine to the user state's direction among the tracks, as it stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct CosinePolicy;

impl Policy for CosinePolicy {
    fn name(&self) -> &str {
        "cosine"
    }

    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()> {
        let vectors = &world.catalog.vectors;
        actions.clear();
        actions.extend((0..sessions.len()).map(|index| {
            let view = sessions.view(index);
            // Both vectors have unit length.
            let direction = sessions.track_direction(world, index);
            let cosine = |place| dot(direction, vectors.vector(view.track(world, place)));
            best_remaining(view.remaining().map(|place| (place, cosine(place))))
        }));
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        Ok(Box::new(*self))
    }
}
