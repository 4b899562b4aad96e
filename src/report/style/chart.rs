//! Charts as pixels: panels on shared axes under one title, over one legend. Drawn at three times the
//! size and scaled down, which smooths every line.

use image::RgbImage;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::picture::encode_png;
use crate::report::error::ReportError;
use crate::report::style::font;
use crate::report::style::scale::axis_number;

/// Everything is drawn this many times larger.
const SCALE: i32 = 3;
/// Pixels of one chart on the finished picture.
const PANEL: (i32, i32) = (520, 360);
/// Pixels for the title.
const HEAD: i32 = 56;
/// Pixels for the legend.
const FOOT: i32 = 44;

/// Axes and their numbers.
pub(crate) const GREY: RGBColor = RGBColor(110, 118, 128);
const INK: RGBColor = RGBColor(24, 28, 33);

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// One chart.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) curves: Vec<Curve>,
}

/// One line of a chart.
#[derive(Clone)]
pub(crate) struct Curve {
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) look: Look,
}

/// How a line looks; colour is never the only difference.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Look {
    pub(crate) colour: RGBColor,
    pub(crate) opacity: f64,
    /// Pixels on the finished picture.
    pub(crate) width: f64,
    /// Length of dashes and of gaps in pixels; `None` is a solid line.
    pub(crate) dash: Option<(i32, i32)>,
    pub(crate) dots: bool,
}

/// A whole picture.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) x_label: String,
    pub(crate) y_label: &'static str,
    pub(crate) panels: Vec<Panel>,
    pub(crate) legend: Vec<(String, Look)>,
    pub(crate) y: (f64, f64),
}

/// A solid line.
pub(crate) const fn line(colour: RGBColor, width: f64) -> Look {
    Look { colour, opacity: 1.0, width, dash: None, dots: false }
}

impl Figure {
    /// The PNG; `None` when no chart has a point.
    pub(crate) fn draw(&self) -> Result<Option<Vec<u8>>, ReportError> {
        let xs = self.panels.iter().flat_map(|p| &p.curves).flat_map(|c| &c.points).map(|p| p.0);
        let (low, high) = xs.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        if !low.is_finite() || !self.y.0.is_finite() || !self.y.1.is_finite() {
            return Ok(None);
        }
        let x = if high > low { (low, high) } else { (low - 0.5, high + 0.5) };
        font::register();
        let image = self.pixels(x).map_err(|reason| ReportError::Draw { name: self.name, reason })?;
        let (w, h) = (image.width() / SCALE as u32, image.height() / SCALE as u32);
        let small = image::imageops::resize(&image, w, h, image::imageops::FilterType::Triangle);
        let bytes = encode_png(&small, &[("Software", "runner".into())]);
        bytes.map(Some).map_err(|reason| ReportError::Draw { name: self.name, reason: reason.to_string() })
    }

    fn pixels(&self, x: (f64, f64)) -> Result<RgbImage, String> {
        let columns = match self.panels.len() {
            n @ 1..=3 => n,
            4 => 2,
            _ => 3,
        } as i32;
        let rows = (self.panels.len() as i32 + columns - 1) / columns;
        // One chart alone is drawn larger, and the title needs room.
        let panel = if columns == 1 { (PANEL.0 * 8 / 5, PANEL.1 * 5 / 4) } else { PANEL };
        let size = ((columns * panel.0 * SCALE) as u32, ((rows * panel.1 + HEAD + FOOT) * SCALE) as u32);
        let mut buffer = vec![255_u8; size.0 as usize * size.1 as usize * 3];
        {
            let root = BitMapBackend::with_buffer(&mut buffer, size).into_drawing_area();
            self.draw_all(&root, panel, columns, x).map_err(|e| e.to_string())?;
        }
        let mut image =
            RgbImage::from_raw(size.0, size.1, buffer).ok_or_else(|| "the buffer has another size".to_owned())?;
        for (i, p) in self.panels.iter().enumerate() {
            let corner = corner(i, panel, columns);
            panel_title(&mut image, &p.title, corner, panel.0);
        }
        Ok(image)
    }

    fn draw_all(&self, root: &Area<'_>, panel: (i32, i32), columns: i32, x: (f64, f64)) -> Drawn {
        root.fill(&WHITE)?;
        let title = TextStyle::from((font::FAMILY, 21 * SCALE).into_font()).color(&INK);
        root.draw(&Text::new(self.title.clone(), (24 * SCALE, 18 * SCALE), title))?;
        for (i, p) in self.panels.iter().enumerate() {
            let corner = corner(i, panel, columns);
            let area = root
                .clone()
                .shrink((corner.0 as u32, corner.1 as u32), ((panel.0 * SCALE) as u32, (panel.1 * SCALE) as u32));
            self.draw_panel(&area, p, x)?;
        }
        self.draw_legend(root)
    }

    fn draw_panel(&self, area: &Area<'_>, panel: &Panel, x: (f64, f64)) -> Drawn {
        let text = |size: i32, colour: &'static RGBColor| {
            TextStyle::from((font::FAMILY, size * SCALE).into_font()).color(colour)
        };
        // The axis has no places for half a step or half a photo.
        let whole = panel.curves.iter().flat_map(|c| &c.points).all(|p| p.0.fract() == 0.0);
        let mut chart = ChartBuilder::on(area)
            .margin(12 * SCALE)
            .margin_top(42 * SCALE)
            .margin_right(20 * SCALE)
            .x_label_area_size(44 * SCALE)
            .y_label_area_size(66 * SCALE)
            .build_cartesian_2d(x.0..x.1, self.y.0..self.y.1)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(ShapeStyle::from(RGBColor(226, 230, 235)).stroke_width(SCALE as u32))
            .axis_style(ShapeStyle::from(GREY).stroke_width(SCALE as u32))
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|v| match (whole, v.fract() == 0.0) {
                (true, false) => String::new(),
                (true, true) if v.abs() < 1e7 => format!("{v:.0}"),
                _ => axis_number(*v, x.1 - x.0),
            })
            .y_label_formatter(&|v| axis_number(*v, self.y.1 - self.y.0))
            .label_style(text(12, &GREY))
            .axis_desc_style(text(13, &GREY))
            .x_desc(&self.x_label)
            .y_desc(self.y_label)
            .draw()?;
        for curve in &panel.curves {
            let style = curve.look.style();
            // A line from a place to itself has no pixels.
            let one_place = curve.points.windows(2).all(|w| w[0] == w[1]);
            match curve.look.dash {
                _ if one_place => {}
                None => drop(chart.draw_series(LineSeries::new(curve.points.iter().copied(), style))?),
                Some((on, off)) => drop(chart.draw_series(DashedLineSeries::new(
                    curve.points.iter().copied(),
                    on * SCALE,
                    off * SCALE,
                    style,
                ))?),
            }
            if curve.look.dots || one_place {
                let dots = curve.points.iter().map(|p| Circle::new(*p, 4 * SCALE, curve.look.colour.filled()));
                chart.draw_series(dots)?;
            }
        }
        Ok(())
    }

    fn draw_legend(&self, root: &Area<'_>) -> Drawn {
        let style = TextStyle::from((font::FAMILY, 14 * SCALE).into_font()).color(&INK);
        let (width, height) = root.dim_in_pixel();
        let (width, y) = (width as i32, height as i32 - FOOT * SCALE + 14 * SCALE);
        let mut left = 24 * SCALE;
        for (name, look) in &self.legend {
            let needed = 52 * SCALE + font::width(name, (14 * SCALE) as f32) as i32;
            if left + needed > width {
                break;
            }
            let ends = [(left, y + 6 * SCALE), (left + 34 * SCALE, y + 6 * SCALE)];
            match look.dash {
                None => root.draw(&PathElement::new(ends.to_vec(), look.style()))?,
                Some((on, off)) => {
                    for start in (ends[0].0..ends[1].0).step_by(((on + off) * SCALE) as usize) {
                        let dash = [(start, ends[0].1), ((start + on * SCALE).min(ends[1].0), ends[0].1)];
                        root.draw(&PathElement::new(dash.to_vec(), look.style()))?;
                    }
                }
            }
            root.draw(&Text::new(name.clone(), (left + 42 * SCALE, y), style.clone()))?;
            left += needed + 22 * SCALE;
        }
        Ok(())
    }
}

/// Top left corner of the i-th chart.
fn corner(i: usize, panel: (i32, i32), columns: i32) -> (i32, i32) {
    let (column, row) = (i as i32 % columns, i as i32 / columns);
    (column * panel.0 * SCALE, (HEAD + row * panel.1) * SCALE)
}

/// A chart's title, centred above it: words of the user, in any writing.
fn panel_title(image: &mut RgbImage, title: &str, (left, top): (i32, i32), width: i32) {
    let size = (16 * SCALE) as f32;
    let room = ((width - 32) * SCALE) as f32;
    for line in font::wrap(title, size, room, 1) {
        let x = left as f32 + ((width * SCALE) as f32 - font::width(&line, size)) / 2.0;
        font::draw(image, (x, (top + 16 * SCALE) as f32), size, image::Rgb([INK.0, INK.1, INK.2]), &line);
    }
}

impl Look {
    fn style(&self) -> ShapeStyle {
        let width = (self.width * f64::from(SCALE)).round() as u32;
        ShapeStyle::from(self.colour.mix(self.opacity)).stroke_width(width.max(1))
    }
}
