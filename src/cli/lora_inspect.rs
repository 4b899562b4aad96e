//! `runner lora inspect`: what an adapter file is.

use super::{
    exit::{Exit, Failure, OrExit},
    model_arg::PartArgs,
    options::OutputArgs,
    output::{emit, emit_json, may_write, write_new},
    session::Session,
};
use crate::adapter::file::{self, Fit, Summary, Thumbnail};
use crate::text::{bytes, count, measurement, plain_name, shortened, table};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner lora inspect pytorch_lora_weights.safetensors\n\n\
                  Result: a summary; --layers adds a table of all layers, --metadata all that the file says \
                  of itself.")]
pub struct InspectArgs {
    /// A .safetensors file of diffusers, peft, kohya, LyCORIS or OneTrainer
    file: PathBuf,
    /// List every layer
    #[arg(long)]
    layers: bool,
    /// List the file's own metadata
    #[arg(long)]
    metadata: bool,
    /// A base model (folder, .safetensors checkpoint or Hub id) to compare it with, layer by layer
    #[arg(long, value_name = "MODEL")]
    base: Option<String>,
    /// Save the thumbnail that the file has in its metadata
    #[arg(long, value_name = "PATH")]
    thumbnail: Option<PathBuf>,
    /// Replace the thumbnail's file if it exists
    #[arg(long, requires = "thumbnail")]
    force: bool,
    /// Never use the network
    #[arg(long)]
    offline: bool,
}

pub(super) fn inspect(args: &InspectArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    if let Some(path) = &args.thumbnail {
        may_write(path, args.force)?;
    }
    let summary = file::inspect(&args.file).or_exit(Exit::Experiment)?;
    let thumbnail = file::thumbnail(&summary.metadata);
    if let Some(path) = &args.thumbnail {
        save(path, thumbnail.as_ref(), args)?;
    }
    let fit = args.base.as_ref().map(|model| compare(args, model, output)).transpose()?;
    if output.json() {
        let mut value = serde_json::to_value(&summary).or_exit(Exit::Internal)?;
        if let (Some(object), Some(fit)) = (value.as_object_mut(), &fit) {
            object.insert("fit".to_owned(), serde_json::to_value(fit).or_exit(Exit::Internal)?);
        }
        emit_json(&value)?;
    } else {
        emit(&text(&summary, thumbnail.as_ref(), fit.as_ref(), args))?;
    }
    Ok(Exit::Done)
}

/// Writes the picture, whose name must end as its format does.
fn save(path: &Path, thumbnail: Option<&Result<Thumbnail, String>>, args: &InspectArgs) -> Result<(), Failure> {
    let fail = |exit, text: String| Err(Failure::new(exit, anyhow::anyhow!("{}: {text}", args.file.display())));
    let picture = match thumbnail {
        None => return fail(Exit::Experiment, "it has no thumbnail".to_owned()),
        Some(Err(reason)) => return fail(Exit::Experiment, reason.clone()),
        Some(Ok(picture)) => picture,
    };
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    if ending.is_some_and(|ending| ending.replace("jpeg", "jpg") != picture.ending) {
        let (format, wanted) = (picture.format, picture.ending);
        return fail(Exit::Usage, format!("its thumbnail is a {format} picture; name the file .{wanted}"));
    }
    write_new(path, &picture.bytes, args.force)
}

fn compare(args: &InspectArgs, model: &str, output: &OutputArgs) -> Result<Fit, Failure> {
    let session = Session::start(output)?;
    let found = PartArgs::default().find(model, args.offline, &session)?;
    file::fit(&args.file, &found.summary.adaptable_layers).or_exit(Exit::Experiment)
}

/// Layers and blocks that are named as those that move most.
const MOST: usize = 5;

fn text(
    summary: &Summary,
    thumbnail: Option<&Result<Thumbnail, String>>,
    fit: Option<&Fit>,
    args: &InspectArgs,
) -> String {
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let joined = |numbers: Vec<String>| if numbers.is_empty() { "-".to_owned() } else { numbers.join(", ") };
    let ranks = joined(summary.ranks.iter().map(ToString::to_string).collect());
    let alphas = joined(summary.alphas.iter().map(ToString::to_string).collect());
    let titles: Vec<&str> = summary.titles.iter().copied().collect();
    let types: Vec<&str> = summary.types.iter().map(String::as_str).collect();
    let size = format!("{} ({} in f32)", summary.parameters, bytes(summary.parameters * 4));
    let mut rows = vec![
        vec!["format".to_owned(), or_none(summary.formats.join(" and "))],
        vec!["kind".to_owned(), or_none(titles.join(" and "))],
        vec!["for".to_owned(), summary.family.unwrap_or("a base model that its shapes do not tell").to_owned()],
        vec!["rank".to_owned(), shortened(&ranks, 100)],
        vec!["alpha".to_owned(), shortened(&alphas, 100)],
        vec!["layers".to_owned(), parts(summary)],
        vec!["numbers".to_owned(), format!("{size}, {}", or_none(types.join(" and ")))],
    ];
    rows.extend(summary.training.iter().map(|(what, value)| vec![(*what).to_owned(), shown(value)]));
    if let Some(thumbnail) = thumbnail {
        let text = match thumbnail {
            Ok(Thumbnail { format, width, height, .. }) => format!("has a thumbnail ({format}, {width} × {height})"),
            Err(reason) => reason.clone(),
        };
        rows.push(vec!["thumbnail".to_owned(), shown(&text)]);
    }
    if let Some(fit) = fit {
        rows.push(vec!["fits".to_owned(), fitting(fit, args.base.as_deref().unwrap_or_default())]);
    }
    let mut out = table(&rows);
    if let Some(left_out) = fit.and_then(|fit| fit.left_out.as_ref()) {
        out += &format!("\n{}\n", crate::text::plain_text(&left_out.to_string()));
    }
    out += &movement(summary);
    out += &others(summary);
    if args.metadata {
        let metadata = summary.metadata.iter().map(|(key, value)| vec![plain_name(key), shown(value)]);
        out += &format!("\n{}", table(&metadata.collect::<Vec<_>>()));
    }
    if args.layers {
        out += &layers(summary);
    }
    out
}

/// How many layers of which part.
fn parts(summary: &Summary) -> String {
    let of = |part: &str| summary.modules.iter().filter(|module| module.part == part).count();
    let named = [("unet", "UNet"), ("text_encoder", "text encoder"), ("text_encoder_2", "second text encoder")];
    let counts: Vec<String> = named
        .iter()
        .filter_map(|(part, title)| Some(of(part)).filter(|n| *n > 0).map(|n| format!("{n} of the {title}")))
        .collect();
    if counts.is_empty() { "0".to_owned() } else { format!("{}: {}", summary.modules.len(), counts.join(", ")) }
}

fn fitting(fit: &Fit, model: &str) -> String {
    match &fit.left_out {
        None => format!("{model}: all of it changes {}", count(fit.layers, "layer")),
        Some(left_out) => {
            let (some, all) = (left_out.tensors.len(), left_out.of);
            format!("{model}: {} fit, {some} of {all} tensors do not", count(fit.layers, "layer"))
        }
    }
}

/// The norms of the blocks, and the layers that move most.
fn movement(summary: &Summary) -> String {
    if summary.modules.is_empty() {
        return String::new();
    }
    let mut rows = vec![vec!["|update|".to_owned(), "block".to_owned()]];
    rows.extend(summary.blocks.iter().map(|(block, norm)| vec![measurement(*norm), shown(block)]));
    let mut most: Vec<_> = summary.modules.iter().collect();
    most.sort_by(|a, b| b.update_norm.total_cmp(&a.update_norm));
    rows.push(vec![String::new(), "layers that move most".to_owned()]);
    rows.extend(most.iter().take(MOST).map(|module| {
        let name = if module.part == "unet" { module.name.clone() } else { format!("{}.{}", module.part, module.name) };
        vec![measurement(module.update_norm), shown(&name)]
    }));
    format!("\n{}", table(&rows))
}

/// Tensors that are listed if they are no part of an adapter.
const LISTED: usize = 20;

fn others(summary: &Summary) -> String {
    if summary.other_tensors.is_empty() {
        return String::new();
    }
    let mut out = match summary.other_tensors.len() {
        1 => "\n1 tensor is not part of a complete adapter of a layer:\n".to_owned(),
        many => format!("\n{many} tensors are not part of a complete adapter of a layer:\n"),
    };
    let others = summary.other_tensors.iter().take(LISTED);
    out += &table(&others.map(|(name, why)| vec![shown(name), shown(why)]).collect::<Vec<_>>());
    if let Some(more) = summary.other_tensors.len().checked_sub(LISTED).filter(|more| *more > 0) {
        out += &format!("… and {more} more\n");
    }
    out
}

fn layers(summary: &Summary) -> String {
    let head = ["part", "layer", "in", "out", "rank", "alpha", "|update|", "norms of the tensors"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(summary.modules.iter().map(|m| {
        let of_tensor = |(name, norm): (&String, &f64)| format!("{} {norm:.4}", name.trim_end_matches("_norm"));
        let norms: Vec<String> = m.norms.iter().map(of_tensor).collect();
        let or_whole = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let (rank, alpha) = (m.rank.map(|rank| rank.to_string()), m.alpha.map(|alpha| alpha.to_string()));
        let mut row = vec![m.part.to_owned(), shown(&m.name), m.in_features.to_string()];
        row.extend([m.out_features.to_string(), or_whole(rank), or_whole(alpha)]);
        row.extend([format!("{:.4}", m.update_norm), norms.join(", ")]);
        row
    }));
    format!("\n{}", table(&rows))
}

/// Metadata values can be whole JSON documents, and a file chooses its names.
fn shown(value: &str) -> String {
    plain_name(&shortened(value, 100))
}
