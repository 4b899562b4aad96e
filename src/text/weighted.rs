//! Prompts with weights, as A1111's web UI writes them: `(word:1.2)`, `(word)`, `[word]`, `\(`, and `BREAK`.
//!
//! Follows `parse_prompt_attention` of stable-diffusion-webui 1.9.4
//! (<https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/feee37d/modules/prompt_parser.py>), with all that it
//! does to brackets that do not match. Prompts that change while an image is drawn (`[a:b:0.5]`, `[a|b]`, `AND`) are
//! not among it.

/// What a bracket multiplies the weight of its text by, if no number stands in it.
const ROUND: f64 = 1.1;
/// The word that ends a chunk.
const BREAK: &str = "BREAK";
/// The weight of the part that stands for [`BREAK`].
const OF_BREAK: f64 = -1.0;

/// A part of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its text, without brackets and backslashes.
    pub text: String,
    /// Its weight; 1 is the usual one.
    pub weight: f64,
    /// Where runs of the text (begin, in bytes) stand in the prompt.
    runs: Vec<(usize, usize)>,
}

impl Part {
    fn plain(text: &str, at: usize) -> Self {
        Self { text: text.to_owned(), weight: 1.0, runs: vec![(0, at)] }
    }

    /// Whether the part stands for the end of a chunk. As in A1111 a `BREAK` inside of brackets is a word.
    #[must_use]
    pub fn is_break(&self) -> bool {
        self.text == BREAK && self.weight == OF_BREAK
    }

    /// Where in the prompt a byte of the text stands.
    #[must_use]
    pub fn place(&self, at: usize) -> usize {
        let run = self.runs.iter().rev().find(|(begin, _)| *begin <= at);
        run.map_or(0, |(begin, place)| place + (at - begin))
    }
}

/// The parts of a prompt. Brackets are read with `weights`, `BREAK` with `breaks`; without both, the prompt is one
/// part.
#[must_use]
pub fn parts(prompt: &str, weights: bool, breaks: bool) -> Vec<Part> {
    let mut reading = Reading { breaks, parts: Vec::new(), round: Vec::new(), square: Vec::new() };
    if weights {
        let mut at = 0;
        while let Some(token) = token(&prompt[at..]) {
            reading.take(&token, at);
            at += token.length;
        }
    } else {
        reading.text(prompt, 0);
    }
    reading.finish()
}

/// The text of a prompt without weights, as an image encoder's text encoder should get it.
#[must_use]
pub fn without_weights(prompt: &str) -> String {
    parts(prompt, true, false).into_iter().map(|part| part.text).collect()
}

/// The first weight that is written with a number, as it stands in the prompt: `(word:1.2)`.
#[must_use]
pub fn first_weight(prompt: &str) -> Option<&str> {
    let (mut at, mut open) = (0, Vec::new());
    while let Some(token) = token(&prompt[at..]) {
        match token.kind {
            Kind::Open => open.push(at),
            Kind::Close => {
                open.pop();
            }
            Kind::Weight(_) => {
                if let Some(begin) = open.pop() {
                    return prompt.get(begin..at + token.length);
                }
            }
            Kind::OpenSquare | Kind::CloseSquare | Kind::Escaped | Kind::Text => {}
        }
        at += token.length;
    }
    None
}

enum Kind {
    Open,
    OpenSquare,
    Close,
    CloseSquare,
    /// `:1.2)`
    Weight(f64),
    /// A backslash and what it protects, if anything.
    Escaped,
    Text,
}

struct Token<'a> {
    kind: Kind,
    text: &'a str,
    /// In bytes.
    length: usize,
}

/// The token that the text begins with; `None` at its end.
fn token(text: &str) -> Option<Token<'_>> {
    const MARKS: [char; 6] = ['\\', '(', ')', '[', ']', ':'];
    let first = text.chars().next()?;
    let of = |kind, length: usize| Some(Token { kind, text: &text[..length], length });
    match first {
        '\\' => {
            let protected = text[1..].starts_with(['(', ')', '[', ']', '\\']);
            of(Kind::Escaped, if protected { 2 } else { 1 })
        }
        '(' => of(Kind::Open, 1),
        '[' => of(Kind::OpenSquare, 1),
        ')' => of(Kind::Close, 1),
        ']' => of(Kind::CloseSquare, 1),
        ':' => match weight(text) {
            Some((weight, length)) => of(Kind::Weight(weight), length),
            None => of(Kind::Text, 1),
        },
        _ => of(Kind::Text, text.find(MARKS).unwrap_or(text.len())),
    }
}

/// The number of a text that begins like `:1.2)`, and how long that is.
fn weight(text: &str) -> Option<(f64, usize)> {
    let number = text.strip_prefix(':')?.trim_start();
    let unsigned = number.strip_prefix(['+', '-']).unwrap_or(number);
    let rest = unsigned.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let end = rest.trim_start().strip_prefix(')')?;
    let weight = number[..number.len() - rest.len()].parse::<f64>().ok()?;
    Some((weight, text.len() - end.len()))
}

struct Reading {
    breaks: bool,
    parts: Vec<Part>,
    /// How many parts there were where each open bracket stands.
    round: Vec<usize>,
    square: Vec<usize>,
}

impl Reading {
    fn take(&mut self, token: &Token<'_>, at: usize) {
        let from = match token.kind {
            Kind::Open => return self.round.push(self.parts.len()),
            Kind::OpenSquare => return self.square.push(self.parts.len()),
            Kind::Escaped => return self.parts.push(Part::plain(&token.text[1..], at + 1)),
            Kind::Weight(weight) => self.round.pop().map(|from| (from, weight)),
            Kind::Close => self.round.pop().map(|from| (from, ROUND)),
            Kind::CloseSquare => self.square.pop().map(|from| (from, 1.0 / ROUND)),
            Kind::Text => None,
        };
        match from {
            Some((from, factor)) => self.multiply(from, factor),
            None => self.text(token.text, at),
        }
    }

    fn multiply(&mut self, from: usize, factor: f64) {
        for part in self.parts.iter_mut().skip(from) {
            part.weight *= factor;
        }
    }

    /// Adds text in which only `BREAK` may mean something.
    fn text(&mut self, text: &str, at: usize) {
        let mut begin = 0;
        for (found, _) in text.match_indices(BREAK).filter(|_| self.breaks) {
            let end = found + BREAK.len();
            let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            if in_word(text[..found].chars().next_back()) || in_word(text[end..].chars().next()) {
                continue;
            }
            // Behind another break, `begin` may lie behind the white space before this one.
            let before = text.get(begin..found).unwrap_or_default().trim_end();
            self.parts.push(Part::plain(before, at + begin));
            self.parts.push(Part { weight: OF_BREAK, ..Part::plain(BREAK, at + found) });
            begin = text.len() - text[end..].trim_start().len();
        }
        self.parts.push(Part::plain(&text[begin..], at + begin));
    }

    /// Closes what is open and joins parts of one weight.
    fn finish(mut self) -> Vec<Part> {
        for from in std::mem::take(&mut self.round) {
            self.multiply(from, ROUND);
        }
        for from in std::mem::take(&mut self.square) {
            self.multiply(from, 1.0 / ROUND);
        }
        let mut joined: Vec<Part> = Vec::new();
        for part in self.parts {
            match joined.last_mut().filter(|last| last.weight == part.weight) {
                Some(last) => {
                    let length = last.text.len();
                    last.runs.extend(part.runs.iter().map(|(begin, place)| (length + begin, *place)));
                    last.text += &part.text;
                }
                None => joined.push(part),
            }
        }
        if joined.is_empty() {
            joined.push(Part::plain("", 0));
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_in_the_prompt() {
        let prompt = r"an \(old\) (red:1.2) hat";
        let parts = parts(prompt, true, true);
        let texts: Vec<(&str, f64)> = parts.iter().map(|part| (part.text.as_str(), part.weight)).collect();
        assert_eq!(texts, [("an (old) ", 1.0), ("red", 1.2), (" hat", 1.0)]);
        for part in &parts {
            for (at, byte) in part.text.bytes().enumerate() {
                assert_eq!(prompt.as_bytes()[part.place(at)], byte, "{part:?} {at}");
            }
        }
    }

    #[test]
    fn without_weights_and_breaks_nothing_is_read() {
        let prompt = r"a (b:1.2) \( BREAK [c]";
        assert_eq!(parts(prompt, false, false), [Part::plain(prompt, 0)]);
        let texts: Vec<String> = parts(prompt, false, true).into_iter().map(|part| part.text).collect();
        assert_eq!(texts, [r"a (b:1.2) \(", "BREAK", "[c]"]);
        assert_eq!(without_weights(prompt), "a b ( BREAK c");
    }

    #[test]
    fn a_break_is_a_word_of_its_own() {
        let breaks = |prompt: &str| parts(prompt, false, true).iter().filter(|part| part.is_break()).count();
        assert_eq!([breaks("a BREAK b"), breaks("BREAKS"), breaks("a_BREAK"), breaks("break")], [1, 0, 0, 0]);
        assert_eq!(
            [breaks("BREAKFAST BREAK"), breaks("BREAK BREAK"), breaks("漫BREAK"), breaks("a,BREAK")],
            [1, 2, 0, 1]
        );
    }

    #[test]
    fn a_weight_with_a_number_is_found() {
        assert_eq!(first_weight("a (red:1.2) hat"), Some("(red:1.2)"));
        assert_eq!(first_weight("a (b (c) d: 0.5 ) e"), Some("(b (c) d: 0.5 )"));
        for none in ["a (red) hat", "at 12:30) and", r"a \(red:1.2\)", "(ratio 1:2:3", "(1.2.3:1.2.3)"] {
            assert_eq!(first_weight(none), None, "{none}");
        }
    }
}
