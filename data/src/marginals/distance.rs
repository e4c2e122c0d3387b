//! Distances between two distributions, given as counts over the same classes.

/// Half the sum of the differences of shares (total variation): 0 for equal distributions, 1 for disjoint ones.
pub(super) fn total_variation(real: &[f64], synthetic: &[f64]) -> f64 {
    differences(real, synthetic).map(f64::abs).sum::<f64>() / 2.0
}

/// The largest difference of the cumulative shares (Kolmogorov and Smirnov), 0 to 1.
pub fn kolmogorov_smirnov(real: &[f64], synthetic: &[f64]) -> f64 {
    let mut cumulative = 0.0;
    let step = |difference| {
        cumulative += difference;
        f64::abs(cumulative)
    };
    differences(real, synthetic).map(step).fold(0.0, f64::max)
}

/// The mean of a distance over groups, each weighted by its real counts; 1 for a group without synthetic counts.
pub(super) fn mean_over_groups(real: &[Vec<f64>], synthetic: &[Vec<f64>], distance: fn(&[f64], &[f64]) -> f64) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (group, real) in real.iter().enumerate() {
        let weight: f64 = real.iter().sum();
        let known = synthetic.get(group).filter(|counts| counts.iter().any(|&count| count > 0.0));
        if weight > 0.0 {
            sum += weight * known.map_or(1.0, |synthetic| distance(real, synthetic));
            weights += weight;
        }
    }
    if weights > 0.0 { sum / weights } else { 0.0 }
}

/// Differences of the shares, class by class.
fn differences(real: &[f64], synthetic: &[f64]) -> impl Iterator<Item = f64> {
    let (sum_of_real, sum_of_synthetic): (f64, f64) = (real.iter().sum(), synthetic.iter().sum());
    real.iter().zip(synthetic).map(move |(r, s)| r / sum_of_real - s / sum_of_synthetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_computed_by_hand() {
        // Shares .25 .75 0 against .5 0 .5: differences -.25 .75 -.5, cumulative -.25 .5 0.
        let (a, b) = ([1.0, 3.0, 0.0], [2.0, 0.0, 2.0]);
        assert_eq!((total_variation(&a, &b), kolmogorov_smirnov(&a, &b)), (0.75, 0.5));
        assert_eq!((total_variation(&a, &a), kolmogorov_smirnov(&a, &a)), (0.0, 0.0));
        // Neighbouring classes are as far as distant ones by total variation, and by the order as far as is between.
        let ends = |first: usize| [0.0, 1.0, 2.0, 3.0].map(|class| f64::from(u8::from(class == first as f64)));
        assert_eq!((total_variation(&ends(0), &ends(1)), kolmogorov_smirnov(&ends(0), &ends(3))), (1.0, 1.0));
    }

    #[test]
    fn groups_weigh_as_much_as_their_real_counts() {
        let real = [vec![3.0, 3.0], vec![2.0, 0.0], vec![0.0, 0.0]];
        // Distances .5 and 0 with weights 6 and 2; the third group has no real counts.
        let synthetic = [vec![4.0, 0.0], vec![1.0, 0.0], vec![7.0, 1.0]];
        assert_eq!(mean_over_groups(&real, &synthetic, total_variation), 0.375);
        // Without the second group: 1 in its place.
        assert_eq!(mean_over_groups(&real, &synthetic[..1], total_variation), 0.625);
        assert_eq!(mean_over_groups(&real, &[vec![4.0, 0.0], vec![0.0, 0.0]], total_variation), 0.625);
    }
}
