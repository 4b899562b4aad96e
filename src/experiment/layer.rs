//! One layer of settings: a file, the environment, or `--set`. Unknown keys are refused here.

use std::path::Path;
use std::sync::Arc;

use super::axis;
use super::entry::{Assignments, Entry, position};
use super::node::{self, Field, Node};
use super::problem::Problem;
use super::problems::Problems;
use super::range;
use super::schema;
use super::source::{Origin, Place, Source};

/// What one layer says.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) settings: Assignments,
    pub(super) sweep: Assignments,
    /// Groups of axes that are walked together.
    pub(super) zip: Option<Vec<Assignments>>,
    pub(super) cells: Option<Vec<Assignments>>,
    pub(super) exclude: Option<Vec<Assignments>>,
    pub(super) extends: Option<Entry>,
    /// Section headers that occur, for the place of "is missing".
    pub(super) sections: Vec<(String, Place)>,
    /// Settings that unknown keys were probably meant to be.
    pub(super) meant: Vec<String>,
}

impl Layer {
    /// Reads a file's text.
    pub(super) fn from_source(source: &Arc<Source>, problems: &mut Problems) -> Option<Self> {
        let fields = match node::parse(source) {
            Ok(fields) => fields,
            Err(syntax) => {
                problems.extend(syntax);
                return None;
            }
        };
        let mut layer = Self::default();
        Absorber { layer: &mut layer, problems, writing: Writing::File(source.clone()) }.top(&fields);
        Some(layer)
    }

    /// Reads `(what, dotted name, value)` triples of the environment or the command line.
    pub(super) fn from_texts(
        texts: impl IntoIterator<Item = (String, String, String)>,
        folder: &Path,
        problems: &mut Problems,
    ) -> Self {
        let mut layer = Self::default();
        for (what, path, raw) in texts {
            let mut node = node::parse_value(&raw);
            // No setting is deeper; what is left over is an unknown key, not a deep tree.
            let mut keys: Vec<&str> = path.splitn(8, '.').collect();
            let first = keys.remove(0).to_owned();
            for key in keys.into_iter().rev() {
                let field = Field { key: key.to_owned(), key_span: 0..0, node };
                node = Node::Table { fields: vec![field], span: 0..0 };
            }
            let writing = Writing::Text { what, raw, folder: folder.to_owned() };
            let field = Field { key: first, key_span: 0..0, node };
            Absorber { layer: &mut layer, problems, writing }.top(&[field]);
        }
        layer
    }
}

/// What the value of a setting inside `[sweep]`, `[[cells]]` or `[[exclude]]` means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The values of an axis: a list or a range.
    Axis,
    /// One value.
    Value,
}

/// Where the layer is written: the origin of all its values.
enum Writing {
    File(Arc<Source>),
    Text { what: String, raw: String, folder: std::path::PathBuf },
}

struct Absorber<'a> {
    layer: &'a mut Layer,
    problems: &'a mut Problems,
    writing: Writing,
}

impl Absorber<'_> {
    fn place(&self, span: std::ops::Range<usize>) -> Place {
        match &self.writing {
            Writing::File(source) => Place::File { source: source.clone(), span },
            Writing::Text { what, .. } => Place::Text(what.clone()),
        }
    }

    fn entry(&self, field: &Field) -> Entry {
        let (value, spans) = field.node.value();
        let origin = match &self.writing {
            Writing::File(source) => Origin::File { source: source.clone(), key: field.key_span.clone(), value: spans },
            Writing::Text { what, raw, folder } => {
                Origin::Text { what: what.clone(), raw: raw.clone(), folder: folder.clone() }
            }
        };
        Entry { value, origin, layer: 0 }
    }

    fn top(&mut self, fields: &[Field]) {
        for field in fields {
            match field.key.as_str() {
                "sweep" => {
                    let mut axes = Vec::new();
                    match &field.node {
                        Node::Table { fields, .. } => fields.iter().for_each(|field| match field.key.as_str() {
                            "zip" => self.layer.zip = self.zip(field),
                            _ => self.assignment("", field, Meaning::Axis, &mut axes),
                        }),
                        _ => self.not_a_section("sweep", field),
                    }
                    self.refuse_doubles(&axes);
                    for (key, entry) in axes {
                        set(&mut self.layer.sweep, key, entry);
                    }
                }
                "cells" => self.layer.cells = self.combinations(field, "cells", Meaning::Value),
                "exclude" => self.layer.exclude = self.combinations(field, "exclude", Meaning::Value),
                "extends" if matches!(self.writing, Writing::Text { .. }) => {
                    let place = self.place(0..0);
                    self.problems.push(Problem::error(place, "`extends` can only be given in a file"));
                }
                "extends" => self.layer.extends = Some(self.entry(field)),
                _ => self.setting("", field),
            }
        }
    }

    /// A key of an ordinary section: a setting or a deeper section.
    fn setting(&mut self, section: &str, field: &Field) {
        let path = join(section, &field.key);
        if schema::is_setting(&path) {
            let entry = self.entry(field);
            set(&mut self.layer.settings, path, entry);
        } else if schema::is_section(&path) {
            let place = self.place(field.key_span.clone());
            if let Node::Table { fields, .. } = &field.node {
                self.layer.sections.push((path.clone(), place));
                fields.iter().for_each(|field| self.setting(&path, field));
            } else {
                self.not_a_section(&path, field);
            }
        } else {
            self.unknown(&path, field);
        }
    }

    /// A key inside `[sweep]`, `[[cells]]` or `[[exclude]]`; `dataset.size` may be quoted or not.
    fn assignment(&mut self, section: &str, field: &Field, meaning: Meaning, into: &mut Assignments) {
        let path = join(section, &field.key);
        if schema::is_setting(&path) {
            match range::fields(&field.node).filter(|_| meaning == Meaning::Axis) {
                Some((fields, span)) => self.range(&path, field, fields, span, into),
                None => into.push((path, self.entry(field))),
            }
        } else if schema::is_section(&path) {
            match &field.node {
                Node::Table { fields, .. } => fields.iter().for_each(|f| self.assignment(&path, f, meaning, into)),
                _ => self.not_a_section(&path, field),
            }
        } else {
            self.unknown(&path, field);
        }
    }

    /// A range: its values stand where it does.
    fn range(
        &mut self,
        path: &str,
        field: &Field,
        fields: &[Field],
        span: &std::ops::Range<usize>,
        into: &mut Assignments,
    ) {
        match range::expand(path, fields, span, &|span| self.place(span)) {
            Ok(values) => {
                let Entry { origin, layer, .. } = self.entry(field);
                into.push((path.to_owned(), Entry { value: toml::Value::Array(values), origin, layer }));
            }
            Err(problems) => {
                problems.into_iter().for_each(|problem| self.problems.push(problem));
                self.layer.meant.push(path.to_owned());
            }
        }
    }

    /// `[sweep.zip]` is one group of axes, `[[sweep.zip]]` one of several.
    fn zip(&mut self, field: &Field) -> Option<Vec<Assignments>> {
        match &field.node {
            Node::Table { span, .. } => {
                let one =
                    Field { node: Node::List { items: vec![field.node.clone()], span: span.clone() }, ..field.clone() };
                self.combinations(&one, "sweep.zip", Meaning::Axis)
            }
            Node::List { .. } => self.combinations(field, "sweep.zip", Meaning::Axis),
            Node::Leaf { .. } => {
                let place = self.place(field.node.span());
                let problem = Problem::error(place, format!("`sweep.zip` is {}", field.node.kind()));
                self.problems.push(
                    problem
                        .expected("settings that change together, each with a list of values")
                        .help("write `[sweep.zip]` and below it e.g. `train.rank = [4, 8]` and `train.alpha = [4, 8]`"),
                );
                None
            }
        }
    }

    fn combinations(&mut self, field: &Field, name: &str, meaning: Meaning) -> Option<Vec<Assignments>> {
        let Node::List { items, .. } = &field.node else {
            let place = self.place(field.key_span.clone());
            let message = format!("`{name}` is {}", field.node.kind());
            self.problems.push(
                Problem::error(place, message)
                    .expected(format!("one `[[{name}]]` section for each combination"))
                    .help(format!("write `[[{name}]]` with two brackets")),
            );
            return None;
        };
        let mut all = Vec::new();
        for item in items {
            let mut one = Vec::new();
            let Node::Table { fields, .. } = item else {
                let place = self.place(item.span());
                let message = format!("`{name}` holds {}", item.kind());
                self.problems.push(Problem::error(place, message).expected("settings by their dotted names"));
                continue;
            };
            fields.iter().for_each(|field| self.assignment("", field, meaning, &mut one));
            self.refuse_doubles(&one);
            if fields.is_empty() {
                let place = self.place(item.span());
                let message = format!("this `[[{name}]]` is empty");
                self.problems.push(Problem::error(place, message).expected("at least one setting"));
            }
            one.sort_by_key(|(_, entry)| position(entry));
            all.push(one);
        }
        Some(all)
    }

    /// `"dataset.size"` and `dataset.size` in one section are the same key twice.
    fn refuse_doubles(&mut self, assignments: &Assignments) {
        for (i, (key, entry)) in assignments.iter().enumerate() {
            if assignments[..i].iter().any(|(other, _)| other == key) {
                let message = format!("`{key}` is given twice");
                self.problems.push(Problem::error(entry.origin.key(), message).help("keep one of them"));
            }
        }
    }

    fn not_a_section(&mut self, path: &str, field: &Field) {
        let place = self.place(field.node.span());
        let example = match schema::members(path).first() {
            Some(member) => format!("{member} = …"),
            None => axis::EXAMPLE.to_owned(),
        };
        self.problems.push(
            Problem::error(place, format!("`{path}` is {}", field.node.kind()))
                .expected("a section")
                .help(format!("write `[{path}]` and below it e.g. `{example}`")),
        );
    }

    fn unknown(&mut self, path: &str, field: &Field) {
        if self.problems.are_full() {
            return;
        }
        let place = self.place(field.key_span.clone());
        let suggestion = schema::suggestion(path);
        let section = path.rsplit_once('.').map_or("", |(section, _)| section);
        let mut problem = Problem::error(place, format!("unknown key `{path}`")).suggestion(suggestion.clone());
        if schema::is_section(section) {
            problem = problem.expected(format!("a key of `[{section}]`"));
            if suggestion.is_none() {
                problem = problem.help(format!("there are: {}", schema::members(section).join(", ")));
            }
        } else if suggestion.is_none() {
            problem = problem.help("`runner defaults` shows every key");
        }
        self.problems.push(problem);
        self.layer.meant.extend(suggestion);
    }
}

fn set(assignments: &mut Assignments, key: String, entry: Entry) {
    assignments.retain(|(other, _)| *other != key);
    assignments.push((key, entry));
}

fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}
