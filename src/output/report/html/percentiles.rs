//! The percentile plots: how long all but the slowest samples took, the slowest share spread out. It must not know how the
//! times were measured.

use super::axis::{Axis, rest_decades, share_at, share_label};
use super::markup::{END_TABLE, escaped, paragraph, section, table};
use super::plot::{Ink, Line, Plot, Width};
use super::quantity::{NONE, count, latency, latency_tick};
use crate::bench::histogram::Histogram;
use crate::bench::{Measure, Report};

/// Fewer samples are no curve: the table tells all.
const FEW: u64 = 10;
/// Points of a line.
const POINTS: u32 = 160;
/// Shares of the table below a plot.
const SHARES: [f64; 11] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999_999];

/// Measures that are compared in one plot, with the names of their lines.
struct Family {
    id: &'static str,
    heading: &'static str,
    measures: &'static [(Measure, &'static str)],
}

const RESPONSE: &str = "response";
const SERVICE: &str = "service";

const FAMILIES: [Family; 3] = [
    Family {
        id: "delivery",
        heading: "Delivery: from the publisher to a subscriber",
        measures: &[
            (Measure::DeliveryResponse, RESPONSE),
            (Measure::DeliveryService, SERVICE),
        ],
    },
    Family {
        id: "acknowledgement",
        heading: "Acknowledgement: from PUBLISH to PUBACK or PUBCOMP",
        measures: &[(Measure::AckResponse, RESPONSE), (Measure::AckService, SERVICE)],
    },
    Family {
        id: "connections",
        heading: "Connections and subscriptions",
        measures: &[
            (Measure::Connect, "connect"),
            (Measure::Suback, "subscribe"),
            (Measure::Reconnect, "reconnect"),
        ],
    },
];

/// A line with all its samples.
struct Curve {
    name: &'static str,
    colour: u8,
    baseline: bool,
    histogram: Histogram,
}

/// Appends a plot for each family that has samples.
pub(super) fn write(report: &Report, baseline: Option<&Report>, out: &mut String) {
    let mut drawn = Vec::new();
    for family in FAMILIES {
        let curves = curves(&family, report, baseline);
        let enough = |curve: &Curve| !curve.baseline && curve.histogram.len() >= FEW;
        if curves.iter().any(enough) {
            drawn.push((family, curves));
        }
    }
    if drawn.is_empty() {
        return;
    }
    section("latency", "Latency by percentile", out);
    for (family, curves) in drawn {
        out.push_str(&format!("<figure>\n<h3>{}</h3>\n", escaped(family.heading)));
        plot(&family, &curves).write(out);
        out.push_str("<figcaption>\n");
        explain(&family, &curves, report, out);
        out.push_str("</figcaption>\n");
        values(&family, &curves, out);
        out.push_str("</figure>\n");
    }
    out.push_str("</section>\n");
}

fn curves(family: &Family, report: &Report, baseline: Option<&Report>) -> Vec<Curve> {
    let mut curves = Vec::new();
    for (report, is_baseline) in baseline
        .map(|report| (report, true))
        .into_iter()
        .chain([(report, false)])
    {
        for ((measure, name), colour) in family.measures.iter().zip(0..) {
            let Some(latency) = report.latency.get(measure.name()) else {
                continue;
            };
            let Ok(histogram) = Histogram::from_text(&latency.histogram) else {
                continue;
            };
            if !histogram.is_empty() {
                curves.push(Curve {
                    name,
                    colour,
                    baseline: is_baseline,
                    histogram,
                });
            }
        }
    }
    curves
}

impl Curve {
    fn full_name(&self) -> String {
        format!("{}{}", self.name, if self.baseline { ", baseline" } else { "" })
    }

    /// Microseconds at a share of the samples.
    fn at(&self, share: f64) -> f64 {
        let nanos = match share {
            0.0 => self.histogram.min(),
            _ => self.histogram.quantile(share),
        };
        nanos.as_secs_f64() * 1e6
    }

    /// Points to the end of the samples, in decades and microseconds.
    fn points(&self) -> Vec<(f64, f64)> {
        let end = rest_decades(self.histogram.len());
        (0..=POINTS)
            .map(|step| end * f64::from(step) / f64::from(POINTS))
            .map(|decades| (decades, self.at(share_at(decades))))
            .collect()
    }
}

fn plot(family: &Family, curves: &[Curve]) -> Plot {
    let lines = curves.iter().map(|curve| Line {
        name: curve.full_name(),
        ink: Ink {
            colour: curve.colour,
            width: if curve.colour == 0 { Width::Broad } else { Width::Fine },
            baseline: curve.baseline,
        },
        pieces: vec![curve.points()],
    });
    let lines: Vec<_> = lines.collect();
    let values = lines.iter().flat_map(|line| line.pieces.iter().flatten());
    let y = Axis::latency(values.map(|(_, micros)| *micros));
    let samples = curves.iter().map(|curve| curve.histogram.len()).max().unwrap_or(0);
    let own = |name| curves.iter().position(|curve| !curve.baseline && curve.name == name);
    let described = curves.iter().map(|curve| {
        let [median, slow, max] = [0.5, 0.99, 1.0].map(|share| latency_tick(curve.at(share)));
        format!("{}: p50 {median}, p99 {slow}, max {max}", curve.full_name())
    });
    Plot {
        id: family.id,
        title: format!("Latency by percentile. {}", family.heading),
        description: described.collect::<Vec<_>>().join("; "),
        x: Axis::share(samples),
        x_name: "percentile of the samples (%)",
        y,
        y_name: "latency (logarithmic)",
        lines,
        room: 0,
        shaded: own(RESPONSE).zip(own(SERVICE)),
        readings: readings(curves, samples),
    }
}

fn readings(curves: &[Curve], samples: u64) -> Vec<(f64, f64, String)> {
    let end = rest_decades(samples).max(1.0);
    // The shares 50, 80, 90, 95, 98, 99 and so on.
    let stops = (0..12_u32).flat_map(|decade| [10.0_f64, 5.0, 2.0].map(|rest| f64::from(decade) + 1.0 - rest.log10()));
    let stops: Vec<_> = stops.filter(|stop| *stop <= end).collect();
    let mut readings = Vec::new();
    for (index, stop) in stops.iter().enumerate() {
        let from = index.checked_sub(1).map_or(0.0, |before| (stops[before] + stop) / 2.0);
        let to = stops.get(index + 1).map_or(end, |next| (stop + next) / 2.0);
        let mut text = if *stop == 0.0 {
            "fastest".to_owned()
        } else {
            format!("{} %", share_label(*stop))
        };
        for curve in curves {
            text.push_str(&format!(
                " · {} {}",
                curve.full_name(),
                latency_tick(curve.at(share_at(*stop)))
            ));
        }
        readings.push((from, to, text));
    }
    readings
}

fn explain(family: &Family, curves: &[Curve], report: &Report, out: &mut String) {
    let has = |name| curves.iter().any(|curve| !curve.baseline && curve.name == name);
    let text = match (has(RESPONSE), has(SERVICE)) {
        (true, true) => {
            "Response time begins when a message was due, service time when it was sent. The shaded gap between them is the \
             waiting that service times alone leave out (coordinated omission)."
        }
        (false, true) => {
            "Service time: from sending on. The loop was closed, so no message had a due time: while the broker stalls, \
             messages that would have met the stall are not sent, and do not count."
        }
        _ => "",
    };
    let mut text = text.to_owned();
    let names = |curve: &&Curve| !curve.baseline;
    let samples = curves.iter().filter(names);
    let samples: Vec<_> = samples
        .map(|curve| format!("{} of {}", count(curve.histogram.len()), curve.name))
        .collect();
    text.push_str(&format!(" Samples: {}.", samples.join(", ")));
    if family.id == "connections" && report.load.connect_rate.is_some() {
        text.push_str(" The time of a connection begins when it was due.");
    }
    paragraph("note", text.trim_start(), out);
}

/// The same in figures.
fn values(family: &Family, curves: &[Curve], out: &mut String) {
    out.push_str("<details><summary>These lines as a table</summary>\n");
    let names: Vec<_> = curves.iter().map(Curve::full_name).collect();
    let mut columns = vec!["percentile"];
    columns.extend(names.iter().map(String::as_str));
    table("figures", family.heading, &columns, out);
    let end = curves
        .iter()
        .map(|curve| rest_decades(curve.histogram.len()))
        .fold(0.0, f64::max);
    let shares = SHARES.into_iter().filter(|share| -(1.0 - share).log10() <= end);
    for share in shares.chain([1.0]) {
        let label = match share {
            0.0 => "min".to_owned(),
            1.0 => "max".to_owned(),
            _ => format!("p{}", share_label(-(1.0 - share).log10())),
        };
        out.push_str(&format!("<tr><th scope=\"row\">{label}</th>"));
        for curve in curves {
            // A percentile needs as many samples as stand for one beyond it.
            let known = share == 1.0 || (1.0 - share) * curve.histogram.len() as f64 >= 0.999;
            let text = if known {
                latency(curve.at(share))
            } else {
                NONE.to_owned()
            };
            out.push_str(&format!("<td>{text}</td>"));
        }
        out.push_str("</tr>\n");
    }
    out.push_str(END_TABLE);
    out.push_str("</details>\n");
}
