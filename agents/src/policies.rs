//! Policies that need no training of their own.

mod beam;
mod cosine;
mod greedy;
mod greedy_sequential;
mod least_expected;
mod mixed;
mod oracle_greedy;
mod popularity;
mod random;

pub use beam::BeamPolicy;
pub use cosine::CosinePolicy;
pub use greedy::GreedyPolicy;
pub use greedy_sequential::GreedySequentialPolicy;
pub use least_expected::LeastExpectedPolicy;
pub use mixed::MixedPolicy;
pub use oracle_greedy::OracleGreedyPolicy;
pub use popularity::PopularityPolicy;
pub use random::RandomPolicy;
