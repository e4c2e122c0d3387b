//! The simplex method of Nelder and Mead (The Computer Journal 1965) in the unit cube, with coefficients by dimension
//! (Gao and Han, Computational Optimization and Applications 2012).
//!
//! It needs no derivatives and bears kinks, which sums of absolute differences have. Points outside of the cube are moved
//! to its surface; where the simplex has become small it begins anew around the best point, because it may have become
//! flat.

use crate::Result;

/// Length of the first simplex's edges along the axes.
const FIRST_EDGE: f64 = 0.15;
/// Length below which edges of new simplices do not fall.
const LAST_EDGE: f64 = 0.03;
/// A simplex is small whose corners are all as near to the best.
const SMALL: f64 = 0.004;

/// A value and its point.
type Corner = (f64, Vec<f64>);

/// Finds a point of the unit cube with a low value within so many evaluations; those of a first simplex, one more than
/// there are dimensions, are made in any case.
pub(super) fn minimise(
    origin: Vec<f64>,
    evaluations: usize,
    value: &mut dyn FnMut(&[f64]) -> Result<f64>,
) -> Result<Corner> {
    let dimensions = origin.len();
    let mut left = evaluations;
    let mut ask = |point: Vec<f64>| -> Result<Corner> { Ok((value(&point)?, point)) };
    let mut best = ask(origin)?;
    left = left.saturating_sub(1);
    let mut edge = FIRST_EDGE;
    loop {
        let mut corners = vec![best.clone()];
        for axis in 0..dimensions {
            let mut point = best.1.clone();
            point[axis] += if point[axis] + edge <= 1.0 { edge } else { -edge };
            corners.push(ask(point)?);
        }
        left = left.saturating_sub(dimensions);
        // A step takes as many evaluations at most as there are corners, and one.
        while left > dimensions + 1 && !small(&corners) {
            left -= step(&mut corners, &mut ask)?;
        }
        corners.sort_by(|a, b| a.0.total_cmp(&b.0));
        best = corners.swap_remove(0);
        edge = (edge / 2.0).max(LAST_EDGE);
        if left <= dimensions + 1 || dimensions == 0 {
            return Ok(best);
        }
    }
}

fn small(corners: &[Corner]) -> bool {
    let spread = |axis: usize| {
        let places = corners.iter().map(|(_, point)| point[axis]);
        let (low, high) = places.fold((1.0_f64, 0.0_f64), |(low, high), place| (low.min(place), high.max(place)));
        high - low
    };
    (0..corners[0].1.len()).all(|axis| spread(axis) < SMALL)
}

/// One step of the simplex; gives the number of evaluations.
fn step(corners: &mut [Corner], ask: &mut dyn FnMut(Vec<f64>) -> Result<Corner>) -> Result<usize> {
    corners.sort_by(|a, b| a.0.total_cmp(&b.0));
    let last = corners.len() - 1;
    let n = last as f64;
    let (expansion, contraction, shrinkage) = (1.0 + 2.0 / n, 0.75 - 0.5 / n, 1.0 - 1.0 / n);
    let centre: Vec<f64> =
        (0..last).map(|axis| corners[..last].iter().map(|(_, point)| point[axis]).sum::<f64>() / n).collect();
    let worst = corners[last].clone();
    // From the centre away from the worst corner, or towards it.
    let along = |length: f64| -> Vec<f64> {
        centre
            .iter()
            .zip(&worst.1)
            .map(|(centre, worst)| (centre + length * (centre - worst)).clamp(0.0, 1.0))
            .collect()
    };
    let reflected = ask(along(1.0))?;
    if reflected.0 < corners[0].0 {
        let expanded = ask(along(expansion))?;
        corners[last] = if expanded.0 < reflected.0 { expanded } else { reflected };
        return Ok(2);
    }
    if reflected.0 < corners[last - 1].0 {
        corners[last] = reflected;
        return Ok(1);
    }
    let outside = reflected.0 < worst.0;
    let contracted = ask(along(if outside { contraction } else { -contraction }))?;
    if contracted.0 <= reflected.0.min(worst.0) {
        corners[last] = contracted;
        return Ok(2);
    }
    let best = corners[0].1.clone();
    for corner in &mut corners[1..] {
        let point = best.iter().zip(&corner.1).map(|(best, place)| best + shrinkage * (place - best)).collect();
        *corner = ask(point)?;
    }
    Ok(2 + last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(origin: Vec<f64>, evaluations: usize, value: fn(&[f64]) -> f64) -> (Corner, usize) {
        let mut asked = 0;
        let best = minimise(origin, evaluations, &mut |point| {
            assert!(point.iter().all(|place| (0.0..=1.0).contains(place)), "{point:?}");
            asked += 1;
            Ok(value(point))
        });
        (best.unwrap(), asked)
    }

    /// Rosenbrock's valley, scaled to the cube: its lowest point is at 0.75, 0.75.
    #[test]
    fn a_curved_valley_is_followed_to_its_lowest_point() {
        let valley = |point: &[f64]| {
            let (x, y) = (4.0 * point[0] - 2.0, 4.0 * point[1] - 2.0);
            (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
        };
        let ((value, point), asked) = found(vec![0.2, 0.7], 400, valley);
        assert!(value < 1e-4 && point.iter().all(|place| (place - 0.75).abs() < 0.01), "{value} {point:?}");
        assert!(asked <= 400, "{asked}");
    }

    #[test]
    fn kinks_and_bounds_are_borne() {
        // Absolute differences that share parameters; the lowest point is at .3, .8 and, beyond the bound, 1.
        let kinked = |point: &[f64]| {
            (point[0] + point[1] - 1.1).abs() + (point[0] - point[1] + 0.5).abs() + (point[2] - 1.2).abs()
        };
        let ((value, point), _) = found(vec![0.9, 0.1, 0.4], 400, kinked);
        assert!((value - 0.2).abs() < 0.005, "{value} {point:?}");
        assert!((point[0] - 0.3).abs() < 0.01 && (point[1] - 0.8).abs() < 0.01 && point[2] > 0.995, "{point:?}");
    }

    #[test]
    fn without_dimensions_the_only_point_is_the_best() {
        assert_eq!(found(vec![], 5, |_| 7.0), ((7.0, vec![]), 1));
    }
}
