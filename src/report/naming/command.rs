//! The command that makes an image of the report again.

use crate::choice::{PromptOptions, Sigmas, Spacing};
use crate::report::data::{CellData, Picture};
use crate::text::{shell_line, shell_word};

/// Everything of the command but the prompt, the seed and the file: the same for all images of a cell, or of the base
/// model on its prompts. `None` where nobody knows how they were drawn.
pub(crate) fn beginning(cell: &CellData, with_adapter: bool, size: (u32, u32)) -> Option<String> {
    let drawing = &cell.drawing;
    if drawing.model.is_empty() {
        return None;
    }
    let mut words = vec![
        "runner".to_owned(),
        "generate".to_owned(),
        format!("--model={}", drawing.model),
        format!("--dtype={}", drawing.dtype),
        format!("--sampler={}", drawing.sampler),
        format!("--steps={}", drawing.steps),
        format!("--guidance-scale={}", drawing.guidance.scale),
        format!("--width={}", size.0),
        format!("--height={}", size.1),
    ];
    words.extend(drawing.vae.as_ref().map(|vae| format!("--vae={vae}")));
    words.extend(drawing.text_encoders.as_ref().map(|model| format!("--text-encoders={model}")));
    if drawing.guidance.rescale != 0.0 {
        words.push(format!("--guidance-rescale={}", drawing.guidance.rescale));
    }
    if drawing.timestep_spacing != Spacing::Model {
        words.push(format!("--spacing={}", drawing.timestep_spacing));
    }
    if drawing.sigmas != Sigmas::Model {
        words.push(format!("--sigmas={}", drawing.sigmas));
    }
    let PromptOptions { clip_skip, long_prompts, prompt_weights } = drawing.reading;
    if clip_skip > 0 {
        words.push(format!("--clip-skip={clip_skip}"));
    }
    words.extend(long_prompts.then(|| "--long-prompts".to_owned()));
    words.extend(prompt_weights.then(|| "--prompt-weights".to_owned()));
    if !drawing.negative_prompt.is_empty() {
        words.push(format!("--negative-prompt={}", drawing.negative_prompt));
    }
    if with_adapter {
        words.push(format!("--lora={}:{}", cell.adapters.first()?, drawing.lora_scale));
    }
    Some(shell_line(&words))
}

/// The whole command; `id` names the file that it makes.
pub(crate) fn whole(beginning: &str, picture: &Picture, id: &str) -> String {
    let prompt = shell_word(&format!("--prompt={}", picture.prompt));
    format!("{beginning} --seed={} --output={id}.png {prompt}", picture.seed)
}
