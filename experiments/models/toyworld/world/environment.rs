//! Sky, ground, light: everything that is not a primitive.

use crate::vec3::{Vec3, mix};

/// The surface at y = 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ground {
    /// One colour.
    Flat,
    /// Two colours, blotchy.
    Blotchy,
    /// Sand up to `edge` (z), water behind.
    Shore { edge: f32 },
    /// Planks up to `edge`, a wall behind.
    Planks { edge: f32 },
    /// Asphalt with a dashed line at `lane`.
    Asphalt { lane: f32 },
    /// Grass with flowers.
    Lawn,
}

/// What is in the sky.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sky {
    Clear,
    Stars { density: f32 },
    Clouds { strength: f32 },
}

/// Light and surroundings of a scene.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Unit vector to the sun.
    pub sun: Vec3,
    pub sun_color: Vec3,
    pub ambient: Vec3,
    pub sky: Sky,
    pub horizon: Vec3,
    pub zenith: Vec3,
    pub ground: Ground,
    pub ground_color: Vec3,
    pub ground_color2: Vec3,
    /// Water or wall behind the edge.
    pub behind: Vec3,
    /// Snowflakes in the picture.
    pub flakes: u32,
    /// Radius of the contact shadow at the origin.
    pub contact_radius: f32,
    /// Seeds every texture.
    pub seed: i32,
}

/// A hash of a lattice point, 0 to 1.
pub fn lattice(x: i32, y: i32, seed: i32) -> f32 {
    let mut h = (x as u32)
        .wrapping_mul(374_761_393)
        .wrapping_add((y as u32).wrapping_mul(668_265_263))
        .wrapping_add((seed as u32).wrapping_mul(2_246_822_519));
    h = (h ^ (h >> 13)).wrapping_mul(1_274_126_177);
    ((h ^ (h >> 16)) & 0xff_ffff) as f32 / 16_777_216.0
}

/// Floor and what is above it. `f32::floor` is a call into the C library on the baseline x86-64.
fn split(x: f32) -> (i32, f32) {
    let toward_zero = x as i32;
    let floor = if toward_zero as f32 > x { toward_zero - 1 } else { toward_zero };
    (floor, x - floor as f32)
}

/// Smooth value noise, 0 to 1.
fn noise(x: f32, y: f32, seed: i32) -> f32 {
    let smooth = |f: f32| f * f * (3.0 - 2.0 * f);
    let ((xi, fx), (yi, fy)) = (split(x), split(y));
    let (fx, fy) = (smooth(fx), smooth(fy));
    let row = |y: i32| {
        let (a, b) = (lattice(xi, y, seed), lattice(xi + 1, y, seed));
        a + (b - a) * fx
    };
    let (a, b) = (row(yi), row(yi + 1));
    a + (b - a) * fy
}

impl Environment {
    /// Colour of the sky in a unit direction.
    pub fn sky_at(&self, d: Vec3) -> Vec3 {
        let color = mix(self.horizon, self.zenith, (d[1] * 2.2).clamp(0.0, 1.0));
        match self.sky {
            Sky::Stars { density } if d[1] > 0.0 => {
                let ((xi, fx), (yi, fy)) = (split(d[0] * 40.0), split(d[1] * 40.0));
                let (fx, fy) = (fx - 0.5, fy - 0.5);
                let star = lattice(xi, yi, self.seed) < density && fx * fx + fy * fy < 0.09;
                if star { [1.0; 3] } else { color }
            }
            Sky::Clouds { strength } if d[1] > 0.0 => {
                let n = noise(d[0] * 5.0 + self.seed as f32, d[1] * 12.0, 7);
                if n > 0.6 { mix(color, [1.0; 3], (n - 0.6) * 2.2 * strength) } else { color }
            }
            _ => color,
        }
    }

    /// Colour of the ground at `(x, z)`, `distance` away from the eye (far ground is smoother).
    pub fn ground_at(&self, x: f32, z: f32, distance: f32) -> Vec3 {
        let seed = self.seed;
        if self.ground == Ground::Flat {
            return self.ground_color;
        }
        if matches!(self.ground, Ground::Planks { edge } if z < edge) {
            return self.behind;
        }
        let rough = noise(x * 3.0, z * 3.0, seed) * 0.5 + noise(x * 9.0, z * 9.0, seed.wrapping_add(1)) * 0.5;
        let n = 0.5 + (rough - 0.5) / (1.0 + distance * 0.05);
        let blotchy = mix(self.ground_color, self.ground_color2, n);
        match self.ground {
            Ground::Flat => self.ground_color,
            Ground::Blotchy => blotchy,
            Ground::Shore { edge } => {
                let beyond = z - (edge + 0.25 * (x * 1.3 + seed as f32).sin());
                if beyond >= 0.0 {
                    blotchy
                } else if beyond > -0.28 {
                    mix(self.water(x, z), [1.0; 3], 0.85)
                } else {
                    self.water(x, z)
                }
            }
            Ground::Planks { .. } => {
                let (plank, across) = split(x * 1.6);
                let grain = 0.5 * lattice(plank, 3, seed) + 0.5 * noise(x * 14.0, z * 1.2, seed);
                let color = mix(self.ground_color, self.ground_color2, grain);
                if across < 0.05 { color.map(|c| c * 0.6) } else { color }
            }
            Ground::Asphalt { lane } => {
                let dash = (z - lane).abs() < 0.09 && split(x * 0.8 + seed as f32).1 < 0.6;
                if dash { mix(blotchy, [0.95, 0.95, 0.9], 0.9) } else { blotchy }
            }
            Ground::Lawn => self.flower_at(x, z).unwrap_or(blotchy),
        }
    }

    fn water(&self, x: f32, z: f32) -> Vec3 {
        let wave = 0.85 + 0.3 * noise(x * 2.0, z * 5.0, self.seed.wrapping_add(3));
        self.behind.map(|c| c * wave)
    }

    fn flower_at(&self, x: f32, z: f32) -> Option<Vec3> {
        let ((xi, fx), (zi, fz)) = (split(x * 2.5), split(z * 2.5));
        let (fx, fz) = (fx - 0.5, fz - 0.5);
        if lattice(xi, zi, self.seed) >= 0.16 || fx * fx + fz * fz >= 0.07 {
            return None;
        }
        Some(match lattice(xi, zi, self.seed.wrapping_add(9)) {
            k if k < 0.33 => [1.0, 0.9, 0.2],
            k if k < 0.66 => [1.0; 3],
            _ => [0.95, 0.4, 0.55],
        })
    }
}
