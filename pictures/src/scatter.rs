//! Points with straight lines through them.

use crate::frame::{Frame, HEIGHT, Span, WIDTH};
use crate::svg::{Svg, colour};

/// y = intercept + slope x.
#[derive(Clone, Debug, PartialEq)]
pub struct StraightLine {
    /// Its name.
    pub name: String,
    /// Rise per unit of x.
    pub slope: f64,
    /// Value at x = 0.
    pub intercept: f64,
}

/// A scatter plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    /// Title.
    pub title: String,
    /// Label of the x axis.
    pub x_label: String,
    /// Label of the y axis.
    pub y_label: String,
    /// Points with their weights, which give the areas of the dots.
    pub points: Vec<(f64, f64, f64)>,
    /// Lines.
    pub lines: Vec<StraightLine>,
}

impl Scatter {
    /// The picture. The axes span the points; lines are cut where they leave them.
    pub fn svg(&self) -> String {
        let frame = Frame {
            x: Span::around(self.points.iter().map(|point| point.0)),
            y: Span::around(self.points.iter().map(|point| point.1)),
        };
        let heaviest = self.points.iter().map(|point| point.2).fold(0.0, f64::max).max(1e-12);
        let mut svg = Svg::new();
        frame.draw(&mut svg, &self.title, (&self.x_label, &self.y_label), true);
        Frame::legend(&mut svg, &self.lines.iter().map(|line| line.name.as_str()).collect::<Vec<_>>());
        for &(x, y, weight) in &self.points {
            svg.circle(frame.at((x, y)), 2.0 + 8.0 * (weight / heaviest).max(0.0).sqrt(), "#999");
        }
        for (number, line) in self.lines.iter().enumerate() {
            if let Some((from, to)) = within(line, &frame) {
                svg.line(frame.at(from), frame.at(to), colour(number), 2.0);
            }
        }
        svg.finish(WIDTH, HEIGHT, &self.title)
    }
}

/// The part of a line that lies in the frame.
fn within(line: &StraightLine, frame: &Frame) -> Option<((f64, f64), (f64, f64))> {
    let (mut from, mut to) = (frame.x.low, frame.x.high);
    if line.slope == 0.0 {
        if line.intercept < frame.y.low || line.intercept > frame.y.high {
            return None;
        }
    } else {
        let ends = [frame.y.low, frame.y.high].map(|y| (y - line.intercept) / line.slope);
        from = from.max(ends[0].min(ends[1]));
        to = to.min(ends[0].max(ends[1]));
    }
    let at = |x: f64| (x, line.intercept + line.slope * x);
    (from < to).then(|| (at(from), at(to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_the_frame() {
        let frame = Frame { x: Span { low: 0.0, high: 1.0 }, y: Span { low: 0.0, high: 1.0 } };
        let cut = |slope, intercept| within(&StraightLine { name: String::new(), slope, intercept }, &frame);
        assert_eq!(cut(2.0, 0.0), Some(((0.0, 0.0), (0.5, 1.0))));
        assert_eq!(cut(-1.0, 1.5), Some(((0.5, 1.0), (1.0, 0.5))));
        assert_eq!(cut(0.0, 0.25), Some(((0.0, 0.25), (1.0, 0.25))));
        assert_eq!(cut(0.0, 2.0), None);
        assert_eq!(cut(1.0, 3.0), None);
    }
}
