//! `runner photos FOLDER|X.toml`: what can be said against photos before anything is trained.

use super::{
    exit::{Exit, Failure},
    options::{OutputArgs, ReportsDir, words},
    output::{emit, emit_json},
    study::failure,
};
use crate::choice::Crop;
use crate::experiment::{MAX_SIDE, Overrides};
use crate::photos::Photo;
use crate::photos::check::{Finding, Kind, Usage, cropped_away, relative_sharpness, subject_lost};
use crate::study::{CheckedPhotos, Study};
use crate::text::{count, list, plain_name, plain_text, table};
use clap::Args;
use std::path::{Path, PathBuf};

/// Check photos before anything is trained: damaged, small, blurred, copies, cut by the crop, too much alike
///
/// A study is also checked for held-out photos that show the same picture as photos that are trained on. No model is
/// needed, and nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner photos photos/rex\n  runner photos my-dog.toml --format json\n\n\
                  Result: a table of the photos, then what was found and what to do. The exit code is 0 with warnings \
                  and 96 if a photo or a mask cannot be used.")]
pub struct PhotosArgs {
    /// An experiment file, or folders or files with photos
    #[arg(value_name = "FOLDER|EXPERIMENT.toml", required = true)]
    paths: Vec<PathBuf>,
    /// Side of the square that will be trained on, for folders; 512 if not given
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u64).range(1..=MAX_SIDE))]
    resolution: Option<u64>,
    /// Where the square is cut out, for folders; center if not given
    #[arg(long, value_parser = words::<Crop>())]
    crop: Option<Crop>,
    /// A folder of masks, for folders; if not given, masks are photo.mask.png beside photo.jpg
    #[arg(long, value_name = "FOLDER")]
    masks: Option<PathBuf>,
    /// Change a setting of the experiment, e.g. --set dataset.held_out=5 (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    reports: ReportsDir,
}

pub(super) fn execute(args: &PhotosArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let store = args.reports.store();
    let is_study = |path: &Path| path.is_file() && path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    let checked = match args.paths.as_slice() {
        [file] if is_study(file) => {
            not_for_a_study(args)?;
            let study = Study::read(file, &Overrides::from_process(args.set.clone()));
            study.map_err(|error| failure(error, output))?.check_photos(&store)
        }
        paths => {
            if let Some(file) = paths.iter().find(|path| is_study(path)) {
                return Err(usage(format!(
                    "{}: an experiment file stands alone; name only it, or only folders",
                    file.display()
                )));
            }
            if let Some(masks) = args.masks.as_ref().filter(|masks| !masks.is_dir()) {
                return Err(usage(format!("{}: not a folder; --masks names the folder of masks", masks.display())));
            }
            if let Some(set) = args.set.first() {
                return Err(usage(format!(
                    "--set {set} changes a setting of an experiment file, and a folder has none; a folder takes \
                     --resolution, --crop and --masks"
                )));
            }
            // Far below the largest number.
            let square = (args.resolution.unwrap_or(512) as usize, args.crop.unwrap_or(Crop::Center));
            vec![CheckedPhotos::of_folders(paths.to_vec(), args.masks.as_deref(), square, &store)]
        }
    };
    for one in &checked {
        if output.json() {
            emit_json(&json(one))?;
        } else {
            emit(&plain_text(&text(one)))?;
        }
    }
    Ok(if checked.iter().any(CheckedPhotos::is_unusable) { Exit::Experiment } else { Exit::Done })
}

fn usage(text: String) -> Failure {
    Failure::new(Exit::Usage, anyhow::Error::msg(text))
}

/// Refuses the options of folders: an experiment file says these things itself.
fn not_for_a_study(args: &PhotosArgs) -> Result<(), Failure> {
    let given = [
        (args.resolution.is_some(), "--resolution", "dataset.resolution"),
        (args.crop.is_some(), "--crop", "dataset.crop"),
        (args.masks.is_some(), "--masks", "dataset.masks"),
    ];
    match given.into_iter().find(|(given, ..)| *given) {
        None => Ok(()),
        Some((_, option, key)) => {
            Err(usage(format!("{option} is for folders; an experiment file says it itself: use --set {key}=…")))
        }
    }
}

fn text(checked: &CheckedPhotos) -> String {
    let mut rows = vec![["photo", "pixels", "crop cuts off", "sharpness", "subject cut"].map(str::to_owned).to_vec()];
    rows.extend(checked.scan.photos.iter().map(|photo| {
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        vec![
            plain_name(&photo.name),
            format!("{} × {}", photo.width, photo.height),
            percent(most_cropped(checked, photo)),
            relative_sharpness(&checked.scan, photo).map_or_else(String::new, |sharpness| format!("{sharpness:.2}")),
            worst_cut(checked, photo).map_or_else(String::new, percent),
        ]
    }));
    if checked.scan.masks.is_empty() {
        rows.iter_mut().for_each(|row| row.truncate(4));
    }
    let mut text = if checked.scan.photos.is_empty() { String::new() } else { table(&rows) + "\n" };
    for kind in kinds(&checked.findings) {
        let of_kind: Vec<&Finding> = checked.findings.iter().filter(|finding| finding.kind == kind).collect();
        text += &format!("! {}. {}", kind.sentence(of_kind.len()), kind.advice());
        text.truncate(text.trim_end().len());
        text.push('\n');
        of_kind.iter().for_each(|finding| text += &format!("    {}\n", finding.item()));
    }
    text + &conclusion(checked)
}

fn conclusion(checked: &CheckedPhotos) -> String {
    let folders: Vec<String> = checked.images.iter().map(|path| plain_name(&path.display().to_string())).collect();
    let (photos, folders) = (count(checked.scan.photos.len(), "usable photo"), list(&folders));
    match checked.findings.len() {
        _ if checked.scan.photos.is_empty() => {
            format!(
                "There is no usable photo in {folders}: JPEG, PNG, WebP, TIFF, BMP and still GIF files are photos.\n"
            )
        }
        0 => format!("{photos} in {folders}; nothing was found against them.\n"),
        found => format!("{photos} in {folders}; {}.\n", count(found, "finding")),
    }
}

/// The kinds there are, in the order of the findings.
fn kinds(findings: &[Finding]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = findings.iter().map(|finding| finding.kind).collect();
    kinds.dedup();
    kinds
}

/// The largest share of a photo that a cell cuts away.
fn most_cropped(checked: &CheckedPhotos, photo: &Photo) -> f64 {
    checked.usages.iter().map(|usage| cropped_away(photo, usage)).fold(0.0, f64::max)
}

/// The largest share of a photo's subject that a cell cuts away; `None` without a mask.
fn worst_cut(checked: &CheckedPhotos, photo: &Photo) -> Option<f64> {
    let lost = |usage: &Usage| subject_lost(&checked.scan, photo, usage);
    checked.usages.iter().filter_map(lost).max_by(f64::total_cmp)
}

fn json(checked: &CheckedPhotos) -> serde_json::Value {
    let photo = |photo: &Photo| {
        let mask = checked.scan.masks.get(&photo.hash);
        serde_json::json!({
            "name": photo.name,
            "path": photo.path.display().to_string(),
            "width": photo.width,
            "height": photo.height,
            "cropped_away": most_cropped(checked, photo),
            "sharpness": relative_sharpness(&checked.scan, photo),
            "mask": mask.map(|mask| mask.path.display().to_string()),
            "subject_share": mask.map(crate::photos::Mask::share),
            "subject_cut": worst_cut(checked, photo),
        })
    };
    let finding = |finding: &Finding| {
        serde_json::json!({
            "kind": finding.kind.word(),
            "fatal": finding.kind.is_fatal(),
            "files": finding.files,
            "detail": finding.detail,
            "message": finding.kind.sentence(1),
            "advice": finding.kind.advice(),
        })
    };
    serde_json::json!({
        "images": checked.images.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "usable": !checked.is_unusable(),
        "photos": checked.scan.photos.iter().map(photo).collect::<Vec<_>>(),
        "findings": checked.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
