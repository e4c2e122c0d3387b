//! Writes a page with one picture of each kind, to look at: `cargo run -p playlist-pictures --example gallery > gallery.html`.

use playlist_pictures::{
    BoxGroup, BoxNumbers, BoxPlot, HeatMap, Histogram, LineChart, Page, Scatter, Series, StraightLine,
};

fn main() {
    let numbers = |median: f64| BoxNumbers {
        low: median - 0.4,
        first: median - 0.1,
        median,
        third: median + 0.15,
        high: median + 0.3,
    };
    let group = |name: &str, within: f64, across: f64| BoxGroup {
        name: name.into(),
        boxes: vec![numbers(within), numbers(across)],
    };
    let boxes = BoxPlot {
        title: "Similarity by context".into(),
        group_label: "part of the day".into(),
        value_label: "cosine".into(),
        series: vec!["within the context".into(), "across contexts".into()],
        groups: vec![group("night", 0.6, 0.5), group("morning", 0.55, 0.42), group("evening", 0.3, 0.1)],
    };
    let names: Vec<String> = ["phone", "tablet", "computer", "car"].map(String::from).to_vec();
    let row = |own: usize| (0..4).map(|other| if other == own { 0.7 } else { 0.1 }).collect();
    let map = HeatMap {
        title: "Nearest sessions".into(),
        row_label: "device of the vector".into(),
        column_label: "device of the session".into(),
        rows: names.clone(),
        columns: names,
        values: (0..4).map(row).collect(),
    };
    let many: Vec<String> = (0..28).map(|hour| format!("Mon class {hour}")).collect();
    let wide = HeatMap {
        title: "Nearest sessions over time".into(),
        rows: many.clone(),
        columns: many,
        values: (0..28)
            .map(|row| (0..28).map(|column| 1.0 / (1.0 + f64::from(i32::abs(row - column)))).collect())
            .collect(),
        ..map.clone()
    };
    let scatter = Scatter {
        title: "Skip rate by similarity".into(),
        x_label: "cosine of user and session".into(),
        y_label: "skip rate".into(),
        points: (0..15).map(|k| (f64::from(k) / 15.0, 0.6 - f64::from(k) / 40.0, f64::from(k * (15 - k)))).collect(),
        lines: vec![StraightLine { name: "all sessions".into(), slope: -0.375, intercept: 0.6 }],
    };
    let line = |name: &str, speed: f64| Series {
        name: name.into(),
        points: (1..20).map(|day| (f64::from(day), 1.0 - (-speed * f64::from(day)).exp())).collect(),
        band: (1..20).map(|day| 1.0 - (-speed * f64::from(day)).exp()).map(|y| (y - 0.05, y + 0.05)).collect(),
    };
    let lines = LineChart {
        title: "Distance from the first vector".into(),
        x_label: "days".into(),
        y_label: "1 - cos".into(),
        series: vec![line("FS-VAE", 0.1), line("Average", 0.03)],
    };
    let bars = Histogram {
        title: "Returns".into(),
        x_label: "return".into(),
        y_label: "sessions".into(),
        edges: (0..12).map(|edge| f64::from(edge) - 0.5).collect(),
        heights: vec![30.0, 22.0, 14.0, 9.0, 8.0, 9.0, 12.0, 19.0, 25.0, 21.0, 8.0],
        highest: 40.0,
        marks: vec![4.8],
    };
    let cells = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
    let page = Page::new("Gallery")
        .heading("Pictures")
        .picture(&boxes.svg(), "Box plots.")
        .picture(&map.svg(), "A small heat map.")
        .picture(&wide.svg(), "A large heat map.")
        .picture(&scatter.svg(), "Points and a line.")
        .picture(&lines.svg(), "Lines with intervals.")
        .picture(&bars.svg(), "A histogram with a mark.")
        .heading("Tables")
        .table("A table.", &cells(&["model", "MRR"]), &[cells(&["CoSeRNN", "0.41"]), cells(&["last session", "0.32"])]);
    print!("{}", page.html());
}
