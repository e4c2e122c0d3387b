//! A few numbers that describe a marginal to people.

use super::Marginal;

/// A number with its name.
pub type Figure = (&'static str, f64);

/// The figures of a marginal's counts; those that the counts do not tell are left out.
pub(super) fn of(marginal: Marginal, groups: &[Vec<f64>]) -> Vec<Figure> {
    let figures = match marginal {
        Marginal::SessionLengths => lengths(&groups[0]),
        Marginal::Responses => shares(&groups[0], &[("complete", 0), ("skip", 1), ("neither", 2)]),
        Marginal::PastThreshold => shares(&groups[0], &[("past threshold", 0)]),
        Marginal::SkipByPosition => positions(groups),
        Marginal::SkipPairs => pairs(groups),
        Marginal::Repeats => shares(&groups[0], &[("within 10 plays", 0), ("within 11 to 50", 1)]),
        Marginal::Popularity => {
            let top = |tracks: usize| groups[0][..tracks].iter().sum::<f64>() / groups[0].iter().sum::<f64>();
            vec![("top 1 % of tracks", top(1)), ("top 10 %", top(10)), ("top 50 %", top(50))]
        }
        Marginal::TrackSkips => shares(&groups[0], &[("left before threshold", 1)]),
    };
    figures.into_iter().filter(|(_, value)| value.is_finite()).collect()
}

fn shares(counts: &[f64], classes: &[(&'static str, usize)]) -> Vec<Figure> {
    let total: f64 = counts.iter().sum();
    classes.iter().map(|&(name, class)| (name, counts[class] / total)).collect()
}

fn lengths(counts: &[f64]) -> Vec<Figure> {
    let total: f64 = counts.iter().sum();
    let mean = counts.iter().zip(1..).map(|(count, length)| count * f64::from(length)).sum::<f64>() / total;
    let mut below = 0.0;
    let median = counts.iter().position(|count| {
        below += count;
        2.0 * below >= total
    });
    let from_20 = counts.iter().skip(19).sum::<f64>() / total;
    vec![("mean plays", mean), ("median", median.map_or(0.0, |place| (place + 1) as f64)), ("of 20 or more", from_20)]
}

fn positions(groups: &[Vec<f64>]) -> Vec<Figure> {
    let at = [("at 1st play", 0), ("at 2nd", 1), ("at 5th", 4), ("at 10th", 9), ("at 20th", 19)];
    at.map(|(name, place)| (name, groups[place][1] / (groups[place][0] + groups[place][1]))).to_vec()
}

fn pairs(groups: &[Vec<f64>]) -> Vec<Figure> {
    let after = |earlier: usize| groups[0][2 * earlier + 1] / (groups[0][2 * earlier] + groups[0][2 * earlier + 1]);
    vec![
        ("after a skip", after(1)),
        ("after no skip", after(0)),
        ("autocorrelation, 1 apart", correlation(&groups[0])),
        ("autocorrelation, 5 apart", correlation(&groups[4])),
    ]
}

/// The correlation of two truth values (phi coefficient), from how often neither, the second, the first and both hold.
fn correlation(counts: &[f64]) -> f64 {
    let [neither, second, first, both] = [counts[0], counts[1], counts[2], counts[3]];
    let product = (neither + second) * (first + both) * (neither + first) * (second + both);
    (both * neither - first * second) / product.sqrt()
}
