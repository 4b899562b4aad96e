//! The structure of `src/`: modules use only modules of lower levels, and no files use each other in a circle.
//!
//! The levels are read from the table in `src/lib.rs`. An arrow goes from a file to each file that it names in a `use`
//! or in a path. A module file that only passes a name on (`pub use child::Name`) stands for the child's file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module's path without `crate`, e.g. `["store", "key"]`; empty for `lib.rs`.
type Module = Vec<String>;

/// The files of `src/` by module, with what each says outside comments, strings and tests.
struct Tree {
    files: BTreeMap<Module, Source>,
}

struct Source {
    file: PathBuf,
    code: String,
    /// Names that the file passes on, and the path of each.
    passed_on: BTreeMap<String, Module>,
    /// Paths that the file uses itself.
    used: BTreeSet<Module>,
}

impl Tree {
    fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        let mut folders = vec![(src, Module::new())];
        while let Some((folder, module)) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let file = entry.unwrap().path();
                let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
                let mut path = module.clone();
                if file.is_dir() {
                    path.push(name);
                    folders.push((file, path));
                } else if file.extension().is_some_and(|e| e == "rs") && name != "tests" && name != "main" {
                    if name != "mod" && name != "lib" {
                        path.push(name);
                    }
                    let code = code(&fs::read_to_string(&file).unwrap());
                    let source = Source { file, code, passed_on: BTreeMap::new(), used: BTreeSet::new() };
                    files.insert(path, source);
                }
            }
        }
        files.retain(|path, _| !path.contains(&"tests".to_owned()));
        let modules: BTreeSet<Module> = files.keys().cloned().collect();
        for (module, source) in &mut files {
            let (passed_on, used) = paths(&source.code, module, &modules);
            source.passed_on = passed_on;
            source.used = used;
        }
        Self { files }
    }

    /// The file that a path names, through the files that pass names on.
    fn target(&self, path: &[String]) -> Option<&Module> {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let (module, source) =
                (0..=path.len()).rev().find_map(|length| self.files.get_key_value(&path[..length]))?;
            match path.get(module.len()).and_then(|name| source.passed_on.get(name)) {
                Some(elsewhere) => path = elsewhere.clone(),
                None => return Some(module),
            }
        }
        None
    }

    /// The files that a file names, itself left out.
    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let targets = |module: &Module, source: &Source| {
            let targets = source.used.iter().filter_map(|path| self.target(path));
            targets.filter(|target| *target != module && !target.is_empty()).collect()
        };
        self.files.iter().map(|(module, source)| (module, targets(module, source))).collect()
    }
}

/// The text without comments, strings, and the unit tests, which stand last in a file.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut code = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default();
        for (index, part) in line.split('"').enumerate() {
            if index % 2 == 0 {
                code.push_str(part);
            }
        }
        code.push('\n');
    }
    code
}

/// The names that `code` passes on, and the absolute paths that it uses.
fn paths(code: &str, module: &Module, modules: &BTreeSet<Module>) -> (BTreeMap<String, Module>, BTreeSet<Module>) {
    let (mut passed_on, mut used) = (BTreeMap::new(), BTreeSet::new());
    let mut rest = String::new();
    let mut statements = code.split(';').peekable();
    while let Some(statement) = statements.next() {
        let start = statement.rfind("use ").filter(|at| {
            let before = statement[..*at].trim_end();
            let line = before.rsplit('\n').next().unwrap_or_default().trim();
            (line.is_empty() || line.starts_with("pub")) && statements.peek().is_some()
        });
        let Some(start) = start else {
            rest.push_str(statement);
            rest.push(';');
            continue;
        };
        let head = &statement[..start];
        let public = head.rsplit('\n').next().unwrap_or_default().trim().starts_with("pub");
        rest.push_str(head);
        for (path, name) in tree(&statement[start + 4..]) {
            let Some(path) = absolute(&path, module, modules) else { continue };
            if public && path.starts_with(module) {
                passed_on.insert(name, path);
            } else {
                used.insert(path);
            }
        }
    }
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    for word in rest.split(|c| !part(c)).filter(|word| word.contains("::")) {
        let path: Vec<String> = word.split("::").map(str::to_owned).collect();
        used.extend(absolute(&path, module, modules));
    }
    (passed_on, used)
}

/// Every path of a `use` tree, and the name by which it is known afterwards.
fn tree(text: &str) -> Vec<(Vec<String>, String)> {
    let text = text.trim();
    let Some((head, inner)) = text.split_once('{') else {
        let (path, name) = text.split_once(" as ").map_or((text, None), |(path, name)| (path, Some(name)));
        let path: Vec<String> = path.split("::").map(|part| part.trim().to_owned()).collect();
        let name = name.map_or_else(|| path.last().cloned().unwrap_or_default(), |name| name.trim().to_owned());
        return vec![(path, name)];
    };
    let head: Vec<String> =
        head.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in inner.trim_end().trim_end_matches('}').chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match (c, depth) {
            (',', 0) => items.push(String::new()),
            _ => items.last_mut().unwrap().push(c),
        }
    }
    // A nested list has lost its last brace with those of the whole.
    let close = |item: String| if item.contains('{') { item + "}" } else { item };
    let join = |(path, name): (Vec<String>, String)| {
        let own: Vec<String> = path.into_iter().filter(|part| part != "self").collect();
        let path: Vec<String> = head.iter().cloned().chain(own).collect();
        let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name };
        (path, name)
    };
    let items = items.into_iter().filter(|item| !item.trim().is_empty()).map(close);
    items.flat_map(|item| tree(&item)).map(join).collect()
}

/// A path from the crate's root; `None` for one that leads out of it.
fn absolute(path: &[String], module: &Module, modules: &BTreeSet<Module>) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let up = path.iter().take_while(|part| *part == "super").count();
            Some([&module[..module.len().checked_sub(up)?], &path[up..]].concat())
        }
        _ => {
            let child = [module.as_slice(), std::slice::from_ref(first)].concat();
            (!module.is_empty() && modules.contains(&child)).then(|| [module, path].concat())
        }
    }
}

/// The levels of the table in `src/lib.rs`.
fn levels() -> BTreeMap<String, usize> {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let mut levels = BTreeMap::new();
    for row in lib.lines().filter_map(|line| line.strip_prefix("//! | L")) {
        let (level, modules) = row.split_once('|').unwrap();
        for module in modules.split('`').skip(1).step_by(2) {
            levels.insert(module.to_owned(), level.trim().parse().unwrap());
        }
    }
    levels
}

#[test]
fn modules_use_only_lower_levels() {
    let (tree, levels) = (Tree::read(), levels());
    let tops: BTreeSet<&String> = tree.files.keys().filter_map(|module| module.first()).collect();
    let known: BTreeSet<&String> = levels.keys().collect();
    assert_eq!(tops, known, "the modules of src/ (left) and those of the table in src/lib.rs (right)");
    let mut faults = Vec::new();
    for (module, targets) in tree.arrows() {
        let Some(top) = module.first() else { continue };
        for target in targets.into_iter().filter(|target| target[0] != *top) {
            if levels[&target[0]] >= levels[top] {
                let (file, other) = (tree.files[module].file.display(), target.join("::"));
                faults.push(format!("{file} (L{}) uses {other} (L{})", levels[top], levels[&target[0]]));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let tree = Tree::read();
    let arrows = tree.arrows();
    let reach = |start| {
        let (mut seen, mut next): (BTreeSet<&Module>, Vec<&Module>) = (BTreeSet::new(), vec![start]);
        while let Some(module) = next.pop() {
            next.extend(arrows.get(module).into_iter().flatten().copied().filter(|target| seen.insert(*target)));
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = arrows.keys().map(|module| (*module, reach(module))).collect();
    // Files that reach each other are of one circle; only the arrows inside it are shown.
    let show = |module: &Module| {
        let inside = |target: &&&Module| reached[**target].contains(module);
        let targets: Vec<String> = arrows[module].iter().filter(inside).map(|target| target.join("::")).collect();
        format!("{} → {}", module.join("::"), targets.join(", "))
    };
    let in_circle = reached.iter().filter(|(module, reached)| reached.contains(*module));
    let circles: Vec<String> = in_circle.map(|(module, _)| show(module)).collect();
    assert!(circles.is_empty(), "these files use each other:\n{}", circles.join("\n"));
}

#[test]
fn models_know_neither_the_environment_nor_the_hub() {
    let tree = Tree::read();
    for (module, source) in tree.files.iter().filter(|(module, _)| module.first().is_some_and(|top| top == "models")) {
        assert!(!source.code.contains("std::env"), "{} names std::env", source.file.display());
        let hub = source.used.iter().find(|path| path.first().is_some_and(|top| top == "hub"));
        assert!(hub.is_none(), "{} uses {hub:?}: what {module:?} needs is handed in", source.file.display());
    }
}

#[test]
fn paths_are_found() {
    let module = |text: &str| -> Module { text.split("::").map(str::to_owned).collect() };
    let modules: BTreeSet<Module> = ["a", "a::b", "a::c", "d"].map(module).into();
    let text = "use crate::{d::{X, Y as Z}, a};\npub use b::{Word, self};\nuse super::d::T;\nfn f() { c::run(std::f) }";
    let (passed_on, used) = paths(text, &module("a"), &modules);
    assert_eq!(passed_on, [("Word".to_owned(), module("a::b::Word")), ("b".to_owned(), module("a::b"))].into());
    assert_eq!(used, ["d::X", "d::Y", "a", "d::T", "a::c::run"].map(module).into());
}
