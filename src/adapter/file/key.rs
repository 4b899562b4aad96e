//! The names of tensors in adapter files.

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
    Down,
    Up,
    Alpha,
}

/// How a file names its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Naming {
    /// `unet.….to_q.lora.down.weight`: diffusers since 0.17, no alphas (alpha = rank).
    Diffusers,
    /// `….attn1.processor.to_q_lora.down.weight`: diffusers before that.
    DiffusersOld,
    /// `base_model.model.….to_q.lora_A.weight`: peft; alpha in `adapter_config.json` or in the metadata.
    Peft,
    /// `lora_unet_…_to_q.lora_down.weight` and `.alpha`: kohya's sd-scripts, ComfyUI, A1111.
    Kohya,
    /// `diffusion_model.….to_q.lora_down.weight` and `.alpha`: kohya's roles with dotted names, as ComfyUI saves.
    Dotted,
}

impl Naming {
    /// The name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Diffusers => "diffusers",
            Self::DiffusersOld => "diffusers (old)",
            Self::Peft => "peft",
            Self::Kohya => "kohya",
            Self::Dotted => "kohya with dots",
        }
    }
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

const SUFFIXES: [(&str, Role, Naming); 11] = [
    (".lora.down.weight", Role::Down, Naming::Diffusers),
    (".lora.up.weight", Role::Up, Naming::Diffusers),
    (".lora_linear_layer.down.weight", Role::Down, Naming::Diffusers),
    (".lora_linear_layer.up.weight", Role::Up, Naming::Diffusers),
    ("_lora.down.weight", Role::Down, Naming::DiffusersOld),
    ("_lora.up.weight", Role::Up, Naming::DiffusersOld),
    (".lora_A.weight", Role::Down, Naming::Peft),
    (".lora_B.weight", Role::Up, Naming::Peft),
    (".lora_down.weight", Role::Down, Naming::Dotted),
    (".lora_up.weight", Role::Up, Naming::Dotted),
    (".alpha", Role::Alpha, Naming::Dotted),
];

/// Methods whose tensors are not a plain pair of matrices: part of the name → what it is.
const OTHER_METHODS: [(&str, &str); 8] = [
    ("dora_scale", "DoRA, which changes the weights' magnitude, is not supported"),
    ("lora_magnitude_vector", "DoRA, which changes the weights' magnitude, is not supported"),
    (".hada_", "LoHa is not supported"),
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
            let (module, role) = rest.split_once('.').unwrap_or((rest, ""));
            let role = match role {
                "lora_down.weight" | "lora_A.weight" => Role::Down,
                "lora_up.weight" | "lora_B.weight" => Role::Up,
                "alpha" => Role::Alpha,
                _ => return Err(NOT_LORA.to_owned()),
            };
            return Ok(Key { part, module: module.to_owned(), role, naming: Naming::Kohya });
        }
    }
    let (part, rest) = DOTTED_PREFIXES
        .iter()
        .find_map(|(prefix, part)| Some((*part, name.strip_prefix(prefix)?)))
        .unwrap_or((Part::Unet, name));
    let rest = rest.strip_prefix("base_model.model.").unwrap_or(rest);
    let rest = without_adapter_name(&rest.replace(".processor.", "."));
    let Some((module, role, naming)) = SUFFIXES
        .iter()
        .find_map(|(suffix, role, naming)| Some((rest.strip_suffix(suffix)?.to_owned(), *role, *naming)))
    else {
        return Err(NOT_LORA.to_owned());
    };
    let module = if naming == Naming::DiffusersOld && module.ends_with(".to_out") { module + ".0" } else { module };
    Ok(Key { part, module, role, naming })
}

const NOT_LORA: &str = "not a tensor of a LoRA";

/// `….lora_A.default.weight` → `….lora_A.weight`.
fn without_adapter_name(name: &str) -> String {
    for side in [".lora_A.", ".lora_B."] {
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

    const MODULE: &str = "down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_out.0";
    const TEXT: &str = "text_model.encoder.layers.11.self_attn.q_proj";

    #[test]
    fn all_dialects_name_the_same_module() {
        let flat = with_underscores(MODULE);
        for (name, module, role, naming) in [
            (format!("unet.{MODULE}.lora.down.weight"), MODULE, Role::Down, Naming::Diffusers),
            (format!("{MODULE}.lora.up.weight"), MODULE, Role::Up, Naming::Diffusers),
            (
                "unet.down_blocks.0.attentions.1.transformer_blocks.0.attn2.processor.to_out_lora.up.weight".into(),
                MODULE,
                Role::Up,
                Naming::DiffusersOld,
            ),
            (
                "down_blocks.0.attentions.1.transformer_blocks.0.attn2.processor.to_q_lora.down.weight".into(),
                "down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_q",
                Role::Down,
                Naming::DiffusersOld,
            ),
            (format!("base_model.model.{MODULE}.lora_A.weight"), MODULE, Role::Down, Naming::Peft),
            (format!("unet.base_model.model.{MODULE}.lora_B.default.weight"), MODULE, Role::Up, Naming::Peft),
            (format!("unet.{MODULE}.lora_B.weight"), MODULE, Role::Up, Naming::Peft),
            (format!("diffusion_model.{MODULE}.lora_A.weight"), MODULE, Role::Down, Naming::Peft),
            (format!("model.diffusion_model.{MODULE}.lora_up.weight"), MODULE, Role::Up, Naming::Dotted),
            (format!("diffusion_model.{MODULE}.alpha"), MODULE, Role::Alpha, Naming::Dotted),
            (format!("lora_unet_{flat}.lora_down.weight"), &flat, Role::Down, Naming::Kohya),
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
            ("lora_unet_x.hada_w1_a", "LoHa"),
            ("lora_unet_x.lokr_w1", "LoKr"),
            ("unet.x.lora_B.bias", "biases"),
            ("model.diffusion_model.input_blocks.0.0.weight", "not a tensor of a LoRA"),
            ("", "not a tensor of a LoRA"),
        ] {
            assert!(parse(name).unwrap_err().contains(word), "{name}");
        }
    }
}
