//! The little that all networks share: named parameters with reproducible initial weights, dense and recurrent
//! layers, Adam.

mod activations;
mod adam;
mod bfloat16;
mod dense;
mod dropout;
mod floats;
mod gradients;
mod layer_norm;
mod lstm;
mod packed_layers;
mod packed_weights;
mod parameters;
mod recurrent;

pub use adam::{Adam, AdamSettings};
pub use dense::{Dense, DenseStack};
pub use dropout::Dropout;
pub use gradients::with_gradients;
pub use layer_norm::LayerNorm;
pub use packed_layers::{PackedDense, PackedDenseStack, PackedLstm};
pub use packed_weights::{Activation, PackedWeights, Precision};
pub use parameters::Parameters;
pub use recurrent::{Cell, Recurrent};
