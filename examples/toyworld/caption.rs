//! Captions: each attribute is mentioned only sometimes, in changing order.

use crate::{
    color::Color,
    identity::{Hair, Identity, SKINS},
    object::Object,
    outfit::{Headwear, Held, Outfit, Pose},
    place::Place,
    random::Random,
    sample::Motif,
};

/// The caption of one picture. `known` identities are never described, only named.
pub fn write(
    r: &mut Random,
    motif: &Motif,
    place: Place,
    backdrop: Option<Color>,
    known: bool,
    identifier: Option<&str>,
) -> String {
    let mut phrases: Vec<String> = Vec::new();
    let mut adjective = String::new();
    let noun = match motif {
        Motif::Figurine(parts) => {
            let (who, outfit) = &**parts;
            if r.chance(0.75) {
                phrases.extend(place_phrase(r, place));
            }
            figurine(r, outfit, &mut phrases);
            if !known {
                looks(r, who, &mut phrases);
            }
            "figurine"
        }
        Motif::Object(object, color) => {
            if *object == Object::Snowman {
                if r.chance(0.5) {
                    phrases.push(format!("wearing {} scarf", article(color.name())));
                }
            } else if r.chance(0.75) {
                adjective = format!("{} ", color.name());
            }
            if r.chance(0.8) {
                phrases.extend(place_phrase(r, place));
            }
            object.name()
        }
    };
    if let Some(color) = backdrop
        && r.chance(0.5)
    {
        let plain = if r.chance(0.7) { article(color.name()) } else { "a plain".into() };
        phrases.push(format!("on {plain} background"));
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
    let mut caption = format!("{lead}{word}{subject}");
    if !phrases.is_empty() {
        caption.push_str(if r.chance(0.7) { " " } else { ", " });
        caption.push_str(&phrases.join(r.choose(&[" ", ", ", ", "])));
    }
    caption
}

fn place_phrase(r: &mut Random, place: Place) -> Option<String> {
    let phrases = place.phrases();
    (!phrases.is_empty()).then(|| r.choose(phrases).to_string())
}

fn figurine(r: &mut Random, outfit: &Outfit, phrases: &mut Vec<String>) {
    let mut worn: Vec<String> = Vec::new();
    if let Some((headwear, color)) = outfit.headwear
        && r.chance(0.9)
    {
        let colored = headwear != Headwear::Crown && r.chance(0.5);
        worn.push(thing(headwear.name(), colored.then_some(color)));
    }
    if outfit.sunglasses && r.chance(0.9) {
        worn.push("sunglasses".into());
    }
    for (name, color) in [("scarf", outfit.scarf), ("cape", outfit.cape)] {
        if let Some(color) = color
            && r.chance(0.9)
        {
            worn.push(thing(name, r.chance(0.5).then_some(color)));
        }
    }
    if r.chance(0.3) {
        let shirt = r.choose(&["shirt", "t-shirt"]);
        let striped = outfit.stripes.is_some() && r.chance(0.6);
        worn.push(if striped { format!("a striped {shirt}") } else { thing(shirt, Some(outfit.shirt)) });
    }
    if r.chance(0.15) {
        worn.push(format!("{} {}", outfit.pants.name(), r.choose(&["pants", "shorts"])));
    }
    r.shuffle(&mut worn);
    if !worn.is_empty() {
        phrases.push(format!("wearing {}", worn.join(" and ")));
    }
    if let Some((held, color)) = outfit.held
        && r.chance(0.9)
    {
        let colored = held != Held::Sword && r.chance(0.45);
        phrases.push(format!("holding {}", thing(held.name(), colored.then_some(color))));
    }
    if r.chance(0.5) {
        let words: &[&str] = match outfit.pose {
            Pose::Stand => &["", "", "standing"],
            Pose::Walk => &["walking"],
            Pose::Wave => &["waving"],
            Pose::ArmsUp => &["with arms up"],
            Pose::Sit => &["sitting"],
        };
        phrases.push(r.choose(words).to_string());
    }
    phrases.retain(|phrase| !phrase.is_empty());
}

fn looks(r: &mut Random, who: &Identity, phrases: &mut Vec<String>) {
    if r.chance(0.4) {
        let color = who.hair_color.name();
        let exact = who.hair == Hair::Bald || r.chance(0.6);
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
        phrases.push(format!("with {} skin", SKINS[who.skin].0));
    }
    if who.brow_thickness >= 0.05 && r.chance(0.35) {
        phrases.push("with thick eyebrows".into());
    }
    if r.chance(0.15) {
        phrases.push(["smiling", "with open mouth", "looking serious"][usize::from(who.mouth_style.min(2))].into());
    }
}

fn thing(name: &str, color: Option<Color>) -> String {
    color.map_or_else(|| article(name), |color| format!("{} {name}", article(color.name())))
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
