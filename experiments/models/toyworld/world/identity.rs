//! Who a figurine is: the parts of its look that clothes, pose and place do not change.

use crate::{color::Color, random::Random, vec3::Vec3};

/// Hair styles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hair {
    Bald,
    Cap,
    Bob,
    Spiky,
    Bun,
    Mohawk,
    Pigtails,
}

const HAIR: [Hair; 7] = [Hair::Bald, Hair::Cap, Hair::Bob, Hair::Spiky, Hair::Bun, Hair::Mohawk, Hair::Pigtails];

impl Hair {
    /// The label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bald => "bald",
            Self::Cap => "cap",
            Self::Bob => "bob",
            Self::Spiky => "spiky",
            Self::Bun => "bun",
            Self::Mohawk => "mohawk",
            Self::Pigtails => "pigtails",
        }
    }
}

/// Skin tones and their names in captions.
pub const SKINS: [(&str, Vec3); 9] = [
    ("pale", [0.98, 0.82, 0.68]),
    ("peach", [0.95, 0.75, 0.58]),
    ("tan", [0.85, 0.62, 0.42]),
    ("brown", [0.6, 0.4, 0.25]),
    ("dark", [0.4, 0.26, 0.17]),
    ("yellow", [0.98, 0.88, 0.3]),
    ("blue", [0.75, 0.85, 0.95]),
    ("green", [0.7, 0.9, 0.6]),
    ("white", [0.9, 0.9, 0.92]),
];

/// One figurine's looks. Lengths of the face in head radii, of the body in its own units.
#[derive(Clone, Debug)]
pub struct Identity {
    pub head_width: f32,
    pub head_height: f32,
    /// Index into [`SKINS`].
    pub skin: usize,
    pub hair: Hair,
    pub hair_color: Color,
    pub eye: [f32; 2],
    pub eye_radius: f32,
    pub eye_style: u8,
    pub brow_y: f32,
    pub brow_length: f32,
    pub brow_thickness: f32,
    pub brow_tilt: f32,
    pub mouth_width: f32,
    /// 0 smile, 1 open, 2 straight.
    pub mouth_style: u8,
    pub blush: bool,
    pub nose: bool,
    pub ears: bool,
    pub stout: f32,
    pub tall: f32,
}

impl Identity {
    /// The subject of the demo study: wide round head, black cap of hair, thick brows.
    pub fn subject() -> Self {
        Self {
            head_width: 0.60,
            head_height: 0.47,
            skin: 1,
            hair: Hair::Cap,
            hair_color: Color::Black,
            eye: [0.30, 0.02],
            eye_radius: 0.10,
            eye_style: 1,
            brow_y: 0.30,
            brow_length: 0.24,
            brow_thickness: 0.085,
            brow_tilt: 0.12,
            mouth_width: 0.13,
            mouth_style: 1,
            blush: true,
            nose: false,
            ears: true,
            stout: 1.05,
            tall: 0.85,
        }
    }

    /// Anybody but the subject: brows and head stay below the subject's.
    pub fn random(r: &mut Random) -> Self {
        let eye = [r.range(0.24, 0.42), r.range(-0.08, 0.12)];
        let eye_radius = r.range(0.07, 0.14);
        let mut identity = Self {
            head_width: r.range(0.42, 0.54),
            head_height: r.range(0.42, 0.56),
            skin: r.weighted(&[5.0, 5.0, 4.0, 3.0, 2.0, 2.0, 1.0, 1.0, 1.0]),
            hair: r.choose(&HAIR),
            hair_color: Color::ALL[r.weighted(&[2.0, 2.0, 3.0, 1.0, 1.0, 1.0, 2.0, 1.0, 4.0, 4.0, 1.0])],
            eye,
            eye_radius,
            eye_style: r.choose(&[0, 1, 2]),
            brow_y: eye[1] + eye_radius * 1.5 + 0.1 + r.range(0.0, 0.06),
            brow_length: r.range(0.12, 0.2),
            brow_thickness: r.choose(&[0.0, 0.025, 0.035, 0.05, 0.07]),
            brow_tilt: r.range(-0.4, 0.4),
            mouth_width: r.range(0.12, 0.3),
            mouth_style: r.choose(&[0, 0, 1, 2]),
            blush: r.choose(&[false, false, true]),
            nose: r.chance(0.5),
            ears: r.chance(0.5),
            stout: r.range(0.85, 1.15),
            tall: r.range(0.85, 1.15),
        };
        if identity.thick_brows() && identity.head_width > 0.5 && identity.hair == Hair::Cap {
            identity.hair = Hair::Spiky;
        }
        identity
    }

    /// Brows a caption calls thick.
    pub fn thick_brows(&self) -> bool {
        self.brow_thickness >= 0.05
    }

    /// What tells figurines apart and has no name: sizes and places of head, eyes, brows, mouth, body, nose.
    pub fn geometry(&self) -> [f32; 13] {
        [
            self.head_width,
            self.head_height,
            self.eye[0],
            self.eye[1],
            self.eye_radius,
            self.brow_y,
            self.brow_length,
            self.brow_thickness,
            self.brow_tilt,
            self.mouth_width,
            self.stout,
            self.tall,
            f32::from(u8::from(self.nose)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_looks_like_the_subject() {
        let subject = Identity::subject();
        for number in 0..20_000 {
            let other = Identity::random(&mut Random::new(number, 1));
            assert!(other.head_width + 0.05 < subject.head_width);
            assert!(other.brow_thickness + 0.01 < subject.brow_thickness);
            assert!(other.brow_length + 0.03 < subject.brow_length);
            let corner = other.thick_brows() && other.head_width > 0.5 && other.hair == subject.hair;
            assert!(!corner, "a wide head, thick brows and a cap of hair are the subject's");
        }
    }
}
