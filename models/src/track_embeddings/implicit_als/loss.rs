//! The loss that both half-steps lower.

use super::factor_table::FactorTable;
use super::interactions::Confidences;
use super::kernels::{SparseRow, dot};
use super::parallel::for_each_block;
use crate::Result;
use crate::simd::{Chunk, Lanes, Vectorised, vectorised};

/// Users whose losses are added at a time; fixed, so that threads do not change the sum.
const BLOCK_USERS: usize = 1024;

/// The sum over all users and tracks of c (p - s)^2, with s the product of their rows, plus lambda times the squared
/// lengths of all vectors; divided by the sum of all c, which makes it a mean, as the `implicit` package does.
///
/// Tracks that a user did not play have c = 1 and p = 0: their sum is that over all tracks, trace(X'X Y'Y), less that
/// over the played ones.
pub(super) fn loss(
    users: &FactorTable,
    tracks: &FactorTable,
    confidences: &Confidences<'_>,
    regularization: f32,
    threads: usize,
) -> Result<f64> {
    let all: f64 = users.gram(threads)?.iter().zip(tracks.gram(threads)?).map(|(x, y)| x * y).sum();
    let mut sums = vec![(0.0, 0.0); confidences.rows().div_ceil(BLOCK_USERS)];
    for_each_block(
        threads,
        sums.iter_mut().enumerate(),
        || (),
        |(), (block, sum)| {
            for user in block * BLOCK_USERS..confidences.rows().min((block + 1) * BLOCK_USERS) {
                let of_user = UserLoss { x: users.row_chunks(user), pairs: confidences.row(user), tracks };
                let (loss, weight) = vectorised(of_user);
                *sum = (sum.0 + loss, sum.1 + weight);
            }
            Ok(())
        },
    )?;
    let (played, weights) = sums.into_iter().fold((0.0, 0.0), |a: (f64, f64), b| (a.0 + b.0, a.1 + b.1));
    let lengths = f64::from(regularization) * (squared_lengths(users) + squared_lengths(tracks));
    let confidence = weights + users.rows() as f64 * tracks.rows() as f64;
    Ok((all + played + lengths) / confidence)
}

fn squared_lengths(table: &FactorTable) -> f64 {
    (0..table.rows()).map(|row| table.vector(row).iter().map(|&x| f64::from(x).powi(2)).sum::<f64>()).sum()
}

/// The sum over a user's tracks of c (1 - s)^2 - s^2, and of c - 1.
struct UserLoss<'a> {
    x: &'a [Chunk],
    pairs: SparseRow<'a>,
    tracks: &'a FactorTable,
}

impl Vectorised for UserLoss<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<L: Lanes>(self) -> (f64, f64) {
        let (mut loss, mut weights) = (0.0, 0.0);
        for (&track, &weight) in self.pairs.columns.iter().zip(self.pairs.weights) {
            let score = f64::from(dot::<L>(self.x, self.tracks.row_chunks(track as usize)));
            let weight = f64::from(weight);
            loss += (1.0 + weight) * (1.0 - score).powi(2) - score.powi(2);
            weights += weight;
        }
        (loss, weights)
    }
}
