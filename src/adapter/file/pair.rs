//! The two matrices of a module, checked against each other.

use super::alphas::Alphas;
use candle_core::{DType, Result, Tensor};

/// A larger matrix is no adapter's: 64 million numbers, 256 MB in f32. What is computed from a pair takes memory
/// in proportion to it.
const MOST_NUMBERS: usize = 1 << 26;

/// The tensors of one module, with their names in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct RawModule {
    pub(super) down: Option<(String, Tensor)>,
    pub(super) up: Option<(String, Tensor)>,
    pub(super) alpha: Option<(String, Tensor)>,
}

/// A pair with its scale; the tensors as the file has them, on the CPU.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// A, `(rank, in)`, or of a convolution `(rank, in, height, width)`.
    pub(super) down: Tensor,
    /// B, `(out, rank)`, or of a convolution `(out, rank, 1, 1)`.
    pub(super) up: Tensor,
    pub(super) rank: usize,
    pub(super) alpha: f64,
    pub(super) scale: f64,
}

impl Pair {
    /// A as `(rank, in · height · width)` and B as `(out, rank)`: their product is the layer's update.
    pub(super) fn matrices(&self) -> Result<(Tensor, Tensor)> {
        Ok((self.down.flatten_from(1)?, self.up.flatten_from(1)?))
    }

    /// Height and width of a convolution's window; 1 × 1 is as good as a linear layer.
    pub(super) fn window(&self) -> (usize, usize) {
        match self.down.dims() {
            [_, _, height, width] => (*height, *width),
            _ => (1, 1),
        }
    }
}

impl RawModule {
    /// The names of its tensors in the file.
    pub(super) fn tensor_names(&self) -> impl Iterator<Item = &String> {
        [&self.down, &self.up, &self.alpha].into_iter().flatten().map(|(name, _)| name)
    }

    /// Checks that the tensors fit each other; `name` (with dots) looks up alpha where the file has one for all.
    pub(super) fn pair(&self, name: &str, alphas: &Alphas) -> std::result::Result<Pair, String> {
        let (down, up) = match (&self.down, &self.up) {
            (Some((_, down)), Some((_, up))) => (down, up),
            (Some(_), None) => return Err("its partner, the up (B) matrix, is missing".to_owned()),
            (None, Some(_)) => return Err("its partner, the down (A) matrix, is missing".to_owned()),
            (None, None) => return Err("the module has an alpha but no matrices".to_owned()),
        };
        let rank = fitting_rank(down.dims(), up.dims())?;
        for matrix in [down, up] {
            check_numbers(matrix)?;
        }
        let own = self.alpha.as_ref().map(|(_, alpha)| number(alpha)).transpose()?;
        let alpha = match own.or_else(|| alphas.of(name)) {
            // kohya writes 0 for "the rank".
            None | Some(0.0) => rank as f64,
            Some(alpha) if alpha.is_finite() => alpha,
            Some(alpha) => return Err(format!("alpha is {alpha}")),
        };
        let scale = if alphas.rank_stabilised { alpha / (rank as f64).sqrt() } else { alpha / rank as f64 };
        Ok(Pair { down: down.clone(), up: up.clone(), rank, alpha, scale })
    }
}

/// The rank of a pair of these shapes.
fn fitting_rank(down: &[usize], up: &[usize]) -> std::result::Result<usize, String> {
    for shape in [down, up] {
        if !matches!(shape.len(), 2 | 4) {
            return Err(format!("has shape {shape:?}, not two dimensions or the four of a convolution"));
        }
        let numbers = shape.iter().try_fold(1usize, |numbers, length| numbers.checked_mul(*length));
        if numbers.is_none_or(|numbers| numbers > MOST_NUMBERS) {
            return Err(format!("has shape {shape:?}, more numbers than any adapter's matrix"));
        }
    }
    let rank = down[0];
    if up[1] != rank || rank == 0 {
        return Err(format!("the down matrix has rank {rank}, the up matrix {}", up[1]));
    }
    if let Some(empty) = [down, up].into_iter().find(|shape| shape.contains(&0)) {
        return Err(format!("has shape {empty:?}, which holds no numbers"));
    }
    if down.len() != up.len() {
        return Err("one matrix is of a convolution, the other of a linear layer".to_owned());
    }
    match up {
        [_, _] | [_, _, 1, 1] => Ok(rank),
        _ => Err(format!("the up matrix has shape {up:?}, which is no 1×1 convolution")),
    }
}

/// All numbers must be finite.
fn check_numbers(matrix: &Tensor) -> std::result::Result<(), String> {
    // 0 · x is 0 unless x is NaN or infinite.
    let sum = matrix.to_dtype(DType::F32).and_then(|m| (m * 0.)?.sum_all()?.to_scalar::<f32>());
    match sum.map_err(|e| e.to_string())? {
        0.0 => Ok(()),
        _ => Err("holds NaN or infinite numbers".to_owned()),
    }
}

fn number(alpha: &Tensor) -> std::result::Result<f64, String> {
    if alpha.elem_count() != 1 {
        return Err(format!("alpha has shape {:?}, not a single number", alpha.dims()));
    }
    let value = alpha.flatten_all().and_then(|a| a.to_dtype(DType::F64)?.to_vec1::<f64>());
    value.map(|v| v[0]).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_that_fit_have_a_rank() {
        for (down, up) in [(&[2, 8][..], &[6, 2][..]), (&[2, 8, 1, 1], &[6, 2, 1, 1]), (&[2, 8, 3, 3], &[6, 2, 1, 1])] {
            assert_eq!(fitting_rank(down, up), Ok(2), "{down:?} {up:?}");
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
            assert!(fitting_rank(down, up).unwrap_err().contains(reason), "{down:?} {up:?}");
        }
    }
}
