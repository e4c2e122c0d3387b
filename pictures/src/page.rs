//! A page of HTML with pictures and tables in it; it needs no other file.

use std::fmt::Write;

use crate::svg::escaped;

const STYLE: &str = "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;line-height:1.5}\
    table{border-collapse:collapse;margin:1em 0}caption{text-align:left;padding-bottom:.4em}\
    th,td{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:right}\
    th:first-child,td:first-child{text-align:left}figure{margin:1.5em 0}svg{max-width:100%;height:auto}\
    figcaption{font-size:.9em;color:#555}";

/// A page under construction.
pub struct Page {
    title: String,
    body: String,
}

impl Page {
    /// An empty page.
    pub fn new(title: &str) -> Self {
        Self { title: escaped(title), body: String::new() }
    }

    /// Adds a heading.
    pub fn heading(self, text: &str) -> Self {
        self.with(format_args!("<h2>{}</h2>", escaped(text)))
    }

    /// Adds a paragraph.
    pub fn text(self, text: &str) -> Self {
        self.with(format_args!("<p>{}</p>", escaped(text)))
    }

    /// Adds a picture with its caption.
    pub fn picture(self, svg: &str, caption: &str) -> Self {
        self.with(format_args!("<figure>\n{svg}<figcaption>{}</figcaption>\n</figure>", escaped(caption)))
    }

    /// Adds a table with its caption.
    pub fn table(self, caption: &str, header: &[String], rows: &[Vec<String>]) -> Self {
        let row = |cells: &[String], tag: &str| {
            let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
            format!("<tr>{cells}</tr>\n")
        };
        let body: String = rows.iter().map(|cells| row(cells, "td")).collect();
        let (caption, header) = (escaped(caption), row(header, "th"));
        self.with(format_args!(
            "<table>\n<caption>{caption}</caption>\n<thead>\n{header}</thead>\n<tbody>\n{body}</tbody>\n</table>"
        ))
    }

    /// The whole page.
    pub fn html(&self) -> String {
        let Self { title, body } = self;
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
        )
    }

    fn with(mut self, part: std::fmt::Arguments<'_>) -> Self {
        // Writing to a String cannot fail.
        let _ = writeln!(self.body, "{part}");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_pictures_are_not() {
        let cells = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let page = Page::new("a < b")
            .picture("<svg></svg>\n", "x & y")
            .table("t", &cells(["model", "MRR"]), &[cells(["<CoSeRNN>", "0.4"])])
            .html();
        assert!(page.contains("<h1>a &lt; b</h1>") && page.contains("<figcaption>x &amp; y</figcaption>"));
        assert!(page.contains("<figure>\n<svg></svg>\n"));
        assert!(page.contains("<tr><td>&lt;CoSeRNN&gt;</td><td>0.4</td></tr>"));
    }
}
