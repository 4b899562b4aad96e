//! The file, and the block in the page.

use maud::{Markup, PreEscaped, html};

use super::reader::For;
use super::short::short;
use super::study::study;
use crate::report::finding::Judged;
use crate::text::hides;

/// The name of the file in the report.
pub(crate) const FILE: &str = "cells.json";

/// The content of `cells.json`.
pub(crate) fn file(judged: &Judged<'_>) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(&study(judged, For::Programs)).expect("plain data");
    bytes.push(b'\n');
    bytes
}

/// The block in the page. JSON in HTML must not end its element, and must not hide signs from who reads the source.
pub(crate) fn block(judged: &Judged<'_>) -> Markup {
    let study = serde_json::to_value(study(judged, For::Page)).expect("plain data");
    let text = short(study).to_string();
    html! { script type="application/json" id="study" { (PreEscaped(escaped(&text))) } }
}

/// The same JSON without signs that mean something to HTML, or that pages show by their numbers.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, '<' | '>' | '&') || c.is_control() || hides(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::choice::Guidance;
    use crate::report::data::{Drawing, Group, StudyData};
    use crate::report::finding::judged;
    use crate::report::fixture;
    use crate::report::naming::words;

    /// The fixture, as drawn by a command.
    fn data() -> StudyData {
        let mut data = fixture::two_axes();
        for cell in &mut data.cells {
            cell.toml = cell.assignments.iter().map(|s| format!("{} = {}\n", s.key, s.value)).collect();
            cell.drawing = Drawing {
                model: "owner/model".into(),
                dtype: "f32".into(),
                sampler: "ddim".into(),
                steps: 5,
                guidance: Guidance::new(7.5),
                lora_scale: 1.0,
                ..Drawing::default()
            };
        }
        data
    }

    fn page(data: &StudyData) -> Value {
        let block = block(&judged(data)).into_string();
        let json = block.strip_prefix("<script type=\"application/json\" id=\"study\">").expect("begins");
        let json = json.strip_suffix("</script>").expect("ends");
        assert!(!json.contains(['<', '>', '&', '\u{202e}', '\u{7f}']), "{json}");
        serde_json::from_str(json).expect("is JSON")
    }

    #[test]
    fn every_image_is_listed_with_what_draws_it_again() {
        let data = data();
        let json: Value = serde_json::from_slice(&file(&judged(&data))).expect("is JSON");
        let images = json["images"].as_array().expect("a list");
        let all = data.cells.iter().map(|c| &c.images).chain(data.baselines.iter().map(|s| &s.images));
        assert_eq!(images.len(), all.map(Vec::len).sum::<usize>());
        let ids: BTreeSet<&str> = images.iter().filter_map(|image| image["id"].as_str()).collect();
        assert_eq!(ids.len(), images.len(), "no two have one name");
        let of = |id: &str| images.iter().find(|image| image["id"] == id).expect("is there");
        let own = of("c1-p1-s0");
        assert_eq!((own["cell"].as_u64(), own["group"].as_str()), (Some(1), Some("prompt")));
        assert_eq!(own["prompt"], "a aawxbc figurine in the forest, holding a cup");
        assert!(own["scores"]["nearest_similarity"].is_number() && own["nearest_photo"].is_number());
        let command = own["command"].as_str().expect("a command");
        let beginning = json["cells"][1]["command"].as_str().expect("its beginning");
        assert!(command.starts_with(beginning) && command.contains("--seed=0 --output=c1-p1-s0.png"), "{command}");
        assert!(!of("b0-p1-s0")["command"].as_str().expect("a command").contains("--lora"));
        assert_eq!(json["cells"][1]["settings"]["train.rank"], "16");
        assert_eq!(json["cells"][1]["toml"], "dataset.size = 2\ntrain.rank = 16\n");
        let conditions: Vec<u64> = (0..4).filter_map(|i| json["conditions"][i]["cells"][0].as_u64()).collect();
        assert_eq!(conditions, [0, 1, 2, 3]);
        assert_eq!(json["photos"][7]["held_out"], true);
    }

    #[test]
    fn the_page_has_what_its_scripts_need_and_no_more() {
        let data = data();
        let json = page(&data);
        let image = json["images"].as_array().and_then(|all| all.iter().find(|i| i[0] == "c1-p1-s0")).expect("one");
        let name = &json["names"]["p1-s0"];
        let index = name["text"].as_u64().expect("a prompt") as usize;
        let folder = json["cells"][1]["folder"].as_str().expect("a folder");
        let whole = data.cells[1].picture(Group::Prompt, 1, 0).map(|p| p.file.as_str());
        assert_eq!(whole, Some(format!("{folder}/{}", name["file"].as_str().expect("a file"))).as_deref());
        assert_eq!(json["prompts"][index]["text"], "a aawxbc figurine in the forest, holding a cup");
        let pair = &image[3][2];
        assert!(pair[0].is_number() && pair[1].is_number(), "{image}");
        assert_eq!(json["scores"][2]["name"], "nearest_similarity");
        assert!(json["cells"][0]["ceilings"][2].is_number());
        assert!(json["cells"][0]["scores"].is_null());
        assert!(block(&judged(&data)).into_string().len() * 4 < file(&judged(&data)).len());
    }

    #[test]
    fn texts_of_the_user_cannot_end_the_block_and_come_back_as_they_were() {
        let evil = "</script><script>alert(1)</script>&amp;\"'\u{202e}\u{7f}שלום";
        let mut data = data();
        data.title = evil.into();
        data.photos[0].name = evil.into();
        data.cells[0].label = evil.into();
        data.cells[0].images[0].prompt = evil.into();
        let json = page(&data);
        let shown = words::visible(evil);
        assert_eq!(json["study"]["title"], shown.as_str());
        assert_eq!(json["photos"][0]["name"], shown.as_str());
        assert_eq!(json["cells"][0]["label"], evil);
        let image = json["images"].as_array().and_then(|all| all.iter().find(|i| i[0] == "c0-p0-s0")).expect("one");
        let own = &json["prompts"][image[4].as_u64().expect("it has another prompt than the others") as usize];
        assert_eq!(own["text"], evil);
        let prompt =
            json["prompts"].as_array().and_then(|all| all.iter().find(|p| p["text"] == evil)).expect("is there");
        assert_eq!(prompt["shown"], shown.as_str());
    }
}
