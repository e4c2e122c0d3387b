//! Direct search (Hooke and Jeeves, Journal of the ACM 1961) in the unit cube, with a step of its own for each axis
//! (Rosenbrock, The Computer Journal 1960).
//!
//! It needs no derivatives, and suits sums of distances of which most parameters move one alone. In eleven dimensions the
//! simplex of Nelder and Mead was tried first: after 500 worlds it had hardly moved half of the parameters.

use crate::Result;

/// The first step along each axis.
const FIRST_STEP: f64 = 0.1;
/// The longest step.
const LONGEST_STEP: f64 = 0.4;
/// An axis whose step is shorter is no longer tried.
const SHORTEST_STEP: f64 = 0.003;

/// A value and its point.
type Found = (f64, Vec<f64>);

/// Finds a point of the unit cube with a low value within so many evaluations, one at least; fewer where no step of the
/// shortest length lowers it.
pub(super) fn minimise(
    origin: Vec<f64>,
    evaluations: usize,
    value: &mut dyn FnMut(&[f64]) -> Result<f64>,
) -> Result<Found> {
    let mut best = (value(&origin)?, origin);
    let mut left = evaluations.saturating_sub(1);
    let mut steps = vec![FIRST_STEP; best.1.len()];
    // Takes the point if it is better; points outside of the cube are moved to its surface.
    let mut better = |best: &mut Found, mut point: Vec<f64>| -> Result<bool> {
        point.iter_mut().for_each(|place| *place = place.clamp(0.0, 1.0));
        if left == 0 || point == best.1 {
            return Ok(false);
        }
        left -= 1;
        let found = value(&point)?;
        let lower = found < best.0;
        if lower {
            *best = (found, point);
        }
        Ok(lower)
    };
    while steps.iter().any(|step| step.abs() >= SHORTEST_STEP) {
        let before = best.clone();
        for (axis, step) in steps.iter_mut().enumerate().filter(|(_, step)| step.abs() >= SHORTEST_STEP) {
            let along = |best: &Found, step: f64| {
                let mut point = best.1.clone();
                point[axis] += step;
                point
            };
            let (there, back) = (along(&best, *step), along(&best, -*step));
            if better(&mut best, there)? {
                *step = (1.5 * *step).clamp(-LONGEST_STEP, LONGEST_STEP);
            } else if better(&mut best, back)? {
                *step = -*step;
            } else {
                *step /= 2.0;
            }
        }
        // What all axes gained together is tried once more.
        let further = best.1.iter().zip(&before.1).map(|(now, before)| 2.0 * now - before).collect();
        better(&mut best, further)?;
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(origin: Vec<f64>, evaluations: usize, value: fn(&[f64]) -> f64) -> (Found, usize) {
        let mut asked = 0;
        let best = minimise(origin, evaluations, &mut |point| {
            assert!(point.iter().all(|place| (0.0..=1.0).contains(place)), "{point:?}");
            asked += 1;
            Ok(value(point))
        });
        (best.unwrap(), asked)
    }

    /// A valley that lies across the axes; its lowest point is at .75, .25.
    #[test]
    fn a_valley_across_the_axes_is_followed_to_its_lowest_point() {
        let valley = |point: &[f64]| {
            let (x, y) = (point[0] - 0.75, point[1] - 0.25);
            x * x + y * y + 1.5 * x * y
        };
        let ((value, point), asked) = found(vec![0.2, 0.1], 200, valley);
        assert!(value < 1e-4 && (point[0] - 0.75).abs() < 0.02 && (point[1] - 0.25).abs() < 0.02, "{value} {point:?}");
        assert!(asked <= 200, "{asked}");
    }

    #[test]
    fn kinks_and_bounds_are_borne() {
        // Absolute differences; the lowest point is at .3, .8 and, beyond the bound, 1.
        let kinked = |point: &[f64]| (point[0] - 0.3).abs() + 2.0 * (point[1] - 0.8).abs() + (point[2] - 1.2).abs();
        let ((value, point), _) = found(vec![0.9, 0.1, 0.4], 200, kinked);
        assert!((value - 0.2).abs() < 0.01, "{value} {point:?}");
        assert!((point[0] - 0.3).abs() < 0.01 && (point[1] - 0.8).abs() < 0.01 && point[2] == 1.0, "{point:?}");
    }

    #[test]
    fn evaluations_are_no_more_than_allowed() {
        assert_eq!(found(vec![], 5, |_| 7.0), ((7.0, vec![]), 1));
        assert_eq!(found(vec![0.5; 4], 10, |point| point.iter().sum()).1, 10);
        assert_eq!(found(vec![0.5], 1, |point| point[0]), ((0.5, vec![0.5]), 1));
    }
}
