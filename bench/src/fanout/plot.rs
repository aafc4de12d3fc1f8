//! Small plots as SVG texts: bars, and curves of times by share.
//!
//! Colours and text are middling, on no background, so that a plot can be read on a light page and on a dark one.

use std::fmt::Write;

use serde::Serialize;

use super::report::figure;

/// A plot.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Plot {
    /// The name of its file, without the ending.
    pub(crate) name: String,
    /// What it shows, with the unit.
    pub(crate) title: String,
    pub(crate) shape: Shape,
}

/// What is drawn.
#[derive(Debug, Clone, Serialize)]
pub(crate) enum Shape {
    /// A bar for each label, on a logarithmic scale from 1 or on a linear one from 0.
    Bars { logarithmic: bool, bars: Vec<(String, f64)> },
    /// A line for each label: shares of all, with what they do not exceed.
    Curves(Vec<(String, Vec<(f64, f64)>)>),
}

const WIDTH: f64 = 720.0;
const TEXT: &str = "#768390";
const COLOURS: [&str; 6] = ["#3b82f6", "#f97316", "#8b949e", "#a855f7", "#10b981", "#e5484d"];

/// Ours first, then by the order in which labels first appear.
fn colour(label: &str, place: usize) -> &'static str {
    if label.starts_with("tidegate") { COLOURS[0] } else { COLOURS[1 + place % (COLOURS.len() - 1)] }
}

impl Plot {
    /// The SVG text.
    pub(crate) fn to_svg(&self) -> String {
        match &self.shape {
            Shape::Bars { logarithmic, bars } => self.bars(*logarithmic, bars),
            Shape::Curves(curves) => self.curves(curves),
        }
    }

    fn frame(&self, height: f64, content: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"{TEXT}\" role=\"img\">\n\
             <title>{title}</title>\n<text x=\"8\" y=\"20\" font-weight=\"600\">{title}</text>\n{content}</svg>\n",
            title = escaped(&self.title)
        )
    }

    fn bars(&self, logarithmic: bool, bars: &[(String, f64)]) -> String {
        const LEFT: f64 = 190.0;
        const ROW: f64 = 26.0;
        let scale = |value: f64| if logarithmic { value.max(1.0).log10() } else { value.max(0.0) };
        let most = bars.iter().map(|(_, value)| scale(*value)).fold(f64::MIN_POSITIVE, f64::max);
        let mut content = String::new();
        for (place, (label, value)) in bars.iter().enumerate() {
            let y = 36.0 + ROW * place as f64;
            let length = ((WIDTH - LEFT - 90.0) * scale(*value) / most).max(1.0);
            let colour = if label.starts_with("tidegate") { COLOURS[0] } else { COLOURS[2] };
            // Writing to a `String` does not fail.
            let _ = write!(
                content,
                "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\n\
                 <rect x=\"{LEFT}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"18\" rx=\"2\" fill=\"{colour}\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.0}\">{}</text>\n",
                LEFT - 8.0,
                y + 14.0,
                escaped(label),
                LEFT + length + 6.0,
                y + 14.0,
                figure(*value)
            );
        }
        let mut height = 36.0 + ROW * bars.len() as f64 + 8.0;
        if logarithmic {
            let _ = writeln!(
                content,
                "<text x=\"{LEFT}\" y=\"{:.0}\" font-size=\"11\">logarithmic</text>",
                height + 6.0
            );
            height += 14.0;
        }
        self.frame(height, &content)
    }

    fn curves(&self, curves: &[(String, Vec<(f64, f64)>)]) -> String {
        const LEFT: f64 = 56.0;
        const TOP: f64 = 36.0;
        const RIGHT: f64 = WIDTH - 170.0;
        const BOTTOM: f64 = 300.0;
        let most = curves
            .iter()
            .flat_map(|(_, points)| points)
            .map(|(_, value)| *value)
            .fold(f64::MIN_POSITIVE, f64::max);
        let step = step(most);
        let top = (most / step).ceil() * step;
        let x = |share: f64| LEFT + (RIGHT - LEFT) * share;
        let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / top;
        let mut content = String::new();
        let mut mark = 0.0;
        while mark <= top * 1.001 {
            let _ = write!(
                content,
                "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"{TEXT}\" stroke-opacity=\"0.3\"/>\n\
                 <text x=\"{1:.0}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>\n",
                y(mark),
                LEFT - 6.0,
                y(mark) + 4.0,
                figure(mark)
            );
            mark += step;
        }
        for percent in [0, 25, 50, 75, 99] {
            let _ = writeln!(
                content,
                "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{percent}%</text>",
                x(f64::from(percent) / 100.0),
                BOTTOM + 18.0
            );
        }
        for (place, (label, points)) in curves.iter().enumerate() {
            let colour = colour(label, place);
            let path: Vec<String> =
                points.iter().map(|(share, value)| format!("{:.1},{:.1}", x(*share), y(*value))).collect();
            let _ = write!(
                content,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>\n\
                 <rect x=\"{:.0}\" y=\"{:.0}\" width=\"14\" height=\"3\" fill=\"{colour}\"/>\n\
                 <text x=\"{:.0}\" y=\"{:.0}\">{}</text>\n",
                path.join(" "),
                RIGHT + 12.0,
                TOP + 10.0 + 20.0 * place as f64,
                RIGHT + 32.0,
                TOP + 15.0 + 20.0 * place as f64,
                escaped(label)
            );
        }
        self.frame(BOTTOM + 30.0, &content)
    }
}

/// A round distance between marks, so that there are about five.
fn step(most: f64) -> f64 {
    let power = 10f64.powf((most / 5.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| most / step <= 5.0)
        .unwrap_or(10.0 * power)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_few() {
        for (most, expected) in
            [(1.0, 0.2), (4.9, 1.0), (5.1, 2.0), (47.0, 10.0), (99.0, 20.0), (230.0, 50.0)]
        {
            assert!((step(most) / expected - 1.0).abs() < 1e-9, "{most}: {}", step(most));
        }
    }

    #[test]
    fn bars_are_as_long_as_their_figures() {
        let bars = vec![("tidegate".to_owned(), 10.0), ("a < b".to_owned(), 1000.0)];
        let draw = |logarithmic| {
            Plot {
                name: "x".into(),
                title: "bytes & more".into(),
                shape: Shape::Bars { logarithmic, bars: bars.clone() },
            }
            .to_svg()
        };
        let widths = |svg: &str| -> Vec<f64> {
            svg.split("<rect")
                .skip(1)
                .filter_map(|rect| rect.split("width=\"").nth(1)?.split('"').next()?.parse().ok())
                .collect()
        };
        let linear = widths(&draw(false));
        assert!((linear[1] / linear[0] - 100.0).abs() < 1.0, "{linear:?}");
        let logarithmic = widths(&draw(true));
        assert!((logarithmic[1] / logarithmic[0] - 3.0).abs() < 0.01, "{logarithmic:?}");
        assert!(draw(true).contains("bytes &amp; more") && draw(true).contains("a &lt; b"));
    }
}
