//! Lines over a common axis.

use crate::frame::{Frame, HEIGHT, Span, WIDTH};
use crate::svg::{Svg, colour};

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Points in order.
    pub points: Vec<(f64, f64)>,
    /// For each point the ends of its interval, or nothing.
    pub band: Vec<(f64, f64)>,
}

/// Lines with their intervals.
#[derive(Clone, Debug, PartialEq)]
pub struct LineChart {
    /// Title.
    pub title: String,
    /// Label of the x axis.
    pub x_label: String,
    /// Label of the y axis.
    pub y_label: String,
    /// The lines.
    pub series: Vec<Series>,
}

impl LineChart {
    /// The picture.
    pub fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let bands = self.series.iter().flat_map(|series| &series.band).flat_map(|&(low, high)| [low, high]);
        let y = Span::around(points().map(|point| point.1).chain(bands));
        let frame = Frame { x: Span::around(points().map(|point| point.0)), y };
        let mut svg = Svg::new();
        frame.draw(&mut svg, &self.title, (&self.x_label, &self.y_label), true);
        Frame::legend(&mut svg, &self.series.iter().map(|series| series.name.as_str()).collect::<Vec<_>>());
        for (number, series) in self.series.iter().enumerate() {
            let banded = series.points.iter().zip(&series.band);
            let above = banded.clone().map(|(point, band)| frame.at((point.0, band.1)));
            let below = banded.rev().map(|(point, band)| frame.at((point.0, band.0)));
            let outline: Vec<(f64, f64)> = above.chain(below).collect();
            if !outline.is_empty() {
                svg.area(&outline, colour(number));
            }
            let line: Vec<(f64, f64)> = series.points.iter().map(|&point| frame.at(point)).collect();
            svg.path(&line, colour(number));
            line.iter().for_each(|&point| svg.circle(point, 2.5, colour(number)));
        }
        svg.finish(WIDTH, HEIGHT, &self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_bands_go_through_their_points() {
        let series =
            Series { name: "s".into(), points: vec![(0.0, 0.0), (10.0, 10.0)], band: vec![(0.0, 2.0), (8.0, 10.0)] };
        let labels = || String::new();
        let chart = LineChart { title: labels(), x_label: labels(), y_label: labels(), series: vec![series] };
        // Both axes span -0.5 to 10.5: over 550 pixels from 70, and over 284 pixels up from 340.
        let x = |value: f64| 70.0 + 550.0 * (value + 0.5) / 11.0;
        let y = |value: f64| 340.0 - 284.0 * (value + 0.5) / 11.0;
        let point = |at: (f64, f64)| format!("{:.2},{:.2}", x(at.0), y(at.1));
        let joined = |points: &[(f64, f64)]| points.iter().map(|&at| point(at)).collect::<Vec<_>>().join(" ");
        let svg = chart.svg();
        assert!(svg.contains(&format!("polyline points=\"{}\"", joined(&[(0.0, 0.0), (10.0, 10.0)]))), "{svg}");
        let band = joined(&[(0.0, 2.0), (10.0, 10.0), (10.0, 8.0), (0.0, 0.0)]);
        assert!(svg.contains(&format!("polygon points=\"{band}\"")), "{svg}");
    }
}
