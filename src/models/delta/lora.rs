//! LoRA: `W + scale · B A` (Hu et al. 2021, <https://arxiv.org/abs/2106.09685>), with `A` of shape `(rank, in)` and `B`
//! of shape `(out, rank)`. Of a convolution `A` is a convolution with the same window, stride and padding, of shape
//! `(rank, in, height, width)` (LoCon). In files there may be a core between the two, `(rank, rank, height, width)`;
//! then `A` is `(rank, in, 1, 1)`.

use candle_core::{DType, Device, Result, Tensor};

use super::about::{About, Beginning, Naming, Shapes, TensorNames, Tensors};
use super::shape::{Shape, check_filled, check_matrix};
use super::tucker::tucker;
use crate::kernels::{LoraPair, trained_linear};
use crate::models::frozen::Frozen;

/// What the kind says about itself.
pub(super) const ABOUT: About = About {
    tensors: &[
        TensorNames {
            name: "down",
            noun: "the down (A) matrix",
            diffusers: Some(["lora.down.weight", "lora_linear_layer.down.weight"]),
            kohya: "lora_down.weight",
            read: &[
                (".lora.down.weight", Naming::Diffusers),
                (".lora_linear_layer.down.weight", Naming::Diffusers),
                ("_lora.down.weight", Naming::DiffusersOld),
                (".lora_A.weight", Naming::Peft),
                (".lora_down.weight", Naming::Dotted),
            ],
        },
        TensorNames {
            name: "up",
            noun: "the up (B) matrix",
            diffusers: Some(["lora.up.weight", "lora_linear_layer.up.weight"]),
            kohya: "lora_up.weight",
            read: &[
                (".lora.up.weight", Naming::Diffusers),
                (".lora_linear_layer.up.weight", Naming::Diffusers),
                ("_lora.up.weight", Naming::DiffusersOld),
                (".lora_B.weight", Naming::Peft),
                (".lora_up.weight", Naming::Dotted),
            ],
        },
        TensorNames {
            name: "mid",
            noun: "the core (mid)",
            diffusers: None,
            kohya: "lora_mid.weight",
            read: &[(".lora_mid.weight", Naming::Dotted)],
        },
    ],
    scaled: &["up"],
    square: &["down", "up"],
    kohya: ("networks.lora", None),
    begin,
    added,
    update,
    shape,
};

/// A ~ N(0, 1/rank) (standard deviation 1/rank, peft's `init_lora_weights="gaussian"`), B = 0.
fn begin(Beginning { layer, rank, rng, .. }: &mut Beginning<'_>) -> Result<Tensors> {
    let mut dims = vec![*rank, layer.in_features];
    if let Some((height, width)) = layer.window.filter(|window| *window != (1, 1)) {
        dims.extend([height, width]);
    }
    let down = rng.randn_tensor(&dims)?.affine(1.0 / *rank as f64, 0.0)?;
    let up = Tensor::zeros((layer.out_features, *rank), DType::F32, &Device::Cpu)?;
    Ok(Tensors::from([("down", down), ("up", up)]))
}

fn added(tensors: &Tensors, x: &Tensor, frozen: Frozen<'_>, scale: f64) -> Result<Tensor> {
    trained_linear(&frozen.like(x, &tensors["down"], 1.0)?, &tensors["up"], scale)
}

fn update(tensors: &Tensors) -> Result<Tensor> {
    let (down, up) = plain(tensors)?;
    up.matmul(&down.flatten_from(1)?)
}

/// A and B as the model uses them: B `(out, rank)`, and A with the core in it.
pub(crate) fn plain(tensors: &Tensors) -> Result<(Tensor, Tensor)> {
    let up = tensors["up"].flatten_from(1)?;
    let down = match tensors.get("mid") {
        None => tensors["down"].clone(),
        Some(core) => {
            let down = tensors["down"].flatten_from(1)?;
            let same = Tensor::eye(core.dim(0)?, core.dtype(), core.device())?;
            tucker(core, &same, &down)?
        }
    };
    Ok((down, up))
}

/// The pair as the kernel for linear layers takes it.
pub(super) fn pair(tensors: &Tensors, scale: f64, dropout_mask: Option<&Tensor>) -> LoraPair {
    let (down, up) = (tensors["down"].clone(), tensors["up"].clone());
    LoraPair { down, up, scale, dropout_mask: dropout_mask.cloned() }
}

impl From<LoraPair> for super::about::Delta {
    fn from(LoraPair { down, up, scale, dropout_mask }: LoraPair) -> Self {
        let tensors = Tensors::from([("down", down), ("up", up)]);
        Self { dropout_mask, ..Self::new(crate::choice::AdapterKind::Lora, tensors, scale) }
    }
}

/// A is `(rank, in)`, or of a convolution `(rank, in, height, width)`; B is `(out, rank)`, or `(out, rank, 1, 1)`.
fn shape(shapes: &Shapes<'_>) -> std::result::Result<Shape, String> {
    let (down, up) = (ABOUT.need(shapes, "down")?, ABOUT.need(shapes, "up")?);
    check_matrix(down)?;
    check_matrix(up)?;
    let rank = down[0];
    if up[1] != rank || rank == 0 {
        return Err(format!("the down matrix has rank {rank}, the up matrix {}", up[1]));
    }
    if !matches!(up, [_, _] | [_, _, 1, 1]) {
        return Err(format!("the up matrix has shape {up:?}, which is no 1×1 convolution"));
    }
    let mut window = if let [_, _, height, width] = down { (*height, *width) } else { (1, 1) };
    if let Some(core) = shapes.get("mid") {
        let [a, b, height, width] = **core else {
            return Err(format!("the core has shape {core:?}, not that of a convolution"));
        };
        check_matrix(core)?;
        if (a, b) != (rank, rank) || window != (1, 1) {
            return Err(format!("the core has shape {core:?}, the down matrix {down:?}"));
        }
        window = (height, width);
        // A with the core in it.
        check_matrix(&[rank, down[1], height, width])?;
    }
    check_filled(shapes.values().copied())?;
    Ok(Shape { rank: Some(rank), input: down[1], output: up[0], window })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_that_fit_have_a_rank() {
        let of = |down: &[usize], up: &[usize]| shape(&Shapes::from([("down", down), ("up", up)]));
        for (down, up) in [
            (&[2, 8][..], &[6, 2][..]),
            (&[2, 8, 1, 1], &[6, 2, 1, 1]),
            (&[2, 8], &[6, 2, 1, 1]),
            (&[2, 8, 3, 3], &[6, 2, 1, 1]),
        ] {
            let window = if down.ends_with(&[3, 3]) { (3, 3) } else { (1, 1) };
            let expected = Shape { rank: Some(2), input: 8, output: 6, window };
            assert_eq!(of(down, up), Ok(expected), "{down:?} {up:?}");
        }
        let refused: [(&[usize], &[usize], &str); 8] = [
            (&[2, 8], &[6, 3], "rank 2"),
            (&[0, 8], &[6, 0], "rank 0"),
            (&[2, 0], &[6, 2], "no numbers"),
            (&[1 << 40, 0], &[0, 1 << 40], "no numbers"),
            (&[2, 8, 3, 3], &[6, 2, 3, 3], "no 1×1 convolution"),
            (&[16], &[6, 2], "not two dimensions"),
            (&[], &[6, 2], "not two dimensions"),
            (&[1 << 14, 1 << 14], &[6, 1 << 14], "more numbers"),
        ];
        for (down, up, reason) in refused {
            assert!(of(down, up).unwrap_err().contains(reason), "{down:?} {up:?}");
        }
        let core = |core: &[usize]| {
            shape(&Shapes::from([("down", &[2usize, 8, 1, 1][..]), ("up", &[6, 2, 1, 1]), ("mid", core)]))
        };
        assert_eq!(core(&[2, 2, 3, 3]).unwrap().window, (3, 3));
        assert!(core(&[2, 3, 3, 3]).is_err() && core(&[2, 2]).is_err() && core(&[2, 2, 0, 3]).is_err());
        assert!(
            shape(&Shapes::from([("up", &[6usize, 2][..])])).unwrap_err().contains("the down (A) matrix, is missing")
        );
    }
}
