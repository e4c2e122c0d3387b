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
