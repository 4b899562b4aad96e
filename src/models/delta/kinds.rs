//! The kinds of adapters.

use candle_core::{Result, Tensor, bail};

use super::about::{About, Beginning, MAGNITUDE, Tensors};
use super::{loha, lokr, lora};
use crate::choice::AdapterKind;

/// What a kind of adapter says about itself. DoRA is a LoRA whose changed weight gets lengths.
pub(crate) fn about(kind: AdapterKind) -> &'static About {
    match kind {
        AdapterKind::Lora | AdapterKind::Dora => &lora::ABOUT,
        AdapterKind::Loha => &loha::ABOUT,
        AdapterKind::Lokr => &lokr::ABOUT,
    }
}

/// The tensors of a kind before the first step, f32 on the CPU; with them the layer is what it was. `norms` `(out)` are
/// those of the layer's weights, which DoRA begins with.
pub(crate) fn begin(kind: AdapterKind, beginning: &mut Beginning<'_>, norms: Option<&Tensor>) -> Result<Tensors> {
    let mut tensors = (about(kind).begin)(beginning)?;
    if kind == AdapterKind::Dora {
        let Some(norms) = norms else {
            bail!("DoRA begins with the norms of {}, which are not known", beginning.layer.name)
        };
        tensors.insert(MAGNITUDE, norms.copy()?);
    }
    Ok(tensors)
}
