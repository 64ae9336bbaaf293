//! `zeroline eval --plot`: two charts side by side: how much was right, and how soon the answers were
//! there.

use crate::cli::eval::{Row, Summary};
use crate::language::Language;
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const BAR: f64 = 18.0;
const GAP: f64 = 10.0;
const TOP: f64 = 64.0;
/// The bars: from here, so long at 100 %.
const BARS_AT: f64 = 190.0;
const BARS: f64 = 220.0;
/// The points.
const POINTS_AT: f64 = 560.0;
const POINTS: f64 = 360.0;
const LEAST_HEIGHT: f64 = 260.0;

/// Blue and orange are told apart by everybody.
fn colour(language: Language) -> &'static str {
    match language {
        Language::En => "#2166ac",
        Language::Zh => "#d6604d",
    }
}

/// An SVG. Any number of languages and rows, none too.
pub(super) fn plot(languages: &[Summary], rows: &[Row]) -> String {
    let bars = bars(languages);
    let height = (TOP + bars.len() as f64 * (BAR + GAP) + 78.0).max(TOP + LEAST_HEIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut svg, 24.0, 34.0, "start", 16, "How much was right");
    text(
        &mut svg,
        POINTS_AT,
        34.0,
        "start",
        16,
        "How soon the answer was there",
    );
    for (at, bar) in (0..).zip(&bars) {
        draw_bar(&mut svg, TOP + f64::from(at) * (BAR + GAP), bar);
    }
    draw_points(&mut svg, rows, height - 78.0);
    draw_legend(&mut svg, languages, height - 14.0);
    svg += "</svg>\n";
    svg
}

struct Bar {
    name: &'static str,
    language: Language,
    /// From 0 to 1.
    share: f64,
    told: String,
}

fn bars(languages: &[Summary]) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut add = |name, summary: &Summary, share: Option<f64>, told: String| {
        let language = summary.language;
        bars.extend(share.map(|share| Bar {
            name,
            language,
            share: share.clamp(0.0, 1.0),
            told,
        }));
    };
    let counted = |part: usize, all: usize| (all > 0).then(|| part as f64 / all as f64);
    let of = |part: usize, all: usize| format!("{part} of {all}");
    let right = |rate: Option<f64>| rate.map(|rate| 1.0 - rate);
    let percent = |rate: Option<f64>| format!("{:.1} %", right(rate).unwrap_or(0.0) * 100.0);
    for it in languages {
        match it.language {
            Language::En => {
                add(
                    "words",
                    it,
                    right(it.word_error_rate),
                    percent(it.word_error_rate),
                );
            }
            Language::Zh => {
                let rate = it.character_error_rate;
                add("characters", it, right(rate), percent(rate));
            }
        }
        let (options, values, nothing) = (&it.options, &it.values, &it.nothing);
        add(
            "options",
            it,
            counted(options.right, options.all),
            of(options.right, options.all),
        );
        add(
            "values",
            it,
            counted(values.right, values.all),
            of(values.right, values.all),
        );
        let ignored = nothing.all - nothing.false_accepts;
        add(
            "other speech ignored",
            it,
            counted(ignored, nothing.all),
            of(ignored, nothing.all),
        );
    }
    bars
}

fn draw_bar(svg: &mut String, y: f64, bar: &Bar) {
    let (length, colour) = (bar.share * BARS, colour(bar.language));
    text(svg, BARS_AT - 10.0, y + 14.0, "end", 13, bar.name);
    rectangle(svg, BARS_AT, y, BARS, "#eee");
    rectangle(svg, BARS_AT, y, length, colour);
    text(svg, BARS_AT + BARS + 10.0, y + 14.0, "start", 13, &bar.told);
}

fn rectangle(svg: &mut String, x: f64, y: f64, width: f64, colour: &str) {
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"
    );
}

/// Each file by its length and the time from its end to the answer.
fn draw_points(svg: &mut String, rows: &[Row], bottom: f64) {
    let longest = |values: &mut dyn Iterator<Item = f64>| round_up(values.fold(0.0, f64::max));
    let seconds = longest(&mut rows.iter().map(|row| row.seconds));
    let milliseconds = longest(&mut rows.iter().map(|row| row.final_ms));
    let x = |value: f64| POINTS_AT + 40.0 + value / seconds * (POINTS - 60.0);
    let y = |value: f64| bottom - value / milliseconds * (bottom - TOP);
    for step in 0..=4 {
        let part = f64::from(step) / 4.0;
        let (value, level) = (part * milliseconds, y(part * milliseconds));
        let (left, right) = (x(0.0), x(seconds));
        let _ = writeln!(
            svg,
            "<line x1=\"{left:.1}\" y1=\"{level:.1}\" x2=\"{right:.1}\" y2=\"{level:.1}\" stroke=\"#ddd\"/>"
        );
        text(svg, left - 8.0, level + 4.0, "end", 11, &figure(value));
        text(
            svg,
            x(part * seconds),
            bottom + 18.0,
            "middle",
            11,
            &figure(part * seconds),
        );
    }
    text(svg, POINTS_AT, TOP - 12.0, "start", 11, "ms");
    text(
        svg,
        x(seconds / 2.0),
        bottom + 34.0,
        "middle",
        11,
        "length of what was said, s",
    );
    for row in rows {
        let _ = writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{}\" fill-opacity=\"0.6\"/>",
            x(row.seconds),
            y(row.final_ms),
            colour(row.language)
        );
    }
}

fn draw_legend(svg: &mut String, languages: &[Summary], y: f64) {
    let mut x = 24.0;
    for it in languages {
        let label = format!("{}: {} files, {}", it.language, it.files, it.engine);
        let colour = colour(it.language);
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>",
            y - 11.0
        );
        text(svg, x + 18.0, y, "start", 12, &label);
        x += 60.0 + label.chars().count() as f64 * 7.0;
    }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, size: u32, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{text}</text>"
    );
}

/// The end of an axis: 1, 2 or 5 and noughts, or what is between in quarters.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let unit = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 4.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * unit >= value);
    step.unwrap_or(10.0) * unit
}

/// Without noughts that say nothing.
fn figure(value: f64) -> String {
    let told = format!("{value:.2}");
    let told = told.trim_end_matches('0').trim_end_matches('.');
    told.to_owned()
}
