//! The command line of `runner generate`, also the one that a report prints.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: GenerateArgs,
}

fn args(more: &[&str]) -> GenerateArgs {
    let line = ["x", "--model", "m", "--prompt", "p"].iter().chain(more);
    Line::try_parse_from(line).unwrap_or_else(|e| panic!("{e}")).args
}

#[test]
fn seeds_and_sizes_are_checked() {
    assert_eq!(args(&["--seed", "5", "--count", "3"]).seeds().ok(), Some(5..=7));
    assert!(args(&["--seed", &u64::MAX.to_string(), "--count", "2"]).seeds().is_err());
    assert!(args(&["--clip-skip", "1"]).check_clip_skip(1).is_ok());
    assert!(args(&["--clip-skip", "2"]).check_clip_skip(1).is_err());
    assert_eq!(args(&["--width", "96"]).size(128, 32).ok(), Some((96, 128)));
    assert!(args(&["--width", "100"]).size(128, 32).is_err());
}

#[test]
fn the_command_of_a_report_is_understood() {
    use crate::report::data::{CellData, Drawing, Picture};
    use crate::report::naming::command;
    let drawing = Drawing {
        model: "models/toy world".into(),
        model_is_path: true,
        vae: Some("models/my vae.safetensors".into()),
        text_encoders: Some("owner/name".into()),
        dtype: "bf16".into(),
        sampler: "heun".into(),
        steps: 15,
        timestep_spacing: Spacing::Trailing,
        sigmas: Sigmas::Exponential,
        reading: PromptOptions { clip_skip: 1, long_prompts: true, prompt_weights: true },
        guidance: Guidance { scale: 4.5, rescale: 0.7 },
        negative_prompt: "-blurred, it's".into(),
        lora_scale: -0.5,
    };
    let adapters = vec!["adapters/dataset.size=5/pytorch_lora_weights.safetensors".to_owned()];
    let cell = CellData { drawing, adapters, ..CellData::default() };
    let picture = Picture { prompt: "--\"it's\" $HOME\n`x` 漫画".into(), seed: u64::MAX, ..Picture::default() };
    let beginning = command::beginning(&cell, true, (128, 96)).expect("is known");
    let words = shlex::split(&command::whole(&beginning, &picture, "c0-p0-s1")).expect("a shell reads it");
    assert_eq!(words[..2], ["runner", "generate"]);
    let args = Line::try_parse_from(&words[1..]).unwrap_or_else(|e| panic!("{e}")).args;
    let Drawing { timestep_spacing, sigmas, reading, .. } = cell.drawing;
    assert_eq!(args.sampling(), Sampling { timestep_spacing, sigmas, ..Sampling::new(args.sampler, 15) });
    assert_eq!(args.reading(), reading);
    assert_eq!((args.sampler, args.guidance()), (choice::Sampler::Heun, cell.drawing.guidance));
    assert_eq!((args.prompt, args.seed, args.negative_prompt), (picture.prompt, u64::MAX, "-blurred, it's".into()));
    let part = |text: &str| Some(text.to_owned());
    assert_eq!(args.parts.vae, part("models/my vae.safetensors"));
    assert_eq!(args.parts.text_encoders, part("owner/name"));
    assert_eq!((args.model.as_str(), args.dtype, args.steps), ("models/toy world", Dtype::Bf16, 15));

    assert_eq!((args.width, args.height, args.count), (Some(128), Some(96), 1));
    let file = PathBuf::from(&cell.adapters[0]);
    assert_eq!(args.lora, [LoraArg { file, scale: -0.5 }]);
    // The base model's image has no adapter, and an image that nobody knows how to draw has no command.
    assert!(!command::beginning(&cell, false, (128, 96)).expect("is known").contains("--lora"));
    assert_eq!(command::beginning(&CellData::default(), true, (1, 1)), None);
}

#[test]
fn bounds_are_those_of_an_experiment() {
    let refused = |more: &[&str]| {
        let line = ["x", "--model", "m", "--prompt", "p"].iter().chain(more);
        Line::try_parse_from(line).is_err()
    };
    for (option, good, bad) in [
        ("--width", "4096", "4104"),
        ("--height", "8", "7"),
        ("--steps", "1000", "1001"),
        ("--guidance-rescale", "1", "1.1"),
        ("--device", "cuda:1023", "cuda:1024"),
    ] {
        assert!(!refused(&[option, good]) && refused(&[option, bad]), "{option}");
    }
}
