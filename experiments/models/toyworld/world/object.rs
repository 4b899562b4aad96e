//! The things that are not figurines.

use std::f32::consts::FRAC_PI_2;

use crate::{
    builder::Builder,
    color::Color,
    primitive::{Face, Paint, Shape},
    vec3::{Vec3, rotate_x},
};

/// What the picture shows besides figurines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    Cat,
    Duck,
    Robot,
    Snowman,
    Mug,
    Ball,
    Cube,
    Car,
}

impl Object {
    pub const ALL: [Self; 8] =
        [Self::Cat, Self::Duck, Self::Robot, Self::Snowman, Self::Mug, Self::Ball, Self::Cube, Self::Car];

    /// The word in captions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cat => "cat",
            Self::Duck => "duck",
            Self::Robot => "robot",
            Self::Snowman => "snowman",
            Self::Mug => "mug",
            Self::Ball => "ball",
            Self::Cube => "cube",
            Self::Car => "car",
        }
    }

    /// Height of its top.
    pub fn top(self) -> f32 {
        match self {
            Self::Cat => 1.2,
            Self::Duck => 1.1,
            Self::Robot | Self::Snowman => 1.6,
            Self::Mug | Self::Cube => 0.85,
            Self::Ball => 1.0,
            Self::Car => 0.75,
        }
    }
}

/// Two eyes, no brows, a mouth of the given width and height.
fn eyes(eye: [f32; 2], eye_radius: f32, eye_style: u8, mouth_width: f32, mouth_y: f32, mouth_style: u8) -> Paint {
    Paint::Face(Face {
        eye,
        eye_radius,
        eye_style,
        brow_y: 0.9,
        brow_length: 0.01,
        brow_thickness: 0.0,
        brow_tilt: 0.0,
        brow_color: [0.0; 3],
        mouth_width,
        mouth_y,
        mouth_style,
        blush: false,
        sunglasses: false,
    })
}

/// Draws it at the origin of the frame; `striped` concerns balls.
pub fn draw(b: &mut Builder, object: Object, color: Color, striped: bool) {
    let c = color.rgb();
    match object {
        Object::Cat => cat(b, c),
        Object::Duck => duck(b, c),
        Object::Robot => robot(b, c),
        Object::Snowman => snowman(b, c),
        Object::Mug => {
            b.cylinder([0.0, 0.4, 0.0], [0.38, 0.4, 0.38], c).specular(0.5);
            b.cylinder([0.0, 0.8, 0.0], [0.32, 0.005, 0.32], [0.25, 0.14, 0.07]);
            b.ellipsoid([0.43, 0.4, 0.0], [0.2, 0.24, 0.06], c).specular(0.5);
        }
        Object::Ball => {
            let ball = b.ellipsoid([0.0, 0.5, 0.0], [0.5; 3], c).specular(0.5);
            if striped {
                ball.paint(Paint::Stripes { bands: 1.5, color: [0.97; 3] });
            }
        }
        Object::Cube => {
            b.cuboid([0.0, 0.42, 0.0], [0.42; 3], c).specular(0.3);
        }
        Object::Car => {
            b.cuboid([0.0, 0.3, 0.0], [0.75, 0.18, 0.36], c).specular(0.6);
            let windows = Paint::Windows { across: 1.0, rows: 1.0, color: [0.75, 0.88, 0.95] };
            b.cuboid([-0.05, 0.58, 0.0], [0.42, 0.16, 0.32], c).specular(0.6).paint(windows);
            for (x, z) in [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)] {
                let (position, size) = ([x * 0.45, 0.17, z * 0.34], [0.17, 0.06, 0.17]);
                b.turned(Shape::Cylinder, position, size, Color::Black.rgb(), rotate_x(FRAC_PI_2));
            }
        }
    }
}

fn cat(b: &mut Builder, c: Vec3) {
    b.ellipsoid([0.0, 0.36, -0.1], [0.27, 0.3, 0.42], c);
    b.ellipsoid([0.0, 0.78, 0.25], [0.33, 0.28, 0.28], c).paint(eyes([0.38, 0.05], 0.11, 2, 0.1, -0.35, 0));
    for x in [-1.0, 1.0] {
        b.cone([x * 0.2, 1.08, 0.22], [0.1, 0.14, 0.07], c);
        b.ellipsoid([x * 0.15, 0.12, 0.2], [0.08, 0.15, 0.09], c);
        b.ellipsoid([x * 0.17, 0.12, -0.3], [0.08, 0.15, 0.09], c);
    }
    b.ellipsoid([0.0, 0.72, 0.53], [0.04, 0.03, 0.03], [0.95, 0.5, 0.55]);
    b.limb([0.0, 0.5, -0.45], [0.1, 0.95, -0.6], 0.06, c);
}

fn duck(b: &mut Builder, c: Vec3) {
    b.ellipsoid([0.0, 0.35, 0.0], [0.36, 0.3, 0.46], c);
    b.ellipsoid([0.0, 0.82, 0.22], [0.26; 3], c).paint(eyes([0.45, 0.15], 0.13, 0, 0.01, -0.9, 2));
    b.ellipsoid([0.0, 0.76, 0.52], [0.13, 0.045, 0.14], Color::Orange.rgb());
    b.turned(Shape::Ellipsoid, [0.0, 0.5, -0.45], [0.12, 0.16, 0.12], c, rotate_x(-0.5));
}

fn robot(b: &mut Builder, c: Vec3) {
    b.cuboid([0.0, 0.52, 0.0], [0.27, 0.26, 0.2], c).specular(0.6);
    b.cuboid([0.0, 1.08, 0.0], [0.25, 0.21, 0.21], c).specular(0.6);
    b.cylinder([0.0, 1.4, 0.0], [0.015, 0.12, 0.015], [0.6; 3]);
    b.ellipsoid([0.0, 1.53, 0.0], [0.05; 3], Color::Red.rgb());
    for x in [-1.0, 1.0] {
        b.ellipsoid([x * 0.11, 1.12, 0.2], [0.06, 0.06, 0.04], [0.98, 0.95, 0.6]);
        b.cylinder([x * 0.14, 0.14, 0.0], [0.08, 0.14, 0.1], [0.35, 0.35, 0.38]);
        b.limb([x * 0.3, 0.7, 0.0], [x * 0.42, 0.38, 0.1], 0.06, [0.55, 0.55, 0.58]);
    }
    b.cuboid([0.0, 1.0, 0.21], [0.12, 0.025, 0.01], [0.1; 3]);
    b.cuboid([0.0, 0.55, 0.2], [0.13, 0.1, 0.01], [0.2, 0.22, 0.28]);
}

fn snowman(b: &mut Builder, c: Vec3) {
    let white = Color::White.rgb();
    b.ellipsoid([0.0, 0.38, 0.0], [0.42, 0.4, 0.42], white);
    b.ellipsoid([0.0, 0.92, 0.0], [0.31, 0.29, 0.31], white);
    b.ellipsoid([0.0, 1.35, 0.0], [0.23, 0.22, 0.23], white).paint(eyes([0.35, 0.2], 0.14, 0, 0.25, -0.4, 0));
    b.turned(Shape::Cone, [0.0, 1.34, 0.33], [0.05, 0.14, 0.05], Color::Orange.rgb(), rotate_x(FRAC_PI_2));
    b.ellipsoid([0.0, 1.13, 0.0], [0.25, 0.07, 0.25], c);
    for i in 0..3 {
        b.ellipsoid([0.0, 0.75 + i as f32 * 0.14, 0.3], [0.035, 0.035, 0.03], Color::Black.rgb());
    }
}
