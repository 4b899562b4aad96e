//! Colours drawn on a primitive's surface: faces, windows, stripes, umbrella segments.

use crate::{
    primitive::{Face, Paint},
    vec3::{Vec3, mix},
};

const PUPIL: Vec3 = [0.05, 0.04, 0.05];
const GLASS: Vec3 = [0.06, 0.06, 0.08];

/// The colour at a local point of a surface whose own colour is `base`.
pub fn color_at(paint: &Paint, q: Vec3, base: Vec3) -> Vec3 {
    match paint {
        Paint::Plain => base,
        Paint::Face(face) if q[2] > 0.05 => face_at(face, q, base),
        Paint::Face(_) => base,
        Paint::Windows { across, rows, color } => {
            let side = if q[2].abs() > q[0].abs() { q[0] } else { q[2] };
            let (u, v) = (fraction(side * across), fraction(q[1] * rows));
            let inside = |x: f32| x > 0.25 && x < 0.75;
            if q[1].abs() < 0.97 && inside(u) && inside(v) { *color } else { base }
        }
        Paint::Stripes { bands, color } => {
            if fraction(q[1] * bands) > 0.5 {
                *color
            } else {
                base
            }
        }
        Paint::Segments { per_radian, color } => {
            if fraction(q[2].atan2(q[0]) * per_radian) > 0.5 {
                *color
            } else {
                base
            }
        }
    }
}

fn fraction(x: f32) -> f32 {
    x - x.floor()
}

fn face_at(face: &Face, q: Vec3, base: Vec3) -> Vec3 {
    let (x, y) = (q[0].abs(), q[1]);
    let mut color = base;
    if face.blush {
        let r = square((x - 0.52) / 0.2) + square((y + 0.32) / 0.14);
        if r < 1.0 {
            color = mix(color, [0.95, 0.45, 0.45], 0.6 * (1.0 - r));
        }
    }
    color = eyes(face, x, y, color);
    let dx = x - face.eye[0];
    let end = 1.0 - square(dx / face.brow_length);
    let above = y - face.brow_y - face.brow_tilt * dx;
    if end > 0.0 && (above + 0.25 * dx * dx).abs() < face.brow_thickness * end.sqrt() {
        color = face.brow_color;
    }
    mouth(face, q[0], y, color)
}

fn eyes(face: &Face, x: f32, y: f32, color: Vec3) -> Vec3 {
    let (dx, dy) = (x - face.eye[0], y - face.eye[1]);
    if face.sunglasses {
        let lens = square(dx / 0.27) + square(dy / 0.2) < 1.0;
        let bar = (dy - 0.05).abs() < if dx < 0.0 { 0.05 } else { 0.04 };
        return if lens || bar { GLASS } else { color };
    }
    let tall = if face.eye_style == 1 { 1.5 } else { 1.1 };
    let r = square(dx / face.eye_radius) + square(dy / (face.eye_radius * tall));
    match face.eye_style {
        2 if r < 0.35 => PUPIL,
        2 if r < 1.0 => [0.97; 3],
        0 | 1 if r < 1.0 => PUPIL,
        _ => color,
    }
}

fn mouth(face: &Face, x: f32, y: f32, color: Vec3) -> Vec3 {
    let end = 1.0 - square(x / face.mouth_width);
    if end <= 0.0 {
        return color;
    }
    let m = y - face.mouth_y;
    match face.mouth_style {
        0 if (m + 0.35 * face.mouth_width * end).abs() < 0.035 => [0.45, 0.1, 0.1],
        1 if m < 0.0 && m > -0.9 * face.mouth_width * end.sqrt() => [0.65, 0.12, 0.14],
        2 if m.abs() < 0.035 => [0.35, 0.1, 0.1],
        _ => color,
    }
}

fn square(x: f32) -> f32 {
    x * x
}
