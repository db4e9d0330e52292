//! A plot as SVG, drawn twice: for wide pages and paper, with names beside the lines, and for narrow screens, with a legend.
//! Colours come from the style sheet; without it the lines are still there. It must not know what the lines mean.

use super::axis::Axis;
use super::markup::escaped;

/// A plot.
#[derive(Debug)]
pub(super) struct Plot {
    /// Unique on the page.
    pub(super) id: &'static str,
    /// What it shows, for those who do not see it.
    pub(super) title: String,
    /// What stands in it, for those who do not see it.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) x_name: &'static str,
    pub(super) y: Axis,
    pub(super) y_name: &'static str,
    /// Later ones lie above earlier ones.
    pub(super) lines: Vec<Line>,
    /// Characters that names beside the lines have room for, at least: makes plots equally wide.
    pub(super) room: usize,
    /// Two lines between which the area is shaded.
    pub(super) shaded: Option<(usize, usize)>,
    /// Areas from one x to another that show a text under the pointer.
    pub(super) readings: Vec<(f64, f64, String)>,
}

/// A line, in pieces where values are missing.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) ink: Ink,
    pub(super) pieces: Vec<Vec<(f64, f64)>>,
}

/// How a line looks: a number of the style sheet (0 to 3), a width, and whether it is of the baseline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    pub(super) colour: u8,
    pub(super) width: Width,
    pub(super) baseline: bool,
}

/// Lines that lie on each other stay visible when the lower ones are wider.
#[derive(Debug, Clone, Copy)]
pub(super) enum Width {
    /// Lowest.
    Broad,
    Medium,
    /// On top.
    Fine,
    /// Not measured, but planned.
    Dotted,
}

/// Sizes in pixels.
struct Frame {
    class: &'static str,
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// Names stand beside the lines, not in a legend.
    beside: bool,
}

const BOTTOM: f64 = 44.0;
/// About how wide a character is.
const CHARACTER: f64 = 7.0;
/// Height of a row of text.
const ROW: f64 = 16.0;
/// Lines of more points are drawn thinner.
const DENSE: usize = 400;
/// Length of the piece of line before its name.
const SAMPLE: f64 = 18.0;

impl Plot {
    /// Appends both drawings.
    pub(super) fn write(&self, out: &mut String) {
        let names = self.lines.iter().map(|line| text_width(&line.name));
        let wide = Frame {
            class: "wide",
            width: 860.0,
            height: 330.0,
            left: 62.0,
            right: names.fold(self.room as f64 * CHARACTER, f64::max) + SAMPLE + 14.0,
            top: 30.0,
            bottom: BOTTOM,
            beside: true,
        };
        let mut narrow = Frame {
            class: "narrow",
            width: 360.0,
            height: 280.0,
            left: 58.0,
            right: 14.0,
            top: 30.0,
            bottom: BOTTOM,
            beside: false,
        };
        let rows = self.legend(&narrow).last().map_or(0.0, |(_, _, y)| y + ROW + 4.0);
        narrow.top += rows;
        narrow.height += rows;
        for frame in [wide, narrow] {
            self.draw(&frame, out);
        }
    }

    fn draw(&self, frame: &Frame, out: &mut String) {
        let (id, class) = (self.id, frame.class);
        let points = |line: &Line| line.pieces.iter().map(Vec::len).sum::<usize>();
        let dense = if self.lines.iter().any(|line| points(line) > DENSE) {
            " dense"
        } else {
            ""
        };
        out.push_str(&format!(
            "<svg class=\"plot {class}{dense}\" viewBox=\"0 0 {} {}\" role=\"img\" \
             aria-labelledby=\"{id}-{class}-title {id}-{class}-desc\" font-size=\"12\" fill=\"currentColor\">\n\
             <title id=\"{id}-{class}-title\">{}</title>\n<desc id=\"{id}-{class}-desc\">{}</desc>\n",
            frame.width,
            pixels(frame.height),
            escaped(&self.title),
            escaped(&self.description)
        ));
        self.axes(frame, out);
        out.push_str("<g fill=\"none\" stroke=\"currentColor\">\n");
        self.shade(frame, out);
        for line in &self.lines {
            let mut data = String::new();
            for piece in &line.pieces {
                path(piece.iter().map(|point| self.place(frame, *point)), &mut data);
            }
            if !data.is_empty() {
                out.push_str(&format!("<path class=\"{}\" d=\"{data}\"/>\n", line.ink.class()));
            }
        }
        out.push_str("</g>\n");
        if frame.beside {
            self.names_beside(frame, out);
        } else {
            for (line, x, y) in self.legend(frame) {
                name(line, x, y + 30.0, out);
            }
        }
        for (from, to, text) in &self.readings {
            let (left, right) = (self.place(frame, (*from, 0.0)).0, self.place(frame, (*to, 0.0)).0);
            out.push_str(&format!(
                "<rect class=\"reading\" fill=\"none\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>\n",
                pixels(left),
                pixels(frame.top),
                pixels((right - left).max(0.5)),
                pixels(frame.inner_height()),
                escaped(text)
            ));
        }
        out.push_str("</svg>\n");
    }

    fn place(&self, frame: &Frame, (x, y): (f64, f64)) -> (f64, f64) {
        (
            frame.left + self.x.position(x) * frame.inner_width(),
            frame.top + (1.0 - self.y.position(y)) * frame.inner_height(),
        )
    }

    fn axes(&self, frame: &Frame, out: &mut String) {
        let (bottom, right) = (frame.top + frame.inner_height(), frame.left + frame.inner_width());
        out.push_str(&format!(
            "<text class=\"axis-name\" x=\"{}\" y=\"14\">{}</text>\n\
             <text class=\"axis-name\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
            if frame.beside { 8.0 } else { 2.0 },
            escaped(self.y_name),
            pixels(frame.left + frame.inner_width() / 2.0),
            pixels(frame.height - 5.0),
            escaped(self.x_name)
        ));
        let mut grid = String::new();
        for (value, label) in self.y.ticks(frame.inner_height(), 32.0) {
            let y = self.place(frame, (0.0, value)).1;
            grid.push_str(&format!("M{} {}H{}", pixels(frame.left), pixels(y), pixels(right)));
            out.push_str(&format!(
                "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
                pixels(frame.left - 8.0),
                pixels(y + 4.0),
                escaped(&label)
            ));
        }
        let mut taken: Vec<(f64, f64)> = Vec::new();
        for (value, label) in self.x.ticks(frame.inner_width(), 64.0) {
            let x = self.place(frame, (value, 0.0)).0;
            let half = text_width(&label) / 2.0;
            let span = (x - half - 4.0, x + half + 4.0);
            grid.push_str(&format!(
                "M{} {}V{}",
                pixels(x),
                pixels(frame.top),
                pixels(bottom + 4.0)
            ));
            if span.1 > frame.width + 4.0 || taken.iter().any(|other| span.0 < other.1 && other.0 < span.1) {
                continue;
            }
            taken.push(span);
            out.push_str(&format!(
                "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                pixels(x),
                pixels(bottom + 18.0),
                escaped(&label)
            ));
        }
        let base = format!("M{} {}H{}", pixels(frame.left), pixels(bottom), pixels(right));
        out.push_str(&format!(
            "<g fill=\"none\" stroke=\"currentColor\">\n<path class=\"grid\" stroke-opacity=\".2\" d=\"{grid}\"/>\n\
             <path class=\"axis\" d=\"{base}\"/>\n</g>\n"
        ));
    }

    fn shade(&self, frame: &Frame, out: &mut String) {
        let Some((upper, lower)) = self.shaded else { return };
        let points = |index: usize| self.lines.get(index).and_then(|line| line.pieces.first());
        let (Some(upper), Some(lower)) = (points(upper), points(lower)) else {
            return;
        };
        let mut data = String::new();
        let around = upper.iter().chain(lower.iter().rev());
        path(around.map(|point| self.place(frame, *point)), &mut data);
        if !data.is_empty() {
            out.push_str(&format!("<path class=\"shade\" stroke=\"none\" d=\"{data}Z\"/>\n"));
        }
    }

    /// Each name at the height where its line ends, moved apart where they would touch.
    fn names_beside(&self, frame: &Frame, out: &mut String) {
        let edge = frame.left + frame.inner_width();
        let ends = self.lines.iter().filter_map(|line| {
            let last = line.pieces.last()?.last()?;
            Some((line, self.place(frame, *last)))
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let mut heights: Vec<f64> = ends.iter().map(|(_, (_, y))| *y).collect();
        spread(&mut heights, frame.top, frame.height - BOTTOM);
        for ((line, (x, y)), height) in ends.into_iter().zip(heights) {
            if edge - x < 12.0 {
                out.push_str(&format!(
                    "<path class=\"leader\" fill=\"none\" stroke=\"currentColor\" d=\"M{} {}L{} {}\"/>\n",
                    pixels(x + 1.0),
                    pixels(y),
                    pixels(edge + 8.0),
                    pixels(height)
                ));
            }
            name(line, edge + 8.0, height, out);
        }
    }

    /// Where the names stand in the legend of a narrow plot, from its top; those of the baseline last.
    fn legend(&self, frame: &Frame) -> Vec<(&Line, f64, f64)> {
        let (mut x, mut y) = (2.0, 0.0);
        let mut places = Vec::new();
        let (before, own): (Vec<_>, Vec<_>) = self.lines.iter().partition(|line| line.ink.baseline);
        for line in own.into_iter().chain(before) {
            let width = SAMPLE + 5.0 + text_width(&line.name);
            if x > 2.0 && x + width > frame.width {
                (x, y) = (2.0, y + ROW);
            }
            places.push((line, x, y));
            x += width + 16.0;
        }
        places
    }
}

impl Frame {
    fn inner_width(&self) -> f64 {
        self.width - self.left - self.right
    }

    fn inner_height(&self) -> f64 {
        self.height - self.top - self.bottom
    }
}

impl Ink {
    fn class(self) -> String {
        let width = match self.width {
            Width::Broad => "broad",
            Width::Medium => "medium",
            Width::Fine => "fine",
            Width::Dotted => "dotted",
        };
        let baseline = if self.baseline { " baseline" } else { "" };
        format!("line c{} {width}{baseline}", self.colour)
    }
}

/// A piece of line and the name behind it.
fn name(line: &Line, x: f64, y: f64, out: &mut String) {
    out.push_str(&format!(
        "<path class=\"{}\" fill=\"none\" stroke=\"currentColor\" d=\"M{} {}h{SAMPLE}\"/>\n\
         <text class=\"name\" x=\"{}\" y=\"{}\">{}</text>\n",
        line.ink.class(),
        pixels(x),
        pixels(y),
        pixels(x + SAMPLE + 5.0),
        pixels(y + 4.0),
        escaped(&line.name)
    ));
}

/// Appends the points, those left out that lie where the one before lies.
fn path(points: impl Iterator<Item = (f64, f64)>, out: &mut String) {
    let mut last = (String::new(), String::new());
    let mut command = 'M';
    for (x, y) in points {
        let point = (pixels(x), pixels(y));
        if command != 'M' && point == last {
            continue;
        }
        if command == 'M' {
            out.push_str(&format!("M{} {}", point.0, point.1));
        } else if point.1 == last.1 {
            out.push_str(&format!("H{}", point.0));
        } else if point.0 == last.0 {
            out.push_str(&format!("V{}", point.1));
        } else {
            out.push_str(&format!("L{} {}", point.0, point.1));
        }
        command = 'L';
        last = point;
    }
}

/// Moves sorted heights apart by a row of text, within the limits when there is room.
fn spread(heights: &mut [f64], top: f64, bottom: f64) {
    let mut least = top;
    for height in heights.iter_mut() {
        *height = height.max(least);
        least = *height + ROW;
    }
    let mut most = bottom;
    for height in heights.iter_mut().rev() {
        *height = height.min(most);
        most = *height - ROW;
    }
}

/// With one digit behind the point.
fn pixels(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// About how wide a text is.
fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_touch() {
        let mut heights = [10.0, 11.0, 12.0, 300.0, 301.0];
        spread(&mut heights, 20.0, 300.0);
        assert_eq!(heights, [20.0, 36.0, 52.0, 284.0, 300.0]);
    }

    #[test]
    fn a_path_says_nothing_twice() {
        let mut data = String::new();
        path(
            [(0.0, 1.0), (0.01, 1.02), (5.0, 1.0), (5.0, 2.5), (6.0, 3.0)].into_iter(),
            &mut data,
        );
        assert_eq!(data, "M0 1H5V2.5L6 3");
    }
}
