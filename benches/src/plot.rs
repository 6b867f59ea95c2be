//! Plots, written as SVG: bars of candidates, and curves with their power laws, all on logarithmic
//! axes; and lines over time.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::combinators::LogCoord;
use plotters::prelude::*;

use crate::statistics::power_law;

const SIZE: (u32, u32) = (760, 420);
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xd6, 0x5f, 0x00),
    RGBColor(0x2c, 0x8c, 0x2c),
    RGBColor(0x8c, 0x56, 0xb0),
    RGBColor(0x8c, 0x60, 0x50),
    RGBColor(0x60, 0x60, 0x60),
];

/// What a plot shows, and its axes.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// Its title.
    pub title: &'a str,
    /// The x axis.
    pub x: &'a str,
    /// The y axis.
    pub y: &'a str,
}

/// Points of one thing that grows.
#[derive(Clone, Debug)]
pub struct Curve {
    /// What it is.
    pub name: String,
    /// Its points, all above zero.
    pub points: Vec<(f64, f64)>,
}

/// One bar of a group.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What is measured: bars of one group stand together.
    pub group: String,
    /// Of which candidate.
    pub name: String,
    /// The value, above zero.
    pub value: f64,
}

/// The values from the least to the most, with some room.
fn range(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    least / 1.6..most * 1.6
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, LogCoord<f64>>>;

/// Writes curves, each with the power law through its points.
///
/// # Errors
///
/// When the file cannot be written.
pub fn curves(path: &Path, labels: Labels<'_>, curves: &[Curve]) -> Result<()> {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let (xs, ys) = (range(all().map(|p| p.0)), range(all().map(|p| p.1)));
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(labels.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(70)
        .build_cartesian_2d(xs.log_scale(), ys.log_scale())
        .map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(labels.x)
        .y_desc(labels.y)
        .light_line_style(WHITE);
    mesh.x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y));
    mesh.draw().map_err(failed)?;
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        draw(&mut chart, curve, *colour)?;
    }
    let mut legend = chart.configure_series_labels();
    legend
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK.mix(0.2));
    legend
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(failed)?;
    root.present().map_err(failed)
}

/// Writes lines from zero on, on linear axes.
///
/// # Errors
///
/// When the file cannot be written.
pub fn over_time(path: &Path, labels: Labels<'_>, curves: &[Curve]) -> Result<()> {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.1, f64::max);
    let (x, y) = (most(&mut all().map(|p| p.0)), most(&mut all().map(|p| p.1)));
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(labels.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..x, 0.0..y * 1.05)
        .map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(labels.x)
        .y_desc(labels.y)
        .light_line_style(WHITE);
    mesh.draw().map_err(failed)?;
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let line = LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2));
        chart
            .draw_series(line)
            .map_err(failed)?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    let mut legend = chart.configure_series_labels();
    legend
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK.mix(0.2));
    legend
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(failed)?;
    root.present().map_err(failed)
}

fn draw(chart: &mut Chart<'_, '_>, curve: &Curve, colour: RGBColor) -> Result<()> {
    let (exponent, factor) = power_law(&curve.points);
    let fitted = curve
        .points
        .iter()
        .map(|(x, _)| (*x, factor * x.powf(exponent)));
    chart
        .draw_series(LineSeries::new(fitted, colour.mix(0.6)))
        .map_err(failed)?;
    let points = curve
        .points
        .iter()
        .map(|point| Circle::new(*point, 4, colour.filled()));
    chart
        .draw_series(points)
        .map_err(failed)?
        .label(format!("{} ~ x^{exponent:.2}", curve.name))
        .legend(move |(x, y)| Circle::new((x + 10, y), 4, colour.filled()));
    Ok(())
}

/// Writes bars, grouped, with their values.
///
/// # Errors
///
/// When the file cannot be written.
pub fn bars(path: &Path, title: &str, bars: &[Bar]) -> Result<()> {
    let height = 60 + 22 * u32::try_from(bars.len())? + 60;
    let root = SVGBackend::new(path, (SIZE.0, height)).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let values = range(bars.iter().map(|bar| bar.value));
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .build_cartesian_2d(values.clone().log_scale(), f64_range(bars.len()))
        .map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_axis()
        .disable_y_mesh()
        .light_line_style(WHITE);
    mesh.x_label_formatter(&|x| short(*x))
        .draw()
        .map_err(failed)?;
    let mut names: Vec<&str> = Vec::new();
    for (index, bar) in bars.iter().enumerate() {
        if !names.contains(&bar.name.as_str()) {
            names.push(&bar.name);
        }
        let place = names
            .iter()
            .position(|name| *name == bar.name)
            .unwrap_or_default();
        let colour = COLOURS.get(place).copied().unwrap_or(BLACK);
        let top = (bars.len() - index) as f64;
        let shape = Rectangle::new(
            [(values.start, top - 0.85), (bar.value, top - 0.1)],
            colour.mix(0.75).filled(),
        );
        chart.draw_series([shape]).map_err(failed)?;
        let told = format!("{}, {}: {}", bar.group, bar.name, short(bar.value));
        let text = Text::new(
            told,
            (values.start * 1.1, top - 0.3),
            ("sans-serif", 12).into_font(),
        );
        chart.draw_series([text]).map_err(failed)?;
    }
    root.present().map_err(failed)
}

fn f64_range(count: usize) -> std::ops::Range<f64> {
    0.0..count as f64
}

/// Writes a number in few characters.
#[must_use]
pub fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.3}M", v / 1e6),
        v if v >= 1e4 => format!("{:.0}k", v / 1e3),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v => format!("{v:.3}"),
    }
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the plot cannot be drawn: {error}")
}
