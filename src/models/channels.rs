//! What a model draws from, told by the channels that its denoiser takes.

/// Why a model cannot be used whose denoiser takes `channels` channels and whose latents have `latent`; `None` for a
/// model that draws from prompts alone.
pub(super) fn refusal(channels: usize, latent: usize) -> Option<String> {
    let what = match (channels, latent) {
        _ if channels == latent => return None,
        (5, 4) => "a depth-to-image model",
        (7, 4) => "an upscaler",
        (8, 4) => "a model that edits pictures (InstructPix2Pix)",
        (9, 4) => "an inpainting model",
        _ => "another kind of model",
    };
    Some(format!(
        "its UNet takes {channels} channels, not {latent}, so it is {what}, which is not supported: take the model \
         that makes pictures from prompts alone"
    ))
}
