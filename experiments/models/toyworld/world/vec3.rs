//! Three-vectors and 3×3 matrices, just what the ray caster needs.

/// A point, direction or linear RGB colour.
pub type Vec3 = [f32; 3];
/// Rows of a 3×3 matrix.
pub type Mat3 = [Vec3; 3];

pub const IDENTITY: Mat3 = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

pub fn dot(a: Vec3, b: Vec3) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub fn add(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub fn sub(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub fn scale(a: Vec3, s: f32) -> Vec3 {
    a.map(|x| x * s)
}

/// `a + s·b`
pub fn along(a: Vec3, b: Vec3, s: f32) -> Vec3 {
    add(a, scale(b, s))
}

pub fn cross(a: Vec3, b: Vec3) -> Vec3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub fn length(a: Vec3) -> f32 {
    dot(a, a).sqrt()
}

pub fn normalize(a: Vec3) -> Vec3 {
    scale(a, 1.0 / length(a).max(1e-10))
}

/// `a + (b − a)·t`
pub fn mix(a: Vec3, b: Vec3, t: f32) -> Vec3 {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

pub fn apply(m: &Mat3, v: Vec3) -> Vec3 {
    m.map(|row| dot(row, v))
}

pub fn product(a: &Mat3, b: &Mat3) -> Mat3 {
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j]))
}

/// The matrix whose columns are `x`, `y`, `z`.
pub fn from_columns(x: Vec3, y: Vec3, z: Vec3) -> Mat3 {
    [0, 1, 2].map(|i| [x[i], y[i], z[i]])
}

/// Multiplies column `j` by `s[j]`.
pub fn scale_columns(m: &Mat3, s: Vec3) -> Mat3 {
    m.map(|row| [row[0] * s[0], row[1] * s[1], row[2] * s[2]])
}

/// Inverse by the adjugate; the matrices here are rotations times positive scales.
pub fn inverse(m: &Mat3) -> Mat3 {
    let [a, b, c] = [0, 1, 2].map(|j| [m[0][j], m[1][j], m[2][j]]);
    let rows = [cross(b, c), cross(c, a), cross(a, b)];
    let determinant = dot(a, rows[0]);
    rows.map(|row| scale(row, 1.0 / determinant))
}

pub fn rotate_x(angle: f32) -> Mat3 {
    let (s, c) = angle.sin_cos();
    [[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]]
}

pub fn rotate_y(angle: f32) -> Mat3 {
    let (s, c) = angle.sin_cos();
    [[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]
}

pub fn rotate_z(angle: f32) -> Mat3 {
    let (s, c) = angle.sin_cos();
    [[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]
}
