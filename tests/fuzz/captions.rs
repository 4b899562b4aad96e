//! Text files beside photos.

use runner::photos::scan;

use crate::files::{Files, golden};
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;

#[test]
fn captions() {
    let files = Files::new();
    files.put("photo.png", &golden("photos/inputs/size_1x1.png"));
    let seeds = ["a red duck\n", "\u{feff}une  poupée\r\n\tsur la lune", "", "人形"];
    let seeds = seeds.map(|seed| vec![seed.as_bytes().to_vec()]).to_vec();
    fuzz(Target { name: "captions", parts: &[Kind::Text], seeds, inputs: 8000, memory: MEMORY }, |input| {
        files.put("photo.txt", &input[0]);
        match scan(&[files.folder().to_owned()], None) {
            Err(error) => error.to_string(),
            Ok(scan) => match &scan.photos[0].caption {
                None => "no caption".to_owned(),
                Some(caption) => {
                    assert!(!caption.contains(char::is_control) && caption.len() <= runner::photos::MAX_CAPTION_BYTES);
                    assert_eq!(caption.split_whitespace().collect::<Vec<_>>().join(" "), *caption);
                    "a caption".to_owned()
                }
            },
        }
    });
}
