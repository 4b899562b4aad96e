//! The names of tensors in adapter files.

use crate::choice::AdapterKind;
use crate::models::delta::about::Naming;
use crate::models::delta::kinds::about;

/// Which network a module belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Unet,
    TextEncoder,
    TextEncoder2,
}

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::Unet, Self::TextEncoder, Self::TextEncoder2];

    /// diffusers' name, which is that of the part's folder.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unet => "unet",
            Self::TextEncoder => "text_encoder",
            Self::TextEncoder2 => "text_encoder_2",
        }
    }

    /// The name of one of its layers among those of a whole model: that of a denoiser's layer has no prefix.
    pub(super) fn layer(self, name: &str) -> String {
        match self {
            Self::Unet => name.to_owned(),
            Self::TextEncoder | Self::TextEncoder2 => format!("{}.{name}", self.name()),
        }
    }
}

/// What a tensor is to its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A tensor of an adapter of that kind, by its name in the program.
    Tensor(AdapterKind, &'static str),
    /// The lengths that a DoRA gives the weights of each output.
    OutputLengths,
    /// Lengths whose shape says whether they are those of outputs or of inputs.
    Lengths,
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

/// Names whose dots are underscores.
const KOHYA_PREFIXES: [(&str, Part); 5] = [
    ("lora_unet_", Part::Unet),
    ("lora_te_", Part::TextEncoder),
    ("lora_te1_", Part::TextEncoder),
    ("lora_te2_", Part::TextEncoder2),
    // LyCORIS on a network of its own
    ("lycoris_", Part::Unet),
];

const DOTTED_PREFIXES: [(&str, Part); 14] = [
    ("unet.", Part::Unet),
    ("text_encoder.", Part::TextEncoder),
    ("text_encoder_2.", Part::TextEncoder2),
    // the original code's name of the UNet
    ("model.diffusion_model.", Part::Unet),
    ("diffusion_model.", Part::Unet),
    // OneTrainer's, in its own and in its OMI format
    // https://github.com/Nerogar/OneTrainer/blob/6b44ee3298f3f926ce1ee3e0de6d316af85fe57e/modules/util/convert/lora/convert_sdxl_lora.py
    ("lora_unet.", Part::Unet),
    ("lora_te.", Part::TextEncoder),
    ("lora_te1.", Part::TextEncoder),
    ("lora_te2.", Part::TextEncoder2),
    ("clip_l.", Part::TextEncoder),
    ("clip_g.", Part::TextEncoder2),
    // ComfyUI's
    ("text_encoders.clip_l.transformer.", Part::TextEncoder),
    ("text_encoders.clip_g.transformer.", Part::TextEncoder2),
    // peft on a text encoder of its own
    ("base_model.model.text_model.", Part::TextEncoder),
];

/// Ends of names that do not depend on the kind of adapter.
const SHARED: [(&str, Role, Naming); 4] = [
    (".alpha", Role::Alpha, Naming::Dotted),
    (".dora_scale", Role::Lengths, Naming::Dotted),
    (".lora_magnitude_vector", Role::OutputLengths, Naming::Peft),
    (".lora_magnitude_vector.weight", Role::OutputLengths, Naming::Peft),
];

/// The kinds that files show by their tensors; what else a LoRA is depends on lengths.
const KINDS: [AdapterKind; 3] = [AdapterKind::Lora, AdapterKind::Loha, AdapterKind::Lokr];

/// Every end of a name by which a file may call a tensor of any kind of adapter, with what it means.
fn endings() -> impl Iterator<Item = (&'static str, Role, Naming)> {
    let of_kind = |kind: AdapterKind| {
        about(kind).tensors.iter().flat_map(move |tensor| {
            tensor.read.iter().map(move |(ending, naming)| (*ending, Role::Tensor(kind, tensor.name), *naming))
        })
    };
    KINDS.into_iter().flat_map(of_kind).chain(SHARED)
}

/// Methods that are not supported: part of a tensor's name → what it is.
const OTHER_METHODS: [(&str, &str); 11] = [
    (".lokr_t1", "LoKr with a core of its first factor is not supported"),
    (".oft_", "OFT is not supported"),
    (".hra_", "HRA is not supported"),
    (".boft_", "BOFT is not supported"),
    (".glora_", "GLoRA is not supported"),
    (".lora_A.bias", "an adapter with biases is not supported"),
    (".lora_B.bias", "an adapter with biases is not supported"),
    (".lora_up.bias", "an adapter with biases is not supported"),
    (".w_norm", "a changed norm (LyCORIS) is not supported"),
    (".b_norm", "a changed norm (LyCORIS) is not supported"),
    ("bundle_emb.", "an embedding (textual inversion) that is packed into the file is not supported"),
];

/// Reads a tensor's name; `Err` is the reason for people why it is no part of a LoRA.
pub(super) fn parse(name: &str) -> Result<Key, String> {
    if let Some((_, reason)) = OTHER_METHODS.iter().find(|(mark, _)| name.contains(mark)) {
        return Err((*reason).to_owned());
    }
    if name.ends_with(".diff") || name.ends_with(".diff_b") {
        return Err("a whole weight or bias that is added (LyCORIS's full) is not supported".to_owned());
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
    let module = match naming {
        Naming::DiffusersOld if part != Part::Unet => of_transformers(module),
        Naming::DiffusersOld if module.ends_with(".to_out") => module + ".0",
        _ => module,
    };
    // transformers before 5 wrote the prefix, 5 does not.
    let short = part != Part::Unet && module.starts_with("encoder.");
    let module = if short { format!("text_model.{module}") } else { module };
    Ok(Key { part, module, role, naming })
}

const NOT_LORA: &str = "not a tensor of a LoRA";

/// Old diffusers called the layers of a text encoder's attention as those of the UNet.
fn of_transformers(module: String) -> String {
    let names = [(".to_q", ".q_proj"), (".to_k", ".k_proj"), (".to_v", ".v_proj"), (".to_out", ".out_proj")];
    let found = names.iter().find_map(|(old, new)| Some(format!("{}{new}", module.strip_suffix(old)?)));
    found.unwrap_or(module)
}

/// `….lora_A.default.weight` → `….lora_A.weight`, `….lokr_w1.default` → `….lokr_w1`.
fn without_adapter_name(name: &str) -> String {
    for (ending, _, naming) in endings() {
        let (side, last) = ending.strip_suffix(".weight").map_or((ending, ""), |side| (side, ".weight"));
        if naming == Naming::Peft
            && let Some((module, rest)) = name.split_once(&format!("{side}."))
            && let Some(adapter) = rest.strip_suffix(last)
            && !adapter.is_empty()
            && !adapter.contains('.')
            && adapter != "weight"
        {
            return format!("{module}{ending}");
        }
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::names::with_underscores;
    use super::*;

    const DOWN: Role = Role::Tensor(AdapterKind::Lora, "down");
    const UP: Role = Role::Tensor(AdapterKind::Lora, "up");
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
            (format!("lora_unet_{flat}.dora_scale"), &flat, Role::Lengths, Naming::Kohya),
            (format!("unet.{MODULE}.lora_magnitude_vector"), MODULE, Role::OutputLengths, Naming::Peft),
            (format!("{MODULE}.lora_magnitude_vector.default.weight"), MODULE, Role::OutputLengths, Naming::Peft),
            (format!("{MODULE}.lokr_w2.default"), MODULE, Role::Tensor(AdapterKind::Lokr, "w2"), Naming::Peft),
            (format!("lora_unet_{flat}.hada_t1"), &flat, Role::Tensor(AdapterKind::Loha, "t1"), Naming::Kohya),
            (format!("lora_unet.{MODULE}.lora_up.weight"), MODULE, UP, Naming::Dotted),
            (format!("lycoris_{flat}.lora_up.weight"), &flat, UP, Naming::Kohya),
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
        for (name, part) in [
            ("text_encoder.encoder.layers.11.self_attn.q_proj.lora_A.weight", Part::TextEncoder),
            ("text_encoder_2.text_model.encoder.layers.11.self_attn.to_q_lora.up.weight", Part::TextEncoder2),
            ("base_model.model.text_model.encoder.layers.11.self_attn.q_proj.lora_A.weight", Part::TextEncoder),
            (
                "text_encoders.clip_l.transformer.text_model.encoder.layers.11.self_attn.q_proj.lora_up.weight",
                Part::TextEncoder,
            ),
            ("clip_g.text_model.encoder.layers.11.self_attn.q_proj.lora_down.weight", Part::TextEncoder2),
        ] {
            let key = parse(name).unwrap();
            assert_eq!((key.part, key.module.as_str()), (part, TEXT), "{name}");
        }
    }

    #[test]
    fn other_methods_are_named() {
        for (name, word) in [
            ("lora_unet_x.lokr_t1", "LoKr"),
            ("lora_unet_x.diff_b", "whole weight"),
            ("bundle_emb.token.clip_l", "embedding"),
            ("unet.x.lora_B.bias", "biases"),
            ("model.diffusion_model.input_blocks.0.0.weight", "not a tensor of a LoRA"),
            ("", "not a tensor of a LoRA"),
        ] {
            assert!(parse(name).unwrap_err().contains(word), "{name}");
        }
    }
}
