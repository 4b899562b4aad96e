//! The names of tensors in adapter files.

use crate::choice::{AdapterKind, Choice};
use crate::models::delta::about;
use crate::models::delta::about::Naming;

/// Which network a module belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Unet,
    TextEncoder,
    TextEncoder2,
}

/// What a tensor is to its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A tensor of an adapter of that kind, by its place among the kind's names.
    Tensor(AdapterKind, usize),
    Alpha,
}

/// A parsed tensor name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) part: Part,
    /// With dots; for [`Naming::Kohya`] dots are underscores.
    pub(super) module: String,
    pub(super) role: Role,
    pub(super) naming: Naming,
}

const KOHYA_PREFIXES: [(&str, Part); 4] = [
    ("lora_unet_", Part::Unet),
    ("lora_te_", Part::TextEncoder),
    ("lora_te1_", Part::TextEncoder),
    ("lora_te2_", Part::TextEncoder2),
];

const DOTTED_PREFIXES: [(&str, Part); 5] = [
    ("unet.", Part::Unet),
    ("text_encoder.", Part::TextEncoder),
    ("text_encoder_2.", Part::TextEncoder2),
    // the original code's name of the UNet
    ("model.diffusion_model.", Part::Unet),
    ("diffusion_model.", Part::Unet),
];

/// Every end of a name by which a file may call a tensor of any kind of adapter, with what it means.
fn endings() -> impl Iterator<Item = (&'static str, Role, Naming)> {
    let of_kind = |(_, kind): &(&str, AdapterKind)| {
        let kind = *kind;
        about(kind).tensors.iter().enumerate().flat_map(move |(place, tensor)| {
            tensor.read.iter().map(move |(ending, naming)| (*ending, Role::Tensor(kind, place), *naming))
        })
    };
    AdapterKind::ALL.iter().flat_map(of_kind).chain([(ALPHA, Role::Alpha, Naming::Dotted)])
}

const ALPHA: &str = ".alpha";

/// Methods that are not supported: part of a tensor's name → what it is.
const OTHER_METHODS: [(&str, &str); 8] = [
    ("dora_scale", "DoRA, which changes the weights' magnitude, is not supported"),
    ("lora_magnitude_vector", "DoRA, which changes the weights' magnitude, is not supported"),
    (".hada_t", "LoHa with a Tucker core is not supported"),
    (".lokr_", "LoKr is not supported"),
    (".lora_mid.", "LoCon with a Tucker core is not supported"),
    (".oft_", "OFT is not supported"),
    (".glora_", "GLoRA is not supported"),
    (".lora_B.bias", "an adapter with biases is not supported"),
];

/// Reads a tensor's name; `Err` is the reason for people why it is no part of a LoRA.
pub(super) fn parse(name: &str) -> Result<Key, String> {
    if let Some((_, reason)) = OTHER_METHODS.iter().find(|(mark, _)| name.contains(mark)) {
        return Err((*reason).to_owned());
    }
    for (prefix, part) in KOHYA_PREFIXES {
        if let Some(rest) = name.strip_prefix(prefix) {
            let (module, ending) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
            let of_kohya = |naming| matches!(naming, Naming::Peft | Naming::Dotted);
            let found = endings().find(|(known, _, naming)| *known == ending && of_kohya(*naming));
            let Some((_, role, _)) = found else { return Err(NOT_LORA.to_owned()) };
            return Ok(Key { part, module: module.to_owned(), role, naming: Naming::Kohya });
        }
    }
    let (part, rest) = DOTTED_PREFIXES
        .iter()
        .find_map(|(prefix, part)| Some((*part, name.strip_prefix(prefix)?)))
        .unwrap_or((Part::Unet, name));
    let rest = rest.strip_prefix("base_model.model.").unwrap_or(rest);
    let rest = without_adapter_name(&rest.replace(".processor.", "."));
    let found =
        endings().find_map(|(ending, role, naming)| Some((rest.strip_suffix(ending)?.to_owned(), role, naming)));
    let Some((module, role, naming)) = found else {
        return Err(NOT_LORA.to_owned());
    };
    let module = if naming == Naming::DiffusersOld && module.ends_with(".to_out") { module + ".0" } else { module };
    Ok(Key { part, module, role, naming })
}

const NOT_LORA: &str = "not a tensor of a LoRA";

/// `….lora_A.default.weight` → `….lora_A.weight`.
fn without_adapter_name(name: &str) -> String {
    let of_peft = |(ending, _, naming): (&'static str, Role, Naming)| {
        ending.strip_suffix("weight").filter(|_| naming == Naming::Peft)
    };
    for side in endings().filter_map(of_peft) {
        if let Some((module, rest)) = name.split_once(side)
            && let Some(adapter) = rest.strip_suffix(".weight")
            && !adapter.is_empty()
            && !adapter.contains('.')
        {
            return format!("{module}{side}weight");
        }
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::names::with_underscores;
    use super::*;

    const DOWN: Role = Role::Tensor(AdapterKind::Lora, 0);
    const UP: Role = Role::Tensor(AdapterKind::Lora, 1);
    const MODULE: &str = "down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_out.0";
    const TEXT: &str = "text_model.encoder.layers.11.self_attn.q_proj";

    #[test]
    fn all_dialects_name_the_same_module() {
        let flat = with_underscores(MODULE);
        for (name, module, role, naming) in [
            (format!("unet.{MODULE}.lora.down.weight"), MODULE, DOWN, Naming::Diffusers),
            (format!("{MODULE}.lora.up.weight"), MODULE, UP, Naming::Diffusers),
            (
                "unet.down_blocks.0.attentions.1.transformer_blocks.0.attn2.processor.to_out_lora.up.weight".into(),
                MODULE,
                UP,
                Naming::DiffusersOld,
            ),
            (
                "down_blocks.0.attentions.1.transformer_blocks.0.attn2.processor.to_q_lora.down.weight".into(),
                "down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_q",
                DOWN,
                Naming::DiffusersOld,
            ),
            (format!("base_model.model.{MODULE}.lora_A.weight"), MODULE, DOWN, Naming::Peft),
            (format!("unet.base_model.model.{MODULE}.lora_B.default.weight"), MODULE, UP, Naming::Peft),
            (format!("unet.{MODULE}.lora_B.weight"), MODULE, UP, Naming::Peft),
            (format!("diffusion_model.{MODULE}.lora_A.weight"), MODULE, DOWN, Naming::Peft),
            (format!("model.diffusion_model.{MODULE}.lora_up.weight"), MODULE, UP, Naming::Dotted),
            (format!("diffusion_model.{MODULE}.alpha"), MODULE, Role::Alpha, Naming::Dotted),
            (format!("lora_unet_{flat}.lora_down.weight"), &flat, DOWN, Naming::Kohya),
            (format!("lora_unet_{flat}.alpha"), &flat, Role::Alpha, Naming::Kohya),
        ] {
            let expected = Key { part: Part::Unet, module: module.to_owned(), role, naming };
            assert_eq!(parse(&name), Ok(expected), "{name}");
        }
    }

    #[test]
    fn text_encoders_are_recognised() {
        for (name, part) in [
            (format!("text_encoder.{TEXT}.lora_linear_layer.down.weight"), Part::TextEncoder),
            (format!("lora_te_{}.lora_down.weight", with_underscores(TEXT)), Part::TextEncoder),
            (format!("lora_te1_{}.alpha", with_underscores(TEXT)), Part::TextEncoder),
            (format!("lora_te2_{}.lora_up.weight", with_underscores(TEXT)), Part::TextEncoder2),
        ] {
            assert_eq!(parse(&name).map(|key| key.part), Ok(part), "{name}");
        }
    }

    #[test]
    fn other_methods_are_named() {
        for (name, word) in [
            ("lora_unet_x.dora_scale", "DoRA"),
            ("lora_unet_x.hada_t1", "LoHa"),
            ("lora_unet_x.lokr_w1", "LoKr"),
            ("unet.x.lora_B.bias", "biases"),
            ("model.diffusion_model.input_blocks.0.0.weight", "not a tensor of a LoRA"),
            ("", "not a tensor of a LoRA"),
        ] {
            assert!(parse(name).unwrap_err().contains(word), "{name}");
        }
    }
}
