//! LoHa: `W + scale · (w1_a w1_b) ∘ (w2_a w2_b)` (Hyeon-Woo et al. 2021, <https://arxiv.org/abs/2108.06098>), with `a`
//! of shape `(out, rank)` and `b` of shape `(rank, in)`. The product of the numbers of two matrices of rank r has a
//! rank of up to r². Of a convolution `b` is `(rank, in · height · width)`, or each product has a core `t`
//! `(rank, rank, height, width)`, and then `a` is `(rank, out)` and `b` `(rank, in)`.

use candle_core::{DType, Device, Result, Tensor};

use super::about::{About, Beginning, Naming, Shapes, TensorNames, Tensors};
use super::dense;
use super::shape::{Shape, check_filled, check_matrix};
use super::tucker::tucker;

macro_rules! names {
    ($name:literal, $noun:literal, $file:literal) => {
        TensorNames {
            name: $name,
            noun: $noun,
            diffusers: Some([$file; 2]),
            kohya: $file,
            read: &[(concat!(".", $file), Naming::Peft)],
        }
    };
}

/// What the kind says about itself. Files of peft, and of LyCORIS, which uses kohya's names of layers.
pub(super) const ABOUT: About = About {
    tensors: &[
        names!("w1_a", "the matrix w1_a", "hada_w1_a"),
        names!("w1_b", "the matrix w1_b", "hada_w1_b"),
        names!("w2_a", "the matrix w2_a", "hada_w2_a"),
        names!("w2_b", "the matrix w2_b", "hada_w2_b"),
        names!("t1", "the core t1", "hada_t1"),
        names!("t2", "the core t2", "hada_t2"),
    ],
    scaled: &["w1_a"],
    square: &[],
    kohya: ("lycoris.kohya", Some("loha")),
    begin,
    added: |tensors, x, frozen, scale| dense::added(update, tensors, x, frozen, scale),
    update,
    shape,
};

/// As LyCORIS begins: w1_a with a standard deviation of 0.1, w1_b and w2_b of 1, and w2_a = 0.
fn begin(Beginning { layer, rank, rng, .. }: &mut Beginning<'_>) -> Result<Tensors> {
    let (height, width) = layer.window.unwrap_or((1, 1));
    let (input, output) = (layer.in_features * height * width, layer.out_features);
    let w1_a = rng.randn_tensor(&[output, *rank])?.affine(0.1, 0.0)?;
    let w1_b = rng.randn_tensor(&[*rank, input])?;
    let w2_b = rng.randn_tensor(&[*rank, input])?;
    let w2_a = Tensor::zeros((output, *rank), DType::F32, &Device::Cpu)?;
    Ok(Tensors::from([("w1_a", w1_a), ("w1_b", w1_b), ("w2_a", w2_a), ("w2_b", w2_b)]))
}

fn update(tensors: &Tensors) -> Result<Tensor> {
    let half = |a, b, core| match tensors.get(core) {
        Some(core) => tucker(core, &tensors[a], &tensors[b]),
        None => tensors[a].matmul(&tensors[b]),
    };
    half("w1_a", "w1_b", "t1")? * half("w2_a", "w2_b", "t2")?
}

fn shape(shapes: &Shapes<'_>) -> std::result::Result<Shape, String> {
    let [w1_a, w1_b, w2_a, w2_b] = ["w1_a", "w1_b", "w2_a", "w2_b"].map(|name| ABOUT.need(shapes, name));
    let of_tucker = shapes.contains_key("t1") || shapes.contains_key("t2");
    let mut halves = Vec::new();
    for (a, b, core) in [(w1_a?, w1_b?, "t1"), (w2_a?, w2_b?, "t2")] {
        check_matrix(a)?;
        check_matrix(b)?;
        let (&[a0, a1], &[b0, b1]) = (a, b) else {
            return Err(format!("its matrices have the shapes {a:?} and {b:?}, not two dimensions each"));
        };
        let (rank, output, window) = if of_tucker {
            let core = ABOUT.need(shapes, core)?;
            check_matrix(core)?;
            let &[i, j, height, width] = core else {
                return Err(format!("its core has the shape {core:?}, not that of a convolution"));
            };
            if (i, j) != (a0, b0) {
                return Err(format!("its core has the shape {core:?}, its matrices {a:?} and {b:?}"));
            }
            (a0, a1, (height, width))
        } else {
            (a1, a0, (1, 1))
        };
        halves.push((rank, b0, output, b1, window));
    }
    check_filled(shapes.values().copied())?;
    let (rank, rank_b, output, input, window) = halves[0];
    if halves[1] != halves[0] || rank != rank_b {
        let shapes: Vec<&[usize]> = shapes.values().copied().collect();
        return Err(format!("its matrices have the shapes {shapes:?}, which do not fit each other"));
    }
    // The update itself is computed.
    check_matrix(&[output, input, window.0, window.1])?;
    Ok(Shape { rank: Some(rank), input, output, window })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_that_fit_have_a_rank() {
        let good: [&[usize]; 4] = [&[6, 2], &[2, 8], &[6, 2], &[2, 8]];
        let of = |shapes: [&[usize]; 4]| shape(&["w1_a", "w1_b", "w2_a", "w2_b"].into_iter().zip(shapes).collect());
        assert_eq!(of(good), Ok(Shape { rank: Some(2), input: 8, output: 6, window: (1, 1) }));
        let with = |place: usize, wrong: &'static [usize]| {
            let mut shapes = good;
            shapes[place] = wrong;
            of(shapes).unwrap_err()
        };
        assert!(with(2, &[6, 3]).contains("do not fit"));
        assert!(with(3, &[2, 9]).contains("do not fit"));
        assert!(with(0, &[6, 2, 1, 1]).contains("two dimensions"));
        assert!(with(1, &[2, 0]).contains("no numbers"));
        let large: [&[usize]; 4] = [&[1 << 14, 2], &[2, 1 << 14], &[1 << 14, 2], &[2, 1 << 14]];
        assert!(of(large).unwrap_err().contains("more numbers"));
        let cores = |t1: &[usize], t2: &[usize]| {
            let mut shapes: Shapes<'_> = ["w1_a", "w1_b", "w2_a", "w2_b"]
                .into_iter()
                .zip([[2usize, 6], [2, 8], [2, 6], [2, 8]].each_ref().map(|s| &s[..]))
                .collect();
            shapes.extend([("t1", t1), ("t2", t2)]);
            shape(&shapes)
        };
        assert_eq!(
            cores(&[2, 2, 3, 3], &[2, 2, 3, 3]),
            Ok(Shape { rank: Some(2), input: 8, output: 6, window: (3, 3) })
        );
        assert!(cores(&[2, 2, 3, 3], &[2, 2, 1, 3]).is_err() && cores(&[2, 3, 3, 3], &[2, 2, 3, 3]).is_err());
    }
}
