//! Whole models against diffusers' `from_single_file`, and the vocabulary of a file that has none.

use super::*;

/// The same file, read here and by diffusers' `from_single_file` (`tests/golden/single_file/whole.py`).
#[test]
fn a_file_is_what_from_single_file_makes_of_it() {
    let golden = candle_core::safetensors::load(golden("single_file/whole.safetensors"), &Device::Cpu).unwrap();
    for (name, family) in [("sd1", Family::Sd1), ("sd2", Family::Sd2), ("sdxl", Family::Sdxl)] {
        let model = Tiny::new(name);
        let mut whole = checkpoint(name, model.path());
        for stray in STRAY {
            whole.insert(stray.to_owned(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
        }
        let file = InOneFile::new(&model, family, &whole);
        let parts = file.open(&Elsewhere::default()).unwrap();
        for (what, values) in ["context", "noise", "decoded", "encoded"].into_iter().zip(run(parts.clone())) {
            let expected = golden[&format!("{name}.{what}")].to_vec1::<f32>().unwrap();
            assert_eq!(values.len(), expected.len(), "{name} {what}");
            let largest =
                |values: &mut dyn Iterator<Item = f32>| values.fold(0f32, |most, value| most.max(value.abs()));
            let error = largest(&mut values.iter().zip(&expected).map(|(a, b)| a - b));
            let error = error / largest(&mut expected.iter().copied());
            println!("{name:4} {what:7} {error:.1e}");
            assert!(error < 1e-5, "{name} {what}: {error:.1e}");
        }
        let request = ImageRequest {
            prompt: "a photo of the red house",
            negative_prompt: "water",
            seeds: &[7],
            width: 32,
            height: 24,
            sampling: Sampling::new(Sampler::Ddim, 6),
            reading: PromptOptions::default(),
            guidance: Guidance::new(5.0),
            batch_size: 1,
        };
        let model = parts.load(&Device::Cpu, DType::F32).unwrap();
        let images = generate(&model, &request, &LoraSet::empty(), &mut |_, _| ControlFlow::Continue(())).unwrap();
        let expected = golden[&format!("{name}.image")].flatten_all().unwrap().to_vec1::<u8>().unwrap();
        let db = psnr::psnr(images[0].as_raw(), &expected);
        println!("{name:4} image   {db:.1} dB");
        assert!(db >= 45.0, "{name}: {db:.1} dB");
    }
}

/// Token ids of a prompt.
#[derive(serde::Deserialize)]
struct Ids {
    prompt: String,
    /// By OpenAI's own tokenizer.
    openai: Vec<u32>,
    /// By that of transformers, filled up with the token 0.
    #[serde(rename = "!")]
    zeros: Vec<u32>,
}

#[cfg(unix)]
#[test]
fn a_file_alone_has_the_vocabulary_of_clip() {
    let headers: BTreeMap<String, BTreeMap<String, Vec<usize>>> = json("real");
    let expected: Vec<Ids> =
        serde_json::from_slice(&std::fs::read(golden("single_file/vocabulary.json")).unwrap()).unwrap();
    assert!(expected.len() > 10);
    let dir = tempfile::tempdir().unwrap();
    for (name, fills) in [("sd1", &["openai"][..]), ("sd2", &["!"]), ("sdxl", &["openai", "!"])] {
        let file = dir.path().join(format!("{name}.safetensors"));
        hollow(&file, &headers[name], None);
        let parts = Parts::open(&file).unwrap();
        parts.check().unwrap();
        let tokenizers = parts.parts.iter().filter_map(|part| part.tokenizer.as_ref());
        assert_eq!(tokenizers.clone().count(), fills.len());
        for (tokenizer, fill) in tokenizers.zip(fills) {
            for Ids { prompt, openai, zeros } in &expected {
                let wanted = if *fill == "!" { zeros } else { openai };
                assert_eq!(tokenizer.encode(prompt), *wanted, "{name} {fill} {prompt:?}");
            }
        }
        // What the model's hash is made of has the vocabulary, too.
        let texts: Vec<&str> = parts.texts.keys().map(String::as_str).collect();
        assert!(texts.contains(&"tokenizer/merges.txt") && texts.contains(&"tokenizer/vocab.json"), "{texts:?}");
        assert_eq!(texts.contains(&"tokenizer_2/vocab.json"), name == "sdxl");
    }
}
