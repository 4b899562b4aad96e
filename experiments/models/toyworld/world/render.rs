//! One scene → one RGB8 picture: a z-buffer of analytic hits, then shading with hard shadows,
//! a highlight, a contact shadow, fog and 2×2 supersampling.

use crate::{
    environment::{Environment, lattice},
    paint,
    primitive::Primitive,
    shadow::Shadows,
    vec3::{Vec3, add, along, dot, length, mix, normalize, sub},
};

/// Samples along one side of a pixel.
const SUPERSAMPLING: usize = 2;
/// Nothing farther away gets a shadow test.
const SHADOW_DISTANCE: f32 = 14.0;

/// Where the picture is taken from.
#[derive(Clone, Copy, Debug)]
pub struct Camera {
    pub eye: Vec3,
    pub forward: Vec3,
    pub right: Vec3,
    pub up: Vec3,
    /// Tangent of half the field of view.
    pub tan_half: f32,
}

/// A picture waiting to be taken.
#[derive(Clone, Debug)]
pub struct Scene {
    pub primitives: Vec<Primitive>,
    pub environment: Environment,
    pub camera: Camera,
}

/// A primitive as the camera sees it: the eye and the axes of the picture in local coordinates, and the samples
/// `[x0, x1, y0, y1]` it can cover.
struct View<'a> {
    primitive: &'a Primitive,
    index: u32,
    eye: Vec3,
    forward: Vec3,
    right: Vec3,
    up: Vec3,
    window: [usize; 4],
}

/// The nearest surface along one sample's ray.
#[derive(Clone, Copy)]
struct Nearest {
    t: f32,
    /// Index into the views; `u32::MAX` for none.
    view: u32,
}

const NOTHING: Nearest = Nearest { t: f32::INFINITY, view: u32::MAX };

/// The grid of samples: how many, and the slope of a ray through each.
struct Film {
    width: usize,
    height: usize,
    step: f32,
}

impl Film {
    /// The field of view spans the shorter side.
    fn new(camera: &Camera, width: usize, height: usize) -> Self {
        let (width, height) = (width * SUPERSAMPLING, height * SUPERSAMPLING);
        Self { width, height, step: 2.0 * camera.tan_half / width.min(height) as f32 }
    }

    fn u(&self, x: usize) -> f32 {
        (x as f32 + 0.5 - 0.5 * self.width as f32) * self.step
    }

    fn v(&self, y: usize) -> f32 {
        (0.5 * self.height as f32 - y as f32 - 0.5) * self.step
    }
}

/// RGB8 pixels of a picture, rows from the top. A prototype in C drew the same pictures but for a few edge pixels:
/// in 512 pictures, 0.008 % of the pixels differ by more than 2 of 255.
pub fn render(scene: &Scene, width: usize, height: usize) -> Vec<u8> {
    let camera = &scene.camera;
    let film = Film::new(camera, width, height);
    let views: Vec<View> =
        scene.primitives.iter().enumerate().filter_map(|(i, p)| View::new(p, i as u32, camera, &film)).collect();
    let shadows = Shadows::new(&scene.primitives, scene.environment.sun);
    let mut nearest = vec![NOTHING; film.width];
    let mut sums = vec![[0.0f32; 3]; width];
    let mut pixels = Vec::with_capacity(width * height * 3);
    for row in 0..height {
        sums.fill([0.0; 3]);
        for y in row * SUPERSAMPLING..(row + 1) * SUPERSAMPLING {
            let v = film.v(y);
            nearest.fill(NOTHING);
            for (index, view) in views.iter().enumerate() {
                view.trace(index as u32, y, v, &film, &mut nearest);
            }
            let across = along(camera.forward, camera.up, v);
            for (x, hit) in nearest.iter().enumerate() {
                let u = film.u(x);
                let color = match views.get(hit.view as usize) {
                    Some(view) => {
                        let local = along(view.eye, along(along(view.forward, view.up, v), view.right, u), hit.t);
                        shade(scene, &shadows, along(across, camera.right, u), Some((view, hit.t, local)))
                    }
                    None => shade(scene, &shadows, along(across, camera.right, u), None),
                };
                sums[x / SUPERSAMPLING] = add(sums[x / SUPERSAMPLING], color);
            }
        }
        let mean = |sum: f32| sum / (SUPERSAMPLING * SUPERSAMPLING) as f32;
        pixels.extend(sums.iter().flatten().map(|sum| (mean(*sum).clamp(0.0, 1.0) * 255.0 + 0.5) as u8));
    }
    snow(&scene.environment, width, height, &mut pixels);
    pixels
}

impl<'a> View<'a> {
    fn new(primitive: &'a Primitive, index: u32, camera: &Camera, film: &Film) -> Option<Self> {
        let window = window(primitive, camera, film)?;
        let [forward, right, up] = [camera.forward, camera.right, camera.up].map(|d| primitive.localize_direction(d));
        Some(Self { primitive, index, eye: primitive.localize(camera.eye), forward, right, up, window })
    }

    /// Intersects one row of samples.
    fn trace(&self, index: u32, y: usize, v: f32, film: &Film, nearest: &mut [Nearest]) {
        let [x0, x1, y0, y1] = self.window;
        if y < y0 || y >= y1 {
            return;
        }
        let across = along(self.forward, self.up, v);
        for (x, slot) in (x0..).zip(&mut nearest[x0..x1]) {
            if let Some(t) = self.primitive.intersect(self.eye, along(across, self.right, film.u(x)))
                && t < slot.t
            {
                *slot = Nearest { t, view: index };
            }
        }
    }
}

/// Samples that the box around a primitive can cover; nothing when there are none.
fn window(primitive: &Primitive, camera: &Camera, film: &Film) -> Option<[usize; 4]> {
    let center = sub(primitive.center, camera.eye);
    let depth = |p: Vec3| dot(p, camera.forward);
    let reach: f32 = primitive.edges.iter().map(|edge| depth(*edge).abs()).sum();
    if depth(center) + reach < 0.0 {
        return None;
    }
    let (width, height) = (film.width as f32, film.height as f32);
    let (mut low, mut high) = ([0.0; 2], [width, height]);
    if depth(center) - reach > 0.05 {
        (low, high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for corner in 0..8u32 {
            let sign = |bit: u32| if (corner >> bit) & 1 == 1 { 1.0 } else { -1.0 };
            let p = (0..3).fold(center, |p, axis| along(p, primitive.edges[axis], sign(axis as u32)));
            let scale = 1.0 / (depth(p) * film.step);
            let at = [0.5 * width + dot(p, camera.right) * scale, 0.5 * height - dot(p, camera.up) * scale];
            low = [low[0].min(at[0]), low[1].min(at[1])];
            high = [high[0].max(at[0]), high[1].max(at[1])];
        }
    }
    let clamp = |value: f32, side: f32| value.clamp(0.0, side) as usize;
    let x = [clamp(low[0] - 1.0, width), clamp(high[0] + 2.0, width)];
    let y = [clamp(low[1] - 1.0, height), clamp(high[1] + 2.0, height)];
    (x[0] < x[1] && y[0] < y[1]).then_some([x[0], x[1], y[0], y[1]])
}

/// Where a primitive is in a square picture: `[x0, y0, x1, y1]` in fractions of its side, what hides it left aside.
pub fn extent(primitive: &Primitive, camera: &Camera) -> Option<[f32; 4]> {
    let film = Film::new(camera, 512, 512);
    let [x0, x1, y0, y1] = window(primitive, camera, &film)?;
    Some([x0, y0, x1, y1].map(|sample| sample as f32 / film.width as f32))
}

/// Linear colour along one ray `d`; `hit` is the nearest primitive, its distance and the local point.
fn shade(scene: &Scene, shadows: &Shadows, d: Vec3, hit: Option<(&View, f32, Vec3)>) -> Vec3 {
    let (environment, eye) = (&scene.environment, scene.camera.eye);
    let view = normalize(d);
    let ground = if d[1] < -1e-4 { -eye[1] / d[1] } else { f32::INFINITY };
    let surface = hit.filter(|(_, t, _)| *t <= ground);
    let (position, normal, color, specular, t, contact) = match surface {
        Some((View { primitive, .. }, t, local)) => {
            let color = paint::color_at(&primitive.paint, local, primitive.color);
            (along(eye, d, t), primitive.normal(local, d), color, primitive.specular, t, 1.0)
        }
        None if ground < 400.0 => {
            let p = along(eye, d, ground);
            let r = environment.contact_radius;
            let contact = 1.0 - 0.45 * fall_off((p[0] * p[0] + p[2] * p[2]) / (r * r));
            (p, [0.0, 1.0, 0.0], environment.ground_at(p[0], p[2], ground), 0.0, ground, contact)
        }
        None => return environment.sky_at(view),
    };
    let facing = dot(normal, environment.sun);
    let itself = surface.map(|(view, ..)| view.index as usize);
    let tested = facing > 0.0 && t < SHADOW_DISTANCE;
    let lit = if tested && shadows.at(along(position, normal, 2e-3), itself) { 0.15 } else { 1.0 };
    let half = sub(environment.sun, view);
    let gloss = dot(normal, half) / length(half).max(1e-5);
    let highlight = if specular > 0.0 && gloss > 0.0 { specular * gloss.powi(40) * lit } else { 0.0 };
    let ambient = (0.65 + 0.35 * normal[1]) * contact;
    let mut light = [0, 1, 2].map(|m| {
        color[m] * (environment.ambient[m] * ambient + environment.sun_color[m] * facing.max(0.0) * lit)
            + highlight * environment.sun_color[m]
    });
    if surface.is_none() {
        light = mix(light, environment.horizon, 1.0 - fall_off((t - 6.0).max(0.0) * 0.035));
    }
    light.map(|value| value.min(1.0))
}

/// `exp(−x)` for x ≥ 0, without the slow path of underflow.
fn fall_off(x: f32) -> f32 {
    if x == 0.0 {
        1.0
    } else if x > 40.0 {
        0.0
    } else {
        (-x).exp()
    }
}

/// White flakes over the finished picture.
fn snow(environment: &Environment, width: usize, height: usize, pixels: &mut [u8]) {
    for flake in 0..environment.flakes as i32 {
        let at = |which: i32| lattice(flake, which, environment.seed);
        let (x, y) = (at(1) * width as f32, at(2) * height as f32);
        let r = (0.4 + 0.9 * at(3)) * width.min(height) as f32 / 128.0;
        let range = |c: f32, side: usize| ((c - r - 1.0).max(0.0) as usize)..((c + r + 2.0).min(side as f32) as usize);
        for j in range(y, height) {
            for i in range(x, width) {
                let distance = (i as f32 + 0.5 - x).hypot(j as f32 + 0.5 - y);
                let cover = (r + 0.5 - distance).clamp(0.0, 1.0) * 0.9;
                for value in &mut pixels[(j * width + i) * 3..][..3] {
                    *value = (f32::from(*value) + (255.0 - f32::from(*value)) * cover) as u8;
                }
            }
        }
    }
}
