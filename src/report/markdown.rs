//! `report.md`: the finding and the tables as text, with links to the pictures.

use std::fmt::Write;

use crate::report::data::StudyData;
use crate::report::finding::{finding, numbers_words, real_photos};
use crate::report::html::{Charts, title};
use crate::report::{copying, layout, words};

/// The whole file.
pub(crate) fn page(data: &StudyData, charts: Charts) -> String {
    let finding = finding(data);
    let mut out = format!("# {}\n\n{}\n\n", escape(title(data)), escape(&finding.headline));
    for note in &finding.notes {
        line(&mut out, format_args!("- {}", escape(note)));
    }
    line(
        &mut out,
        format_args!("\n{} of {} complete.\n", data.complete_cells(), words::count(data.cells.len(), "cell")),
    );
    for (there, file, alt) in [
        (charts.grid, "grid.png", "All images: rows are the baseline and the cells, columns prompts and seeds"),
        (charts.probe.is_some(), "probe.png", "Probe loss over the steps on training and held-out photos"),
        (charts.summary.is_some(), "summary.png", "Probe loss after training"),
        (charts.loss.is_some(), "loss.png", "Training loss"),
    ] {
        if there {
            line(&mut out, format_args!("![{alt}]({file})\n"));
        }
    }
    numbers(&mut out, data);
    problems(&mut out, data);
    settings(&mut out, data);
    out.push_str(
        "\nFiles: [index.html](index.html), [cells.csv](cells.csv), [probe.csv](probe.csv), [loss.csv](loss.csv), \
         [cost.csv](cost.csv)\n",
    );
    words::visible(&out)
}

fn numbers(out: &mut String, data: &StudyData) {
    line(out, format_args!("## Numbers\n\n{}\n", numbers_words()));
    let real = real_photos(data);
    line(
        out,
        format_args!(
            "| cell | steps | held-out loss | training loss | drift | nearest photo, largest | {real} | images |"
        ),
    );
    out.push_str("|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for cell in &data.cells {
        let m = cell.metrics.clone().unwrap_or_default();
        let loss = |split: &str| {
            let loss = cell.loss(split);
            let change = loss.base.zip(loss.after).and_then(|(base, after)| words::change(base, after));
            words::number_or_dash(loss.after) + &change.map(|c| format!(" ({c})")).unwrap_or_default()
        };
        let row = [
            escape(&layout::full_title(data, cell)),
            if cell.trained { cell.steps.to_string() } else { format!("– ({} asked for)", cell.steps) },
            loss("held_out"),
            loss("train"),
            words::number_or_dash(m.drift_rmse),
            words::number_or_dash(m.max_nearest_similarity),
            words::number_or_dash(copying::ceiling(&m)),
            cell.prompt_images().to_string(),
        ];
        line(out, format_args!("| {} |", row.join(" | ")));
    }
}

fn problems(out: &mut String, data: &StudyData) {
    if data.cells.iter().all(|c| c.problems.is_empty()) {
        return;
    }
    out.push_str("\n## Missing\n\n");
    for cell in &data.cells {
        for p in &cell.problems {
            let name = escape(&layout::full_title(data, cell));
            let failed = if p.failed { " failed" } else { "" };
            line(out, format_args!("- {name}: {}{failed}: {}", words::stage_name(p.stage), escape(&p.reason)));
        }
    }
}

fn settings(out: &mut String, data: &StudyData) {
    out.push_str("\n## Settings\n\n| setting | value |\n|---|---|\n");
    for axis in &data.axes {
        line(out, format_args!("| **{}** (swept) | {} |", escape(&axis.key), escape(&axis.values.join(", "))));
    }
    for s in &data.fixed {
        line(out, format_args!("| {} | {} |", escape(&s.key), escape(&s.value)));
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

/// Text that Markdown and HTML show as it is, on one line.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_page_is_as_before() {
        insta::assert_snapshot!(page(&fixture::study(), Charts { grid: true, ..Charts::default() }));
    }

    #[test]
    fn markup_in_texts_is_shown_not_obeyed() {
        assert_eq!(escape("<b>|*x*\n[a](b)"), "&lt;b>\\|\\*x\\* \\[a\\](b)");
    }
}
