//! Whether the parts of a model fit together.

use super::channels;
use super::config::VaeConfig;
use super::network::DenoiserSizes;
use super::part::Part;
use super::tokenizer::PROMPT_TOKENS;

/// The sizes of parts that fit together.
pub(super) struct Fit<'a> {
    pub(super) denoiser: DenoiserSizes,
    pub(super) vae: &'a VaeConfig,
    /// Layers of the shallowest text encoder.
    pub(super) text_layers: usize,
}

/// Compares the sizes of the parts.
///
/// # Errors
/// A sentence that says which parts do not fit, or which part is not there.
pub(super) fn fit(parts: &[Part]) -> Result<Fit<'_>, String> {
    let denoiser = parts.iter().find_map(|part| part.network.denoiser()).ok_or("the model has no denoiser")?;
    let vae = parts.iter().find_map(|part| part.network.vae()).ok_or("the model has no autoencoder")?;
    if let Some(refusal) = channels::refusal(denoiser.in_channels, vae.latent_channels) {
        return Err(refusal);
    }
    if denoiser.out_channels != vae.latent_channels {
        let (out, latent) = (denoiser.out_channels, vae.latent_channels);
        return Err(format!("the UNet predicts {out} channels, the VAE has {latent} latent channels"));
    }
    let texts: Vec<_> = parts.iter().filter_map(|part| Some((part, part.network.text_encoder()?))).collect();
    let context = texts.iter().map(|(_, config)| config.hidden_size).sum::<usize>();
    if denoiser.context != context {
        let wanted = denoiser.context;
        return Err(format!("the UNet wants a context of width {wanted}, the text encoders give {context}"));
    }
    let pooled = texts.iter().rev().find_map(|(_, config)| config.pooled).map(|pooled| pooled.width);
    if let Some(wanted) = denoiser.pooled.filter(|wanted| pooled != Some(*wanted)) {
        let given = pooled.map_or("none".to_owned(), |width| format!("one of width {width}"));
        return Err(format!("the UNet wants a pooled output of width {wanted}, the text encoders give {given}"));
    }
    let text_layers = texts.iter().map(|(_, config)| config.layers).min().unwrap_or_default();
    for (part, config) in texts {
        if config.positions < PROMPT_TOKENS {
            return Err(format!("the text encoder takes {} tokens, not {PROMPT_TOKENS}", config.positions));
        }
        let Some(tokenizer) = &part.tokenizer else {
            return Err(format!("the text encoder in {} has no tokenizer", part.data.folder));
        };
        let largest = tokenizer.largest_id();
        if largest as usize >= config.vocab_size {
            let known = config.vocab_size;
            return Err(format!("the tokenizer has ids up to {largest}, the text encoder knows {known}"));
        }
        if let Some(end) = config.pooled.and_then(|pooled| pooled.misfit(&tokenizer.encode(""))) {
            return Err(format!("the tokenizer of {} {end}", part.data.folder));
        }
    }
    Ok(Fit { denoiser, vae, text_layers })
}
