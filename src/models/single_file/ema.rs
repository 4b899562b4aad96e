//! EMA weights: averages that training keeps beside the weights of the UNet.
//!
//! Their names have no dots: LDM's [`ema.py`](https://github.com/CompVis/stable-diffusion/blob/21f890f/ldm/modules/ema.py#L19)
//! keeps `diffusion_model.input_blocks.0.0.weight` as `model_ema.diffusion_modelinput_blocks00weight`.

use crate::tensors::{LoadError, Weights};

/// What the names of EMA weights begin with.
pub(super) const PREFIX: &str = "model_ema.";
/// What the names of the UNet's EMA weights begin with.
const UNET: &str = "model_ema.diffusion_model";

/// Which weights a file has of its UNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ema {
    /// One set.
    None,
    /// Both sets; those without EMA are used.
    Beside,
    /// The EMA weights only, which are used.
    Only,
}

/// The weights with the UNet under LDM's names, and which set of it that is.
///
/// # Errors
/// Two EMA weights of one name.
pub(super) fn choose(weights: Weights) -> Result<(Weights, Ema), LoadError> {
    let has = |prefix: &str| weights.shapes().any(|(name, _)| name.starts_with(prefix));
    match (has("model.diffusion_model."), has(UNET)) {
        (_, false) => Ok((weights, Ema::None)),
        (true, true) => Ok((weights, Ema::Beside)),
        (false, true) => Ok((weights.rename(|name| Some(renamed(name)))?, Ema::Only)),
    }
}

fn renamed(name: &str) -> String {
    match name.strip_prefix(UNET).and_then(dotted) {
        Some(dotted) => format!("model.diffusion_model.{dotted}"),
        None => name.to_owned(),
    }
}

/// The words of the names in LDM's UNet; of two of which one begins as the other, the longer one first.
const WORDS: [&str; 30] = [
    "transformer_blocks",
    "skip_connection",
    "output_blocks",
    "middle_block",
    "input_blocks",
    "emb_layers",
    "out_layers",
    "time_embed",
    "in_layers",
    "label_emb",
    "proj_out",
    "proj_in",
    "weight",
    "attn1",
    "attn2",
    "norm1",
    "norm2",
    "norm3",
    "to_out",
    "bias",
    "conv",
    "norm",
    "proj",
    "to_k",
    "to_q",
    "to_v",
    "net",
    "out",
    "ff",
    "op",
];

/// `input_blocks110transformer_blocks0norm1weight` → `input_blocks.11.0.transformer_blocks.0.norm1.weight`.
fn dotted(squashed: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = squashed;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (part, after) = match digits {
            0 => {
                let word = WORDS.iter().find(|word| rest.starts_with(**word))?;
                rest.split_at(word.len())
            }
            // A block's number and, with one digit, an item's; elsewhere there is one number, or two of one digit.
            _ => match parts.last() {
                Some(&("input_blocks" | "output_blocks")) if digits > 1 => rest.split_at(digits - 1),
                Some(&"label_emb") => rest.split_at(1),
                _ => rest.split_at(digits),
            },
        };
        parts.push(part);
        rest = after;
    }
    Some(parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_put_back() {
        for name in [
            "input_blocks.0.0.weight",
            "input_blocks.11.0.in_layers.2.bias",
            "input_blocks.1.1.transformer_blocks.0.attn2.to_out.0.weight",
            "input_blocks.7.1.transformer_blocks.10.ff.net.0.proj.weight",
            "input_blocks.3.0.op.weight",
            "middle_block.1.transformer_blocks.0.norm3.weight",
            "middle_block.1.norm.weight",
            "output_blocks.10.1.proj_in.weight",
            "output_blocks.2.1.conv.weight",
            "output_blocks.5.2.conv.bias",
            "output_blocks.9.0.skip_connection.weight",
            "output_blocks.9.0.emb_layers.1.weight",
            "label_emb.0.2.bias",
            "time_embed.2.weight",
            "out.2.bias",
        ] {
            assert_eq!(dotted(&name.replace('.', "")).as_deref(), Some(name));
        }
        assert_eq!(dotted("first_stage_modelweight"), None);
    }
}
