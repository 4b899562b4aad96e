//! `runner lora inspect|convert`: adapter files.

use super::{
    exit::{Exit, Failure},
    generate_args::partial,
    lora_inspect::{InspectArgs, inspect},
    options::OutputArgs,
    output::{emit, may_write, warn, write_new},
};
use crate::adapter::file::{self, Conversion, Format};
use candle_core::DType;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum LoraCommand {
    /// Show what an adapter file is: dialect, kind, rank, alpha, norms, training, and which base it fits
    Inspect(InspectArgs),
    /// Convert an adapter file between the formats of diffusers and kohya (ComfyUI, A1111)
    Convert(ConvertArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner lora convert pytorch_lora_weights.safetensors --to kohya \\\n      \
                  --output shinchan.safetensors\n\n\
                  Result: a new file with the same effect. If something would be lost, the command fails instead.")]
pub struct ConvertArgs {
    /// A .safetensors file of diffusers, peft, kohya, LyCORIS or OneTrainer
    file: PathBuf,
    /// Format of the new file
    #[arg(long, value_enum)]
    to: Target,
    /// Type of all numbers; each tensor keeps its own if not given
    #[arg(long, value_enum)]
    dtype: Option<Numbers>,
    /// Go on if a part of the file cannot be carried over, and say what was left out
    #[arg(long)]
    allow_partial: bool,
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Numbers {
    F32,
    F16,
    Bf16,
}

pub(super) fn execute(command: &LoraCommand, output: &OutputArgs) -> Result<Exit, Failure> {
    match command {
        LoraCommand::Inspect(args) => inspect(args, output),
        LoraCommand::Convert(args) => convert(args, output),
    }
}

fn convert(args: &ConvertArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let to = match args.to {
        Target::Diffusers => Format::Diffusers,
        Target::Kohya => Format::Kohya,
    };
    let dtype = args.dtype.map(|numbers| match numbers {
        Numbers::F32 => DType::F32,
        Numbers::F16 => DType::F16,
        Numbers::Bf16 => DType::BF16,
    });
    if let Some(ending) = args.output.extension().filter(|ending| !ending.eq_ignore_ascii_case("safetensors")) {
        let (name, ending) = (args.output.display(), ending.to_string_lossy());
        let error = anyhow::anyhow!("{name}: what is written is a .safetensors file, not .{ending}; name it so");
        return Err(Failure::new(Exit::Usage, error));
    }
    may_write(&args.output, args.force)?;
    let how = Conversion { to, dtype, partly: args.allow_partial };
    let hint = "--allow-partial goes on without them";
    let (bytes, left_out) = file::convert_with(&args.file, how).map_err(|error| partial(error, hint))?;
    if let Some(left_out) = left_out {
        warn(output.error_paint(), &format!("{}: {left_out}", args.file.display()));
    }
    write_new(&args.output, &bytes, args.force)?;
    emit(&format!("{}\n", args.output.display()))?;
    Ok(Exit::Done)
}
