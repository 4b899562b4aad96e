//! `summary.png`: the losses after the training over the main axis, with every training as a dot.

use crate::report::data::{CellData, Setting, StudyData};
use crate::report::error::ReportError;
use crate::report::naming::{axis, titles};
use crate::report::style::chart::{Curve, Entry, Figure, Look, Panel};
use crate::report::style::scale::Scale;

use super::look::{BASE, HELD_OUT, MAX_PANELS, TRAIN, spread};
use super::score::shared;

/// Losses of the cells of one panel: `(value of the main axis, loss)`.
type Points = Vec<(f64, f64)>;

/// Final losses over the main axis; `None` unless that axis has two or more numbers.
pub(crate) fn summary(data: &StudyData) -> Result<Option<Vec<u8>>, ReportError> {
    summary_figure(data).map_or(Ok(None), |figure| figure.png())
}

/// The chart of `summary.png`.
pub(crate) fn summary_figure(data: &StudyData) -> Option<Figure> {
    let main = titles::main_axis(data)?;
    let mut groups: Vec<(String, Vec<(f64, &CellData)>)> = Vec::new();
    for cell in &data.cells {
        let own = cell.assignments.iter().find(|s| s.key == main);
        let Some(x) = own.and_then(|s| s.value.parse().ok()).filter(|x: &f64| x.is_finite()) else { continue };
        let others: Vec<&Setting> =
            titles::other_assignments(data, cell).filter(|s| !axis::is_repeat(&s.key)).collect();
        let title = axis::say_all(others);
        match groups.iter_mut().find(|(known, _)| *known == title) {
            Some((_, cells)) => cells.push((x, cell)),
            None => groups.push((title, vec![(x, cell)])),
        }
    }
    let several =
        groups.iter().any(|(_, cells)| cells.iter().any(|(x, a)| cells.iter().any(|(y, b)| x == y && a != b)));
    let alike = same_photos(&groups);
    let panels: Vec<Panel> = groups.iter().map(|(title, cells)| panel(title, cells, alike)).collect();
    let panels: Vec<Panel> = panels.into_iter().filter(|p| p.curves.iter().any(|c| two_places(&c.points))).collect();
    if panels.len() > MAX_PANELS {
        return None;
    }
    let unseen = data.cells.iter().any(|cell| cell.value("probe_held_out").is_some());
    let train = if alike { "the same training photos in all" } else { "training photos, others in each" };
    let mut legend = vec![Entry::new(train, if alike { TRAIN } else { Look { width: 0.0, dots: 4, ..TRAIN } })];
    if unseen {
        legend.insert(0, Entry::new("held-out photos", HELD_OUT));
        legend.push(Entry::new("base model on held-out photos", BASE));
    }
    let title = match several {
        true => "Denoising loss after training: a dot is a training, a line their mean, a bar their range",
        false => "Denoising loss after training",
    };
    Some(Figure {
        name: "summary.png",
        title: title.into(),
        x_label: axis::label(main),
        second_label: "",
        y_label: "loss, lower is better",
        x: Scale::over(panels.iter().flat_map(|p| &p.curves).flat_map(|c| &c.points).map(|p| p.0)),
        y: spread(&panels),
        panels,
        legend,
    })
}

/// Whether all cells are asked about the same training photos: then the base model's loss on them is the same. Else
/// a line over the sizes would show other photos and not another training.
fn same_photos(groups: &[(String, Vec<(f64, &CellData)>)]) -> bool {
    let levels = groups.iter().flat_map(|(_, cells)| cells).map(|(_, c)| c.value("baseline_probe_train"));
    shared(levels.filter(Option::is_some)).is_some()
}

fn panel(title: &str, cells: &[(f64, &CellData)], alike: bool) -> Panel {
    let points = |name: &str| {
        let mut points: Points = cells.iter().filter_map(|(x, cell)| Some((*x, cell.value(name)?))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        points
    };
    let mut curves = vec![Curve::new("base model on held-out photos", means(&points("baseline_probe_held_out")), BASE)];
    for (name, say, look, joined) in
        [("probe_train", "training photos", TRAIN, alike), ("probe_held_out", "held-out photos", HELD_OUT, true)]
    {
        let points = points(name);
        for (x, low, high) in ranges(&points) {
            let bar = Look { width: 9.0, opacity: 0.25, dash: None, ..look };
            curves.push(Curve::new("", vec![(x, low), (x, high)], bar));
        }
        let mean = Look { width: if joined { look.width } else { 0.0 }, ..look };
        curves.push(Curve::new(format!("mean on {say}"), means(&points), mean));
        curves.push(Curve::new(format!("one training on {say}"), points, Look { width: 0.0, dots: 4, ..look }));
    }
    Panel { title: title.to_owned(), curves, ..Panel::default() }
}

fn two_places(points: &Points) -> bool {
    points.first().zip(points.last()).is_some_and(|(first, last)| first.0 < last.0)
}

/// The mean at each place.
fn means(points: &Points) -> Points {
    points.chunk_by(|a, b| a.0 == b.0).map(|p| (p[0].0, p.iter().map(|p| p.1).sum::<f64>() / p.len() as f64)).collect()
}

/// The lowest and the highest value at each place that has several.
fn ranges(points: &Points) -> Vec<(f64, f64, f64)> {
    let several = points.chunk_by(|a, b| a.0 == b.0).filter(|p| p.len() > 1);
    several.map(|p| (p[0].0, p[0].1, p[p.len() - 1].1)).collect()
}
