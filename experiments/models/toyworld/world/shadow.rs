//! Hard shadows of a distant sun: which points it does not reach.

use crate::{
    primitive::Primitive,
    vec3::{Vec3, cross, dot, normalize},
};

/// Cells along one side of the grid.
const CELLS: usize = 48;
/// A cell's casters are the bits of a `u128`.
const MOST: usize = 128;

/// Casters sorted into a grid on a plane across the sun's rays, so that a point asks only those above its cell.
pub struct Shadows<'a> {
    casters: Vec<Caster<'a>>,
    sun: Vec3,
    /// Two axes across the sun's rays.
    axes: [Vec3; 2],
    low: [f32; 2],
    cells_per_unit: [f32; 2],
    cells: Vec<u128>,
}

struct Caster<'a> {
    primitive: &'a Primitive,
    /// The sun's direction in local coordinates.
    sun: Vec3,
    /// How far up the rays its far side is.
    top: f32,
}

impl<'a> Shadows<'a> {
    /// `sun` is a unit vector. A scene has at most 128 primitives, which a test checks: later ones would cast no
    /// shadow.
    pub fn new(primitives: &'a [Primitive], sun: Vec3) -> Self {
        let first = normalize(cross(sun, if sun[0].abs() < 0.9 { [1.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0] }));
        let axes = [first, cross(sun, first)];
        let primitives = &primitives[..primitives.len().min(MOST)];
        let casters: Vec<Caster> = primitives
            .iter()
            .map(|primitive| Caster {
                primitive,
                sun: primitive.localize_direction(sun),
                top: dot(primitive.center, sun) + reach(primitive, sun),
            })
            .collect();
        let spans = |axis: usize| {
            primitives.iter().map(move |p| (dot(p.center, axes[axis]), reach(p, axes[axis]))).collect::<Vec<_>>()
        };
        let spans = [spans(0), spans(1)];
        let low = [0, 1].map(|axis| spans[axis].iter().fold(f32::INFINITY, |low, (at, by)| low.min(at - by)));
        let high = [0, 1].map(|axis| spans[axis].iter().fold(f32::NEG_INFINITY, |high, (at, by)| high.max(at + by)));
        let cells_per_unit = [0, 1].map(|axis| CELLS as f32 / (high[axis] - low[axis]).max(1e-6));
        let mut cells = vec![0u128; CELLS * CELLS];
        for (index, (first, second)) in spans[0].iter().zip(&spans[1]).enumerate() {
            let range = |axis: usize| {
                let (at, by) = [first, second][axis];
                let cell = |x: f32| ((x - low[axis]) * cells_per_unit[axis]).clamp(0.0, CELLS as f32 - 1.0) as usize;
                cell(at - by - 1e-3)..=cell(at + by + 1e-3)
            };
            for j in range(1) {
                for i in range(0) {
                    cells[j * CELLS + i] |= 1 << index;
                }
            }
        }
        Self { casters, sun, axes, low, cells_per_unit, cells }
    }

    /// Is something, other than primitive number `itself`, between `origin` and the sun?
    pub fn at(&self, origin: Vec3, itself: Option<usize>) -> bool {
        let cell = |axis: usize| {
            let at = (dot(origin, self.axes[axis]) - self.low[axis]) * self.cells_per_unit[axis];
            (at >= 0.0 && at <= CELLS as f32).then(|| (at as usize).min(CELLS - 1))
        };
        let (Some(i), Some(j)) = (cell(0), cell(1)) else { return false };
        let mut left = self.cells[j * CELLS + i];
        if let Some(index) = itself.filter(|index| *index < MOST) {
            left &= !(1 << index);
        }
        let height = dot(origin, self.sun);
        while left != 0 {
            let caster = &self.casters[left.trailing_zeros() as usize];
            left &= left - 1;
            let hit = |p: &Primitive| p.intersect(p.localize(origin), caster.sun).is_some();
            if caster.top > height && hit(caster.primitive) {
                return true;
            }
        }
        false
    }
}

/// Half the extent of the box around a primitive along a unit direction.
fn reach(primitive: &Primitive, direction: Vec3) -> f32 {
    primitive.edges.iter().map(|edge| dot(*edge, direction).abs()).sum()
}
