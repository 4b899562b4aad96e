//! Which layer of Stable Diffusion a module's name means.

use super::key::Part;
use crate::models::single_file::keys;

/// A longer name is no layer's.
const LONGEST: usize = 200;
/// Every Stable Diffusion UNet has two residual blocks per resolution on its way down.
const LAYERS_PER_BLOCK: usize = 2;
/// No Stable Diffusion UNet has more of LDM's numbered blocks in one half.
const MOST_BLOCKS: usize = 12;

/// diffusers' name of a layer of Stable Diffusion (1, 2 or XL), from its own, kohya's or the original code's name.
/// `None`: no layer is called that.
pub(super) fn layer(part: Part, module: &str) -> Option<String> {
    if module.len() > LONGEST {
        return None;
    }
    let dotted = with_dots(module);
    let name = if part == Part::Unet { translated(&dotted)? } else { dotted };
    let parts: Vec<&str> = name.split('.').collect();
    let known = if part == Part::Unet { is_unet_layer(&parts) } else { is_text_layer(&parts) };
    known.then_some(name)
}

/// Names of submodules that contain underscores of their own, longest first where one starts another.
const UNDERSCORED: [&str; 40] = [
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
    "token_embedding",
    "position_embedding",
    "final_layer_norm",
    "layer_norm1",
    "layer_norm2",
    "conv_norm_out",
    // the original code's
    "input_blocks",
    "middle_block",
    "output_blocks",
    "in_layers",
    "out_layers",
    "emb_layers",
    "skip_connection",
    "time_embed",
    "label_emb",
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

/// A UNet's layer in diffusers' words, if the original code's are used; `None` where those make no sense.
fn translated(name: &str) -> Option<String> {
    let (head, rest) = name.split_once('.').unwrap_or((name, ""));
    match head {
        "input_blocks" | "output_blocks" => {
            let block = rest.split('.').next()?.parse::<usize>().ok()?;
            if block >= MOST_BLOCKS {
                return None;
            }
        }
        "middle_block" | "time_embed" | "out" => {}
        // SDXL's embedding of sizes.
        "label_emb" => {
            return match rest {
                "0.0" => Some("add_embedding.linear_1".to_owned()),
                "0.2" => Some("add_embedding.linear_2".to_owned()),
                _ => None,
            };
        }
        _ => return Some(name.to_owned()),
    }
    let tensor = keys::unet(&format!("{name}.weight"), LAYERS_PER_BLOCK)?;
    Some(tensor.strip_suffix(".weight")?.to_owned())
}

/// The original code's name of a UNet's layer, as sd-scripts uses it for Stable Diffusion XL, from diffusers' name.
/// `None`: it is no layer's name.
pub(super) fn original(name: &str) -> Option<String> {
    const WHOLE: [&str; 6] =
        ["input_blocks.0.0", "out.2", "time_embed.0", "time_embed.2", "label_emb.0.0", "label_emb.0.2"];
    const INSIDE: [&str; 6] = ["in_layers.2", "out_layers.3", "emb_layers.1", "skip_connection", "op", "conv"];
    // What is behind a transformer's name is the same in both.
    let (head, inner) = match name.split_once(".transformer_blocks.") {
        Some((head, inner)) => (format!("{head}.proj_in"), format!("transformer_blocks.{inner}")),
        None => (name.to_owned(), "proj_in".to_owned()),
    };
    let is = |candidate: &String| translated(candidate).as_deref() == Some(head.as_str());
    if let Some(whole) = WHOLE.iter().map(|whole| (*whole).to_owned()).find(is) {
        return Some(whole);
    }
    let middle = (0..3).map(|item| format!("middle_block.{item}"));
    // The second item first: it is the upsampler behind a transformer.
    let halves = ["input_blocks", "output_blocks"].into_iter().flat_map(|half| {
        (0..MOST_BLOCKS).flat_map(move |block| [0, 2, 1].map(|item| format!("{half}.{block}.{item}")))
    });
    let places: Vec<String> = middle.chain(halves).collect();
    let inside = |place: &String| INSIDE.iter().map(|layer| format!("{place}.{layer}")).find(is);
    let projection = |place: &String| {
        let of_transformer = ["proj_in", "proj_out"].iter().map(|layer| format!("{place}.{layer}")).find(is)?;
        Some(if inner == "proj_in" { of_transformer } else { format!("{place}.{inner}") })
    };
    places.iter().find_map(|place| inside(place).or_else(|| projection(place)))
}

fn is_unet_layer(parts: &[&str]) -> bool {
    match parts {
        ["conv_in" | "conv_out"] | ["time_embedding" | "add_embedding", "linear_1" | "linear_2"] => true,
        ["down_blocks", block, "downsamplers", "0", "conv"] | ["up_blocks", block, "upsamplers", "0", "conv"] => {
            number(block)
        }
        ["down_blocks" | "up_blocks", block, kind, layer, rest @ ..] => {
            number(block) && number(layer) && is_in_block(kind, rest)
        }
        ["mid_block", kind, layer, rest @ ..] => number(layer) && is_in_block(kind, rest),
        _ => false,
    }
}

fn is_in_block(kind: &str, rest: &[&str]) -> bool {
    match (kind, rest) {
        ("resnets", ["conv1" | "conv2" | "conv_shortcut" | "time_emb_proj"])
        | ("attentions", ["proj_in" | "proj_out"]) => true,
        ("attentions", ["transformer_blocks", block, inner @ ..]) => {
            number(block)
                && matches!(
                    inner,
                    ["attn1" | "attn2", "to_q" | "to_k" | "to_v"]
                        | ["attn1" | "attn2", "to_out", "0"]
                        | ["ff", "net", "0", "proj"]
                        | ["ff", "net", "2"]
                )
        }
        _ => false,
    }
}

fn is_text_layer(parts: &[&str]) -> bool {
    match parts {
        ["text_projection"] | ["text_model", "embeddings", "token_embedding" | "position_embedding"] => true,
        ["text_model", "encoder", "layers", layer, inner @ ..] => {
            number(layer)
                && matches!(inner, ["self_attn", "q_proj" | "k_proj" | "v_proj" | "out_proj"] | ["mlp", "fc1" | "fc2"])
        }
        _ => false,
    }
}

/// A number of one or two digits, written as diffusers writes it.
fn number(text: &str) -> bool {
    matches!(text.as_bytes(), [b'0'..=b'9'] | [b'1'..=b'9', b'0'..=b'9'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kohya_names_get_their_dots_back() {
        for dotted in [
            "down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_out.0",
            "mid_block.attentions.0.proj_in",
            "up_blocks.3.attentions.2.transformer_blocks.0.ff.net.0.proj",
            "down_blocks.1.resnets.0.time_emb_proj",
            "down_blocks.1.downsamplers.0.conv",
            "time_embedding.linear_1",
        ] {
            assert_eq!(layer(Part::Unet, &with_underscores(dotted)).as_deref(), Some(dotted));
            assert_eq!(layer(Part::Unet, dotted).as_deref(), Some(dotted));
        }
        for dotted in ["text_model.encoder.layers.11.self_attn.q_proj", "text_model.encoder.layers.0.mlp.fc1"] {
            assert_eq!(layer(Part::TextEncoder, &with_underscores(dotted)).as_deref(), Some(dotted));
            assert_eq!(layer(Part::Unet, dotted), None);
        }
    }

    #[test]
    fn names_of_the_original_code_are_translated() {
        for (original, ours) in [
            ("input_blocks.0.0", "conv_in"),
            (
                "input_blocks.4.1.transformer_blocks.0.attn1.to_q",
                "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
            ),
            ("input_blocks.2.1.proj_in", "down_blocks.0.attentions.1.proj_in"),
            ("input_blocks.3.0.op", "down_blocks.0.downsamplers.0.conv"),
            ("input_blocks.11.0.in_layers.2", "down_blocks.3.resnets.1.conv1"),
            ("input_blocks.7.0.skip_connection", "down_blocks.2.resnets.0.conv_shortcut"),
            ("middle_block.1.transformer_blocks.9.ff.net.2", "mid_block.attentions.0.transformer_blocks.9.ff.net.2"),
            ("middle_block.2.emb_layers.1", "mid_block.resnets.1.time_emb_proj"),
            (
                "output_blocks.5.1.transformer_blocks.0.attn2.to_out.0",
                "up_blocks.1.attentions.2.transformer_blocks.0.attn2.to_out.0",
            ),
            ("output_blocks.2.1.conv", "up_blocks.0.upsamplers.0.conv"),
            ("output_blocks.8.2.conv", "up_blocks.2.upsamplers.0.conv"),
            ("output_blocks.11.0.out_layers.3", "up_blocks.3.resnets.2.conv2"),
            ("time_embed.2", "time_embedding.linear_2"),
            ("label_emb.0.2", "add_embedding.linear_2"),
            ("out.2", "conv_out"),
        ] {
            assert_eq!(layer(Part::Unet, original).as_deref(), Some(ours), "{original}");
            assert_eq!(layer(Part::Unet, &with_underscores(original)).as_deref(), Some(ours), "{original}");
        }
    }

    #[test]
    fn names_of_sdxl_go_back_to_the_original_code() {
        for original_name in [
            "input_blocks.0.0",
            "input_blocks.1.0.in_layers.2",
            "input_blocks.3.0.op",
            "input_blocks.4.1.proj_in",
            "input_blocks.5.1.proj_out",
            "input_blocks.8.1.transformer_blocks.9.attn2.to_out.0",
            "input_blocks.7.0.skip_connection",
            "middle_block.0.out_layers.3",
            "middle_block.1.transformer_blocks.0.ff.net.0.proj",
            "middle_block.2.emb_layers.1",
            "output_blocks.2.2.conv",
            "output_blocks.5.2.conv",
            "output_blocks.3.1.transformer_blocks.1.attn1.to_q",
            "output_blocks.8.0.in_layers.2",
            "time_embed.2",
            "label_emb.0.0",
            "out.2",
        ] {
            let ours = layer(Part::Unet, original_name).expect(original_name);
            assert_eq!(original(&ours).as_deref(), Some(original_name), "{ours}");
        }
        assert_eq!(original("a.to_q"), None);
    }

    #[test]
    fn names_of_no_layer_are_refused() {
        for name in [
            "",
            "a.to_q",
            "input_blocks.12.0.in_layers.2",
            "input_blocks.3.1.proj_in",
            "input_blocks.4.1",
            "output_blocks.4.2.conv",
            "out.0",
            "label_emb.0.1",
            "double_blocks.0.img_attn.qkv",
            "down_blocks.00.resnets.0.conv1",
            "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out",
            "down_blocks.0.attentions.0.transformer_blocks.0.norm1",
            "diffusion_model.down_blocks.0.resnets.0.conv1",
            "joint_blocks.0.x_block.attn.proj",
            "transformer.single_transformer_blocks.0.proj_mlp",
        ] {
            assert_eq!(layer(Part::Unet, name), None, "{name}");
        }
        assert_eq!(layer(Part::TextEncoder2, "transformer.resblocks.0.attn.out_proj"), None);
        assert_eq!(layer(Part::Unet, &"a_".repeat(10_000_000)), None);
    }
}
