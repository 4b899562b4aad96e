//! A TOML document as a tree in which every key and value knows its place.

use std::ops::Range;
use std::sync::Arc;

use super::problem::Problem;
use super::problems::Problems;
use super::source::{Place, Source, Spans};

/// A key of a table and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) node: Node,
}

/// A table, a list or a single value.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Table { fields: Vec<Field>, span: Range<usize> },
    List { items: Vec<Self>, span: Range<usize> },
    Leaf { value: toml::Value, span: Range<usize> },
}

impl Node {
    /// The value and its spans.
    pub(super) fn value(&self) -> (toml::Value, Spans) {
        match self {
            Self::Leaf { value, span } => (value.clone(), Spans { span: span.clone(), items: Vec::new() }),
            Self::List { items, span } => {
                let (values, spans) = items.iter().map(Self::value).unzip();
                (toml::Value::Array(values), Spans { span: span.clone(), items: spans })
            }
            Self::Table { fields, span } => {
                let table = fields.iter().map(|f| (f.key.clone(), f.node.value().0)).collect();
                (toml::Value::Table(table), Spans { span: span.clone(), items: Vec::new() })
            }
        }
    }

    /// Its bytes in the file.
    pub(super) fn span(&self) -> Range<usize> {
        match self {
            Self::Table { span, .. } | Self::List { span, .. } | Self::Leaf { span, .. } => span.clone(),
        }
    }

    /// `a list`, `a section`, …: for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Table { .. } => "a section",
            Self::List { .. } => "a list",
            Self::Leaf { value, .. } => match value {
                toml::Value::String(_) => "a text",
                toml::Value::Integer(_) | toml::Value::Float(_) => "a number",
                toml::Value::Boolean(_) => "true or false",
                toml::Value::Datetime(_) => "a date",
                toml::Value::Array(_) => "a list",
                toml::Value::Table(_) => "a section",
            },
        }
    }
}

/// Parses a whole file; the error is the first syntax error.
pub(super) fn parse(source: &Arc<Source>) -> Result<Vec<Field>, Problems> {
    match toml_edit::Document::parse(source.text.as_str()) {
        Ok(document) => Ok(table(document.as_table())),
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            let before = source.text.get(..span.start).unwrap_or_default();
            let nothing = span.is_empty() && before.trim_end_matches([' ', '\t']).ends_with('=');
            let message = if nothing { "a value is missing after `=`" } else { error.message() };
            let place = Place::File { source: source.clone(), span };
            Err(Problem::error(place, message).help("this is not valid TOML: see https://toml.io").into())
        }
    }
}

/// Parses the text of a single value; text that is not a TOML value counts as a string.
pub(super) fn parse_value(text: &str) -> Node {
    if let Ok(document) = toml_edit::Document::parse(format!("x = {text}"))
        && let [field] = table(document.as_table()).as_slice()
        && field.key == "x"
        && !matches!(field.node, Node::Leaf { value: toml::Value::Datetime(_), .. })
    {
        return field.node.clone();
    }
    Node::Leaf { value: toml::Value::String(text.to_owned()), span: 0..0 }
}

fn table(table: &toml_edit::Table) -> Vec<Field> {
    let fields = table.iter().filter_map(|(name, item)| {
        let key_span = table.key(name).and_then(toml_edit::Key::span).unwrap_or(0..0);
        Some(Field { key: name.to_owned(), node: node(item, &key_span)?, key_span })
    });
    fields.collect()
}

fn node(item: &toml_edit::Item, key_span: &Range<usize>) -> Option<Node> {
    Some(match item {
        toml_edit::Item::None => return None,
        toml_edit::Item::Value(value) => value_node(value),
        toml_edit::Item::Table(t) => Node::Table { fields: table(t), span: key_span.clone() },
        toml_edit::Item::ArrayOfTables(tables) => {
            let tables: Vec<&toml_edit::Table> = tables.iter().collect();
            let items = tables.iter().map(|t| Node::Table { fields: table(t), span: t.span().unwrap_or(0..0) });
            Node::List { items: items.collect(), span: key_span.clone() }
        }
    })
}

fn value_node(value: &toml_edit::Value) -> Node {
    let span = value.span().unwrap_or(0..0);
    let leaf = |value| Node::Leaf { value, span: span.clone() };
    match value {
        toml_edit::Value::String(v) => leaf(toml::Value::String(v.value().clone())),
        toml_edit::Value::Integer(v) => leaf(toml::Value::Integer(*v.value())),
        toml_edit::Value::Float(v) => leaf(toml::Value::Float(*v.value())),
        toml_edit::Value::Boolean(v) => leaf(toml::Value::Boolean(*v.value())),
        toml_edit::Value::Datetime(v) => leaf(match v.value().to_string().parse() {
            Ok(date) => toml::Value::Datetime(date),
            Err(_) => toml::Value::String(v.value().to_string()),
        }),
        toml_edit::Value::Array(v) => Node::List { items: v.iter().map(value_node).collect(), span },
        toml_edit::Value::InlineTable(t) => {
            let fields = t.iter().map(|(name, item)| {
                let key_span = t.key(name).and_then(toml_edit::Key::span).unwrap_or(0..0);
                Field { key: name.to_owned(), key_span, node: value_node(item) }
            });
            Node::Table { fields: fields.collect(), span }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { path: "x.toml".into(), folder: ".".into(), text: text.into() })
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let text = "[a]\nb.c = [1, 'x']\n[[d]]\ne = 2\n";
        let fields = parse(&source(text)).unwrap();
        let Node::Table { fields: a, .. } = &fields[0].node else { panic!("{fields:?}") };
        let Node::Table { fields: b, .. } = &a[0].node else { panic!("{a:?}") };
        assert_eq!(&text[b[0].key_span.clone()], "c");
        let (value, spans) = b[0].node.value();
        assert_eq!(value, toml::Value::Array(vec![1.into(), "x".into()]));
        assert_eq!(&text[spans.items[1].span.clone()], "'x'");
        let Node::List { items, .. } = &fields[1].node else { panic!("{fields:?}") };
        let Node::Table { fields: d, .. } = &items[0] else { panic!("{items:?}") };
        assert_eq!(&text[d[0].key_span.clone()], "e");
    }

    #[test]
    fn text_that_is_no_value_is_text() {
        let value = |text| parse_value(text).value().0;
        assert_eq!(value("2e-4"), toml::Value::Float(2e-4));
        assert_eq!(value("[5, 15]"), toml::Value::Array(vec![5.into(), 15.into()]));
        assert_eq!(value("bf16"), "bf16".into());
        assert_eq!(value("1\ny = 2"), "1\ny = 2".into());
        assert_eq!(value("1979-05-27"), "1979-05-27".into());
        assert_eq!(value(""), "".into());
    }

    #[test]
    fn deep_nesting_is_refused_not_a_stack_overflow() {
        assert!(parse(&source(&format!("a = {}", "[".repeat(100_000)))).is_err());
        assert!(parse(&source(&format!("{}a = 1", "a.".repeat(100_000)))).is_err());
    }
}
