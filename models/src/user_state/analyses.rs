//! What user states look like: the analyses of the CoSeRNN paper (Hansen et al., RecSys 2020), and how states move.

mod context_similarity;
mod movement;
mod nearest_contexts;
mod quartiles;
mod sampled_states;
mod skip_rate;

pub use context_similarity::{ContextSimilarity, similarity_by_context};
pub use movement::{Movement, state_movement};
pub use nearest_contexts::{ContextGrid, NearestContexts, nearest_contexts};
pub use quartiles::Quartiles;
pub use sampled_states::{SampledState, sample_states};
pub use skip_rate::{LineFit, SkipRateBin, SkipRateReport, skip_rate_by_similarity};

#[cfg(test)]
mod tests;
