//! The page of a report: well-formed, self-contained, without a number that is none, whatever the report holds.

mod samples;
mod xml;

use mqkit::bench::Report;
use mqkit::output::report::html;
use samples::*;
use std::sync::OnceLock;

fn page(report: &Report, baseline: Option<&Report>) -> String {
    let mut out = Vec::new();
    html::write(report, baseline, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Every page that the tests look at.
fn pages() -> &'static [(&'static str, String)] {
    static PAGES: OnceLock<Vec<(&str, String)>> = OnceLock::new();
    PAGES.get_or_init(make_pages)
}

fn make_pages() -> Vec<(&'static str, String)> {
    let usual = usual();
    let mut bad = broken();
    bad.generator.limited = true;
    vec![
        ("usual", page(&usual, None)),
        ("baseline", page(&usual, Some(&slower_and_longer()))),
        ("short-baseline", page(&slower_and_longer(), Some(&usual))),
        ("stall", page(&stall(), None)),
        ("closed", page(&closed_loop(), None)),
        ("few", page(&few_samples(), None)),
        ("written", page(&written(), None)),
        ("connect", page(&connection_storm(), None)),
        ("long", page(&long(), Some(&long()))),
        ("empty", page(&empty(), Some(&empty()))),
        ("nothing-to-compare", page(&usual, Some(&empty()))),
        ("outlier", page(&outlier(), None)),
        ("merged", page(&merged(), None)),
        ("broken", page(&bad, Some(&merged()))),
        ("nasty", page(&nasty(), Some(&nasty()))),
        ("absurd", page(&absurd(), Some(&absurd()))),
    ]
}

#[test]
fn pages_are_well_formed() {
    for (name, page) in pages() {
        if let Err(fault) = xml::check(page) {
            panic!("{name}: {fault}");
        }
    }
}

#[test]
fn pages_need_nothing_else() {
    for (name, page) in pages() {
        // In text, a topic may look like an address: only markup can load something.
        for tag in xml::tags(page) {
            for word in [
                "http:", "https:", "src=", "href=", "<script", "<link", "<img", "<iframe", "<base", " on",
            ] {
                let text_only = ["aria-label=", "content="]
                    .iter()
                    .any(|attribute| tag.contains(attribute));
                assert!(text_only || !tag.contains(word), "{name}: {word} in {tag}");
            }
        }
        let style = page
            .split("<style>")
            .nth(1)
            .and_then(|rest| rest.split("</style>").next());
        let style = style.unwrap();
        for word in ["@import", "url(", "http:", "https:", "expression"] {
            assert!(!style.contains(word), "{name}: {word} in the style sheet");
        }
    }
}

#[test]
fn every_number_is_one() {
    for (name, page) in pages() {
        for word in ["NaN", ">inf", "-inf", " inf", "\"inf"] {
            assert!(!page.contains(word), "{name}: {word}");
        }
        for tag in xml::tags(page) {
            for attribute in ["x", "y", "width", "height", "viewBox", "d"] {
                let Some(value) = xml::attribute(tag, attribute) else {
                    continue;
                };
                let numbers = value.split(|c: char| c.is_ascii_alphabetic() && c != 'e' || c == ' ');
                for number in numbers.filter(|number| !number.is_empty()) {
                    let parsed: f64 = number.parse().unwrap_or(f64::NAN);
                    assert!(parsed.is_finite() && parsed.abs() < 1e5, "{name}: {number} in {tag}");
                }
            }
        }
    }
}

#[test]
fn text_of_others_is_escaped() {
    let page = page(&nasty(), Some(&nasty()));
    assert!(!page.contains(NASTY));
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;"));
    let count = |report: &str| report.matches("&lt;script&gt;").count();
    assert!(count(&page) >= 12, "{}", count(&page));
}

#[test]
fn drawings_have_words_and_names_are_unique() {
    for (name, page) in pages() {
        let drawings = page.matches("<svg ").count();
        assert_eq!(page.matches("<desc ").count(), drawings, "{name}");
        let tags = xml::tags(page);
        let mut ids: Vec<_> = tags.iter().filter_map(|tag| xml::attribute(tag, "id")).collect();
        for tag in &tags {
            for id in xml::attribute(tag, "aria-labelledby").unwrap_or_default().split(' ') {
                assert!(id.is_empty() || ids.contains(&id), "{name}: no {id}");
            }
        }
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}");
    }
}

#[test]
fn labels_do_not_overlap() {
    for (name, page) in pages() {
        for drawing in page.split("<svg ").skip(1) {
            let drawing = drawing.split("</svg>").next().unwrap();
            let boxes = xml::text_boxes(drawing);
            for (index, one) in boxes.iter().enumerate() {
                for other in &boxes[index + 1..] {
                    assert!(
                        !one.touches(other),
                        "{name}: {one:?} and {other:?} in {}",
                        &drawing[..200]
                    );
                }
            }
        }
    }
}

#[test]
fn figures_stand_on_the_page() {
    let page = page(&usual(), Some(&slower_and_longer()));
    for text in [
        "<dt>delivered per second</dt><dd>1,000",
        "Its load was another one: duration.",
        "No guarantee was broken",
        "The load generator was not the limit",
        "response, baseline",
        "coordinated omission",
        "mosquitto version 2.0.18",
        "<span>broker.example</span> <span>-t</span> <span>&#39;a b/%i&#39;</span>",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let broken = self::page(&broken(), None);
    assert!(broken.contains("Guarantees were broken"));
    assert!(broken.contains("3 deliveries of QoS 1 lost"));
    assert!(broken.contains("<div class=\"bad\"><dt>lost</dt><dd>3"));
    let written = self::page(&written(), None);
    assert!(written.contains("written per second"));
    let connect = self::page(&connection_storm(), None);
    assert!(connect.contains("10,000 clients connected, 2,000 per second, to the embedded broker of mqkit"));
    assert!(self::page(&merged(), None).contains("30 publishers in 3 processes sent"));
    assert!(self::page(&few_samples(), None).contains("390\u{a0}µs<small>few samples"));
    // The silence at the end is no interval.
    assert!(page.contains("<title>59\u{a0}s to 60\u{a0}s") && !page.contains("<title>60\u{a0}s to"));
    let empty = self::page(&empty(), None);
    assert!(empty.contains("nothing was tested") && empty.contains("No latency was measured"));
}
