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
}

impl Naming {
    /// The name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Diffusers => "diffusers",
            Self::DiffusersOld => "diffusers (old)",
            Self::Peft => "peft",
            Self::Kohya => "kohya",
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

const DOTTED_PREFIXES: [(&str, Part); 3] =
    [("unet.", Part::Unet), ("text_encoder.", Part::TextEncoder), ("text_encoder_2.", Part::TextEncoder2)];

const SUFFIXES: [(&str, Role, Naming); 8] = [
    (".lora.down.weight", Role::Down, Naming::Diffusers),
    (".lora.up.weight", Role::Up, Naming::Diffusers),
    (".lora_linear_layer.down.weight", Role::Down, Naming::Diffusers),
    (".lora_linear_layer.up.weight", Role::Up, Naming::Diffusers),
    ("_lora.down.weight", Role::Down, Naming::DiffusersOld),
    ("_lora.up.weight", Role::Up, Naming::DiffusersOld),
    (".lora_A.weight", Role::Down, Naming::Peft),
    (".lora_B.weight", Role::Up, Naming::Peft),
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

/// Names of submodules that contain underscores of their own, longest first where one starts another.
const UNDERSCORED: [&str; 26] = [
    "down_blocks",
    "up_blocks",
    "mid_block",
    "transformer_blocks",
    "to_q",
    "to_k",
    "to_v",
    "to_out",
    "proj_in",
    "proj_out",
    "conv_in",
    "conv_out",
    "conv_shortcut",
    "time_emb_proj",
    "time_embedding",
    "add_embedding",
    "linear_1",
    "linear_2",
    "text_model",
    "self_attn",
    "q_proj",
    "k_proj",
    "v_proj",
    "out_proj",
    "text_projection",
    "final_layer_norm",
];

/// The dotted name of a kohya module: the words of [`UNDERSCORED`] stay whole, all other underscores become dots.
/// A name that has dots already stays as it is.
pub(super) fn with_dots(flat: &str) -> String {
    if flat.contains('.') {
        return flat.to_owned();
    }
    let mut dotted = String::with_capacity(flat.len());
    let mut rest = flat;
    while !rest.is_empty() {
        let known = UNDERSCORED
            .iter()
            .find(|word| rest.strip_prefix(**word).is_some_and(|after| after.is_empty() || after.starts_with('_')));
        let length = known.map_or_else(|| rest.find('_').unwrap_or(rest.len()), |word| word.len());
        dotted.push_str(&rest[..length]);
        rest = &rest[length..];
        if let Some(after) = rest.strip_prefix('_') {
            dotted.push('.');
            rest = after;
        }
    }
    dotted
}

/// The kohya name of a dotted module.
pub(super) fn with_underscores(dotted: &str) -> String {
    dotted.replace('.', "_")
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn kohya_names_get_their_dots_back() {
        for dotted in [
            MODULE,
            TEXT,
            "mid_block.attentions.0.proj_in",
            "up_blocks.3.attentions.2.transformer_blocks.0.ff.net.0.proj",
            "down_blocks.1.resnets.0.time_emb_proj",
            "time_embedding.linear_1",
            "text_model.encoder.layers.0.mlp.fc1",
        ] {
            assert_eq!(with_dots(&with_underscores(dotted)), dotted);
        }
    }
}
