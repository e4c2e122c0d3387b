//! How cost grows with what a step should not depend on: tracks of the catalog, and users of the log.

use listening_data::Progress;
use playlist_pictures::{LineChart, Series};
use serde::Serialize;

use super::measure::Repeats;
use super::rows::{Row, environment_steps, gradient_steps};
use super::scene::{Answering, Choosing, Scene};
use crate::config::Config;
use crate::tables::{Columns, count, number, optional_share};

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Tracks of the catalog.
    Tracks,
    /// Users of the log.
    Users,
}

/// One piece of work at several sizes.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    /// What grows.
    pub size: Size,
    /// The work.
    pub work: &'static str,
    /// Sizes, ascending as given, and what was measured there.
    pub rows: Vec<(usize, Row)>,
    /// The power of the size with which the cost grows, in units of the machine's matrix products: 0 where it does not.
    pub slope: f64,
}

/// The work that is measured, in the order of the rows of each size.
const WORK: [&str; 3] = ["environment step", "environment step, agent", "gradient step"];

/// Measures on data of each size: steps of 256 sessions with 100 candidates, by chance and by the agent, and gradient steps.
pub fn growth(
    config: &Config,
    size: Size,
    sizes: &[u32],
    (world, batch): (Answering, usize),
    repeats: Repeats,
    progress: &dyn Progress,
) -> anyhow::Result<Vec<Growth>> {
    let mut rows: [Vec<(usize, Row)>; WORK.len()] = Default::default();
    for &value in sizes {
        let mut config = config.clone();
        let synthetic = &mut config.data.synthetic;
        match size {
            Size::Tracks => synthetic.catalog.tracks = value,
            Size::Users => synthetic.size.users = value,
        }
        let scene = Scene::new(&config, progress)?;
        let sessions = (super::SESSIONS, super::CANDIDATES);
        let found = [
            environment_steps(&scene, (world, Choosing::Random), sessions, 1, repeats)?,
            environment_steps(&scene, (world, Choosing::ActionHeadDqn), sessions, 1, repeats)?,
            gradient_steps(&scene, batch, super::CANDIDATES, repeats)?,
        ];
        rows.iter_mut().zip(found).for_each(|(rows, row)| rows.push((value as usize, row)));
    }
    let of = |(work, rows): (&'static str, Vec<(usize, Row)>)| {
        let cost = |(size, row): &(usize, Row)| (*size as f64, 1.0 / row.rates.units_per_operation.median);
        let slope = slope(rows.iter().map(cost));
        Growth { size, work, rows, slope }
    };
    Ok(WORK.into_iter().zip(rows).map(of).collect())
}

/// Slope of the line of least squares through the logarithms; 0 through fewer than two sizes.
fn slope(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let points: Vec<(f64, f64)> = points.map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
    let covariance = mean(&|point| (point.0 - x) * (point.1 - y));
    let variance = mean(&|point| (point.0 - x).powi(2));
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

/// A table of it.
pub fn table(growth: &[Growth]) -> Columns {
    let size = growth.first().map_or("size", |growth| name(growth.size));
    let mut table = Columns::new(["work", size, "units/s", "share of the limit", "slope of the cost"]);
    for Growth { work, rows, slope, .. } in growth {
        for (place, (size, row)) in rows.iter().enumerate() {
            table.add([
                if place == 0 { (*work).to_owned() } else { String::new() },
                count(*size as u64),
                number(row.rates.per_second.median),
                optional_share(row.share.map(|share| share.median)),
                if place == 0 { format!("{slope:.3}") } else { String::new() },
            ]);
        }
    }
    table
}

/// A picture of it: cost by size, both by powers of ten, from the cost at the first size.
pub fn picture(growth: &[Growth]) -> String {
    let size = growth.first().map_or("size", |growth| name(growth.size));
    let series = growth.iter().map(|growth| {
        let cost = |row: &Row| -row.rates.units_per_operation.median.log10();
        let first = growth.rows.first().map_or(0.0, |(_, row)| cost(row));
        let points = growth.rows.iter().map(|(size, row)| ((*size as f64).log10(), cost(row) - first)).collect();
        Series { name: format!("{}: slope {:.2}", growth.work, growth.slope), points, band: Vec::new() }
    });
    let chart = LineChart {
        title: format!("Cost by {size}"),
        x_label: format!("{size} (power of ten)"),
        y_label: "cost over that of the first (power of ten)".into(),
        series: series.collect(),
    };
    chart.svg()
}

fn name(size: Size) -> &'static str {
    match size {
        Size::Tracks => "tracks",
        Size::Users => "users",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_the_power_of_growth() {
        let found = slope([(10.0f64, 3.0), (100.0, 30.0), (1000.0, 300.0)].into_iter());
        assert!((found - 1.0).abs() < 1e-9);
        assert!(slope([(10.0f64, 3.0), (1000.0, 3.0)].into_iter()).abs() < 1e-9);
        // Around the mean of the logarithms: (-1, 0, 1) with costs of (0, 1, 0) decades has no slope.
        assert!(slope([(10.0f64, 1.0), (100.0, 10.0), (1000.0, 1.0)].into_iter()).abs() < 1e-9);
        assert_eq!(slope([(10.0, 1.0)].into_iter()), 0.0);
    }
}
