//! Simulated listening: a world model, candidate pools, and an environment that steps many sessions at once.
//!
//! A *session* is an episode, unless episodes have several: a user, a context and a candidate pool are drawn, a policy plays one candidate after
//! the other, the user responds to each, and the session ends when the listener leaves (*terminated*) or when it has
//! reached its length or the end of its pool (*truncated*).

mod batch;
mod episodes;
mod error;
mod listeners;
mod modelled_sessions;
mod moving_states;
mod planning;
mod pools;
mod responses;
mod settings;
mod simulated;
mod small_world;
mod vec_env;
mod world;

pub use batch::{FinishedSession, SessionBatch, SessionView};
pub use episodes::{episode_of, next_in_episode, place_in_episode};
pub use error::{EnvError, Result};
pub use listeners::{
    Answer, LeavingListeners, Listeners, LoggedListeners, ModelledListeners, OracleListeners, OracleState,
};
pub use modelled_sessions::{ModelledSessions, ModelledState};
pub use moving_states::MovingStates;
pub use planning::PlanningModel;
pub use pools::draw_pool;
pub use responses::{PlayResponses, consistent_probabilities, sample_responses};
pub use settings::{EpisodeSettings, PoolSettings, RewardKind, RewardSettings, WorldSettings};
pub use simulated::{SavedSession, SimulatedEnv};
pub use small_world::{small_moving_world, small_world};
pub use vec_env::{StepBatch, VecEnv, check_env};
pub use world::{Catalog, World};
