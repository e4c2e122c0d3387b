//! Pictures of results as SVG text, and pages of HTML that hold them: box plots, heat maps, histograms, scatter plots,
//! lines.
//!
//! The same data give the same text, byte for byte. Nothing here knows what the numbers mean.
//!
//! ```
//! use playlist_pictures::{LineChart, Page, Series};
//! let chart = LineChart {
//!     title: "Loss".into(),
//!     x_label: "epoch".into(),
//!     y_label: "loss".into(),
//!     series: vec![Series { name: "training".into(), points: vec![(1.0, 2.0), (2.0, 1.5)], band: Vec::new() }],
//! };
//! let page = Page::new("A run").picture(&chart.svg(), "The loss falls.").html();
//! assert!(page.contains("<svg"));
//! ```

mod box_plot;
mod frame;
mod heat_map;
mod histogram;
mod line_chart;
mod page;
mod scatter;
mod svg;

pub use box_plot::{BoxGroup, BoxNumbers, BoxPlot};
pub use heat_map::HeatMap;
pub use histogram::Histogram;
pub use line_chart::{LineChart, Series};
pub use page::Page;
pub use scatter::{Scatter, StraightLine};
