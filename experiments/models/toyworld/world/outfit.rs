//! What a figurine wears, holds and does: everything that may change between two of its photos.

use crate::{color::Color, random::Random};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pose {
    Stand,
    Walk,
    Wave,
    ArmsUp,
    Sit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headwear {
    Hat,
    Cap,
    Crown,
    PartyHat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Cup,
    Balloon,
    Flower,
    Flag,
    Umbrella,
    Ball,
    Sword,
}

impl Pose {
    /// The label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stand => "stand",
            Self::Walk => "walk",
            Self::Wave => "wave",
            Self::ArmsUp => "arms up",
            Self::Sit => "sit",
        }
    }
}

impl Headwear {
    pub const ALL: [Self; 4] = [Self::Hat, Self::Cap, Self::Crown, Self::PartyHat];

    /// The word in captions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hat => "hat",
            Self::Cap => "cap",
            Self::Crown => "crown",
            Self::PartyHat => "party hat",
        }
    }
}

impl Held {
    pub const ALL: [Self; 7] =
        [Self::Cup, Self::Balloon, Self::Flower, Self::Flag, Self::Umbrella, Self::Ball, Self::Sword];

    /// The word in captions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cup => "cup",
            Self::Balloon => "balloon",
            Self::Flower => "flower",
            Self::Flag => "flag",
            Self::Umbrella => "umbrella",
            Self::Ball => "ball",
            Self::Sword => "sword",
        }
    }
}

/// Clothes, accessories and pose of one picture.
#[derive(Clone, Debug)]
pub struct Outfit {
    pub shirt: Color,
    pub stripes: Option<Color>,
    pub pants: Color,
    pub shoes: Color,
    pub pose: Pose,
    /// Which foot is in front when walking, −1, 0 or 1.
    pub step: f32,
    /// Left and right arm: angle up from hanging down, angle to the front; radians.
    pub arms: [(f32, f32); 2],
    pub head_yaw: f32,
    pub head_tilt: f32,
    pub headwear: Option<(Headwear, Color)>,
    pub held: Option<(Held, Color)>,
    pub sunglasses: bool,
    pub scarf: Option<Color>,
    pub cape: Option<Color>,
}

impl Outfit {
    /// Anything the world knows, accessories as often as `rates` says.
    pub fn random(r: &mut Random, headwear_rate: f32, held_rate: f32) -> Self {
        let poses = [Pose::Stand, Pose::Walk, Pose::Wave, Pose::ArmsUp, Pose::Sit];
        let pose = poses[r.weighted(&[4.0, 2.0, 2.0, 1.0, 1.0])];
        let arm = |r: &mut Random, low, high| (r.range(low, high), r.range(-0.1, 0.6));
        let raised = |r: &mut Random| arm(r, 2.2, 2.7);
        let mut arms = [arm(r, 0.25, 0.9), arm(r, 0.25, 0.9)];
        if matches!(pose, Pose::Wave | Pose::ArmsUp) {
            arms[0] = raised(r);
        }
        if pose == Pose::ArmsUp {
            arms[1] = raised(r);
        }
        let color = |r: &mut Random| r.choose(&Color::ALL);
        let held = r.chance(held_rate).then(|| (r.choose(&Held::ALL), color(r)));
        match held {
            Some((Held::Cup | Held::Ball, _)) => arms[1] = (r.range(1.0, 1.5), r.range(0.4, 1.0)),
            Some(_) => arms[1] = (r.range(1.1, 1.7), r.range(0.0, 0.5)),
            None => {}
        }
        let stripes = [Color::White, Color::Black, Color::Yellow];
        Self {
            shirt: color(r),
            stripes: r.chance(0.2).then(|| r.choose(&stripes)),
            pants: color(r),
            shoes: r.choose(&[Color::Black, Color::Brown, Color::White, Color::Red]),
            pose,
            step: if pose == Pose::Walk { r.sign() } else { 0.0 },
            arms,
            head_yaw: r.range(-0.12, 0.12),
            head_tilt: r.range(-0.1, 0.1),
            headwear: r.chance(headwear_rate).then(|| (r.choose(&Headwear::ALL), color(r))),
            held,
            sunglasses: r.chance(0.12),
            scarf: r.chance(0.12).then(|| color(r)),
            cape: r.chance(0.10).then(|| color(r)),
        }
    }
}
