//! LoHa: `W + scale · (w1_a w1_b) ∘ (w2_a w2_b)` (Hyeon-Woo et al. 2021, <https://arxiv.org/abs/2108.06098>), with `a`
//! of shape `(out, rank)` and `b` of shape `(rank, in)`. The product of the numbers of two matrices of rank r has a
//! rank of up to r².

use candle_core::{DType, Device, Result, Tensor, bail};

use super::about::{About, Delta, Naming, TensorNames};
use super::shape::{Shape, check_filled, check_matrix};
use crate::kernels::{Linear, LoraPair, add, composed, linear as frozen};
use crate::models::adaptable::AdaptableLayer;
use crate::sampling::noise::TorchRng;

/// What the kind says about itself. Files of peft, and of LyCORIS, which uses kohya's names of layers.
pub(super) const ABOUT: About = About {
    title: "LoHa",
    tensors: &[
        TensorNames {
            name: "w1_a",
            noun: "the matrix w1_a",
            diffusers: ["hada_w1_a"; 2],
            kohya: "hada_w1_a",
            read: &[(".hada_w1_a", Naming::Peft)],
        },
        TensorNames {
            name: "w1_b",
            noun: "the matrix w1_b",
            diffusers: ["hada_w1_b"; 2],
            kohya: "hada_w1_b",
            read: &[(".hada_w1_b", Naming::Peft)],
        },
        TensorNames {
            name: "w2_a",
            noun: "the matrix w2_a",
            diffusers: ["hada_w2_a"; 2],
            kohya: "hada_w2_a",
            read: &[(".hada_w2_a", Naming::Peft)],
        },
        TensorNames {
            name: "w2_b",
            noun: "the matrix w2_b",
            diffusers: ["hada_w2_b"; 2],
            kohya: "hada_w2_b",
            read: &[(".hada_w2_b", Naming::Peft)],
        },
    ],
    input: 1,
    scaled: 0,
    kohya: ("lycoris.kohya", r#"{"algo": "loha"}"#),
    begin,
    linear,
    pair,
    shape,
};

/// As LyCORIS begins: w1_a with a standard deviation of 0.1, w1_b and w2_b of 1, and w2_a = 0.
fn begin(layer: &AdaptableLayer, rank: usize, rng: &mut TorchRng) -> Result<Vec<Tensor>> {
    let (input, output) = (layer.in_features, layer.out_features);
    let w1_a = rng.randn_tensor(&[output, rank])?.affine(0.1, 0.0)?;
    let w1_b = rng.randn_tensor(&[rank, input])?;
    let w2_b = rng.randn_tensor(&[rank, input])?;
    Ok(vec![w1_a, w1_b, Tensor::zeros((output, rank), DType::F32, &Device::Cpu)?, w2_b])
}

/// The update `(out, in)` without its scale.
fn update(delta: &Delta) -> Result<Tensor> {
    let [w1_a, w1_b, w2_a, w2_b] = delta.tensors.as_slice() else { bail!("a LoHa has four matrices") };
    w1_a.matmul(w1_b)? * w2_a.matmul(w2_b)?
}

fn linear(delta: &Delta, x: &Tensor, weights: &Linear) -> Result<Tensor> {
    let arguments: Vec<&Tensor> = std::iter::once(x).chain(&delta.tensors).collect();
    let added = composed(&arguments, || {
        let update = (update(delta)? * delta.scale)?.to_dtype(x.dtype())?;
        let masked = match &delta.dropout_mask {
            Some(mask) => x.mul(&mask.reshape(x.shape())?.to_dtype(x.dtype())?)?,
            None => x.clone(),
        };
        let rows = masked.reshape(((), weights.in_features()))?;
        let mut dims = x.dims().to_vec();
        *dims.last_mut().unwrap_or(&mut 0) = weights.out_features();
        rows.matmul(&update.t()?)?.reshape(dims)
    })?;
    add(&frozen(x, weights)?, &added)
}

/// The update times the identity, on the side where that is smaller.
fn pair(delta: &Delta) -> Result<LoraPair> {
    let update = update(delta)?;
    let (output, input) = update.dims2()?;
    let identity = |size| Tensor::eye(size, update.dtype(), update.device());
    let (down, up) =
        if output <= input { (update.clone(), identity(output)?) } else { (identity(input)?, update.clone()) };
    Ok(LoraPair { down, up, scale: delta.scale, dropout_mask: None })
}

fn shape(shapes: &[&[usize]]) -> std::result::Result<Shape, String> {
    for shape in shapes {
        check_matrix(shape)?;
    }
    let &[&[output, rank], &[rank_1b, input], &[output_2, rank_2a], &[rank_2b, input_2]] = shapes else {
        return Err(format!("its matrices have the shapes {shapes:?}, not two dimensions each"));
    };
    check_filled(shapes)?;
    if [rank_1b, rank_2a, rank_2b] != [rank; 3] || (output_2, input_2) != (output, input) {
        return Err(format!("its matrices have the shapes {shapes:?}, which do not fit each other"));
    }
    // The update itself is computed.
    check_matrix(&[output, input])?;
    Ok(Shape { rank, input, output, window: (1, 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_that_fit_have_a_rank() {
        let good: [&[usize]; 4] = [&[6, 2], &[2, 8], &[6, 2], &[2, 8]];
        assert_eq!(shape(&good), Ok(Shape { rank: 2, input: 8, output: 6, window: (1, 1) }));
        let with = |place: usize, wrong: &'static [usize]| {
            let mut shapes = good;
            shapes[place] = wrong;
            shape(&shapes).unwrap_err()
        };
        assert!(with(2, &[6, 3]).contains("do not fit"));
        assert!(with(3, &[2, 9]).contains("do not fit"));
        assert!(with(0, &[6, 2, 1, 1]).contains("two dimensions"));
        assert!(with(1, &[2, 0]).contains("no numbers"));
        let large: [&[usize]; 4] = [&[1 << 14, 2], &[2, 1 << 14], &[1 << 14, 2], &[2, 1 << 14]];
        assert!(shape(&large).unwrap_err().contains("more numbers"));
    }

    #[test]
    fn the_pair_is_the_update() {
        let randn = |seed, shape: [usize; 2]| TorchRng::new(seed).randn_tensor(&shape).unwrap();
        for (output, input) in [(3, 5), (5, 3)] {
            let tensors =
                vec![randn(1, [output, 2]), randn(2, [2, input]), randn(3, [output, 2]), randn(4, [2, input])];
            let delta = Delta { kind: crate::choice::AdapterKind::Loha, tensors, scale: 0.5, dropout_mask: None };
            let pair = pair(&delta).unwrap();
            let product = pair.up.matmul(&pair.down).unwrap().to_vec2::<f32>().unwrap();
            assert_eq!(product, update(&delta).unwrap().to_vec2::<f32>().unwrap());
        }
    }
}
