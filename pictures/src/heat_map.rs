//! Heat maps.

use crate::svg::{Anchor, Svg};

const LEFT: f64 = 130.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 120.0;

/// A heat map: a table of numbers, shown as colours from white (the least) to blue (the greatest).
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// Title.
    pub title: String,
    /// What the rows are.
    pub row_label: String,
    /// What the columns are.
    pub column_label: String,
    /// Names of the rows, from above.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Row by row. What is not finite is left grey.
    pub values: Vec<Vec<f64>>,
}

impl HeatMap {
    /// The picture. Up to ten columns the numbers stand in the cells.
    pub fn svg(&self) -> String {
        let finite = || self.values.iter().flatten().copied().filter(|value| value.is_finite());
        let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        let cell = if self.columns.len() <= 10 { 52.0 } else { 20.0 };
        let (wide, tall) = (cell * self.columns.len() as f64, cell.min(36.0) * self.rows.len() as f64);
        let (width, height) = ((LEFT + wide + 110.0).max(360.0), TOP + tall + BOTTOM);
        let row_height = cell.min(36.0);
        let mut svg = Svg::new();
        svg.text((width / 2.0, 22.0), Anchor::Middle, 15.0, &self.title);
        svg.text((LEFT + wide / 2.0, height - 10.0), Anchor::Middle, 13.0, &self.column_label);
        svg.turned_text((16.0, TOP + tall / 2.0), Anchor::Middle, 13.0, -90.0, &self.row_label);
        for (column, name) in self.columns.iter().enumerate() {
            let x = LEFT + cell * (column as f64 + 0.5);
            svg.turned_text((x + 4.0, TOP + tall + 12.0), Anchor::End, 11.0, -50.0, name);
        }
        for (row, (name, values)) in self.rows.iter().zip(&self.values).enumerate() {
            let y = TOP + row_height * row as f64;
            svg.text((LEFT - 6.0, y + row_height / 2.0 + 4.0), Anchor::End, 11.0, name);
            for (column, &value) in values.iter().enumerate() {
                let x = LEFT + cell * column as f64;
                let share = if high > low { (value - low) / (high - low) } else { 0.5 };
                let fill = if value.is_finite() { shade(share) } else { "#ddd".to_owned() };
                svg.rectangle((x, y), (cell, row_height), &fill, "#fff");
                if self.columns.len() <= 10 && value.is_finite() {
                    // Dark on light and light on dark.
                    let at = (x + cell / 2.0, y + row_height / 2.0 + 4.0);
                    let text = format!("{value:.2}");
                    if share > 0.6 { svg.light_text(at, &text) } else { svg.text(at, Anchor::Middle, 11.0, &text) }
                }
            }
        }
        if low <= high {
            self.key(&mut svg, (LEFT + wide + 24.0, tall.max(60.0)), low, high);
        }
        svg.finish(width, height, &self.title)
    }

    /// The scale of colours.
    fn key(&self, svg: &mut Svg, (x, tall): (f64, f64), low: f64, high: f64) {
        const STEPS: usize = 24;
        let step = tall / STEPS as f64;
        for place in 0..STEPS {
            let share = 1.0 - place as f64 / (STEPS - 1) as f64;
            let fill = shade(share);
            svg.rectangle((x, TOP + step * place as f64), (14.0, step + 0.5), &fill, "none");
        }
        svg.text((x + 20.0, TOP + 10.0), Anchor::Start, 11.0, &format!("{high:.3}"));
        svg.text((x + 20.0, TOP + tall), Anchor::Start, 11.0, &format!("{low:.3}"));
    }
}

/// From white to dark blue.
fn shade(share: f64) -> String {
    let mix = |from: f64, to: f64| (from + (to - from) * share.clamp(0.0, 1.0)).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(247.0, 8.0), mix(251.0, 72.0), mix(255.0, 134.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_value_is_lightest_and_the_greatest_darkest() {
        let map = HeatMap {
            title: "t".into(),
            row_label: String::new(),
            column_label: String::new(),
            rows: vec!["a & b".into()],
            columns: vec!["x".into(), "y".into(), "z".into()],
            values: vec![vec![0.25, f64::NAN, 0.5]],
        };
        let svg = map.svg();
        let cells: Vec<&str> = svg.lines().filter(|line| line.contains("stroke=\"#fff\"")).collect();
        assert!(cells[0].contains("#f7fbff") && cells[1].contains("#ddd") && cells[2].contains("#084886"), "{cells:?}");
        assert!(svg.contains(">0.25<") && svg.contains(">0.50<") && svg.contains("a &amp; b"));
        assert!(!svg.contains("NaN"));
    }
}
