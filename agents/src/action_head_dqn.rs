//! Action-Head DQN (Tomasi et al., KDD 2023): Q(state, track) gives one value per candidate, so one network serves
//! pools of any size and tracks it has never seen. Trained by double DQN (van Hasselt et al., AAAI 2016).

mod actor;
mod learner;
mod network;
mod observation;
mod policy;
mod replay;
mod scorer;

pub(crate) use actor::{Actor, Orders, Rollout};
pub(crate) use learner::{Learner, LearnerReport};
pub use policy::{AgentModel, DqnPolicy};
pub(crate) use replay::Replay;
