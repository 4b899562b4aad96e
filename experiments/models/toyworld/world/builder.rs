//! Puts primitives into the world: a stack of frames and a few shorthands.

use crate::{
    primitive::{Paint, Primitive, Shape},
    vec3::{IDENTITY, Mat3, Vec3, add, apply, cross, from_columns, length, normalize, product, scale, sub},
};

/// Collects primitives; positions are relative to the innermost frame.
#[derive(Debug)]
pub struct Builder {
    pub primitives: Vec<Primitive>,
    frames: Vec<(Mat3, Vec3)>,
}

impl Builder {
    pub fn new() -> Self {
        Self { primitives: Vec::new(), frames: vec![(IDENTITY, [0.0; 3])] }
    }

    fn frame(&self) -> (Mat3, Vec3) {
        self.frames.last().copied().unwrap_or((IDENTITY, [0.0; 3]))
    }

    /// Everything `draw` adds is turned and moved.
    pub fn within<R>(&mut self, turn: Mat3, shift: Vec3, draw: impl FnOnce(&mut Self) -> R) -> R {
        let (matrix, origin) = self.frame();
        self.frames.push((product(&matrix, &turn), add(apply(&matrix, shift), origin)));
        let result = draw(self);
        self.frames.pop();
        result
    }

    /// Adds a shape turned by `turn`; the result can be refined.
    pub fn turned(&mut self, shape: Shape, position: Vec3, size: Vec3, color: Vec3, turn: Mat3) -> &mut Primitive {
        let (matrix, origin) = self.frame();
        let center = add(apply(&matrix, position), origin);
        self.primitives.push(Primitive::new(shape, &product(&matrix, &turn), center, size, color));
        let last = self.primitives.len() - 1;
        &mut self.primitives[last]
    }

    pub fn ellipsoid(&mut self, position: Vec3, size: Vec3, color: Vec3) -> &mut Primitive {
        self.turned(Shape::Ellipsoid, position, size, color, IDENTITY)
    }

    pub fn cuboid(&mut self, position: Vec3, size: Vec3, color: Vec3) -> &mut Primitive {
        self.turned(Shape::Box, position, size, color, IDENTITY)
    }

    pub fn cylinder(&mut self, position: Vec3, size: Vec3, color: Vec3) -> &mut Primitive {
        self.turned(Shape::Cylinder, position, size, color, IDENTITY)
    }

    pub fn cone(&mut self, position: Vec3, size: Vec3, color: Vec3) -> &mut Primitive {
        self.turned(Shape::Cone, position, size, color, IDENTITY)
    }

    /// A stretched ball from `a` to `b`.
    pub fn limb(&mut self, a: Vec3, b: Vec3, radius: f32, color: Vec3) {
        let axis = sub(b, a);
        let y = normalize(axis);
        let side = cross(y, [0.0, 0.0, 1.0]);
        let x = if length(side) < 1e-3 { [1.0, 0.0, 0.0] } else { normalize(side) };
        let size = [radius, length(axis) / 2.0 + radius * 0.6, radius];
        self.turned(Shape::Ellipsoid, scale(add(a, b), 0.5), size, color, from_columns(x, y, cross(x, y)));
    }
}

impl Primitive {
    pub fn specular(&mut self, specular: f32) -> &mut Self {
        self.specular = specular;
        self
    }

    pub fn paint(&mut self, paint: Paint) -> &mut Self {
        self.paint = paint;
        self
    }

    pub fn clip(&mut self, normal: Vec3, distance: f32) -> &mut Self {
        self.clip = Some((normal, distance));
        self
    }
}
