//! Policies that need no training of their own.

mod beam;
mod cosine;
mod greedy;
mod least_expected;
mod mixed;
mod popularity;
mod random;

pub use beam::BeamPolicy;
pub use cosine::CosinePolicy;
pub use greedy::GreedyPolicy;
pub use least_expected::LeastExpectedPolicy;
pub use mixed::MixedPolicy;
pub use popularity::PopularityPolicy;
pub use random::RandomPolicy;
