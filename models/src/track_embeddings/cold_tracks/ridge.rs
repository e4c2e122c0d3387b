//! Ridge regression with several outputs, by its normal equations.
//!
//! W = (X'X + strength D)^-1 X'Y, where D is the identity but for the first input, a constant 1 that is not penalised
//! (Hoerl and Kennard 1970; the same objective as scikit-learn's `Ridge` with an intercept).

use crate::{ModelError, Result};

/// Sums over examples from which weights of any strength follow.
pub struct NormalEquations {
    inputs: usize,
    outputs: usize,
    /// Lower triangle of X'X, row by row with `inputs` places each.
    products: Vec<f64>,
    /// X'Y, one row of `outputs` per input.
    targets: Vec<f64>,
}

/// Weights of the regression: one row of outputs per input.
pub struct Weights {
    outputs: usize,
    values: Vec<f64>,
}

impl NormalEquations {
    /// No examples yet.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, products: vec![0.0; inputs * inputs], targets: vec![0.0; inputs * outputs] }
    }

    /// Adds an example. The first input must be 1.
    pub fn add(&mut self, input: &[f64], target: &[f32]) {
        for (row, &x) in input.iter().enumerate().filter(|(_, x)| **x != 0.0) {
            let products = &mut self.products[row * self.inputs..][..=row];
            products.iter_mut().zip(input).for_each(|(sum, y)| *sum += x * y);
            let targets = &mut self.targets[row * self.outputs..][..self.outputs];
            targets.iter_mut().zip(target).for_each(|(sum, y)| *sum += x * f64::from(*y));
        }
    }

    /// The weights for one strength of the penalty, by Cholesky's decomposition.
    pub fn solve(&self, strength: f64) -> Result<Weights> {
        let (n, outputs) = (self.inputs, self.outputs);
        let mut lower = self.products.clone();
        for row in 1..n {
            lower[row * n + row] += strength;
        }
        for row in 0..n {
            for column in 0..=row {
                let known = |k: usize| lower[row * n + k] * lower[column * n + k];
                let rest = lower[row * n + column] - (0..column).map(known).sum::<f64>();
                lower[row * n + column] = if row > column {
                    rest / lower[column * n + column]
                } else if rest > 0.0 {
                    rest.sqrt()
                } else {
                    return Err(ModelError::setting(
                        "cold_tracks.strengths",
                        format!("{strength} is too weak for these tracks: the normal equations are singular"),
                    ));
                };
            }
        }
        // Forward and backward substitution, all outputs at once.
        let mut values = self.targets.clone();
        let subtract = |values: &mut [f64], from: usize, row: usize, factor: f64| {
            for output in 0..outputs {
                values[from * outputs + output] -= factor * values[row * outputs + output];
            }
        };
        for row in 0..n {
            (0..row).for_each(|k| subtract(&mut values, row, k, lower[row * n + k]));
            values[row * outputs..][..outputs].iter_mut().for_each(|x| *x /= lower[row * n + row]);
        }
        for row in (0..n).rev() {
            (row + 1..n).for_each(|k| subtract(&mut values, row, k, lower[k * n + row]));
            values[row * outputs..][..outputs].iter_mut().for_each(|x| *x /= lower[row * n + row]);
        }
        Ok(Weights { outputs, values })
    }
}

impl Weights {
    /// The outputs for one input.
    pub fn predict(&self, input: &[f64]) -> Vec<f32> {
        let mut sums = vec![0.0; self.outputs];
        for (x, weights) in input.iter().zip(self.values.chunks_exact(self.outputs)) {
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
        }
        sums.into_iter().map(|sum| sum as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_scikit_learn() {
        // from sklearn.linear_model import Ridge
        // X = [[0.5, -1], [1.5, 2], [-0.5, 0.25], [2, 1], [0, -2]]
        // Y = [[1, 0], [3, -1], [0.5, 2], [2.5, 1], [-1, 0.5]]
        // m = Ridge(alpha=2.0).fit(X, Y); print(m.intercept_, m.coef_)
        const INTERCEPT: [f64; 2] = [0.83671171, 0.74436937];
        const COEFFICIENTS: [[f64; 2]; 2] = [[0.47554698, 0.60810811], [-0.34813385, -0.01351351]];
        let inputs = [[0.5, -1.0], [1.5, 2.0], [-0.5, 0.25], [2.0, 1.0], [0.0, -2.0]];
        let targets = [[1.0, 0.0], [3.0, -1.0], [0.5, 2.0], [2.5, 1.0], [-1.0, 0.5]];
        let mut equations = NormalEquations::new(3, 2);
        for (input, target) in inputs.iter().zip(&targets) {
            equations.add(&[1.0, input[0], input[1]], target);
        }
        let weights = equations.solve(2.0).unwrap();
        for output in 0..2 {
            assert!((f64::from(weights.predict(&[1.0, 0.0, 0.0])[output]) - INTERCEPT[output]).abs() < 1e-6);
            for input in 0..2 {
                let mut unit = [0.0; 3];
                unit[input + 1] = 1.0;
                assert!((f64::from(weights.predict(&unit)[output]) - COEFFICIENTS[output][input]).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn singular_equations_are_refused_and_a_penalty_helps() {
        let mut equations = NormalEquations::new(2, 1);
        equations.add(&[1.0, 2.0], &[1.0]);
        assert!(equations.solve(0.0).is_err());
        assert!((equations.solve(1.0).unwrap().predict(&[1.0, 2.0])[0] - 1.0).abs() < 1e-6);
    }
}
