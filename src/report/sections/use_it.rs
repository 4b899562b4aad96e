//! How to use an adapter: the file, and what to write in other programs.

use maud::{Markup, html};

use crate::records::adapters::KOHYA;
use crate::report::data::{CellData, StudyData};
use crate::report::style::link::href;
use crate::report::style::{copy, markdown};
use crate::text;
use crate::text::shell_word;

/// One program with what to do in it.
struct Way {
    program: &'static str,
    /// What to do first.
    first: String,
    /// What to write.
    write: String,
}

/// The file to download and a folded list of programs.
pub(super) fn html(data: &StudyData, cell: &CellData) -> Markup {
    let Some(file) = file(cell) else { return Markup::default() };
    html! {
        p.to {
            a.download href=(href(file)) download=(saved_as(data)) { "Download the adapter" }
            " " small { (size(data, file)) }
        }
        details.use {
            summary { "How to use it" }
            dl {
                @for way in ways(data, cell, file) {
                    dt { (way.program) }
                    dd { p { (way.first) } (copy::code(&way.write)) }
                }
            }
        }
    }
}

/// The same as Markdown.
pub(super) fn text(data: &StudyData, cell: &CellData) -> String {
    let Some(file) = file(cell) else { return String::new() };
    let ways = ways(data, cell, file).into_iter();
    let ways = ways.map(|way| format!("\n- {}: {} `{}`", way.program, markdown::prose(&way.first), code(&way.write)));
    let size = size_in_brackets(data, file);
    format!("[Download the adapter]({}){size}\n{}", href(file), ways.collect::<String>())
}

/// Text between back quotes, which cannot hold any itself.
fn code(text: &str) -> String {
    text.replace('`', "'").replace(['\n', '\r'], " ")
}

/// The file most programs read, else the first.
pub(super) fn file(cell: &CellData) -> Option<&str> {
    cell.adapters.iter().find(|file| is_kohya(file)).or(cell.adapters.first()).map(String::as_str)
}

fn is_kohya(file: &str) -> bool {
    file.rsplit('/').next() == Some(KOHYA)
}

/// Who reads an adapter file.
pub(super) fn dialect(file: &str) -> &'static str {
    if is_kohya(file) { "kohya" } else { "diffusers" }
}

/// The size of a file of the report; empty if it is not known.
pub(super) fn size(data: &StudyData, file: &str) -> String {
    let found = data.files.iter().find(|known| known.to == file);
    found.map(|known| text::bytes(known.from.entry.bytes)).unwrap_or_default()
}

/// The size as it follows a link; nothing if it is not known.
pub(super) fn size_in_brackets(data: &StudyData, file: &str) -> String {
    let size = size(data, file);
    if size.is_empty() { size } else { format!(" ({size})") }
}

/// The name without an ending under which the file is best saved: all adapters have one name in the report.
fn name(data: &StudyData) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = data.name.chars().take(60).map(plain).collect();
    if name.is_empty() { "adapter".to_owned() } else { name }
}

fn saved_as(data: &StudyData) -> String {
    format!("{}.safetensors", name(data))
}

/// What to do in the programs that people use.
fn ways(data: &StudyData, cell: &CellData, file: &str) -> Vec<Way> {
    let (name, saved, scale) = (name(data), saved_as(data), scale(data, cell));
    let prompt = cell.prompts.first().map_or("", String::as_str);
    let mut ways = Vec::new();
    let diffusers = cell.adapters.iter().find(|file| !is_kohya(file)).map_or(file, String::as_str);
    if !is_kohya(file) {
        ways.push(Way {
            program: "First, for ComfyUI and A1111",
            first: "This file is as diffusers reads it. Convert it:".to_owned(),
            write: format!("runner lora convert {} --to kohya --output {saved}", shell_word(file)),
        });
    }
    ways.push(Way {
        program: "ComfyUI",
        first: format!(
            "Save it as {saved} in ComfyUI/models/loras, choose it in the node “Load LoRA” with strength {scale}, and \
             write this prompt:"
        ),
        write: prompt.to_owned(),
    });
    ways.push(Way {
        program: "A1111 and Forge",
        first: format!("Save it as {saved} in models/Lora, and write this prompt:"),
        write: format!("{prompt} <lora:{name}:{scale}>"),
    });
    let (folder, weights) = diffusers.rsplit_once('/').unwrap_or((".", diffusers));
    let mut lines = format!("pipe.load_lora_weights({folder:?}, weight_name={weights:?})");
    if scale != "1" {
        lines += &format!("; pipe.set_adapters([\"default_0\"], [{scale}])");
    }
    ways.push(Way { program: "diffusers", first: "In Python, beside this page:".to_owned(), write: lines });
    ways
}

/// The strength at which the cell's images were drawn.
fn scale(data: &StudyData, cell: &CellData) -> String {
    let own = cell.assignments.iter().chain(&data.fixed).find(|setting| setting.key == "generate.lora_scale");
    own.map_or_else(|| "1".to_owned(), |setting| setting.value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::Setting;
    use crate::report::fixture;

    #[test]
    fn the_file_is_told_for_each_program() {
        let mut data = fixture::study();
        data.name = "my study; rm -rf <x>".into();
        let mut cell = data.cells[0].clone();
        let all = text(&data, &cell);
        // Only the file for diffusers is there, so it is converted first.
        assert!(
            all.contains("runner lora convert 'adapters/dataset.size=2/pytorch_lora_weights.safetensors'"),
            "{all}"
        );
        cell.adapters.push("adapters/a/lora_kohya.safetensors".into());
        cell.assignments.push(Setting { key: "generate.lora_scale".into(), value: "0.75".into() });
        let all = text(&data, &cell);
        assert!(!all.contains("lora convert"), "{all}");
        assert!(all.contains("<lora:my-study--rm--rf--x-:0.75>") && all.contains("set_adapters"), "{all}");
        assert!(all.contains("pipe.load_lora_weights(\"adapters/dataset.size=2\", weight_name="), "{all}");
        let page = html(&data, &cell).into_string();
        assert!(page.contains("download=\"my-study--rm--rf--x-.safetensors\"") && !page.contains("<lora"), "{page}");
    }
}
