//! LDM and OpenCLIP key names → diffusers key names. `None`: not a name of that code.

/// A UNet's tensor, without `model.diffusion_model.`; `layers` residual blocks per resolution on the way down.
///
/// LDM numbers its blocks flat: `input_blocks` are the first convolution and then, per resolution, the residual
/// blocks (each with its transformer) and a downsampler; `output_blocks` have one residual block more per
/// resolution and the upsampler as the last item of the resolution's last block.
pub(crate) fn unet(name: &str, layers: usize) -> Option<String> {
    let (head, rest) = name.split_once('.')?;
    match head {
        "time_embed" => {
            let (index, rest) = rest.split_once('.')?;
            let layer = match index {
                "0" => "linear_1",
                "2" => "linear_2",
                _ => return None,
            };
            Some(format!("time_embedding.{layer}.{rest}"))
        }
        // the sizes and the pooled output of Stable Diffusion XL
        "label_emb" => match numbered(rest)? {
            (0, 0, rest) => Some(format!("add_embedding.linear_1.{rest}")),
            (0, 2, rest) => Some(format!("add_embedding.linear_2.{rest}")),
            _ => None,
        },
        "out" => {
            let (index, rest) = rest.split_once('.')?;
            match index {
                "0" => Some(format!("conv_norm_out.{rest}")),
                "2" => Some(format!("conv_out.{rest}")),
                _ => None,
            }
        }
        "middle_block" => {
            let (index, rest) = rest.split_once('.')?;
            match index {
                "0" => Some(format!("mid_block.resnets.0.{}", unet_resnet(rest)?)),
                "1" => Some(format!("mid_block.attentions.0.{rest}")),
                "2" => Some(format!("mid_block.resnets.1.{}", unet_resnet(rest)?)),
                _ => None,
            }
        }
        "input_blocks" => {
            let (index, item, rest) = numbered(rest)?;
            if index == 0 {
                return (item == 0).then(|| format!("conv_in.{rest}"));
            }
            let (block, layer) = ((index - 1) / (layers + 1), (index - 1) % (layers + 1));
            match (item, rest.strip_prefix("op.")) {
                (0, Some(rest)) if layer == layers => Some(format!("down_blocks.{block}.downsamplers.0.conv.{rest}")),
                (0, None) if layer < layers => {
                    Some(format!("down_blocks.{block}.resnets.{layer}.{}", unet_resnet(rest)?))
                }
                (1, None) if layer < layers => Some(format!("down_blocks.{block}.attentions.{layer}.{rest}")),
                _ => None,
            }
        }
        "output_blocks" => {
            let (index, item, rest) = numbered(rest)?;
            let (block, layer) = (index / (layers + 1), index % (layers + 1));
            match (item, rest.strip_prefix("conv.")) {
                (0, None) => Some(format!("up_blocks.{block}.resnets.{layer}.{}", unet_resnet(rest)?)),
                (1 | 2, Some(rest)) if layer == layers => Some(format!("up_blocks.{block}.upsamplers.0.conv.{rest}")),
                (1, None) => Some(format!("up_blocks.{block}.attentions.{layer}.{rest}")),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `3.1.rest` → (3, 1, rest).
fn numbered(text: &str) -> Option<(usize, usize, &str)> {
    let (first, rest) = text.split_once('.')?;
    let (second, rest) = rest.split_once('.')?;
    Some((first.parse().ok()?, second.parse().ok()?, rest))
}

/// Replaces the first of the given beginnings that fits.
fn swap(name: &str, pairs: &[(&str, &str)]) -> Option<String> {
    pairs.iter().find_map(|(old, new)| name.strip_prefix(old).map(|rest| format!("{new}{rest}")))
}

fn unet_resnet(name: &str) -> Option<String> {
    swap(
        name,
        &[
            ("in_layers.0.", "norm1."),
            ("in_layers.2.", "conv1."),
            ("emb_layers.1.", "time_emb_proj."),
            ("out_layers.0.", "norm2."),
            ("out_layers.3.", "conv2."),
            ("skip_connection.", "conv_shortcut."),
        ],
    )
}

/// A VAE's tensor, without `first_stage_model.`; `blocks` resolutions. LDM numbers the decoder's from the finest,
/// diffusers in the order of the computation.
pub(crate) fn vae(name: &str, blocks: usize) -> Option<String> {
    if name.starts_with("quant_conv.") || name.starts_with("post_quant_conv.") {
        return Some(name.to_owned());
    }
    let (half, rest) = name.split_once('.')?;
    if half != "encoder" && half != "decoder" {
        return None;
    }
    let (head, tail) = rest.split_once('.')?;
    let new = match head {
        "conv_in" | "conv_out" => rest.to_owned(),
        "norm_out" => format!("conv_norm_out.{tail}"),
        "mid" => match tail.split_once('.')? {
            ("block_1", rest) => format!("mid_block.resnets.0.{}", vae_resnet(rest)),
            ("block_2", rest) => format!("mid_block.resnets.1.{}", vae_resnet(rest)),
            ("attn_1", rest) => format!("mid_block.attentions.0.{}", vae_attention(rest)?),
            _ => return None,
        },
        "down" | "up" => {
            let (index, rest) = tail.split_once('.')?;
            let index: usize = index.parse().ok()?;
            let block = if head == "up" { (blocks - 1).checked_sub(index)? } else { index };
            match rest.split_once('.')? {
                ("block", rest) => {
                    let (layer, rest) = rest.split_once('.')?;
                    format!("{head}_blocks.{block}.resnets.{layer}.{}", vae_resnet(rest))
                }
                ("downsample", rest) => format!("down_blocks.{block}.downsamplers.0.{rest}"),
                ("upsample", rest) => format!("up_blocks.{block}.upsamplers.0.{rest}"),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(format!("{half}.{new}"))
}

fn vae_resnet(name: &str) -> String {
    swap(name, &[("nin_shortcut.", "conv_shortcut.")]).unwrap_or_else(|| name.to_owned())
}

/// LDM's names, and those that diffusers' `convert_diffusers_to_original_stable_diffusion.py` leaves as they are.
fn vae_attention(name: &str) -> Option<String> {
    const NEW: [&str; 4] = ["to_q.", "to_k.", "to_v.", "to_out.0."];
    if NEW.iter().any(|beginning| name.starts_with(beginning)) {
        return Some(name.to_owned());
    }
    swap(
        name,
        &[("norm.", "group_norm."), ("q.", "to_q."), ("k.", "to_k."), ("v.", "to_v."), ("proj_out.", "to_out.0.")],
    )
}

/// OpenCLIP's output projection. It multiplies from the right, so it is the transpose of diffusers' matrix.
pub(crate) const PROJECTION: &str = "text_projection";

/// A tensor of OpenCLIP's text encoder, without `cond_stage_model.model.`; only the first `layers` layers are
/// used, and the output projection if the network is `projected`. `…self_attn.in_proj_weight` and `…in_proj_bias`
/// remain to be split.
pub(crate) fn open_clip(name: &str, layers: usize, projected: bool) -> Option<String> {
    match name {
        "positional_embedding" => return Some("embeddings.position_embedding.weight".to_owned()),
        "token_embedding.weight" => return Some("embeddings.token_embedding.weight".to_owned()),
        // diffusers' `convert_diffusers_to_original_sdxl.py` leaves name and matrix as they are.
        PROJECTION | "text_projection.weight" => return projected.then(|| "text_projection.weight".to_owned()),
        // the contrastive loss's temperature and a mask that every CLIP has
        "logit_scale" | "attn_mask" => return None,
        _ => {}
    }
    if let Some(rest) = name.strip_prefix("ln_final.") {
        return Some(format!("final_layer_norm.{rest}"));
    }
    let Some((layer, rest)) = name.strip_prefix("transformer.resblocks.").and_then(|rest| rest.split_once('.')) else {
        return Some(name.to_owned());
    };
    if layer.parse::<usize>().is_ok_and(|layer| layer >= layers) {
        return None;
    }
    let rest = swap(
        rest,
        &[
            ("ln_1.", "layer_norm1."),
            ("ln_2.", "layer_norm2."),
            ("attn.", "self_attn."),
            ("mlp.c_fc.", "mlp.fc1."),
            ("mlp.c_proj.", "mlp.fc2."),
        ],
    )?;
    Some(format!("encoder.layers.{layer}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_are_not_taken_for_ours() {
        for name in [
            "label_emb.0.1.weight",
            "label_emb.weight",
            "input_blocks.1.2.weight",
            "input_blocks.3.1.norm.weight",
            "output_blocks.4.2.conv.weight",
            "out.1.weight",
        ] {
            assert_eq!(unet(name, 2), None, "{name}");
        }
        for name in ["loss.logvar", "decoder.up.9.block.0.norm1.weight", "encoder.mid.block_3.norm1.weight"] {
            assert_eq!(vae(name, 4), None, "{name}");
        }
        assert_eq!(open_clip("transformer.resblocks.23.ln_1.weight", 23, false), None);
        assert_eq!(open_clip("visual.conv1.weight", 23, false).as_deref(), Some("visual.conv1.weight"));
        assert_eq!(open_clip("text_projection", 23, false), None);
        assert_eq!(open_clip("text_projection", 23, true).as_deref(), Some("text_projection.weight"));
    }
}
