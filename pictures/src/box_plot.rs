//! Box plots.

use crate::frame::{Frame, HEIGHT, Span, WIDTH};
use crate::svg::{Anchor, Svg, colour};

/// A box with its whiskers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoxNumbers {
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

/// Boxes that stand beside each other, one per series.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxGroup {
    /// Name below the boxes.
    pub name: String,
    /// One box per series.
    pub boxes: Vec<BoxNumbers>,
}

/// A box plot.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxPlot {
    /// Title.
    pub title: String,
    /// What the groups are.
    pub group_label: String,
    /// What the values are.
    pub value_label: String,
    /// Names of the series.
    pub series: Vec<String>,
    /// The groups, from left to right.
    pub groups: Vec<BoxGroup>,
}

impl BoxPlot {
    /// The picture.
    pub fn svg(&self) -> String {
        let values = self.groups.iter().flat_map(|group| &group.boxes).flat_map(|numbers| [numbers.low, numbers.high]);
        let x = Span { low: 0.0, high: self.groups.len().max(1) as f64 };
        let frame = Frame { x, y: Span::around(values) };
        let mut svg = Svg::new();
        frame.draw(&mut svg, &self.title, (&self.group_label, &self.value_label), false);
        Frame::legend(&mut svg, &self.series.iter().map(String::as_str).collect::<Vec<_>>());
        for (place, group) in self.groups.iter().enumerate() {
            let (middle, bottom) = frame.at((place as f64 + 0.5, frame.y.low));
            svg.text((middle, bottom + 17.0), Anchor::Middle, 11.0, &group.name);
            let width = 0.7 / group.boxes.len().max(1) as f64;
            for (series, numbers) in group.boxes.iter().enumerate() {
                let left = place as f64 + 0.15 + width * (series as f64 + 0.1);
                let (right, middle) = (left + 0.8 * width, left + 0.4 * width);
                let at = |x: f64, y: f64| frame.at((x, y));
                let colour = colour(series);
                svg.line(at(middle, numbers.low), at(middle, numbers.first), colour, 1.5);
                svg.line(at(middle, numbers.third), at(middle, numbers.high), colour, 1.5);
                let (x, y) = at(left, numbers.third);
                let (end, below) = at(right, numbers.first);
                svg.rectangle((x, y), (end - x, below - y), "#fff", colour);
                svg.line(at(left, numbers.median), at(right, numbers.median), colour, 3.0);
            }
        }
        svg.finish(WIDTH, HEIGHT, &self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_box_stands_between_its_quartiles() {
        let numbers = BoxNumbers { low: 0.0, first: 2.5, median: 4.0, third: 7.5, high: 10.0 };
        let plot = BoxPlot {
            title: "t".into(),
            group_label: String::new(),
            value_label: String::new(),
            series: vec!["s".into()],
            groups: vec![BoxGroup { name: "g".into(), boxes: vec![numbers] }],
        };
        // The values span -0.5 to 10.5 over 284 pixels: the box is 5 of 11 units high, its top 3 units below the upper end.
        let (top, height) = (56.0 + 284.0 * 3.0 / 11.0, 284.0 * 5.0 / 11.0);
        let svg = plot.svg();
        assert!(svg.contains(&format!("y=\"{top:.2}\"")) && svg.contains(&format!("height=\"{height:.2}\"")), "{svg}");
    }
}
