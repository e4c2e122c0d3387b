//! How cost grows with what a step should not depend on: tracks of the catalog, and users of the log.

use listening_data::Progress;
use playlist_pictures::{LineChart, Series};
use serde::Serialize;

use super::measure::Repeats;
use super::rows::{Row, environment_steps, gradient_steps};
use super::scene::{Answering, Choosing, Scene};
use crate::config::Config;
use crate::failure::UsageError;
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

impl Size {
    fn name(self) -> &'static str {
        match self {
            Self::Tracks => "tracks",
            Self::Users => "users",
        }
    }

    /// The command's option that asks for it.
    fn option(self) -> &'static str {
        match self {
            Self::Tracks => "--catalogs",
            Self::Users => "--users",
        }
    }
}

/// One piece of work at several sizes.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    /// The work.
    pub work: &'static str,
    /// Sizes, ascending, and what was measured there.
    pub rows: Vec<(u32, Row)>,
    /// The power of the size with which the cost grows, in units of the machine's matrix products: 0 where it does not.
    pub slope: f64,
}

/// The sizes asked for, ascending, and the config of each: synthetic data of this size. Fewer than two sizes show no growth.
pub fn configs(config: &Config, size: Size, asked: &[u32]) -> anyhow::Result<Vec<(u32, Config)>> {
    let option = size.option();
    let mut sizes = asked.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.len() == 1 {
        let problem = format!("{option}: growth needs two different sizes or more, as in {option} {0},{0}0", sizes[0]);
        return Err(UsageError(problem).into());
    }
    let of_size = |value: u32| {
        let mut config = config.clone();
        let synthetic = &mut config.data.synthetic;
        match size {
            Size::Tracks => synthetic.catalog.tracks = value,
            Size::Users => synthetic.size.users = value,
        }
        config.validate().map_err(|error| UsageError(format!("{option} {value}: {error}")))?;
        Ok((value, config))
    };
    sizes.into_iter().map(of_size).collect()
}

/// The work that is measured, in the order of the rows of each size.
const WORK: [&str; 3] = ["step, random", "step, agent", "gradient step"];

/// Measures on data of each size: steps of 256 sessions with 100 candidates, by chance and by the agent, and gradient steps of
/// the config's batch.
pub fn growth(
    configs: &[(u32, Config)],
    world: Answering,
    repeats: Repeats,
    progress: &dyn Progress,
) -> anyhow::Result<Vec<Growth>> {
    let mut rows: [Vec<(u32, Row)>; WORK.len()] = Default::default();
    for (value, config) in configs {
        let scene = Scene::new(config, progress)?;
        let sessions = (super::SESSIONS, super::CANDIDATES);
        let found = [
            environment_steps(&scene, (world, Choosing::Random), sessions, 1, repeats)?,
            environment_steps(&scene, (world, Choosing::ActionHeadDqn), sessions, 1, repeats)?,
            gradient_steps(&scene, config.agent.batch, super::CANDIDATES, repeats)?,
        ];
        rows.iter_mut().zip(found).for_each(|(rows, row)| rows.push((*value, row)));
    }
    let of = |(work, rows): (&'static str, Vec<(u32, Row)>)| {
        let cost = |(size, row): &(u32, Row)| (f64::from(*size), 1.0 / row.rates.units_per_operation.median);
        let slope = slope(rows.iter().map(cost));
        Growth { work, rows, slope }
    };
    Ok(WORK.into_iter().zip(rows).map(of).collect())
}

/// Slope of the line of least squares through the logarithms of points of different sizes.
fn slope(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let points: Vec<(f64, f64)> = points.map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
    let covariance = mean(&|point| (point.0 - x) * (point.1 - y));
    let variance = mean(&|point| (point.0 - x).powi(2));
    covariance / variance
}

/// A table of it.
pub fn table(size: Size, growth: &[Growth]) -> Columns {
    let mut table = Columns::new(["work", size.name(), "units/s", "share of the limit", "slope of the cost"]);
    for Growth { work, rows, slope } in growth {
        for (place, (size, row)) in rows.iter().enumerate() {
            table.add([
                if place == 0 { (*work).to_owned() } else { String::new() },
                count(u64::from(*size)),
                number(row.rates.per_second.median),
                optional_share(row.share.map(|share| share.median)),
                if place == 0 { format!("{slope:.3}") } else { String::new() },
            ]);
        }
    }
    table
}

/// A picture of it: cost by size, both by powers of ten, from the cost at the first size.
pub fn picture(size: Size, growth: &[Growth]) -> String {
    let size = size.name();
    let series = growth.iter().map(|growth| {
        let cost = |row: &Row| -row.rates.units_per_operation.median.log10();
        let first = growth.rows.first().map_or(0.0, |(_, row)| cost(row));
        let points = growth.rows.iter().map(|(size, row)| (f64::from(*size).log10(), cost(row) - first)).collect();
        Series { name: format!("{} ({:.2})", growth.work, growth.slope), points, band: Vec::new() }
    });
    let chart = LineChart {
        title: format!("Cost by {size}, with its slope"),
        x_label: format!("{size} (power of ten)"),
        y_label: "cost over that of the first (power of ten)".into(),
        series: series.collect(),
    };
    chart.svg()
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
    }

    #[test]
    fn sizes_are_in_order_and_at_least_two() {
        let made = |size, asked: &[u32]| configs(&Config::default(), size, asked);
        let found = made(Size::Users, &[500, 100, 500]).unwrap();
        let users: Vec<_> = found.iter().map(|(size, config)| (*size, config.data.synthetic.size.users)).collect();
        assert_eq!(users, [(100, 100), (500, 500)]);
        assert!(made(Size::Users, &[]).unwrap().is_empty());
        let message = made(Size::Users, &[500, 500]).unwrap_err().to_string();
        assert!(message.contains("--users 500,5000"), "{message}");
        // Fewer tracks than artists.
        let message = made(Size::Tracks, &[100_000, 10]).unwrap_err().to_string();
        assert!(message.contains("--catalogs 10") && message.contains("tracks"), "{message}");
    }
}
