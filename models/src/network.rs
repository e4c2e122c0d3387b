//! The little that all networks share: named parameters with reproducible initial weights, dense layers, Adam.

mod adam;
mod dense;
mod parameters;

pub use adam::{Adam, AdamSettings};
pub use dense::{Dense, DenseStack};
pub use parameters::Parameters;
