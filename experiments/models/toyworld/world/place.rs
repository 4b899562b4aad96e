//! Where a picture is taken: ground, sky, light and scenery.

use crate::{
    builder::Builder,
    color::Color,
    environment::{Environment, Ground, Sky},
    figurine::umbrella,
    primitive::Paint,
    random::Random,
    vec3::{IDENTITY, Vec3, add, normalize},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Beach,
    Forest,
    City,
    Table,
    Snow,
    Night,
    Garden,
    Plain,
}

impl Place {
    pub const ALL: [Self; 8] =
        [Self::Beach, Self::Forest, Self::City, Self::Table, Self::Snow, Self::Night, Self::Garden, Self::Plain];

    /// The label, and the word for `--places`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Beach => "beach",
            Self::Forest => "forest",
            Self::City => "city",
            Self::Table => "table",
            Self::Snow => "snow",
            Self::Night => "night",
            Self::Garden => "garden",
            Self::Plain => "plain",
        }
    }

    /// How captions say it.
    pub fn phrases(self) -> &'static [&'static str] {
        match self {
            Self::Beach => &["on the beach"],
            Self::Forest => &["in the forest"],
            Self::City => &["in the city", "on the street"],
            Self::Table => &["on a table", "on a wooden table"],
            Self::Snow => &["in the snow"],
            Self::Night => &["at night"],
            Self::Garden => &["in the garden", "on the grass"],
            Self::Plain => &[],
        }
    }
}

fn jitter(r: &mut Random, color: Vec3, by: f32) -> Vec3 {
    color.map(|c| (c + r.range(-by, by)).clamp(0.0, 1.0))
}

/// Adds the scenery and returns the surroundings. `backdrop` colours a plain background.
pub fn build(
    b: &mut Builder,
    r: &mut Random,
    place: Place,
    backdrop: Option<Color>,
    contact_radius: f32,
) -> Environment {
    let mut e = Environment {
        sun: [0.45, 0.8, 0.45],
        sun_color: [0.62, 0.6, 0.55],
        ambient: [0.52, 0.52, 0.55],
        sky: Sky::Clear,
        horizon: [0.82, 0.92, 0.98],
        zenith: [0.35, 0.62, 0.92],
        ground: Ground::Blotchy,
        ground_color: [0.8; 3],
        ground_color2: [0.7; 3],
        behind: [0.5, 0.75, 0.95],
        flakes: 0,
        contact_radius,
        seed: r.below(30_000) as i32,
    };
    match place {
        Place::Beach => beach(b, r, &mut e),
        Place::Forest => forest(b, r, &mut e),
        Place::City => city(b, r, &mut e),
        Place::Table => table(r, &mut e),
        Place::Snow => snow(b, r, &mut e),
        Place::Night => night(b, r, &mut e),
        Place::Garden => garden(b, r, &mut e),
        Place::Plain => plain(r, &mut e, backdrop.unwrap_or(Color::Gray)),
    }
    e.sun = normalize(add(e.sun, [r.range(-0.5, 0.3), 0.0, r.range(-0.2, 0.4)]));
    let brightness = r.range(0.9, 1.08);
    e.sun_color = e.sun_color.map(|c| c * brightness);
    e.ambient = e.ambient.map(|c| c * brightness);
    e
}

fn beach(b: &mut Builder, r: &mut Random, e: &mut Environment) {
    e.ground_color = jitter(r, [0.93, 0.83, 0.6], 0.04);
    e.ground_color2 = jitter(r, [0.84, 0.72, 0.48], 0.04);
    e.behind = jitter(r, [0.12, 0.5, 0.72], 0.04);
    e.ground = Ground::Shore { edge: r.range(-2.2, -1.0) };
    e.sky = clouds(r, 0.7);
    if r.chance(0.5) {
        let (x, z) = (r.sign() * r.range(1.4, 2.2), r.range(-0.9, -0.2));
        b.cylinder([x, 0.9, z], [0.03, 0.9, 0.03], Color::White.rgb());
        let color = r.choose(&[Color::Red, Color::Blue, Color::Yellow, Color::Green]);
        umbrella(b, [x, 1.55, z], [0.9, 0.5, 0.9], color.rgb(), 0.2);
    }
}

fn forest(b: &mut Builder, r: &mut Random, e: &mut Environment) {
    e.ground_color = jitter(r, [0.2, 0.36, 0.14], 0.04);
    e.ground_color2 = jitter(r, [0.3, 0.26, 0.13], 0.04);
    e.horizon = [0.62, 0.78, 0.6];
    e.zenith = [0.45, 0.68, 0.6];
    e.sun_color = [0.5, 0.52, 0.42];
    e.ambient = [0.48, 0.52, 0.45];
    for i in 0..8 + r.below(4) {
        let (x, z) = (-3.6 + 7.2 * (i as f32 + r.unit()) / 10.0, r.range(-4.0, -1.6));
        let (conifer, height) = (r.chance(0.7), r.range(2.2, 3.8));
        let leaves = jitter(r, [0.1, 0.38, 0.14], 0.06);
        if conifer {
            fir(b, x, z, height, leaves);
        } else {
            b.cylinder([x, height * 0.3, z], [height * 0.07, height * 0.3, height * 0.07], [0.4, 0.26, 0.14])
                .specular(0.0);
            b.ellipsoid([x, height * 0.75, z], [height * 0.3; 3], leaves).specular(0.0);
        }
    }
}

fn fir(b: &mut Builder, x: f32, z: f32, height: f32, color: Vec3) {
    b.cylinder([x, height * 0.2, z], [height * 0.06, height * 0.2, height * 0.06], [0.36, 0.22, 0.12]).specular(0.0);
    b.cone([x, height * 0.62, z], [height * 0.27, height * 0.4, height * 0.27], color).specular(0.0);
}

fn city(b: &mut Builder, r: &mut Random, e: &mut Environment) {
    e.ground_color = jitter(r, [0.38, 0.38, 0.4], 0.04);
    e.ground_color2 = jitter(r, [0.46, 0.46, 0.48], 0.04);
    e.ground = Ground::Asphalt { lane: r.range(-1.6, -0.9) };
    e.horizon = [0.85, 0.88, 0.92];
    e.zenith = [0.55, 0.7, 0.88];
    let walls = [[0.6, 0.32, 0.25], [0.55, 0.55, 0.6], [0.7, 0.62, 0.5], [0.35, 0.42, 0.55], [0.75, 0.75, 0.72]];
    let mut x = -4.5;
    while x < 4.5 {
        let (width, height) = (r.range(0.45, 0.75), r.range(1.4, 3.6));
        let wall = r.choose(&walls);
        let glass = if r.chance(0.7) { [0.75, 0.85, 0.95] } else { [0.98, 0.9, 0.6] };
        let windows = Paint::Windows { across: 3.0, rows: (height * 2.2).round(), color: glass };
        let position = [x + width, height / 2.0, -3.6 + r.range(-0.4, 0.3)];
        b.cuboid(position, [width, height / 2.0, 0.5], jitter(r, wall, 0.04)).specular(0.0).paint(windows);
        x += 2.0 * width + r.range(0.05, 0.3);
    }
}

fn table(r: &mut Random, e: &mut Environment) {
    let walls = [[0.9, 0.86, 0.78], [0.75, 0.82, 0.85], [0.85, 0.75, 0.72], [0.8, 0.85, 0.75]];
    let wall = r.choose(&walls);
    let wall = jitter(r, wall, 0.04);
    e.ground_color = jitter(r, [0.66, 0.44, 0.25], 0.04);
    e.ground_color2 = jitter(r, [0.5, 0.31, 0.16], 0.04);
    e.ground = Ground::Planks { edge: r.range(-1.8, -1.1) };
    e.behind = wall;
    e.horizon = wall;
    e.zenith = wall.map(|c| 0.9 * c);
    e.sun_color = [0.5, 0.48, 0.42];
    e.ambient = [0.55, 0.54, 0.52];
}

fn snow(b: &mut Builder, r: &mut Random, e: &mut Environment) {
    e.ground_color = [0.93, 0.95, 0.98];
    e.ground_color2 = [0.85, 0.89, 0.96];
    e.horizon = [0.85, 0.9, 0.95];
    e.zenith = [0.65, 0.76, 0.88];
    e.sun_color = [0.42; 3];
    e.flakes = r.choose(&[12, 25, 40]);
    for _ in 0..2 + r.below(4) {
        let (x, z, height) = (r.range(-3.5, 3.5), r.range(-4.0, -2.0), r.range(1.8, 3.0));
        fir(b, x, z, height, [0.15, 0.35, 0.25]);
        b.cone([x, height * 0.82, z], [height * 0.14, height * 0.22, height * 0.14], [0.95, 0.97, 1.0]).specular(0.0);
    }
}

fn night(b: &mut Builder, r: &mut Random, e: &mut Environment) {
    e.ground_color = jitter(r, [0.2, 0.22, 0.34], 0.04);
    e.ground_color2 = jitter(r, [0.14, 0.15, 0.26], 0.04);
    e.horizon = [0.12, 0.13, 0.3];
    e.zenith = [0.02, 0.02, 0.1];
    e.sky = Sky::Stars { density: 0.12 };
    e.sun_color = [0.36, 0.38, 0.48];
    e.ambient = [0.34, 0.35, 0.45];
    if r.chance(0.6) {
        b.ellipsoid([r.range(-3.0, 3.0), r.range(3.2, 4.2), -8.0], [0.6; 3], [2.2, 2.2, 1.8]).specular(0.0);
    }
}

fn garden(b: &mut Builder, r: &mut Random, e: &mut Environment) {
    e.ground_color = jitter(r, [0.36, 0.66, 0.22], 0.04);
    e.ground_color2 = jitter(r, [0.28, 0.55, 0.18], 0.04);
    e.ground = Ground::Lawn;
    e.sky = clouds(r, 0.8);
    if r.chance(0.6) {
        let white = Color::White.rgb();
        for i in 0..12 {
            b.cuboid([-4.4 + i as f32 * 0.8, 0.35, -2.6], [0.28, 0.35, 0.04], white).specular(0.0);
        }
        b.turned(crate::primitive::Shape::Box, [0.0, 0.4, -2.66], [5.0, 0.06, 0.03], white, IDENTITY).specular(0.0);
    }
}

fn plain(r: &mut Random, e: &mut Environment, backdrop: Color) {
    let color = jitter(r, backdrop.rgb(), 0.02).map(|c| 0.25 + 0.7 * c);
    e.ground = Ground::Flat;
    e.ground_color = color;
    e.ground_color2 = color;
    e.horizon = color;
    e.zenith = color.map(|c| c * 0.93);
    e.sun = [0.3, 0.85, 0.5];
    e.sun_color = [0.5; 3];
    e.ambient = [0.6; 3];
}

fn clouds(r: &mut Random, strength: f32) -> Sky {
    if r.chance(0.5) { Sky::Clouds { strength } } else { Sky::Clear }
}
