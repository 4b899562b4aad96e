//! The modules of `src/` form levels; a module may use only modules of a lower level.

use std::{collections::BTreeMap, fs, path::Path};

/// Level of each top-level module; the table in `src/lib.rs` says the same.
const LEVELS: [(&str, u8); 16] = [
    ("hub_id", 0),
    ("stage", 0),
    ("hashing", 0),
    ("kernels", 0),
    ("event", 1),
    ("experiment", 1),
    ("photos", 1),
    ("store", 1),
    ("metrics", 1),
    ("diffusion", 1),
    ("plan", 2),
    ("stages", 3),
    ("run", 4),
    ("report", 5),
    ("term", 5),
    ("cli", 6),
];

fn rust_files(path: &Path, out: &mut Vec<std::path::PathBuf>) {
    if path.is_file() {
        out.push(path.to_path_buf());
    } else {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() || path.extension().is_some_and(|e| e == "rs") {
                rust_files(&path, out);
            }
        }
    }
}

/// The top-level modules named by `crate::x` in a source text, comments left out.
fn used_modules(source: &str) -> Vec<String> {
    let code: String =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            // `use crate::{a::b, c}`: the first word of each part at depth one.
            let (mut depth, mut word, mut fresh) = (1, String::new(), true);
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => fresh = true,
                    c if depth == 1 && fresh && (c.is_alphanumeric() || c == '_') => word.push(c),
                    c if !c.is_whitespace() && !word.is_empty() => fresh = false,
                    _ => {}
                }
                if (!fresh || depth == 0) && !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
                if depth == 0 {
                    break;
                }
                if c == ',' && !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
            }
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

#[test]
fn modules_use_only_lower_levels() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let levels: BTreeMap<&str, u8> = LEVELS.into();
    let mut faults = Vec::new();
    for (module, level) in LEVELS {
        let mut files = Vec::new();
        for candidate in [src.join(module), src.join(format!("{module}.rs"))] {
            if candidate.exists() {
                rust_files(&candidate, &mut files);
            }
        }
        assert!(!files.is_empty(), "module `{module}` of the level table has no file in src/");
        for file in files {
            for used in used_modules(&fs::read_to_string(&file).unwrap()) {
                if let Some(used_level) = levels.get(used.as_str())
                    && used != module
                    && *used_level >= level
                {
                    faults.push(format!("{}: {module} (L{level}) uses {used} (L{used_level})", file.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_module_has_a_level() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = fs::read_to_string(src.join("lib.rs")).unwrap();
    for line in lib.lines() {
        if let Some(module) = line.strip_prefix("pub mod ").and_then(|l| l.strip_suffix(';')) {
            assert!(LEVELS.iter().any(|(name, _)| *name == module), "`{module}` has no level in tests/layering.rs");
        }
    }
}

#[test]
fn used_modules_are_found() {
    let text = "use crate::{kernels::Linear, store::{Key, Store}, stage};\nuse crate::event::Event;\n// crate::cli";
    assert_eq!(used_modules(text), ["kernels", "store", "stage", "event"]);
}
