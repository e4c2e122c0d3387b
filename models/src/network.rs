//! The little that all networks share: named parameters with reproducible initial weights, dense and recurrent
//! layers, Adam.

mod adam;
mod dense;
mod parameters;
mod recurrent;

pub use adam::{Adam, AdamSettings};
pub use dense::{Dense, DenseStack};
pub use parameters::Parameters;
pub use recurrent::{Cell, Recurrent};
