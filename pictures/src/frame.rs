//! The frame of a chart: a title, axes with ticks at round numbers, and where a value lies.

use crate::svg::{Anchor, Svg, colour};

pub(crate) const WIDTH: f64 = 640.0;
pub(crate) const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 60.0;

/// The span of the values on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub low: f64,
    pub high: f64,
}

impl Span {
    /// From the least to the greatest finite value, with a little room; 0 to 1 where there is none.
    pub fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            return Self { low: 0.0, high: 1.0 };
        }
        let room = if high > low { 0.05 * (high - low) } else { 0.5 * high.abs().max(1e-3) };
        Self { low: low - room, high: high + room }
    }

    /// Share of the way from the lower end.
    pub fn share(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// About six round numbers within the span, with the decimals they need.
    pub fn ticks(self) -> (Vec<f64>, usize) {
        let rough = (self.high - self.low) / 6.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|&step| step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        ((first..=last).map(|place| place as f64 * step).collect(), decimals)
    }
}

/// The place of the values of a chart of 640 by 400 pixels.
pub(crate) struct Frame {
    pub x: Span,
    pub y: Span,
}

impl Frame {
    /// Pixels of a point.
    pub fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let across = LEFT + self.x.share(x) * (WIDTH - LEFT - RIGHT);
        (across, HEIGHT - BOTTOM - self.y.share(y) * (HEIGHT - TOP - BOTTOM))
    }

    /// Draws the title, the labels, the y axis with its grid, and where wished the x axis.
    pub fn draw(&self, svg: &mut Svg, title: &str, labels: (&str, &str), with_x_ticks: bool) {
        svg.text((WIDTH / 2.0, 22.0), Anchor::Middle, 15.0, title);
        svg.text(((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14.0), Anchor::Middle, 13.0, labels.0);
        svg.turned_text((18.0, (TOP + HEIGHT - BOTTOM) / 2.0), Anchor::Middle, 13.0, -90.0, labels.1);
        let (ticks, decimals) = self.y.ticks();
        for tick in ticks {
            let (_, y) = self.at((self.x.low, tick));
            svg.line((LEFT, y), (WIDTH - RIGHT, y), "#e3e3e3", 1.0);
            svg.text((LEFT - 6.0, y + 4.0), Anchor::End, 11.0, &format!("{tick:.decimals$}"));
        }
        if with_x_ticks {
            let (ticks, decimals) = self.x.ticks();
            for tick in ticks {
                let (x, y) = self.at((tick, self.y.low));
                svg.line((x, y), (x, y + 4.0), "#888", 1.0);
                svg.text((x, y + 17.0), Anchor::Middle, 11.0, &format!("{tick:.decimals$}"));
            }
        }
        let (corner, end) = (self.at((self.x.low, self.y.low)), self.at((self.x.high, self.y.high)));
        svg.line(corner, (end.0, corner.1), "#888", 1.0);
        svg.line(corner, (corner.0, end.1), "#888", 1.0);
    }

    /// The names of the series in one row above the chart; none for a single one without a name.
    pub fn legend(svg: &mut Svg, names: &[&str]) {
        let mut x = LEFT;
        for (series, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            svg.rectangle((x, 34.0), (12.0, 12.0), colour(series), "none");
            svg.text((x + 17.0, 44.0), Anchor::Start, 12.0, name);
            x += 36.0 + 6.6 * name.chars().count() as f64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let cases = [
            ((0.0, 1.0), vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0], 1),
            ((-0.03, 0.07), vec![-0.02, 0.0, 0.02, 0.04, 0.06], 2),
            ((0.0, 5300.0), vec![0.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0], 0),
        ];
        for ((low, high), expected, decimals) in cases {
            let (ticks, found) = Span { low, high }.ticks();
            assert_eq!((ticks.len(), found), (expected.len(), decimals), "{ticks:?}");
            assert!(ticks.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{ticks:?}");
        }
    }

    #[test]
    fn spans_hold_all_values_even_a_single_one_or_none() {
        let span = Span::around([2.0, f64::NAN, 4.0]);
        assert!(span.low < 2.0 && span.high > 4.0);
        let one = Span::around([3.0]);
        assert!(one.low < 3.0 && one.high > 3.0 && !one.ticks().0.is_empty());
        assert_eq!(Span::around([]), Span { low: 0.0, high: 1.0 });
        assert_eq!(Frame { x: span, y: one }.at((span.low, one.high)), (70.0, 56.0));
    }
}
