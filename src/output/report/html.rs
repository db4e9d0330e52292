//! The report as one page that needs nothing else: no network, no script, no file beside it. It is well-formed XML too, and
//! legible in light and dark, on paper and on narrow screens. It must not know how the figures came about.

mod axis;
mod context;
mod head;
mod markup;
mod percentiles;
mod plot;
mod quantity;
mod tables;
mod timeline;
mod words;

use crate::bench::Report;
use markup::escaped;
use std::io::{self, Write};

const STYLE: &str = include_str!("html/style.css");

/// Writes the page; with a baseline, its lines and the changes against it.
///
/// # Errors
/// `out` cannot be written.
pub fn write(report: &Report, baseline: Option<&Report>, out: &mut impl Write) -> io::Result<()> {
    let mut page = String::new();
    page.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
    page.push_str("<meta name=\"color-scheme\" content=\"light dark\"/>\n");
    // Nothing of a broker or topic can make the page load or run anything, were it not escaped.
    page.push_str("<meta http-equiv=\"Content-Security-Policy\" ");
    page.push_str("content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n");
    page.push_str(&format!("<title>{}</title>\n", escaped(&head::title(report))));
    page.push_str(&format!("<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"));
    head::write(report, baseline, &mut page);
    percentiles::write(report, baseline, &mut page);
    timeline::write(report, baseline, &mut page);
    tables::write(report, baseline, &mut page);
    context::write(report, baseline, &mut page);
    page.push_str("</main>\n</body>\n</html>\n");
    out.write_all(page.as_bytes())
}
