//! Draws one picture's worth of chance: what, where, how, seen from where. And its labels.

use serde::Serialize;

use crate::{
    builder::Builder,
    caption,
    color::Color,
    figurine,
    identity::Identity,
    object::{self, Object},
    outfit::Outfit,
    place::{self, Place},
    random::Random,
    render::{Camera, Scene},
    vec3::{add, cross, normalize, rotate_y, scale, sub},
};

/// What may be asked of the world; `None` leaves it to chance.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Figurines only, of this identity.
    pub identity: Option<Identity>,
    pub places: Vec<Place>,
    /// How often a figurine is shown rather than an object.
    pub figurine_rate: f32,
    pub headwear_rate: f32,
    pub held_rate: f32,
    /// The word before the noun; else a random word in 15 % of the captions.
    pub identifier: Option<String>,
}

/// What the picture shows, for probes.
#[derive(Clone, Debug, Serialize)]
pub struct Labels {
    pub kind: &'static str,
    pub place: &'static str,
    pub color: Option<&'static str>,
    pub headwear: Option<&'static str>,
    pub headwear_color: Option<&'static str>,
    pub held: Option<&'static str>,
    pub held_color: Option<&'static str>,
    pub shirt: Option<&'static str>,
    pub hair: Option<String>,
    pub hair_color: Option<&'static str>,
    pub pose: Option<String>,
}

/// What is in the middle of the picture.
#[derive(Clone, Debug)]
pub enum Motif {
    Figurine(Box<(Identity, Outfit)>),
    Object(Object, Color),
}

/// One picture, not yet rendered.
#[derive(Clone, Debug)]
pub struct Sample {
    pub scene: Scene,
    pub caption: String,
    pub labels: Labels,
}

/// The sample of one seed and number; the same everywhere.
pub fn sample(wish: &Wish, seed: u64, item: u64) -> Sample {
    let r = &mut Random::new(seed, item);
    let place = r.choose(&wish.places);
    let backdrop = (place == Place::Plain)
        .then(|| r.choose(&[Color::White, Color::Gray, Color::Blue, Color::Pink, Color::Yellow, Color::Green]));
    let known = wish.identity.is_some();
    let motif = if known || r.chance(wish.figurine_rate) {
        let identity = wish.identity.clone().unwrap_or_else(|| Identity::random(r));
        Motif::Figurine(Box::new((identity, Outfit::random(r, wish.headwear_rate, wish.held_rate))))
    } else {
        Motif::Object(r.choose(&Object::ALL), r.choose(&Color::ALL))
    };

    let mut b = Builder::new();
    let yaw = if matches!(motif, Motif::Object(Object::Car, _)) { 1.2 } else { 0.65 };
    let turn = rotate_y(r.range(-yaw, yaw));
    let shift = [r.range(-0.22, 0.22), 0.0, r.range(-0.2, 0.2)];
    let striped = r.chance(0.5);
    let top = b.within(turn, shift, |b| match &motif {
        Motif::Figurine(parts) => figurine::draw(b, &parts.0, &parts.1),
        Motif::Object(object, color) => {
            object::draw(b, *object, *color, striped);
            object.top()
        }
    });
    let caption = caption::write(r, &motif, place, backdrop, known, wish.identifier.as_deref());
    let is_figurine = matches!(motif, Motif::Figurine(_));
    let environment = place::build(&mut b, r, place, backdrop, if is_figurine { 0.4 } else { 0.6 });
    let camera = camera(r, top, is_figurine);
    let scene = Scene { primitives: b.primitives, environment, camera };
    Sample { scene, caption, labels: labels(&motif, place) }
}

fn camera(r: &mut Random, top: f32, figurine: bool) -> Camera {
    let target = [0.0, top * 0.5 + if figurine { 0.12 } else { 0.0 }, 0.0];
    let (yaw, pitch) = (r.range(-0.25, 0.25), r.range(0.10, 0.34));
    let distance = if figurine { r.range(3.5, 4.9) } else { r.range(2.8, 4.2) };
    let offset = [yaw.sin() * pitch.cos(), pitch.sin(), yaw.cos() * pitch.cos()];
    let eye = add(target, scale(offset, distance));
    let forward = normalize(sub(target, eye));
    let right = normalize(cross(forward, [0.0, 1.0, 0.0]));
    Camera { eye, forward, right, up: cross(right, forward), tan_half: 0.30 }
}

fn labels(motif: &Motif, place: Place) -> Labels {
    let none = Labels {
        kind: "figurine",
        place: place.name(),
        color: None,
        headwear: None,
        headwear_color: None,
        held: None,
        held_color: None,
        shirt: None,
        hair: None,
        hair_color: None,
        pose: None,
    };
    match motif {
        Motif::Object(object, color) => Labels { kind: object.name(), color: Some(color.name()), ..none },
        Motif::Figurine(parts) => {
            let (who, outfit) = &**parts;
            Labels {
                headwear: outfit.headwear.map(|(headwear, _)| headwear.name()),
                headwear_color: outfit.headwear.map(|(_, color)| color.name()),
                held: outfit.held.map(|(held, _)| held.name()),
                held_color: outfit.held.map(|(_, color)| color.name()),
                shirt: Some(outfit.shirt.name()),
                hair: Some(format!("{:?}", who.hair).to_lowercase()),
                hair_color: Some(who.hair_color.name()),
                pose: Some(format!("{:?}", outfit.pose).to_lowercase()),
                ..none
            }
        }
    }
}
