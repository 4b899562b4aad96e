//! Unit shapes under an affine map, and where a ray hits them.

use crate::vec3::{Mat3, Vec3, add, along, apply, dot, inverse, normalize, scale, scale_columns};

/// The unit shape; all are centred at the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Sphere of radius 1.
    Ellipsoid,
    /// Cube from −1 to 1.
    Box,
    /// Radius 1 around y, from y = −1 to 1.
    Cylinder,
    /// Base of radius 1 at y = −1, apex at y = 1.
    Cone,
}

/// What is drawn on the surface, in the shape's local coordinates.
#[derive(Clone, Copy, Debug)]
pub enum Paint {
    Plain,
    Face(Face),
    /// Windows `across` wide on the sides of a box, `rows` high.
    Windows {
        across: f32,
        rows: f32,
        color: Vec3,
    },
    /// Horizontal bands.
    Stripes {
        bands: f32,
        color: Vec3,
    },
    /// Segments around y, as on an umbrella.
    Segments {
        per_radian: f32,
        color: Vec3,
    },
}

/// A face on the front (+z) of a head; lengths in head radii.
#[derive(Clone, Copy, Debug)]
pub struct Face {
    pub eye: [f32; 2],
    pub eye_radius: f32,
    /// 0 round, 1 tall, 2 white with a pupil.
    pub eye_style: u8,
    pub brow_y: f32,
    pub brow_length: f32,
    pub brow_thickness: f32,
    pub brow_tilt: f32,
    pub brow_color: Vec3,
    pub mouth_width: f32,
    pub mouth_y: f32,
    /// 0 smile, 1 open, 2 straight.
    pub mouth_style: u8,
    pub blush: bool,
    pub sunglasses: bool,
}

/// A shape in the world.
#[derive(Clone, Debug)]
pub struct Primitive {
    pub shape: Shape,
    to_local: Mat3,
    offset: Vec3,
    /// Half edges of the turned box around it: columns of the local-to-world matrix.
    pub edges: [Vec3; 3],
    pub center: Vec3,
    pub color: Vec3,
    pub specular: f32,
    pub paint: Paint,
    /// Keep the part where `normal · p ≥ distance`, local coordinates.
    pub clip: Option<(Vec3, f32)>,
}

impl Primitive {
    /// A unit shape scaled by `size`, turned by `frame`, moved to `center`.
    pub fn new(shape: Shape, frame: &Mat3, center: Vec3, size: Vec3, color: Vec3) -> Self {
        let to_world = scale_columns(frame, size);
        let to_local = inverse(&to_world);
        let edges = [0, 1, 2].map(|j| to_world.map(|row| row[j]));
        let offset = scale(apply(&to_local, center), -1.0);
        Self { shape, to_local, offset, edges, center, color, specular: 0.25, paint: Paint::Plain, clip: None }
    }

    /// A point of the world in local coordinates.
    pub fn localize(&self, point: Vec3) -> Vec3 {
        add(apply(&self.to_local, point), self.offset)
    }

    /// A direction of the world in local coordinates, not a unit vector.
    pub fn localize_direction(&self, direction: Vec3) -> Vec3 {
        apply(&self.to_local, direction)
    }

    /// Where the ray `o + t·d`, in local coordinates, first hits: t > 0.001, in lengths of the world's direction.
    #[inline]
    pub fn intersect(&self, o: Vec3, d: Vec3) -> Option<f32> {
        let mut best = f32::INFINITY;
        let mut offer = |t: f32| {
            let inside = |(normal, distance): (Vec3, f32)| dot(normal, along(o, d, t)) >= distance;
            if t > 1e-3 && t < best && self.clip.is_none_or(inside) {
                best = t;
            }
        };
        match self.shape {
            Shape::Ellipsoid => {
                let (a, b, c) = (dot(d, d), dot(o, d), dot(o, o) - 1.0);
                let root = b * b - a * c;
                if root >= 0.0 {
                    let root = root.sqrt();
                    offer((-b - root) / a);
                    offer((-b + root) / a);
                }
            }
            Shape::Box => {
                let (mut near, mut far) = (f32::NEG_INFINITY, f32::INFINITY);
                for i in 0..3 {
                    let inverse = 1.0 / if d[i].abs() < 1e-9 { 1e-9 } else { d[i] };
                    let (a, b) = ((-1.0 - o[i]) * inverse, (1.0 - o[i]) * inverse);
                    near = near.max(a.min(b));
                    far = far.min(a.max(b));
                }
                if near <= far {
                    offer(near);
                    offer(far);
                }
            }
            Shape::Cylinder => {
                let (a, b, c) = (d[0] * d[0] + d[2] * d[2], o[0] * d[0] + o[2] * d[2], o[0] * o[0] + o[2] * o[2] - 1.0);
                for t in roots(a, b, c).into_iter().flatten() {
                    if (o[1] + d[1] * t).abs() <= 1.0 {
                        offer(t);
                    }
                }
                for end in [-1.0, 1.0] {
                    disc(o, d, end).map(&mut offer);
                }
            }
            Shape::Cone => {
                let (oy, dy) = (1.0 - o[1], -d[1]);
                let a = d[0] * d[0] + d[2] * d[2] - 0.25 * dy * dy;
                let b = o[0] * d[0] + o[2] * d[2] - 0.25 * oy * dy;
                let c = o[0] * o[0] + o[2] * o[2] - 0.25 * oy * oy;
                for t in roots(a, b, c).into_iter().flatten() {
                    if (o[1] + d[1] * t).abs() <= 1.0 {
                        offer(t);
                    }
                }
                disc(o, d, -1.0).map(&mut offer);
            }
        }
        best.is_finite().then_some(best)
    }

    /// Unit normal at a local point, turned against the view direction.
    pub fn normal(&self, local: Vec3, direction: Vec3) -> Vec3 {
        let q = local;
        let n = match self.shape {
            Shape::Ellipsoid => q,
            Shape::Box => {
                let axis = (1..3).fold(0, |best, i| if q[i].abs() > q[best].abs() { i } else { best });
                let mut n = [0.0; 3];
                n[axis] = q[axis];
                n
            }
            Shape::Cylinder if q[1].abs() > 0.999 && q[0] * q[0] + q[2] * q[2] < 0.998 => [0.0, q[1], 0.0],
            Shape::Cylinder => [q[0], 0.0, q[2]],
            Shape::Cone if q[1] < -0.999 => [0.0, -1.0, 0.0],
            Shape::Cone => [q[0], 0.25 * (1.0 - q[1]), q[2]],
        };
        // Normals transform with the transposed inverse, and `to_local` is the inverse.
        let m = &self.to_local;
        let world = normalize([0, 1, 2].map(|i| m[0][i] * n[0] + m[1][i] * n[1] + m[2][i] * n[2]));
        if dot(world, direction) > 0.0 { scale(world, -1.0) } else { world }
    }
}

/// Solutions of `a t² + 2 b t + c = 0`.
fn roots(a: f32, b: f32, c: f32) -> [Option<f32>; 2] {
    let root = b * b - a * c;
    if root < 0.0 || a.abs() <= 1e-12 {
        return [None, None];
    }
    let root = root.sqrt();
    [Some((-b - root) / a), Some((-b + root) / a)]
}

/// Where the ray meets the unit disc at height `y`.
fn disc(o: Vec3, d: Vec3, y: f32) -> Option<f32> {
    if d[1].abs() <= 1e-9 {
        return None;
    }
    let t = (y - o[1]) / d[1];
    let (x, z) = (o[0] + d[0] * t, o[2] + d[2] * t);
    (x * x + z * z <= 1.0).then_some(t)
}
