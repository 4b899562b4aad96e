//! Changes of text: words, quoted strings, lines and brackets.

use std::ops::Range;

use fastrand::Rng;

/// Words that are special to somebody.
const WORDS: [&str; 44] = [
    "0",
    "-1",
    "1",
    "-0.0",
    "1e308",
    "-1e999",
    "1e-320",
    "nan",
    "inf",
    "0x7fffffff",
    "1_000",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "0.1",
    "65",
    "100000",
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "\"\"",
    "''",
    "\"\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\",
    "\u{0}",
    "\u{202e}",
    "\u{feff}",
    "é",
    "e\u{301}\u{301}\u{301}",
    "🦆",
    "../../etc/passwd",
    "/dev/zero",
    "{identifier}",
    "{{",
    "1979-05-27T07:32:00Z",
    "=",
    "[[",
    "#",
];

/// Deepest nest of brackets.
const DEEP: usize = 3000;

/// One change of text; what is not UTF-8 is changed all the same.
pub(crate) fn mutate(rng: &mut Rng, data: &mut Vec<u8>, other: &[u8]) {
    let tokens = if rng.u8(..4) == 0 { lines(data) } else { words(data) };
    if tokens.is_empty() {
        data.extend(word(rng));
        return;
    }
    let pick = |rng: &mut Rng| tokens[rng.usize(..tokens.len())].clone();
    let token = pick(rng);
    let piece = data[token.clone()].to_vec();
    let new = match rng.u8(..10) {
        0 | 1 => word(rng),
        2 => Vec::new(),
        3 => piece.repeat(2),
        4 => data[pick(rng)].to_vec(),
        5 => piece.repeat(1 << rng.usize(..12)),
        6 => {
            let (open, close) = [("[", "]"), ("{\"a\":", "}"), ("{", "}"), ("a.", "")][rng.usize(..4)];
            let depth = rng.usize(1..DEEP);
            [open.repeat(depth).as_bytes(), &piece, close.repeat(depth).as_bytes()].concat()
        }
        7 => [&piece[..], b" ", &word(rng)].concat(),
        8 => {
            let tokens = if piece.contains(&b'\n') { lines(other) } else { words(other) };
            match tokens.len() {
                0 => word(rng),
                count => other[tokens[rng.usize(..count)].clone()].to_vec(),
            }
        }
        _ => {
            // Two pieces change places.
            let second = pick(rng);
            if second.start >= token.end {
                let (first, last) = (piece, data[second.clone()].to_vec());
                drop(data.splice(second, first));
                drop(data.splice(token, last));
            }
            return;
        }
    };
    drop(data.splice(token, new));
}

fn word(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..12) {
        0 => rng.i64(..).to_string().into_bytes(),
        1 => vec![rng.u8(b' '..127); 1 << rng.usize(..13)],
        2 => rng.char(..).to_string().into_bytes(),
        _ => WORDS[rng.usize(..WORDS.len())].as_bytes().to_vec(),
    }
}

/// The lines, with their ends.
fn lines(data: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut all = Vec::new();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        all.push(start..start + line.len());
        start += line.len();
    }
    all
}

/// Words and numbers, strings in quotes, and single other characters; no spaces.
fn words(data: &[u8]) -> Vec<Range<usize>> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(byte) || *byte >= 0x80;
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(first) = data.get(at) {
        let rest = &data[at + 1..];
        let length = match first {
            b'"' => rest.iter().position(|byte| *byte == b'"').map_or(1, |end| end + 2),
            byte if plain(byte) => 1 + rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len()),
            _ => 1,
        };
        if !first.is_ascii_whitespace() {
            all.push(at..at + length);
        }
        at += length;
    }
    all
}
