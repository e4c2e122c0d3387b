//! Rates of work beside the machine's own rate of matrix products: machines are shared and differ, ratios hold.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use serde::Serialize;
use tch::{Device, Kind, Tensor};

/// A piece of work, done again and again on a thread of its own; says how many units it did.
pub type Worker<'a> = Box<dyn FnMut() -> anyhow::Result<u64> + Send + 'a>;

/// Rows and columns of the matrices by whose products the machine is measured.
const MATRIX: i64 = 1024;

/// Seconds for which they are multiplied, each time.
const PRODUCTS_SECONDS: f64 = 0.1;

/// How often and how long something is measured.
#[derive(Clone, Copy, Debug)]
pub struct Repeats {
    /// Times.
    pub count: usize,
    /// Seconds each.
    pub seconds: f64,
}

/// Several values of one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The lowest.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        Self { median: (at(last / 2) + at(last.div_ceil(2))) / 2.0, lowest: at(0), highest: at(last) }
    }
}

/// What a measurement gave.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rates {
    /// Units of work per second, of all threads together.
    pub per_second: Spread,
    /// Floating-point operations per second of libtorch's product of two 1024 x 1024 matrices on as many threads, measured
    /// right before each time.
    pub sgemm: Spread,
    /// Units per second over sgemm's operations per second, time by time.
    pub units_per_operation: Spread,
}

/// Measures workers after one warm-up. They have a thread each, and may use `threads` together.
pub fn measure(workers: &mut [Worker<'_>], threads: usize, repeats: Repeats) -> anyhow::Result<Rates> {
    let mut products: Vec<Worker<'_>> = (0..threads).map(|_| product()).collect::<anyhow::Result<_>>()?;
    run_for(&mut products, 0.0)?;
    run_for(workers, 0.0)?;
    let mut found: [Vec<f64>; 3] = Default::default();
    for _ in 0..repeats.count {
        let sgemm = run_for(&mut products, PRODUCTS_SECONDS)?;
        let rate = run_for(workers, repeats.seconds)?;
        found[0].push(rate);
        found[1].push(sgemm);
        found[2].push(rate / sgemm);
    }
    let [per_second, sgemm, units_per_operation] = found.map(Spread::of);
    Ok(Rates { per_second, sgemm, units_per_operation })
}

/// A matrix product; its units are floating-point operations.
fn product() -> anyhow::Result<Worker<'static>> {
    let matrix = Tensor::f_ones([MATRIX, MATRIX], (Kind::Float, Device::Cpu))?;
    Ok(Box::new(move || {
        let _ = black_box(matrix.f_matmul(&matrix)?);
        Ok(2 * (MATRIX as u64).pow(3))
    }))
}

/// Lets all workers work side by side until a time has passed, at least once each; the sum of their rates.
fn run_for(workers: &mut [Worker<'_>], seconds: f64) -> anyhow::Result<f64> {
    let barrier = Barrier::new(workers.len());
    std::thread::scope(|scope| {
        let running: Vec<_> = workers
            .iter_mut()
            .map(|worker| {
                let barrier = &barrier;
                scope.spawn(move || -> anyhow::Result<f64> {
                    tch::set_num_threads(1);
                    barrier.wait();
                    let (begun, mut units) = (Instant::now(), 0);
                    loop {
                        units += worker()?;
                        let passed = begun.elapsed().as_secs_f64();
                        if passed >= seconds {
                            return Ok(units as f64 / passed);
                        }
                    }
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_summed_over_threads_and_medians_taken() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, lowest: 1.0, highest: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 7.0]).median, 3.0);
        // Ten units in at least five milliseconds on each of two threads: at most 4,000 a second together.
        let mut workers: Vec<Worker<'_>> = Vec::new();
        for _ in 0..2 {
            workers.push(Box::new(|| {
                std::thread::sleep(std::time::Duration::from_millis(5));
                Ok(10)
            }));
        }
        let found = measure(&mut workers, 2, Repeats { count: 3, seconds: 0.02 }).unwrap();
        assert!(found.per_second.highest <= 4000.0 && found.per_second.lowest > 0.0, "{found:?}");
        assert!(found.sgemm.lowest > 0.0);
    }

    #[test]
    fn what_fails_is_told() {
        let mut workers: Vec<Worker<'_>> = vec![Box::new(|| anyhow::bail!("broken"))];
        assert!(measure(&mut workers, 1, Repeats { count: 1, seconds: 0.0 }).is_err());
    }
}
