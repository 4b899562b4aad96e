//! Our own style and scripts as they stand in a page: without comments, indents and spaces that only people need. Names
//! stay as they are, and a script keeps its lines, so that one can still read it there.

/// CSS on one line, without spaces around the signs between which none are needed.
pub(super) fn style(source: &str) -> String {
    let lines = without_comments(source);
    let lines = lines.lines().map(|line| match line.split_once(": ") {
        // A declaration; a selector ends in a comma or a brace.
        Some((property, value)) if line.ends_with(';') => format!("{property}:{value}"),
        _ => line.replace(" {", "{").replace(" > ", ">"),
    });
    // A value or a selector may go on in the next line.
    let text: String = lines.map(|line| if line.ends_with(['{', '}', ';', ',']) { line } else { line + " " }).collect();
    // The last declaration of a rule needs no end.
    text.replace(";}", "}")
}

/// JavaScript without spaces beside signs.
pub(super) fn script(source: &str) -> String {
    let lines = without_comments(source);
    let mut out = String::with_capacity(lines.len());
    for line in lines.lines() {
        tight_line(line, &mut out);
        out.push('\n');
    }
    out
}

/// One line of a script. Texts and patterns keep their spaces; each ends on its line.
fn tight_line(line: &str, out: &mut String) {
    let mut rest = line;
    let begin = out.len();
    while let Some(c) = rest.chars().next() {
        let before = out[begin..].chars().next_back();
        let length = match c {
            '\'' | '"' | '`' => literal(rest, c),
            '/' if rest.starts_with("//") => return,
            '/' if begins_pattern(&out[begin..]) => literal(rest, '/'),
            ' ' => {
                rest = rest.trim_start_matches(' ');
                let after = rest.chars().next();
                // A comment at the end of a line takes its space along.
                if needs_space(before, after) && !rest.starts_with("//") {
                    out.push(' ');
                }
                continue;
            }
            c => c.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
}

/// Bytes of a text or a pattern that ends with the sign it begins with.
fn literal(text: &str, end: char) -> usize {
    let (mut escaped, mut in_class) = (false, false);
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' if end == '/' => in_class = true,
            ']' if end == '/' => in_class = false,
            c if c == end && !in_class => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Whether a `/` behind this code begins a pattern, and does not divide.
fn begins_pattern(code: &str) -> bool {
    code.is_empty()
        || code.ends_with(['(', ',', '=', ':', '[', '!', '&', '|', '?', '{', '}', ';'])
        || code.ends_with("return")
}

/// Whether two signs would mean something else without the space between them: two words, or `+ +`.
fn needs_space(before: Option<char>, after: Option<char>) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    match (before, after) {
        (Some(a), Some(b)) => word(a) && word(b) || a == b && (a == '+' || a == '-'),
        _ => false,
    }
}

/// CSS or JavaScript without indents, empty lines and comments that begin a line.
fn without_comments(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut comment = false;
    for line in source.lines().map(str::trim) {
        comment |= line.starts_with("/*");
        if !comment && !line.is_empty() && !line.starts_with("//") {
            out.push_str(line);
            out.push('\n');
        }
        comment &= !line.ends_with("*/");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{script, style};

    #[test]
    fn style_is_one_line() {
        let source = "a:hover,\nb > c {\n  margin: 0 1px;\n}\n@media (x: 1) {\n  d {\n    color:\n      red;\n  }\n}\n";
        assert_eq!(style(source), "a:hover,b>c{margin:0 1px}@media (x: 1){d{color: red}}");
    }

    #[test]
    fn a_script_has_no_comments_and_no_spare_spaces() {
        let source = "// a\n/** b\n * c */\nf(1); // d\n\n  /* e */\n  if (/\\/*x/.test(y)) {\n    g('//');\n  }\n";
        assert_eq!(script(source), "f(1);\nif(/\\/*x/.test(y)){\ng('//');\n}\n");
        let source = "const { a } = b - -1 + x / 2 / y;\nreturn typeof a === 'a  b' && `${a} / b` in [ / [/ ]/ ];\n";
        let tight = "const{a}=b- -1+x/2/y;\nreturn typeof a==='a  b'&&`${a} / b`in[/ [/ ]/];\n";
        assert_eq!(script(source), tight);
        assert_eq!(script("x = \"it's\" + 'a \\' b';\n"), "x=\"it's\"+'a \\' b';\n");
    }
}
