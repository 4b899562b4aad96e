//! Captions: each attribute is mentioned only sometimes, in changing order.

use crate::{
    color::Color,
    identity::{Hair, Identity, SKINS},
    motif::{Motif, Tags, mouth},
    object::Object,
    outfit::{Headwear, Held, Outfit, Pose},
    place::Place,
    random::Random,
};

/// A caption and the labels it gives away: `mentions` is always a part of the picture's labels.
#[derive(Clone, Debug, Default)]
pub struct Caption {
    pub text: String,
    pub mentions: Tags,
}

impl Caption {
    fn mention(&mut self, name: &'static str, value: &str) {
        self.mentions.insert(name, value.into());
    }

    /// "a red hat", the colour only when `colored`.
    fn thing(&mut self, name: &str, color: Color, colored: Option<&'static str>) -> String {
        match colored {
            Some(label) => {
                self.mention(label, color.name());
                format!("{} {name}", article(color.name()))
            }
            None => article(name),
        }
    }
}

/// The caption of one picture. `known` identities are never described, only named.
pub fn write(
    r: &mut Random,
    motif: &Motif,
    place: Place,
    backdrop: Option<Color>,
    known: bool,
    identifier: Option<&str>,
) -> Caption {
    let mut caption = Caption::default();
    let mut phrases: Vec<String> = Vec::new();
    let mut adjective = String::new();
    let noun = match motif {
        Motif::Figurine(parts) => {
            let (who, outfit) = &**parts;
            if r.chance(0.75) {
                phrases.extend(place_phrase(r, &mut caption, place));
            }
            figurine(r, outfit, &mut caption, &mut phrases);
            if !known {
                looks(r, who, &mut caption, &mut phrases);
            }
            "figurine"
        }
        Motif::Object(object, color) => {
            let colored = r.chance(if *object == Object::Snowman { 0.5 } else { 0.75 });
            if colored {
                caption.mention("color", color.name());
            }
            match (object, colored) {
                (Object::Snowman, true) => phrases.push(format!("wearing {} scarf", article(color.name()))),
                (_, true) => adjective = format!("{} ", color.name()),
                _ => {}
            }
            if r.chance(0.8) {
                phrases.extend(place_phrase(r, &mut caption, place));
            }
            object.name()
        }
    };
    caption.mention("kind", noun);
    if let Some(color) = backdrop
        && r.chance(0.5)
    {
        caption.mention("place", place.name());
        let named = r.chance(0.7).then_some("backdrop");
        let plain =
            if named.is_some() { caption.thing("background", color, named) } else { "a plain background".into() };
        phrases.push(format!("on {plain}"));
    }
    if phrases.len() > 1 && r.chance(0.35) {
        r.shuffle(&mut phrases);
    }
    let word = match identifier {
        Some(word) => format!("{word} "),
        None if r.chance(0.15) => format!("{} ", nonsense(r)),
        None => String::new(),
    };
    let leads = ["a photo of a ", "a photo of a ", "a ", "photo of a ", "a picture of a ", "", "a small ", "the "];
    let mut lead = r.choose(&leads).to_string();
    let subject = format!("{adjective}{noun}");
    if lead.ends_with("a ") && word.is_empty() && starts_with_vowel(&subject) {
        lead.truncate(lead.len() - 1);
        lead.push_str("n ");
    }
    caption.text = format!("{lead}{word}{subject}");
    if !phrases.is_empty() {
        caption.text.push_str(if r.chance(0.7) { " " } else { ", " });
        caption.text.push_str(&phrases.join(r.choose(&[" ", ", ", ", "])));
    }
    caption
}

fn place_phrase(r: &mut Random, caption: &mut Caption, place: Place) -> Option<String> {
    let phrases = place.phrases();
    (!phrases.is_empty()).then(|| {
        caption.mention("place", place.name());
        r.choose(phrases).to_string()
    })
}

fn figurine(r: &mut Random, outfit: &Outfit, caption: &mut Caption, phrases: &mut Vec<String>) {
    let mut worn: Vec<String> = Vec::new();
    if let Some((headwear, color)) = outfit.headwear
        && r.chance(0.9)
    {
        caption.mention("headwear", headwear.name());
        let colored = headwear != Headwear::Crown && r.chance(0.5);
        worn.push(caption.thing(headwear.name(), color, colored.then_some("headwear_color")));
    }
    if outfit.sunglasses && r.chance(0.9) {
        caption.mention("sunglasses", "yes");
        worn.push("sunglasses".into());
    }
    for (name, color_label, color) in [("scarf", "scarf_color", outfit.scarf), ("cape", "cape_color", outfit.cape)] {
        if let Some(color) = color
            && r.chance(0.9)
        {
            caption.mention(name, "yes");
            let colored = r.chance(0.5).then_some(color_label);
            worn.push(caption.thing(name, color, colored));
        }
    }
    if r.chance(0.3) {
        let shirt = r.choose(&["shirt", "t-shirt"]);
        if outfit.stripes.is_some() && r.chance(0.6) {
            caption.mention("stripes", "yes");
            worn.push(format!("a striped {shirt}"));
        } else {
            worn.push(caption.thing(shirt, outfit.shirt, Some("shirt")));
        }
    }
    if r.chance(0.15) {
        caption.mention("pants", outfit.pants.name());
        worn.push(format!("{} {}", outfit.pants.name(), r.choose(&["pants", "shorts"])));
    }
    r.shuffle(&mut worn);
    if !worn.is_empty() {
        phrases.push(format!("wearing {}", worn.join(" and ")));
    }
    if let Some((held, color)) = outfit.held
        && r.chance(0.9)
    {
        caption.mention("held", held.name());
        let colored = held != Held::Sword && r.chance(0.45);
        phrases.push(format!("holding {}", caption.thing(held.name(), color, colored.then_some("held_color"))));
    }
    if r.chance(0.5) {
        let words = match outfit.pose {
            Pose::Stand => r.choose(&["", "", "standing"]),
            Pose::Walk => "walking",
            Pose::Wave => "waving",
            Pose::ArmsUp => "with arms up",
            Pose::Sit => "sitting",
        };
        if !words.is_empty() {
            caption.mention("pose", outfit.pose.name());
            phrases.push(words.into());
        }
    }
}

fn looks(r: &mut Random, who: &Identity, caption: &mut Caption, phrases: &mut Vec<String>) {
    if r.chance(0.4) {
        let color = who.hair_color.name();
        let exact = who.hair == Hair::Bald || r.chance(0.6);
        if exact {
            caption.mention("hair", who.hair.name());
        }
        if who.hair != Hair::Bald {
            caption.mention("hair_color", color);
        }
        phrases.push(match who.hair {
            Hair::Bald => "with no hair".into(),
            _ if !exact => format!("with {color} hair"),
            Hair::Cap => format!("with short {color} hair"),
            Hair::Bob => format!("with long {color} hair"),
            Hair::Spiky => format!("with spiky {color} hair"),
            Hair::Bun => format!("with {color} hair in a bun"),
            Hair::Mohawk => format!("with {} mohawk", article(color)),
            Hair::Pigtails => format!("with {color} pigtails"),
        });
    }
    if r.chance(0.12) {
        caption.mention("skin", SKINS[who.skin].0);
        phrases.push(format!("with {} skin", SKINS[who.skin].0));
    }
    if who.thick_brows() && r.chance(0.35) {
        caption.mention("brows", "thick");
        phrases.push("with thick eyebrows".into());
    }
    if r.chance(0.15) {
        caption.mention("mouth", mouth(who));
        phrases.push(["smiling", "with open mouth", "looking serious"][usize::from(who.mouth_style.min(2))].into());
    }
}

fn article(word: &str) -> String {
    format!("{} {word}", if starts_with_vowel(word) { "an" } else { "a" })
}

fn starts_with_vowel(text: &str) -> bool {
    text.starts_with(['a', 'e', 'i', 'o', 'u'])
}

/// A word of 3 to 7 random letters: what an identifier looks like to the model.
fn nonsense(r: &mut Random) -> String {
    (0..3 + r.below(5)).map(|_| char::from(b'a' + r.below(26) as u8)).collect()
}
