//! html-validate, axe-core and esbuild, programs of npm, have nothing to say. `tests/browser/package.json` pins them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::common::root;
use crate::made::Made;
use crate::real::real;
use crate::tab::{Tab, WINDOWS};

/// A file of an npm package, if the packages are installed.
fn package(file: &str) -> Option<PathBuf> {
    let path = root().join("tests/browser/node_modules").join(file);
    if path.exists() {
        return Some(path);
    }
    crate::skipped("the packages of npm are not installed (npm ci --prefix tests/browser)");
    None
}

/// The studies that the validators read. `htmlvalidate.json` allows two inline styles: the number of columns, by which
/// a grid finds the width of its tiles, and the side on which a name in a chart stands.
fn reports() -> [PathBuf; 2] {
    static MANY: OnceLock<PathBuf> = OnceLock::new();
    let many = Made { ranks: vec![4, 16], trainings: 2, failed: true, side: 64, ..Made::default() };
    [real(), MANY.get_or_init(|| many.write("valid")).clone()]
}

#[test]
fn html_validate_has_nothing_to_say() {
    let Some(program) = package("html-validate/bin/html-validate.mjs") else { return };
    let pages: Vec<PathBuf> =
        reports().iter().flat_map(|report| [report.join("index.html"), report.join("cost.html")]).collect();
    let config = root().join("tests/browser/htmlvalidate.json");
    let output = Command::new("node").arg(program).arg("--config").arg(config).args(pages).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

#[test]
fn built_scripts_are_what_their_sources_make() {
    if package("esbuild/package.json").is_none() {
        return;
    }
    let build = root().join("src/report/style/build.mjs");
    let output = Command::new("node").arg(build).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs axe-core on the page as it is.
#[track_caller]
fn accessible(tab: &mut Tab, axe: &str, what: &str) {
    tab.eval(axe);
    let found = tab.texts(
        "axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations.map((v) => \
         `${v.impact} ${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(' ') + ' ' + n.html.slice(0, 120)) \
         .slice(0, 5).join(' | ')}`))",
    );
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn axe_has_nothing_to_say() {
    let Some(path) = package("axe-core/axe.min.js") else { return };
    let Some(mut tab) = Tab::new() else { return };
    let axe = std::fs::read_to_string(path).unwrap() + "; 0";
    for report in reports() {
        axe_on(&mut tab, &axe, &report);
    }
}

fn axe_on(tab: &mut Tab, axe: &str, report: &Path) {
    for (scheme, window) in [("light", WINDOWS[0]), ("dark", WINDOWS[0]), ("light", WINDOWS[3])] {
        tab.emulate("", scheme);
        tab.resize(window);
        tab.open(report, "");
        accessible(tab, axe, &format!("{} in {scheme} at {window:?}", report.display()));
    }
    tab.press("l");
    accessible(tab, axe, "with LoRA off");
    tab.eval("document.querySelector('[data-id]').click(); 0");
    tab.settle();
    accessible(tab, axe, "with the large view open");
}
