//! One scene → one RGB8 picture: a z-buffer of analytic hits, then shading with hard shadows,
//! a highlight, a contact shadow, fog and 2×2 supersampling.

use crate::{
    environment::{Environment, lattice},
    paint,
    primitive::{Hit, Primitive},
    vec3::{Vec3, add, along, dot, length, mix, normalize, scale, sub},
};

/// Samples a pixel side.
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

/// RGB8 pixels of a square picture, rows from the top.
pub fn render(scene: &Scene, side: usize) -> Vec<u8> {
    let samples = side * SUPERSAMPLING;
    let hits = visible(scene, samples);
    let mut pixels = vec![0u8; side * side * 3];
    for row in 0..side {
        for column in 0..side {
            let mut sum = [0.0; 3];
            for j in 0..SUPERSAMPLING {
                for i in 0..SUPERSAMPLING {
                    let (x, y) = (column * SUPERSAMPLING + i, row * SUPERSAMPLING + j);
                    sum = add(sum, shade(scene, direction(&scene.camera, x, y, samples), hits[y * samples + x]));
                }
            }
            let mean = scale(sum, 1.0 / (SUPERSAMPLING * SUPERSAMPLING) as f32);
            let at = (row * side + column) * 3;
            for (channel, value) in mean.into_iter().enumerate() {
                pixels[at + channel] = (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
            }
        }
    }
    snow(&scene.environment, side, &mut pixels);
    pixels
}

fn direction(camera: &Camera, x: usize, y: usize, samples: usize) -> Vec3 {
    let u = ((x as f32 + 0.5) / samples as f32 * 2.0 - 1.0) * camera.tan_half;
    let v = (1.0 - (y as f32 + 0.5) / samples as f32 * 2.0) * camera.tan_half;
    along(along(camera.forward, camera.right, u), camera.up, v)
}

/// The nearest primitive and hit of every sample.
fn visible(scene: &Scene, samples: usize) -> Vec<Option<(usize, Hit)>> {
    let camera = &scene.camera;
    let mut hits: Vec<Option<(usize, Hit)>> = vec![None; samples * samples];
    for (index, primitive) in scene.primitives.iter().enumerate() {
        let Some([x0, x1, y0, y1]) = screen_rectangle(primitive, camera, samples) else { continue };
        for y in y0..y1 {
            for x in x0..x1 {
                if let Some(hit) = primitive.intersect(camera.eye, direction(camera, x, y, samples)) {
                    let slot = &mut hits[y * samples + x];
                    if slot.is_none_or(|(_, nearest)| hit.t < nearest.t) {
                        *slot = Some((index, hit));
                    }
                }
            }
        }
    }
    hits
}

/// Samples that the bounding sphere can cover, or nothing when it is behind the eye.
fn screen_rectangle(primitive: &Primitive, camera: &Camera, samples: usize) -> Option<[usize; 4]> {
    let offset = sub(primitive.center, camera.eye);
    let (z, x, y) = (dot(offset, camera.forward), dot(offset, camera.right), dot(offset, camera.up));
    let r = primitive.radius;
    if z < -r {
        return None;
    }
    if z <= r * 1.05 {
        return Some([0, samples, 0, samples]);
    }
    let (near, far) = (z - r, z + r);
    let low = |c: f32| ((c - r) / near).min((c - r) / far) / camera.tan_half;
    let high = |c: f32| ((c + r) / near).max((c + r) / far) / camera.tan_half;
    let side = samples as f32;
    let clamp = |value: f32| value.clamp(0.0, side) as usize;
    Some([
        clamp((low(x) * 0.5 + 0.5) * side - 1.0),
        clamp((high(x) * 0.5 + 0.5) * side + 2.0),
        clamp((0.5 - high(y) * 0.5) * side - 1.0),
        clamp((0.5 - low(y) * 0.5) * side + 2.0),
    ])
}

/// Linear colour of one sample.
fn shade(scene: &Scene, d: Vec3, hit: Option<(usize, Hit)>) -> Vec3 {
    let (environment, eye) = (&scene.environment, scene.camera.eye);
    let view = normalize(d);
    let ground = if d[1] < -1e-4 { -eye[1] / d[1] } else { f32::INFINITY };
    let surface = hit.filter(|(_, hit)| hit.t <= ground);
    let (position, normal, color, specular, t, contact) = match surface {
        Some((index, hit)) => {
            let primitive = &scene.primitives[index];
            let color = paint::color_at(&primitive.paint, hit.local, primitive.color);
            (along(eye, d, hit.t), primitive.normal(hit.local, d), color, primitive.specular, hit.t, 1.0)
        }
        None if ground < 400.0 => {
            let p = along(eye, d, ground);
            let r = environment.contact_radius;
            let contact = 1.0 - 0.45 * (-(p[0] * p[0] + p[2] * p[2]) / (r * r)).exp();
            (p, [0.0, 1.0, 0.0], environment.ground_at(p[0], p[2], ground), 0.0, ground, contact)
        }
        None => return environment.sky_at(view),
    };
    let facing = dot(normal, environment.sun);
    let itself = surface.map(|(index, _)| index);
    let lit = if facing > 0.0 && t < SHADOW_DISTANCE {
        let origin = along(position, normal, 2e-3);
        let shaded = scene
            .primitives
            .iter()
            .enumerate()
            .any(|(index, other)| Some(index) != itself && other.shades(origin, environment.sun));
        if shaded { 0.15 } else { 1.0 }
    } else {
        1.0
    };
    let half = sub(environment.sun, view);
    let gloss = dot(normal, half) / length(half).max(1e-5);
    let highlight = if specular > 0.0 && gloss > 0.0 { specular * gloss.powi(40) * lit } else { 0.0 };
    let ambient = (0.65 + 0.35 * normal[1]) * contact;
    let mut light = [0, 1, 2].map(|m| {
        color[m] * (environment.ambient[m] * ambient + environment.sun_color[m] * facing.max(0.0) * lit)
            + highlight * environment.sun_color[m]
    });
    if surface.is_none() {
        light = mix(light, environment.horizon, 1.0 - (-(t - 6.0).max(0.0) * 0.035).exp());
    }
    light.map(|value| value.min(1.0))
}

/// White flakes over the finished picture.
fn snow(environment: &Environment, side: usize, pixels: &mut [u8]) {
    for flake in 0..environment.flakes as i32 {
        let at = |which: i32| lattice(flake, which, environment.seed);
        let (x, y) = (at(1) * side as f32, at(2) * side as f32);
        let r = (0.4 + 0.9 * at(3)) * side as f32 / 128.0;
        let range = |c: f32| ((c - r - 1.0).max(0.0) as usize)..((c + r + 2.0).min(side as f32) as usize);
        for j in range(y) {
            for i in range(x) {
                let distance = (i as f32 + 0.5 - x).hypot(j as f32 + 0.5 - y);
                let cover = (r + 0.5 - distance).clamp(0.0, 1.0) * 0.9;
                for value in &mut pixels[(j * side + i) * 3..][..3] {
                    *value = (f32::from(*value) + (255.0 - f32::from(*value)) * cover) as u8;
                }
            }
        }
    }
}
