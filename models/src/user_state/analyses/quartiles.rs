//! The numbers of a box plot.

use serde::{Deserialize, Serialize};

/// Quartiles and whiskers (Tukey 1977: the outermost values within 1.5 interquartile ranges of the box).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quartiles {
    /// Number of values.
    pub count: u64,
    /// Lower whisker.
    pub low: f64,
    /// First quartile.
    pub first: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub third: f64,
    /// Upper whisker.
    pub high: f64,
}

impl Quartiles {
    /// Of some values, which are sorted; `None` where there are none. Quantiles are interpolated (Hyndman and Fan, type 7).
    pub fn of(values: &mut [f64]) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let quantile = |share: f64| {
            let place = share * last as f64;
            let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        let [first, median, third] = [0.25, 0.5, 0.75].map(quantile);
        let reach = 1.5 * (third - first);
        let low = values.iter().copied().find(|&value| value >= first - reach)?;
        let high = values.iter().copied().rfind(|&value| value <= third + reach)?;
        Some(Self { count: values.len() as u64, low, first, median, third, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// import numpy as np
    /// np.percentile([3, 1, 4, 1, 5, 9, 2, 60], [25, 50, 75])   # 1.75 3.5 6.
    /// ```
    #[test]
    fn quartiles_are_numpys_and_whiskers_leave_outliers_out() {
        let found = Quartiles::of(&mut [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 60.0]).unwrap();
        let expected = Quartiles { count: 8, low: 1.0, first: 1.75, median: 3.5, third: 6.0, high: 9.0 };
        assert_eq!(found, expected);
        assert_eq!(Quartiles::of(&mut []), None);
    }
}
