//! What stands in the middle of a picture, and the labels that name everything the picture shows.

use std::collections::BTreeMap;

use crate::{
    color::Color,
    identity::{Hair, Identity, SKINS},
    object::Object,
    outfit::{Headwear, Held, Outfit},
    place::Place,
};

/// Attribute → value, only of attributes that are there.
pub type Tags = BTreeMap<&'static str, String>;

/// What is in the middle of the picture.
#[derive(Clone, Debug)]
pub enum Motif {
    Figurine(Box<(Identity, Outfit)>),
    Object(Object, Color),
}

/// The labels of a picture: every attribute that it shows, with its value.
pub fn labels(motif: &Motif, place: Place, backdrop: Option<Color>) -> Tags {
    let mut tags = Tags::new();
    let mut tag = |name, value: Option<&str>| {
        if let Some(value) = value {
            tags.insert(name, value.to_owned());
        }
    };
    let yes = |there: bool| there.then_some("yes");
    tag("place", Some(place.name()));
    tag("backdrop", backdrop.map(Color::name));
    match motif {
        Motif::Object(object, color) => {
            tag("kind", Some(object.name()));
            tag("color", Some(color.name()));
        }
        Motif::Figurine(parts) => {
            let (who, outfit) = &**parts;
            tag("kind", Some("figurine"));
            tag("headwear", outfit.headwear.map(|(headwear, _)| headwear.name()));
            let worn = outfit.headwear.filter(|(headwear, _)| *headwear != Headwear::Crown);
            tag("headwear_color", worn.map(|(_, color)| color.name()));
            tag("held", outfit.held.map(|(held, _)| held.name()));
            tag("held_color", outfit.held.filter(|(held, _)| *held != Held::Sword).map(|(_, color)| color.name()));
            tag("sunglasses", yes(outfit.sunglasses));
            for (name, color_name, color) in
                [("scarf", "scarf_color", outfit.scarf), ("cape", "cape_color", outfit.cape)]
            {
                tag(name, yes(color.is_some()));
                tag(color_name, color.map(Color::name));
            }
            tag("shirt", Some(outfit.shirt.name()));
            tag("stripes", yes(outfit.stripes.is_some()));
            tag("pants", Some(outfit.pants.name()));
            tag("pose", Some(outfit.pose.name()));
            tag("hair", Some(who.hair.name()));
            tag("hair_color", (who.hair != Hair::Bald).then(|| who.hair_color.name()));
            tag("skin", Some(SKINS[who.skin].0));
            tag("brows", who.thick_brows().then_some("thick"));
            tag("mouth", Some(mouth(who)));
            tag("blush", yes(who.blush));
            tag("ears", yes(who.ears));
            tag("eyes", Some(["round", "tall", "white"][usize::from(who.eye_style.min(2))]));
        }
    }
    tags
}

/// The label of a mouth.
pub fn mouth(who: &Identity) -> &'static str {
    ["smile", "open", "straight"][usize::from(who.mouth_style.min(2))]
}
