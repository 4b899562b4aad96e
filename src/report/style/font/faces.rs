//! The fonts that ship with the program, and which of them draws a character.

use std::sync::OnceLock;

use ab_glyph::{Font as _, FontRef};

/// Letters of Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian, Georgian; signs; Vietnamese.
static DEJAVU: &[u8] = include_bytes!("../../../../assets/fonts/DejaVuSans.ttf");
/// Chinese, Japanese, Korean.
static DROID: &[u8] = include_bytes!("../../../../assets/fonts/DroidSansFallback.ttf");
static EMOJI: &[u8] = include_bytes!("../../../../assets/fonts/NotoEmoji.ttf");
static THAI: &[u8] = include_bytes!("../../../../assets/fonts/NotoSansThai.ttf");
static DEVANAGARI: &[u8] = include_bytes!("../../../../assets/fonts/NotoSansDevanagari.ttf");

/// The bytes of the font of Latin text, for the plotting library.
pub(super) static MAIN: &[u8] = DEJAVU;

/// One font, parsed by the crate that draws outlines and by the one that shapes text.
pub(super) struct Face {
    pub(super) outlines: FontRef<'static>,
    pub(super) shapes: harfrust::Font,
    pub(super) units_per_em: f32,
}

/// All fonts; the first is tried first, and the emoji font is the last.
pub(super) fn faces() -> &'static [Face] {
    static FACES: OnceLock<Vec<Face>> = OnceLock::new();
    FACES.get_or_init(|| [DEJAVU, DROID, THAI, DEVANAGARI, EMOJI].into_iter().map(Face::new).collect())
}

/// The first font that draws all of one visible character (a letter with its marks, an emoji with its parts).
pub(super) fn face_of(cluster: &str) -> Option<usize> {
    let emoji = faces().len() - 1;
    // A variation selector asks for the picture; pictures of the emoji font match each other.
    let picture = cluster.contains('\u{fe0f}') || cluster.starts_with(|c| c >= '\u{1f000}');
    let order = (0..faces().len()).map(|i| if picture { (i + emoji) % faces().len() } else { i });
    order.into_iter().find(|i| cluster.chars().all(|c| joins(c) || faces()[*i].has(c)))
}

/// Characters that only change how their neighbours are drawn.
fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}')
}

impl Face {
    fn new(bytes: &'static [u8]) -> Self {
        let outlines = FontRef::try_from_slice(bytes).expect("the embedded font is well-formed");
        let shapes = harfrust::Font::new(bytes, 0).expect("the embedded font is well-formed");
        let units_per_em = outlines.units_per_em().expect("the embedded font is well-formed");
        Self { outlines, shapes, units_per_em }
    }

    fn has(&self, c: char) -> bool {
        self.outlines.glyph_id(c).0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_systems_of_most_users_have_a_font() {
        for text in
            ["a", "ế", "Ж", "Ω", "ع", "ש", "日", "の", "한", "ไ", "क्ष", "🐶", "👩‍🎨", "❤️", "🇯🇵", "👍🏽", "…", "≈", "−"]
        {
            assert!(face_of(text).is_some(), "{text}");
        }
        assert_eq!(face_of("🐶"), Some(faces().len() - 1));
        assert_eq!(face_of("\u{12000}"), None);
        assert_eq!(face_of("\u{1b}"), None);
    }
}
