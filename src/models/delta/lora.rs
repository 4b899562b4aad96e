//! LoRA: `W + scale · B A` (Hu et al. 2021, <https://arxiv.org/abs/2106.09685>), with `A` of shape `(rank, in)` and `B`
//! of shape `(out, rank)`.

use candle_core::{DType, Device, Result, Tensor};

use super::about::{About, Delta, Naming, TensorNames};
use super::shape::{Shape, check_filled, check_matrix};
use crate::kernels::{Linear, LoraPair, lora_linear};
use crate::models::adaptable::AdaptableLayer;
use crate::sampling::noise::TorchRng;

/// What the kind says about itself.
pub(super) const ABOUT: About = About {
    title: "LoRA",
    tensors: &[
        TensorNames {
            name: "down",
            noun: "the down (A) matrix",
            diffusers: ["lora.down.weight", "lora_linear_layer.down.weight"],
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
            diffusers: ["lora.up.weight", "lora_linear_layer.up.weight"],
            kohya: "lora_up.weight",
            read: &[
                (".lora.up.weight", Naming::Diffusers),
                (".lora_linear_layer.up.weight", Naming::Diffusers),
                ("_lora.up.weight", Naming::DiffusersOld),
                (".lora_B.weight", Naming::Peft),
                (".lora_up.weight", Naming::Dotted),
            ],
        },
    ],
    input: 0,
    scaled: 1,
    kohya: ("networks.lora", "{}"),
    begin,
    linear,
    pair,
    shape,
};

/// A ~ N(0, 1/rank) (standard deviation 1/rank, peft's `init_lora_weights="gaussian"`), B = 0.
fn begin(layer: &AdaptableLayer, rank: usize, rng: &mut TorchRng) -> Result<Vec<Tensor>> {
    let down = rng.randn_tensor(&[rank, layer.in_features])?.affine(1.0 / rank as f64, 0.0)?;
    let up = Tensor::zeros((layer.out_features, rank), DType::F32, &Device::Cpu)?;
    Ok(vec![down, up])
}

fn linear(delta: &Delta, x: &Tensor, weights: &Linear) -> Result<Tensor> {
    lora_linear(x, weights, &LoraPair { dropout_mask: delta.dropout_mask.clone(), ..pair(delta)? })
}

fn pair(delta: &Delta) -> Result<LoraPair> {
    let (down, up) = (delta.tensors[0].clone(), delta.tensors[1].clone());
    Ok(LoraPair { down, up, scale: delta.scale, dropout_mask: None })
}

impl From<LoraPair> for Delta {
    fn from(LoraPair { down, up, scale, dropout_mask }: LoraPair) -> Self {
        Self { kind: crate::choice::AdapterKind::Lora, tensors: vec![down, up], scale, dropout_mask }
    }
}

/// A is `(rank, in)`, or of a convolution `(rank, in, height, width)`; B is `(out, rank)`, or `(out, rank, 1, 1)`.
fn shape(shapes: &[&[usize]]) -> std::result::Result<Shape, String> {
    let &[down, up] = shapes else { return Err("a LoRA has two matrices".to_owned()) };
    check_matrix(down)?;
    check_matrix(up)?;
    let rank = down[0];
    if up[1] != rank || rank == 0 {
        return Err(format!("the down matrix has rank {rank}, the up matrix {}", up[1]));
    }
    check_filled(shapes)?;
    if down.len() != up.len() {
        return Err("one matrix is of a convolution, the other of a linear layer".to_owned());
    }
    if !matches!(up, [_, _] | [_, _, 1, 1]) {
        return Err(format!("the up matrix has shape {up:?}, which is no 1×1 convolution"));
    }
    let window = if let [_, _, height, width] = down { (*height, *width) } else { (1, 1) };
    Ok(Shape { rank, input: down[1], output: up[0], window })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_that_fit_have_a_rank() {
        for (down, up) in [(&[2, 8][..], &[6, 2][..]), (&[2, 8, 1, 1], &[6, 2, 1, 1]), (&[2, 8, 3, 3], &[6, 2, 1, 1])] {
            let window = if down.ends_with(&[3, 3]) { (3, 3) } else { (1, 1) };
            let expected = Shape { rank: 2, input: 8, output: 6, window };
            assert_eq!(shape(&[down, up]), Ok(expected), "{down:?} {up:?}");
        }
        let refused: [(&[usize], &[usize], &str); 9] = [
            (&[2, 8], &[6, 3], "rank 2"),
            (&[0, 8], &[6, 0], "rank 0"),
            (&[2, 0], &[6, 2], "no numbers"),
            (&[1 << 40, 0], &[0, 1 << 40], "no numbers"),
            (&[2, 8], &[6, 2, 1, 1], "one matrix is of a convolution"),
            (&[2, 8, 3, 3], &[6, 2, 3, 3], "no 1×1 convolution"),
            (&[16], &[6, 2], "not two dimensions"),
            (&[], &[6, 2], "not two dimensions"),
            (&[1 << 14, 1 << 14], &[6, 1 << 14], "more numbers"),
        ];
        for (down, up, reason) in refused {
            assert!(shape(&[down, up]).unwrap_err().contains(reason), "{down:?} {up:?}");
        }
    }
}
