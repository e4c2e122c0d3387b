//! Histograms.

use crate::frame::{Frame, HEIGHT, Span, WIDTH};
use crate::svg::{Svg, colour};

/// Bars over the bins of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Title.
    pub title: String,
    /// Label of the x axis.
    pub x_label: String,
    /// Label of the y axis.
    pub y_label: String,
    /// Ends of the bins, ascending, one more than there are bins.
    pub edges: Vec<f64>,
    /// Height of the bar of each bin, not negative.
    pub heights: Vec<f64>,
    /// Upper end of the y axis, so that pictures can be compared; that of the highest bar where it is higher.
    pub highest: f64,
    /// Values that are marked by a line of their own.
    pub marks: Vec<f64>,
}

impl Histogram {
    /// The picture.
    pub fn svg(&self) -> String {
        let highest = self.heights.iter().copied().fold(self.highest, f64::max);
        let top = if highest > 0.0 { 1.05 * highest } else { 1.0 };
        let frame = Frame { x: Span::around(self.edges.iter().copied()), y: Span { low: 0.0, high: top } };
        let mut svg = Svg::new();
        frame.draw(&mut svg, &self.title, (&self.x_label, &self.y_label), true);
        for (bin, &height) in self.edges.windows(2).zip(&self.heights) {
            let ((left, above), (right, below)) = (frame.at((bin[0], height)), frame.at((bin[1], 0.0)));
            svg.rectangle((left, above), (right - left, below - above), colour(0), "#fff");
        }
        for &mark in &self.marks {
            svg.line(frame.at((mark, 0.0)), frame.at((mark, top)), colour(1), 2.0);
        }
        svg.finish(WIDTH, HEIGHT, &self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_over_their_bins() {
        let picture = Histogram {
            title: "t".into(),
            x_label: String::new(),
            y_label: String::new(),
            edges: vec![0.0, 5.0, 10.0],
            heights: vec![1.0, 4.0],
            highest: 8.0,
            marks: vec![5.0],
        };
        // The x axis spans -0.5 to 10.5 over 550 pixels from 70, the y axis 0 to 8.4 over 284 pixels up from 340.
        let x = |value: f64| 70.0 + 550.0 * (value + 0.5) / 11.0;
        let (top, height) = (340.0 - 284.0 * 4.0 / 8.4, 284.0 * 4.0 / 8.4);
        let svg = picture.svg();
        let bar =
            format!(r#"<rect x="{:.2}" y="{top:.2}" width="{:.2}" height="{height:.2}""#, x(5.0), x(10.0) - x(5.0));
        assert!(svg.contains(&bar), "{bar}\n{svg}");
        assert!(svg.contains(&format!(r#"<line x1="{0:.2}" y1="340.00" x2="{0:.2}" y2="56.00""#, x(5.0))), "{svg}");
    }
}
