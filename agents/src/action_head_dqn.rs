//! Action-Head DQN (Tomasi et al., KDD 2023): Q(state, track) gives one value per candidate, so one network serves
//! pools of any size and tracks it has never seen. Trained by double DQN (van Hasselt et al., AAAI 2016); dueling,
//! with prioritised replay, quantiles of the return and normalised layers where asked for.

mod actor;
mod architecture;
mod gathered;
mod learner;
mod network;
mod observation;
mod policy;
mod priorities;
mod quantiles;
mod replay;
mod scorer;
mod targets;

pub(crate) use actor::{Actor, Orders, Rollout};
pub(crate) use learner::{Learner, LearnerReport};
pub use observation::observation_lengths;
pub use policy::{AgentModel, DqnPolicy};
pub(crate) use priorities::Exponents;
pub(crate) use replay::Replay;
