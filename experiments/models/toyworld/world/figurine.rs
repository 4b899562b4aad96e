//! Draws a figurine: legs, body, arms, head with hair and face, headwear, things to wear and hold.

use std::f32::consts::PI;

use crate::{
    builder::Builder,
    color::Color,
    identity::{Hair, Identity, SKINS},
    outfit::{Headwear, Held, Outfit, Pose},
    primitive::{Face, Paint},
    vec3::{Vec3, add, along, product, rotate_x, rotate_y, rotate_z, scale, sub},
};

const WHITE: Vec3 = [1.0; 3];
const GOLD: Vec3 = [0.98, 0.78, 0.1];

/// Draws it at the origin of the frame and returns the height of its top.
pub fn draw(b: &mut Builder, who: &Identity, outfit: &Outfit) -> f32 {
    let skin = SKINS[who.skin].1;
    let (stout, tall) = (who.stout, who.tall);
    let hips = if outfit.pose == Pose::Sit { 0.13 } else { 0.30 * tall };
    let shoulders = hips + 0.44 * tall;
    legs(b, who, outfit, hips);

    let middle = [0.0, (hips + shoulders) / 2.0 + 0.02, 0.0];
    let body = b.ellipsoid(middle, [0.24 * stout, 0.22 * tall + 0.07, 0.19 * stout], outfit.shirt.rgb());
    if let Some(stripe) = outfit.stripes {
        body.paint(Paint::Stripes { bands: 3.0, color: stripe.rgb() });
    }
    b.cylinder([0.0, hips + 0.06, 0.0], [0.205 * stout, 0.075, 0.165 * stout], outfit.pants.rgb());

    let mut hands = [[0.0; 3]; 2];
    for (side, (raised, forward)) in outfit.arms.into_iter().enumerate() {
        let x = if side == 0 { -1.0 } else { 1.0 };
        let reach = [x * raised.sin() * forward.cos(), -raised.cos(), raised.sin() * forward.sin()];
        let shoulder = [x * 0.19 * stout, shoulders - 0.07, 0.0];
        let hand = along(shoulder, reach, 0.34 * tall);
        let at = |t: f32| along(shoulder, sub(hand, shoulder), t);
        b.limb(shoulder, at(0.75), 0.075 * stout, outfit.shirt.rgb());
        b.limb(at(0.7), hand, 0.06 * stout, skin);
        b.ellipsoid(hand, [0.075; 3], skin);
        hands[side] = hand;
    }

    let head = shoulders + who.head_height * 0.86;
    let turn = product(&rotate_y(outfit.head_yaw), &rotate_z(outfit.head_tilt));
    b.within(turn, [0.0, head, 0.0], |b| draw_head(b, who, outfit, skin));

    if let Some(scarf) = outfit.scarf {
        b.ellipsoid([0.0, shoulders, 0.0], [0.26 * stout, 0.085, 0.22 * stout], scarf.rgb());
        b.limb([0.1, shoulders - 0.02, 0.17], [0.13, shoulders - 0.25, 0.21], 0.055, scarf.rgb());
    }
    if let Some(cape) = outfit.cape {
        let (position, size) = ([0.0, hips + 0.12, -0.2 * stout], [0.3 * stout, 0.36 * tall, 0.03]);
        b.turned(crate::primitive::Shape::Box, position, size, cape.rgb(), rotate_x(0.2));
    }
    if let Some((held, color)) = outfit.held {
        b.within(crate::vec3::IDENTITY, add(hands[1], [0.02, 0.0, 0.06]), |b| draw_held(b, held, color));
    }
    head + who.head_height
}

fn legs(b: &mut Builder, who: &Identity, outfit: &Outfit, hips: f32) {
    let (pants, shoe) = (outfit.pants.rgb(), outfit.shoes.rgb());
    let spread = 0.10 * who.stout;
    for x in [-1.0, 1.0] {
        if outfit.pose == Pose::Sit {
            b.limb([x * spread * 1.2, 0.13, 0.05], [x * spread * 1.9, 0.1, 0.36], 0.095 * who.stout, pants);
            b.ellipsoid([x * spread * 2.0, 0.11, 0.44], [0.09, 0.11, 0.09], shoe);
        } else {
            let step = x * outfit.step * 0.16;
            b.limb([x * spread, hips + 0.08, 0.0], [x * spread * 1.3, 0.08, step], 0.10 * who.stout, pants);
            b.ellipsoid([x * spread * 1.35, 0.055, step + 0.05], [0.095, 0.06, 0.15], shoe);
        }
    }
}

fn draw_head(b: &mut Builder, who: &Identity, outfit: &Outfit, skin: Vec3) {
    let (w, h, d) = (who.head_width, who.head_height, who.head_width * 0.9);
    let hair = who.hair_color.rgb();
    let face = Face {
        eye: who.eye,
        eye_radius: who.eye_radius,
        eye_style: who.eye_style,
        brow_y: who.brow_y,
        brow_length: who.brow_length,
        brow_thickness: who.brow_thickness,
        brow_tilt: who.brow_tilt,
        brow_color: if who.hair == Hair::Bald { [0.2, 0.13, 0.08] } else { hair },
        mouth_width: who.mouth_width,
        mouth_y: -0.38,
        mouth_style: who.mouth_style,
        blush: who.blush,
        sunglasses: outfit.sunglasses,
    };
    b.ellipsoid([0.0; 3], [w, h, d], skin).paint(Paint::Face(face));
    if who.nose {
        b.ellipsoid([0.0, -0.12 * h, d * 0.99], [0.045, 0.04, 0.05], scale(skin, 0.93));
    }
    if who.ears {
        for x in [-1.0, 1.0] {
            b.ellipsoid([x * w * 0.98, -0.03, 0.0], [0.06, 0.1, 0.07], skin);
        }
    }
    draw_hair(b, who.hair, hair, [w, h, d], outfit.headwear.is_some());
    if let Some((headwear, color)) = outfit.headwear {
        draw_headwear(b, headwear, color, [w, h, d]);
    }
}

fn draw_hair(b: &mut Builder, style: Hair, color: Vec3, [w, h, d]: Vec3, covered: bool) {
    let cap = match style {
        Hair::Bald | Hair::Mohawk => None,
        Hair::Cap => Some(0.38),
        Hair::Bob => Some(0.20),
        Hair::Spiky => Some(0.33),
        Hair::Bun | Hair::Pigtails => Some(0.3),
    };
    if let Some(from) = cap {
        b.ellipsoid([0.0; 3], [w * 1.05, h * 1.05, d * 1.05], color).clip([0.0, 0.88, -0.47], from);
    }
    let fan = |i: usize, middle: f32| (i as f32 - middle) * 0.42;
    match style {
        Hair::Bob => {
            b.ellipsoid([0.0, -0.06, -0.1], [w * 1.13, h * 1.1, d * 0.95], color).clip([0.0, 0.1, -1.0], 0.12);
        }
        Hair::Pigtails => {
            for x in [-1.0, 1.0] {
                b.ellipsoid([x * w * 1.15, -0.02, -0.05], [0.13, 0.22, 0.13], color);
            }
        }
        Hair::Spiky if !covered => {
            for a in (0..5).map(|i| fan(i, 2.0)) {
                let (position, size) = ([a.sin() * w * 0.95, a.cos() * h * 0.98, -0.03], [0.13, 0.17, 0.13]);
                b.turned(crate::primitive::Shape::Cone, position, size, color, rotate_z(-a));
            }
        }
        Hair::Bun if !covered => {
            b.ellipsoid([0.0, h * 1.15, -0.08], [0.17, 0.16, 0.17], color);
        }
        Hair::Mohawk if !covered => {
            for a in (0..5).map(|i| fan(i, 1.2)) {
                let (position, size) = ([0.0, a.cos() * h * 1.02, -a.sin() * d * 1.02], [0.06, 0.15, 0.13]);
                b.turned(crate::primitive::Shape::Ellipsoid, position, size, color, rotate_x(-a));
            }
        }
        _ => {}
    }
}

fn draw_headwear(b: &mut Builder, headwear: Headwear, color: Color, [w, h, d]: Vec3) {
    let c = color.rgb();
    match headwear {
        Headwear::Hat => {
            let band = if color == Color::Black { Color::Red } else { Color::Black };
            b.cylinder([0.0, h * 0.62, 0.0], [w * 1.35, 0.03, d * 1.35], c);
            b.cylinder([0.0, h * 0.62 + 0.17, 0.0], [w * 0.82, 0.17, d * 0.82], c);
            b.cylinder([0.0, h * 0.62 + 0.06, 0.0], [w * 0.84, 0.04, d * 0.84], band.rgb());
        }
        Headwear::PartyHat => {
            b.cone([0.0, h * 0.8 + 0.26, 0.0], [0.27, 0.3, 0.27], c).paint(Paint::Stripes { bands: 2.5, color: WHITE });
            b.ellipsoid([0.0, h * 0.8 + 0.56, 0.0], [0.07; 3], Color::White.rgb());
        }
        Headwear::Crown => {
            b.cylinder([0.0, h * 0.82 + 0.06, 0.0], [w * 0.66, 0.1, d * 0.66], GOLD).specular(0.6);
            for a in (0..6).map(|i| i as f32 * PI / 3.0) {
                let position = [a.cos() * w * 0.58, h * 0.82 + 0.22, a.sin() * d * 0.58];
                b.cone(position, [0.09, 0.12, 0.09], GOLD).specular(0.6);
            }
        }
        Headwear::Cap => {
            b.ellipsoid([0.0, 0.02, 0.0], [w * 1.1, h * 1.12, d * 1.1], c).clip([0.0, 1.0, 0.0], 0.42);
            b.ellipsoid([0.0, h * 0.5, d * 0.95], [w * 0.62, 0.035, 0.28], c);
        }
    }
}

fn draw_held(b: &mut Builder, held: Held, color: Color) {
    let c = color.rgb();
    match held {
        Held::Cup => {
            b.cylinder([0.0, 0.05, 0.04], [0.11, 0.13, 0.11], c).specular(0.4);
            b.cylinder([0.0, 0.175, 0.04], [0.085, 0.01, 0.085], [0.25, 0.14, 0.07]);
            b.ellipsoid([0.14, 0.05, 0.04], [0.06, 0.075, 0.025], c);
        }
        Held::Balloon => {
            b.cylinder([0.0, 0.38, 0.0], [0.012, 0.4, 0.012], Color::White.rgb());
            b.ellipsoid([0.0, 0.98, 0.0], [0.23, 0.28, 0.23], c).specular(0.6);
        }
        Held::Flower => {
            b.cylinder([0.0, 0.16, 0.03], [0.018, 0.24, 0.018], [0.15, 0.5, 0.15]);
            for a in (0..5).map(|i| i as f32 * PI * 0.4) {
                b.ellipsoid([a.cos() * 0.1, 0.43 + a.sin() * 0.1, 0.04], [0.075, 0.075, 0.03], c);
            }
            let heart = if color == Color::Yellow { [0.5, 0.3, 0.1] } else { [0.98, 0.8, 0.1] };
            b.ellipsoid([0.0, 0.43, 0.06], [0.06, 0.06, 0.04], heart);
        }
        Held::Flag => {
            b.cylinder([0.0, 0.35, 0.0], [0.02, 0.6, 0.02], [0.6; 3]);
            b.cuboid([0.24, 0.78, 0.0], [0.23, 0.15, 0.012], c);
        }
        Held::Umbrella => {
            b.cylinder([0.0, 0.45, 0.0], [0.02, 0.6, 0.02], [0.5, 0.35, 0.2]);
            umbrella(b, [0.0, 0.85, 0.0], [0.6, 0.35, 0.6], c, 0.25);
        }
        Held::Ball => {
            b.ellipsoid([0.0, 0.06, 0.1], [0.17; 3], c).paint(Paint::Stripes { bands: 1.5, color: [0.97; 3] });
        }
        Held::Sword => {
            b.cuboid([0.0, 0.4, 0.0], [0.035, 0.38, 0.012], [0.75, 0.78, 0.82]).specular(0.8);
            b.cuboid([0.0, 0.05, 0.0], [0.12, 0.03, 0.03], [0.6, 0.45, 0.1]);
        }
    }
}

/// A segmented canopy.
pub fn umbrella(b: &mut Builder, position: Vec3, size: Vec3, color: Vec3, from: f32) {
    b.ellipsoid(position, size, color)
        .clip([0.0, 1.0, 0.0], from)
        .paint(Paint::Segments { per_radian: 1.27, color: WHITE });
}
