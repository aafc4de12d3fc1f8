//! Requests by freshness, as an SVG text: both logarithmic, so that a factor is a distance.
//!
//! Colours and text are middling, on no background, so that it can be read on a light page and on a dark one.

use std::fmt::Write;

use super::{Comparison, Row};

const TEXT: &str = "#768390";
const WIDTH: f64 = 720.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 500.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 320.0;

/// A logarithmic scale from a span of values to a span of places.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Scale {
        let (low, high) = values
            .fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| (low.min(value), high.max(value)));
        Scale { low: low / 1.2, high: high * 1.2, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value / self.low).ln() / (self.high / self.low).ln()
    }

    /// 1, 2 and 5 of each power of ten within it.
    fn marks(&self) -> Vec<f64> {
        let powers = -3..9;
        let marks = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
        marks.filter(|mark| (self.low..self.high).contains(mark)).collect()
    }
}

/// The plot of these comparisons.
pub(super) fn svg(curve: &[Comparison]) -> String {
    type Pick = fn(&Comparison) -> &Row;
    let point = |row: &Row| {
        let total = row.total();
        (total.delays.mean(), total.requests / row.taken.len() as f64 / 24.0)
    };
    let ways: [(&str, &str, Pick); 3] = [
        ("#8b949e", "one interval for all", |comparison| &comparison.single),
        ("#f97316", "best for each, in hindsight", |comparison| &comparison.each),
        ("#3b82f6", "tidegate", |comparison| &comparison.ours),
    ];
    let lines: Vec<Vec<(f64, f64)>> = ways
        .iter()
        .map(|(_, _, row)| curve.iter().map(|comparison| point(row(comparison))).collect())
        .collect();
    let x = Scale::of(lines.iter().flatten().map(|(delay, _)| *delay), LEFT, RIGHT);
    let y = Scale::of(lines.iter().flatten().map(|(_, requests)| *requests), BOTTOM, TOP);
    let title = "Requests an hour for each feed, by the mean delay from a change to its detection";
    // Writing to a `String` cannot fail.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} 360\" width=\"{WIDTH}\" height=\"360\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"{TEXT}\" role=\"img\">\n<title>{title}</title>\n\
         <text x=\"8\" y=\"20\" font-weight=\"600\">{title}</text>\n"
    );
    for mark in y.marks() {
        let place = y.place(mark);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{place:.1}\" y2=\"{place:.1}\" stroke=\"{TEXT}\" stroke-opacity=\"0.3\"/>\n\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{mark}</text>",
            LEFT - 6.0,
            place + 4.0
        );
    }
    for mark in x.marks() {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{mark} s</text>",
            x.place(mark),
            BOTTOM + 20.0
        );
    }
    for (place, ((colour, label, _), line)) in ways.iter().zip(&lines).enumerate() {
        let path: Vec<String> = line
            .iter()
            .map(|(delay, requests)| format!("{:.1},{:.1}", x.place(*delay), y.place(*requests)))
            .collect();
        let (mark, text) = (TOP + 10.0 + 20.0 * place as f64, TOP + 15.0 + 20.0 * place as f64);
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>\n\
             <rect x=\"{:.0}\" y=\"{mark:.0}\" width=\"14\" height=\"3\" fill=\"{colour}\"/>\n\
             <text x=\"{:.0}\" y=\"{text:.0}\">{label}</text>",
            path.join(" "),
            RIGHT + 12.0,
            RIGHT + 32.0
        );
    }
    svg + "</svg>\n"
}
