//! What one chooses above the tables: LoRA off, tabs, sliders, and the size of the tiles. Only scripts can use them.

use maud::{Markup, html};

use super::rows::FOLDED;
use crate::report::naming::axis;
use crate::report::naming::choice::Choice;
use crate::report::page::layout::Layout;

/// The sizes of tiles.
const SIZES: [&str; 3] = ["small", "medium", "large"];

/// The controls of one comparison; `set` is its word.
pub(super) fn markup(layout: &Layout, set: &str) -> Markup {
    let seeds = layout.prompts.iter().map(|p| p.seeds.len()).max().unwrap_or(0);
    html! {
        div.controls hidden {
            button.toggle type="button" aria-pressed="false" { "LoRA off" }
            @for (i, choice) in layout.choices.iter().enumerate() {
                @if axis::is_slider(&choice.key) { (slider(choice, i, set)) } @else { (tabs(choice, i, set)) }
            }
            fieldset.size {
                legend { "tiles" }
                @for (i, size) in SIZES.iter().enumerate() {
                    label {
                        input type="radio" name={ (set) "-size" } value=(i) checked[i == 1];
                        span { (size) }
                    }
                }
            }
            @if seeds > FOLDED {
                button.all-seeds type="button" aria-pressed="false" { "all " (seeds) " seeds" }
            }
            details.keys {
                summary { "keys" }
                ul {
                    li { kbd { "L" } " LoRA off" }
                    li { "hold " kbd { "Space" } " a look at the base model" }
                    li { kbd { "←" } " " kbd { "→" } " " kbd { "↑" } " " kbd { "↓" } " from image to image" }
                    li { kbd { "Enter" } " large view" }
                    @for choice in layout.choices.iter().filter(|c| axis::is_slider(&c.key)) {
                        @if choice.key == axis::CHECKPOINT {
                            li { kbd { "," } " " kbd { "." } " " (choice.name()) }
                        } @else {
                            li { kbd { "<" } " " kbd { ">" } " " (choice.name()) }
                        }
                    }
                }
            }
        }
    }
}

fn tabs(choice: &Choice, index: usize, set: &str) -> Markup {
    html! {
        fieldset data-choice=(index) {
            legend { (choice.name()) }
            @for (i, label) in choice.labels.iter().enumerate() {
                label {
                    input type="radio" name={ (set) "-" (index) } value=(i) checked[i == choice.first];
                    span { (label) }
                }
            }
        }
    }
}

fn slider(choice: &Choice, index: usize, set: &str) -> Markup {
    let id = format!("{set}-{index}");
    let steps = choice.key == axis::CHECKPOINT;
    html! {
        div.slider data-choice=(index) data-steps[steps] style=(format!("--n:{}", choice.values.len())) {
            label for=(id) { (choice.name()) }
            div {
                input id=(id) type="range" min="0" max=(choice.values.len() - 1) step="1" value=(choice.first)
                    aria-valuetext=(choice.say(choice.first));
                ul.ticks { @for label in &choice.labels { li { (label) } } }
            }
            @if steps { output for=(id) {} }
        }
    }
}
