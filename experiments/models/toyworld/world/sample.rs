//! Decides by chance what one picture shows, where, and from where it is seen.

use crate::{
    builder::Builder,
    caption::{self, Caption},
    color::Color,
    figurine,
    identity::Identity,
    motif::{Motif, Tags, labels},
    object::{self, Object},
    outfit::Outfit,
    place::{self, Place},
    primitive::Paint,
    random::Random,
    render::{self, Camera, Scene},
    vec3::{add, cross, normalize, rotate_y, scale, sub},
};

/// What may be asked of the world; `None` leaves it to chance.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Figurines only, of this identity.
    pub identity: Option<Identity>,
    /// Show figurines only, each in this many pictures in a row.
    pub per_person: Option<u64>,
    pub places: Vec<Place>,
    /// How often a figurine is shown rather than an object.
    pub figurine_rate: f32,
    pub headwear_rate: f32,
    pub held_rate: f32,
    /// The word before the noun; else a random word in 15 % of the captions.
    pub identifier: Option<String>,
}

/// One picture, not yet rendered.
#[derive(Clone, Debug)]
pub struct Sample {
    pub scene: Scene,
    pub caption: Caption,
    /// What the picture shows, for probes and tests.
    pub labels: Tags,
    /// Numbers of a figurine's build and face, see [`Identity::geometry`].
    pub geometry: Option<[f32; 13]>,
    /// Where a figurine's head is, see [`render::extent`].
    pub face: Option<[f32; 4]>,
    /// With [`Wish::per_person`]: which figurine it is.
    pub person: Option<u64>,
}

/// The sample of one seed and number; the same everywhere.
pub fn sample(wish: &Wish, seed: u64, item: u64) -> Sample {
    let r = &mut Random::new(seed, item);
    let place = r.choose(&wish.places);
    let backdrop = (place == Place::Plain)
        .then(|| r.choose(&[Color::White, Color::Gray, Color::Blue, Color::Pink, Color::Yellow, Color::Green]));
    let known = wish.identity.is_some();
    let person = wish.per_person.map(|pictures| item / pictures.max(1));
    let motif = if known || person.is_some() || r.chance(wish.figurine_rate) {
        let identity = match (&wish.identity, person) {
            (Some(identity), _) => identity.clone(),
            (None, Some(person)) => Identity::random(&mut Random::new(!seed, person)),
            (None, None) => Identity::random(r),
        };
        Motif::Figurine(Box::new((identity, Outfit::random(r, wish.headwear_rate, wish.held_rate))))
    } else {
        Motif::Object(r.choose(&Object::ALL), r.choose(&Color::ALL))
    };

    let mut b = Builder::new();
    // Figurines stand close to the middle and face us, so that a face is large enough for a small autoencoder.
    let (yaw, aside) = match motif {
        Motif::Figurine(_) => (0.2, 0.07),
        Motif::Object(Object::Car, _) => (1.2, 0.22),
        Motif::Object(..) => (0.65, 0.22),
    };
    let turn = rotate_y(r.range(-yaw, yaw));
    let shift = [r.range(-aside, aside), 0.0, r.range(-aside, aside)];
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
    let face = b.primitives.iter().find(|primitive| matches!(primitive.paint, Paint::Face(_)));
    let face = face.and_then(|head| render::extent(head, &camera));
    let scene = Scene { primitives: b.primitives, environment, camera };
    let geometry = match &motif {
        Motif::Figurine(parts) => Some(parts.0.geometry()),
        Motif::Object(..) => None,
    };
    Sample { scene, caption, labels: labels(&motif, place, backdrop), geometry, face, person }
}

fn camera(r: &mut Random, top: f32, figurine: bool) -> Camera {
    let target = [0.0, top * 0.5 + if figurine { 0.12 } else { 0.0 }, 0.0];
    let around = if figurine { 0.15 } else { 0.25 };
    let (yaw, pitch) = (r.range(-around, around), r.range(0.10, 0.34));
    let distance = if figurine { r.range(3.3, 3.9) } else { r.range(2.8, 4.2) };
    let offset = [yaw.sin() * pitch.cos(), pitch.sin(), yaw.cos() * pitch.cos()];
    let eye = add(target, scale(offset, distance));
    let forward = normalize(sub(target, eye));
    let right = normalize(cross(forward, [0.0, 1.0, 0.0]));
    Camera { eye, forward, right, up: cross(right, forward), tan_half: 0.30 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anything() -> Wish {
        Wish {
            identity: None,
            per_person: None,
            places: Place::ALL.to_vec(),
            figurine_rate: 0.62,
            headwear_rate: 0.35,
            held_rate: 0.38,
            identifier: None,
        }
    }

    #[test]
    fn what_a_caption_mentions_the_picture_shows() {
        for item in 0..5000 {
            let Sample { caption, labels, scene, .. } = sample(&anything(), 3, item);
            assert!(scene.primitives.len() <= 128, "shadows hold 128 casters");
            for (name, value) in &caption.mentions {
                assert_eq!(labels.get(name), Some(value), "{name} in `{}`", caption.text);
            }
            for name in ["kind", "color", "headwear", "headwear_color", "held", "held_color", "shirt", "pants", "skin"]
            {
                let word = caption.mentions.get(name);
                assert!(word.is_none_or(|word| caption.text.contains(word.as_str())), "{name} in `{}`", caption.text);
            }
            for word in [" hat", " cap ", "crown"] {
                assert!(!caption.text.contains(word) || caption.mentions.contains_key("headwear"), "{}", caption.text);
            }
        }
    }

    #[test]
    fn the_face_is_where_the_skin_is() {
        for item in 0..300 {
            let sample =
                sample(&Wish { figurine_rate: 1.0, headwear_rate: 0.0, held_rate: 0.0, ..anything() }, 4, item);
            let [x0, y0, x1, y1] = sample.face.expect("a figurine has a face");
            assert!(x0 < x1 && y0 < y1 && x0 >= 0.0 && y1 <= 1.0);
            assert!((0.12..0.8).contains(&(x1 - x0)) && y0 < 0.45, "{item}: {x0} {y0} {x1} {y1}");
            // Only the head's own ellipsoid: it fills the middle of its rectangle and no place outside it.
            let mut scene = sample.scene;
            scene.environment.sun = [0.0, 1.0, 0.0];
            scene.primitives.retain(|primitive| matches!(primitive.paint, Paint::Face(_)));
            let with = render::render(&scene, 64, 64);
            scene.primitives.clear();
            let without = render::render(&scene, 64, 64);
            for (i, (a, b)) in with.chunks(3).zip(without.chunks(3)).enumerate() {
                let (x, y) = ((i % 64) as f32 / 64.0, (i / 64) as f32 / 64.0);
                let inside = x >= x0 - 0.02 && x <= x1 && y >= y0 - 0.02 && y <= y1;
                // Its shadow falls on the ground below, as the sun stands right above.
                assert!(inside || a == b || y > y1, "{item}: pixel {x} {y} outside {x0} {y0} {x1} {y1}");
            }
        }
    }

    #[test]
    fn equal_seeds_give_equal_bytes_on_any_number_of_threads() {
        use rayon::prelude::*;
        let picture = |item: u64| {
            let sample = sample(&anything(), 9, item);
            (sample.caption.text, render::render(&sample.scene, 32, 32))
        };
        let one: Vec<_> = (0..24).map(picture).collect();
        for threads in [1, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
            assert_eq!(one, pool.install(|| (0..24).into_par_iter().map(picture).collect::<Vec<_>>()));
        }
        assert_ne!(one[0], (picture(100)));
    }

    #[test]
    fn pictures_of_one_person_share_the_face_but_not_the_outfit() {
        let wish = Wish { per_person: Some(4), ..anything() };
        let [a, b, other] = [0, 3, 4].map(|item| sample(&wish, 5, item));
        assert_eq!((a.geometry, a.person), (b.geometry, b.person));
        assert_ne!(a.geometry, other.geometry);
        assert_ne!(a.caption.text, b.caption.text);
    }
}
