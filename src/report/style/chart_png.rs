//! Charts as pixels: panels on shared axes under one title, over one legend. Drawn at three times the
//! size and scaled down, which smooths every line.

use image::RgbImage;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::picture::encode_drawing;
use crate::report::error::ReportError;
use crate::report::style::chart::{Entry, Figure, Ink, Look, Panel};
use crate::report::style::font;
use crate::report::style::scale::{Scale, axis_number};

/// Everything is drawn this many times larger.
const SCALE: i32 = 3;
/// Pixels of one chart on the finished picture.
const PANEL: (i32, i32) = (520, 360);
/// Pixels for the title.
const HEAD: i32 = 56;
/// Pixels for the legend.
const FOOT: i32 = 44;

/// Okabe and Ito's colours, which stay apart for colour-blind readers.
const SERIES: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];
/// Axes and their numbers.
const GREY: RGBColor = RGBColor(110, 118, 128);
const INK: RGBColor = RGBColor(24, 28, 33);

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
/// The two scales of a chart, across and up.
type Axes = (Scale, Scale);
type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Figure {
    /// The PNG; `None` when no chart has a point.
    pub(crate) fn png(&self) -> Result<Option<Vec<u8>>, ReportError> {
        let Some(axes) = self.across().zip(self.y) else { return Ok(None) };
        font::register();
        let image = self.pixels(axes).map_err(|reason| ReportError::Draw { name: self.name, reason })?;
        let (w, h) = (image.width() / SCALE as u32, image.height() / SCALE as u32);
        let small = image::imageops::resize(&image, w, h, image::imageops::FilterType::Triangle);
        let bytes = encode_drawing(&small, &[("Software", "runner".into())]);
        bytes.map(Some).map_err(|reason| ReportError::Draw { name: self.name, reason: reason.to_string() })
    }

    fn pixels(&self, axes: Axes) -> Result<RgbImage, String> {
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
            self.draw_all(&root, panel, columns, axes).map_err(|e| e.to_string())?;
        }
        let mut image =
            RgbImage::from_raw(size.0, size.1, buffer).ok_or_else(|| "the buffer has another size".to_owned())?;
        for (i, p) in self.panels.iter().enumerate() {
            let corner = corner(i, panel, columns);
            panel_title(&mut image, &p.title, corner, panel.0);
        }
        Ok(image)
    }

    fn draw_all(&self, root: &Area<'_>, panel: (i32, i32), columns: i32, axes: Axes) -> Drawn {
        root.fill(&WHITE)?;
        let title = TextStyle::from((font::FAMILY, 21 * SCALE).into_font()).color(&INK);
        root.draw(&Text::new(self.title.clone(), (24 * SCALE, 18 * SCALE), title))?;
        for (i, p) in self.panels.iter().enumerate() {
            let corner = corner(i, panel, columns);
            let area = root
                .clone()
                .shrink((corner.0 as u32, corner.1 as u32), ((panel.0 * SCALE) as u32, (panel.1 * SCALE) as u32));
            self.draw_panel(&area, p, axes)?;
        }
        self.draw_legend(root)
    }

    fn draw_panel(&self, area: &Area<'_>, panel: &Panel, (x, y): Axes) -> Drawn {
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
            .build_cartesian_2d(x.low..x.high, y.low..y.high)?;
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
                _ => axis_number(*v, x.high - x.low),
            })
            .y_label_formatter(&|v| axis_number(*v, y.high - y.low))
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
                _ if one_place || curve.look.width == 0.0 => {}
                None => drop(chart.draw_series(LineSeries::new(curve.points.iter().copied(), style))?),
                Some((on, off)) => drop(chart.draw_series(DashedLineSeries::new(
                    curve.points.iter().copied(),
                    on * SCALE,
                    off * SCALE,
                    style,
                ))?),
            }
            let radius = if one_place { curve.look.dots.max(4) } else { curve.look.dots };
            if radius > 0 {
                let colour = curve.look.ink.rgb();
                let dots = curve.points.iter().map(|p| Circle::new(*p, radius * SCALE, colour.filled()));
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
        for Entry { name, look, .. } in &self.legend {
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

impl Ink {
    fn rgb(self) -> RGBColor {
        match self {
            Self::Series(i) => SERIES[i % SERIES.len()],
            Self::Soft => GREY,
        }
    }
}

impl Look {
    fn style(&self) -> ShapeStyle {
        let width = (self.width * f64::from(SCALE)).round() as u32;
        ShapeStyle::from(self.ink.rgb().mix(self.opacity)).stroke_width(width.max(1))
    }
}
