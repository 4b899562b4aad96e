//! One line of text as glyphs: right-to-left parts reordered, letters joined, and each visible character in a
//! font that has it. A character that no font has becomes a box with its number, so that two texts never look alike.

use harfrust::{Buffer, Direction, ShapeOptions, ShaperFont};
use unicode_bidi::BidiInfo;
use unicode_segmentation::UnicodeSegmentation as _;

use super::faces::{face_of, faces};
use crate::text::hides;

/// What is drawn at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mark {
    /// A glyph of a font.
    Glyph { face: usize, id: u16 },
    /// The number of a character that no font has.
    Number(char),
}

/// A mark and its distance from the start of the line; lengths are in ems, `y` points up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) mark: Mark,
    pub(super) x: f32,
    pub(super) y: f32,
}

/// A line from left to right.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    pub(super) marks: Vec<Placed>,
    /// In ems.
    pub(super) width: f32,
}

/// Neighbouring characters that are shaped together.
struct Run<'t> {
    text: &'t str,
    face: Option<usize>,
}

impl Line {
    /// Lays out a text that has one line.
    pub(super) fn new(text: &str) -> Self {
        let mut line = Self::default();
        // A sign that shows nothing is drawn as its number and has no effect.
        let mut rest = text;
        while let Some((at, sign)) = rest.char_indices().find(|(_, c)| hides(*c)) {
            line.part(&rest[..at]);
            line.number(sign);
            rest = &rest[at + sign.len_utf8()..];
        }
        line.part(rest);
        line
    }

    fn part(&mut self, text: &str) {
        let bidi = BidiInfo::new(text, None);
        for paragraph in &bidi.paragraphs {
            let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
            for range in runs {
                let backward = levels[range.start].is_rtl();
                let mut parts = split(&text[range]);
                if backward {
                    parts.reverse();
                }
                for run in parts {
                    self.run(&run, backward);
                }
            }
        }
    }

    fn run(&mut self, run: &Run<'_>, backward: bool) {
        let Some(index) = run.face else {
            run.text.chars().for_each(|c| self.number(c));
            return;
        };
        let face = &faces()[index];
        let mut buffer = Buffer::new();
        buffer.push_str(run.text);
        buffer.guess_segment_properties();
        buffer.set_direction(if backward { Direction::RightToLeft } else { Direction::LeftToRight });
        if harfrust::shape(&ShaperFont::new(&face.shapes), &mut buffer, ShapeOptions::new()).is_err() {
            run.text.chars().for_each(|c| self.number(c));
            return;
        }
        let em = |units: i32| units as f32 / face.units_per_em;
        for (info, at) in buffer.glyph_infos().iter().zip(buffer.glyph_positions()) {
            let id = u16::try_from(info.glyph_id).unwrap_or(0);
            let mark = Mark::Glyph { face: index, id };
            self.marks.push(Placed { mark, x: self.width + em(at.x_offset), y: em(at.y_offset) });
            self.width += em(at.x_advance);
        }
    }

    fn number(&mut self, c: char) {
        self.marks.push(Placed { mark: Mark::Number(c), x: self.width, y: 0.0 });
        self.width += NUMBER_WIDTH;
    }
}

/// Width of the box with a character's number, in ems.
pub(super) const NUMBER_WIDTH: f32 = 1.25;

/// Cuts text where the font changes.
fn split(text: &str) -> Vec<Run<'_>> {
    let mut runs: Vec<(usize, Option<usize>)> = Vec::new();
    for (at, cluster) in text.grapheme_indices(true) {
        match face_of(cluster) {
            // No font has the whole, so each character looks for its own.
            None => runs.extend(cluster.char_indices().map(|(i, c)| (at + i, face_of(c.encode_utf8(&mut [0; 4]))))),
            face => runs.push((at, face)),
        }
    }
    runs.dedup_by(|next, before| next.1 == before.1);
    let ends = runs.iter().skip(1).map(|r| r.0).chain([text.len()]);
    runs.iter().zip(ends).map(|((start, face), end)| Run { text: &text[*start..end], face: *face }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_texts_are_different_lines() {
        let texts =
            ["日本", "中国", "𒀀", "𒀁", "\u{1b}", " ", "\u{202e}ab", "ab", "ba", "🐶", "🐱", "a\u{200b}b", "क्ष", "कष"];
        for (i, a) in texts.iter().enumerate() {
            for b in &texts[i + 1..] {
                assert_ne!(Line::new(a), Line::new(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn right_to_left_text_is_drawn_from_the_right() {
        let glyphs = |text: &str| Line::new(text).marks.iter().map(|m| m.mark).collect::<Vec<_>>();
        let (alef, bet) = (glyphs("א")[0], glyphs("ב")[0]);
        assert_eq!(glyphs("אב"), [bet, alef]);
        // Between Latin words the Hebrew word keeps its place.
        let (a, b) = (glyphs("a")[0], glyphs("b")[0]);
        let mixed: Vec<_> = glyphs("aאבb");
        assert_eq!(mixed, [a, bet, alef, b]);
    }

    #[test]
    fn arabic_letters_join_and_emoji_sequences_are_one() {
        let alone = Line::new("ب").marks[0].mark;
        assert!(Line::new("ببب").marks.iter().any(|m| m.mark != alone), "the letters stay as if they stood alone");
        let visible = |text: &str| Line::new(text).width;
        assert!(visible("👩‍🎨") < 1.5 * visible("👩"), "a joined emoji is one picture");
    }

    #[test]
    fn marks_advance() {
        let line = Line::new("ab日🐶");
        assert!(line.marks.windows(2).all(|w| w[0].x < w[1].x), "{line:?}");
        assert!(line.width > line.marks.last().expect("marks").x);
    }
}
