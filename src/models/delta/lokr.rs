//! LoKr: `W + scale · w1 ⊗ w2`, a Kronecker product (Yeh et al. 2023, <https://arxiv.org/abs/2309.14859>). Each factor
//! is a whole matrix or a product of two of rank r; w2 of a convolution has its window, `(c, d, height, width)`, its
//! second matrix may be `(rank, d · height · width)`, and it may have a core `(rank, rank, height, width)`.

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
        names!("w1", "the factor w1", "lokr_w1"),
        names!("w1_a", "the matrix w1_a", "lokr_w1_a"),
        names!("w1_b", "the matrix w1_b", "lokr_w1_b"),
        names!("w2", "the factor w2", "lokr_w2"),
        names!("w2_a", "the matrix w2_a", "lokr_w2_a"),
        names!("w2_b", "the matrix w2_b", "lokr_w2_b"),
        names!("t2", "the core t2", "lokr_t2"),
    ],
    scaled: &["w1", "w1_a"],
    square: &["w2"],
    kohya: ("lycoris.kohya", Some("lokr")),
    begin,
    added: |tensors, x, frozen, scale| dense::added(update, tensors, x, frozen, scale),
    update,
    shape,
};

/// As LyCORIS begins, with its settings `decompose_both=False, use_tucker=False` and the wanted `factor` (-1 without
/// one): w1 whole, w2 a product unless the rank is half of its longer side or more. w1 and w2_a are uniform as
/// `kaiming_uniform_(a=√5)` makes them, w2 or w2_b is 0.
fn begin(Beginning { layer, rank, rng, lokr_factor }: &mut Beginning<'_>) -> Result<Tensors> {
    let (rank, factor) = (*rank, *lokr_factor);
    let (height, width) = layer.window.unwrap_or((1, 1));
    let ((a, c), (b, d)) = (factors(layer.out_features, factor), factors(layer.in_features, factor));
    let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &Device::Cpu);
    let mut tensors = Tensors::from([("w1", uniform(rng, [a, b])?)]);
    if 2 * rank >= c.max(d) {
        let dims = [c, d, height, width];
        tensors.insert("w2", zeros(if (height, width) == (1, 1) { &dims[..2] } else { &dims })?);
    } else {
        tensors.insert("w2_a", uniform(rng, [c, rank])?);
        tensors.insert("w2_b", zeros(&[rank, d * height * width])?);
    }
    Ok(tensors)
}

/// Two factors of a length, the smaller one first: LyCORIS's `factorization`. One of them is the wanted one if that
/// divides the length; otherwise they are as near to each other as possible, the smaller one not above the wanted one.
fn factors(length: usize, wanted: Option<usize>) -> (usize, usize) {
    let most = match wanted {
        Some(wanted) if wanted > 0 && length.is_multiple_of(wanted) => {
            return (wanted.min(length / wanted), wanted.max(length / wanted));
        }
        wanted => length.isqrt().min(wanted.unwrap_or(length)),
    };
    let smaller = (1..=most).rev().find(|factor| length.is_multiple_of(*factor)).unwrap_or(1);
    (smaller, length / smaller)
}

/// Uniform between ±1/√columns: torch's `kaiming_uniform_(a=√5)`.
fn uniform(rng: &mut crate::sampling::noise::TorchRng, [rows, columns]: [usize; 2]) -> Result<Tensor> {
    let bound = 1.0 / (columns as f64).sqrt();
    Tensor::from_vec(rng.rand(&[rows, columns]), (rows, columns), &Device::Cpu)?.affine(2.0 * bound, -bound)
}

fn update(tensors: &Tensors) -> Result<Tensor> {
    let product = |a: &str, b: &str| tensors[a].matmul(&tensors[b].flatten_from(1)?);
    let w1 = match tensors.get("w1") {
        Some(w1) => w1.clone(),
        None => product("w1_a", "w1_b")?,
    };
    let w2 = match (tensors.get("w2"), tensors.get("t2")) {
        (Some(w2), _) => w2.clone(),
        (None, Some(core)) => tucker(core, &tensors["w2_a"], &tensors["w2_b"])?,
        (None, None) => product("w2_a", "w2_b")?,
    };
    // (a, 1, b, 1) · (1, c, 1, d …) = (a, c, b, d …)
    let ((a, b), c) = (w1.dims2()?, w2.dim(0)?);
    let w2 = w2.contiguous()?.reshape((1, c, 1, w2.elem_count() / c))?;
    let product = w1.contiguous()?.reshape((a, 1, b, 1))?.broadcast_mul(&w2)?;
    product.reshape((a * c, ()))
}

fn shape(shapes: &Shapes<'_>) -> std::result::Result<Shape, String> {
    let mut rank = None;
    for shape in shapes.values() {
        check_matrix(shape)?;
    }
    let mut of_pair = |a: &'static str, b: &'static str| -> std::result::Result<(usize, usize), String> {
        let (a, b) = (ABOUT.need(shapes, a)?, ABOUT.need(shapes, b)?);
        let (&[rows, width], [height, columns @ ..]) = (a, b) else {
            return Err(format!("its matrices have the shapes {a:?} and {b:?}, not two dimensions each"));
        };
        if width != *height {
            return Err(format!("its matrices have the shapes {a:?} and {b:?}, which do not fit each other"));
        }
        rank = Some(width);
        Ok((rows, columns.iter().product()))
    };
    let both = |one: &str, other: &str| {
        if shapes.contains_key(one) && shapes.contains_key(other) {
            return Err(format!("it has {one} whole and in two matrices"));
        }
        Ok(())
    };
    both("w1", "w1_a")?;
    both("w2", "w2_a")?;
    let (a, b) = match shapes.get("w1") {
        Some(&&[a, b]) => (a, b),
        Some(w1) => return Err(format!("the factor w1 has the shape {w1:?}, not two dimensions")),
        None if !shapes.contains_key("w1_a") && !shapes.contains_key("w1_b") => {
            ABOUT.need(shapes, "w1").map(|_| (0, 0))?
        }
        None => of_pair("w1_a", "w1_b")?,
    };
    let (c, d, window) = match (shapes.get("w2"), shapes.get("t2")) {
        (Some(&&[c, d]), _) => (c, d, (1, 1)),
        (Some(&&[c, d, height, width]), _) => (c, d, (height, width)),
        (Some(w2), _) => return Err(format!("the factor w2 has the shape {w2:?}")),
        (None, Some(core)) => {
            let (a, b) = (ABOUT.need(shapes, "w2_a")?, ABOUT.need(shapes, "w2_b")?);
            let (&[i, c], &[j, d], &&[ci, cj, height, width]) = (a, b, core) else {
                return Err(format!("its core has the shape {core:?}, its matrices {a:?} and {b:?}"));
            };
            if (i, j) != (ci, cj) {
                return Err(format!("its core has the shape {core:?}, its matrices {a:?} and {b:?}"));
            }
            rank = Some(i);
            (c, d, (height, width))
        }
        (None, None) if !shapes.contains_key("w2_a") && !shapes.contains_key("w2_b") => {
            ABOUT.need(shapes, "w2").map(|_| (0, 0, (1, 1)))?
        }
        (None, None) => of_pair("w2_a", "w2_b").map(|(c, d)| (c, d, (1, 1)))?,
    };
    check_filled(shapes.values().copied())?;
    let sides = a.checked_mul(c).zip(b.checked_mul(d));
    let Some((output, input)) = sides else { return Err("its factors are larger than any layer".to_owned()) };
    // The update itself is computed.
    check_matrix(&[output, input, window.0, window.1])?;
    Ok(Shape { rank, input, output, window })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn lengths_have_lycoris_factors() {
        // `tests/golden/adapters/make_factors.py`: every length up to 100 and some of real layers.
        let text = include_str!("../../../tests/golden/adapters/factors.json");
        let expected: BTreeMap<i64, BTreeMap<usize, (usize, usize)>> = serde_json::from_str(text).unwrap();
        assert!(expected.len() > 5 && expected.contains_key(&-1));
        for (factor, pairs) in expected {
            for (length, pair) in pairs {
                assert_eq!(factors(length, usize::try_from(factor).ok()), pair, "{length} by {factor}");
            }
        }
    }

    #[test]
    fn shapes_that_fit_give_a_layer() {
        let of = |shapes: &[(&'static str, &[usize])]| shape(&shapes.iter().copied().collect());
        let whole = of(&[("w1", &[2, 3]), ("w2", &[4, 5])]).unwrap();
        assert_eq!(whole, Shape { rank: None, input: 15, output: 8, window: (1, 1) });
        let split = of(&[("w1", &[2, 3]), ("w2_a", &[4, 2]), ("w2_b", &[2, 5])]).unwrap();
        assert_eq!(split, Shape { rank: Some(2), ..whole });
        let window = of(&[("w1_a", &[2, 2]), ("w1_b", &[2, 3]), ("w2", &[4, 5, 3, 3])]).unwrap();
        assert_eq!(window, Shape { rank: Some(2), window: (3, 3), ..whole });
        let core = of(&[("w1", &[2, 3]), ("w2_a", &[2, 4]), ("w2_b", &[2, 5]), ("t2", &[2, 2, 3, 3])]).unwrap();
        assert_eq!(core, window);
        type Shapes<'s> = &'s [(&'static str, &'s [usize])];
        let refused: [(Shapes<'_>, &str); 6] = [
            (&[("w1", &[2, 3])], "the factor w2, is missing"),
            (&[("w1", &[2, 3]), ("w2_a", &[4, 2])], "the matrix w2_b, is missing"),
            (&[("w1", &[2, 3]), ("w2_a", &[4, 3]), ("w2_b", &[2, 5])], "do not fit"),
            (&[("w1", &[2, 3]), ("w1_a", &[2, 3]), ("w2", &[4, 5])], "whole and in two"),
            (&[("w1", &[2, 0]), ("w2", &[4, 5])], "no numbers"),
            (&[("w1", &[1 << 13, 1 << 13]), ("w2", &[1 << 13, 1 << 13])], "more numbers"),
        ];
        for (shapes, reason) in refused {
            let error = of(shapes).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
