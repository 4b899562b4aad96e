//! `runner lora inspect|convert`: adapter files.

use super::{
    exit::{Exit, Failure, OrExit},
    options::OutputArgs,
    output::{emit, emit_json, may_write, write_new},
};
use crate::adapter::file::{self, Format, Summary};
use crate::text::{bytes, plain_name, shortened, table};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum LoraCommand {
    /// Show what an adapter file holds: format, kind (LoRA or LoHa), rank, alpha, layers, norms
    Inspect(InspectArgs),
    /// Convert an adapter file between the formats of diffusers and kohya (ComfyUI, A1111)
    Convert(ConvertArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner lora inspect pytorch_lora_weights.safetensors\n\n\
                  Result: a summary; --layers adds a table of all layers.")]
pub struct InspectArgs {
    /// A .safetensors file in a diffusers, peft or kohya format
    file: PathBuf,
    /// List every layer
    #[arg(long)]
    layers: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner lora convert pytorch_lora_weights.safetensors --to kohya \\\n      \
                  --output shinchan.safetensors\n\n\
                  Result: a new file with the same effect. If something would be lost, the command fails instead.")]
pub struct ConvertArgs {
    /// A .safetensors file in a diffusers, peft or kohya format
    file: PathBuf,
    /// Format of the new file
    #[arg(long, value_enum)]
    to: Target,
    /// The new file
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Replace the new file if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    /// For diffusers' load_lora_weights
    Diffusers,
    /// For ComfyUI, A1111 and sd-scripts
    Kohya,
}

pub(super) fn execute(command: &LoraCommand, output: &OutputArgs) -> Result<Exit, Failure> {
    match command {
        LoraCommand::Inspect(args) => inspect(args, output),
        LoraCommand::Convert(args) => convert(args),
    }
}

fn inspect(args: &InspectArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let summary = file::inspect(&args.file).or_exit(Exit::Experiment)?;
    if output.json() {
        emit_json(&serde_json::to_value(&summary).or_exit(Exit::Internal)?)?;
    } else {
        emit(&text(&summary, args.layers))?;
    }
    Ok(Exit::Done)
}

fn text(summary: &Summary, layers: bool) -> String {
    let ranks: Vec<String> = summary.ranks.iter().map(ToString::to_string).collect();
    let kinds: Vec<&str> = summary.kinds.iter().map(|kind| kind.title()).collect();
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let mut rows = vec![
        vec!["format".to_owned(), or_none(summary.formats.join(" and "))],
        vec!["kind".to_owned(), or_none(kinds.join(" and "))],
        vec!["rank".to_owned(), or_none(ranks.join(", "))],
        vec!["layers".to_owned(), summary.modules.len().to_string()],
        vec!["parameters".to_owned(), format!("{} ({} in f32)", summary.parameters, bytes(summary.parameters * 4))],
    ];
    let metadata = summary.metadata.iter();
    rows.extend(metadata.map(|(key, value)| vec![plain_name(key), shown(value)]));
    let mut out = table(&rows);
    if !summary.other_tensors.is_empty() {
        out += &match summary.other_tensors.len() {
            1 => "\n1 tensor is not part of a complete pair:\n".to_owned(),
            many => format!("\n{many} tensors are not part of a complete pair:\n"),
        };
        let others = summary.other_tensors.iter();
        out += &table(&others.map(|(name, why)| vec![shown(name), shown(why)]).collect::<Vec<_>>());
    }
    if layers {
        let head = ["part", "layer", "in", "out", "rank", "alpha", "|update|", "norms of the tensors"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(summary.modules.iter().map(|m| {
            let of_tensor = |(name, norm): (&String, &f64)| format!("{} {norm:.4}", name.trim_end_matches("_norm"));
            let norms: Vec<String> = m.norms.iter().map(of_tensor).collect();
            let mut row = vec![m.part.to_owned(), shown(&m.name), m.in_features.to_string()];
            let or_whole = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let (rank, alpha) = (m.rank.map(|rank| rank.to_string()), m.alpha.map(|alpha| alpha.to_string()));
            row.extend([m.out_features.to_string(), or_whole(rank), or_whole(alpha)]);
            row.extend([format!("{:.4}", m.update_norm), norms.join(", ")]);
            row
        }));
        out += &format!("\n{}", table(&rows));
    }
    out
}

/// Metadata values can be whole JSON documents, and a file chooses its names.
fn shown(value: &str) -> String {
    plain_name(&shortened(value, 100))
}

fn convert(args: &ConvertArgs) -> Result<Exit, Failure> {
    let format = match args.to {
        Target::Diffusers => Format::Diffusers,
        Target::Kohya => Format::Kohya,
    };
    if let Some(ending) = args.output.extension().filter(|ending| !ending.eq_ignore_ascii_case("safetensors")) {
        let (name, ending) = (args.output.display(), ending.to_string_lossy());
        let error = anyhow::anyhow!("{name}: what is written is a .safetensors file, not .{ending}; name it so");
        return Err(Failure::new(Exit::Usage, error));
    }
    may_write(&args.output, args.force)?;
    let bytes = file::convert(&args.file, format).or_exit(Exit::Experiment)?;
    write_new(&args.output, &bytes, args.force)?;
    emit(&format!("{}\n", args.output.display()))?;
    Ok(Exit::Done)
}
