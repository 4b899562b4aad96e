//! What a file holds: averaged weights, types of numbers, markers, and what it lacks.

use super::*;

/// LDM's name of an EMA weight: without dots.
fn averaged(name: &str) -> Option<String> {
    let name = name.strip_prefix("model.")?.strip_prefix("diffusion_model.")?;
    Some(format!("model_ema.diffusion_model{}", name.replace('.', "")))
}

#[test]
fn ema_weights_are_used_where_they_are_the_only_ones() {
    for (name, family) in [("sd1", Family::Sd1), ("sd2", Family::Sd2), ("sdxl", Family::Sdxl)] {
        let model = Tiny::new(name);
        let whole = checkpoint(name, model.path());
        let expected = run(Parts::open(model.path()).unwrap());
        // Beside the others they are not used: here they are wrong.
        let wrong = whole.iter().filter_map(|(name, tensor)| Some((averaged(name)?, (tensor * 2.0).unwrap())));
        let beside: BTreeMap<String, Tensor> = whole.clone().into_iter().chain(wrong).collect();
        let parts = InOneFile::new(&model, family, &beside).open(&Elsewhere::default()).unwrap();
        assert!(
            parts.about().contains("with EMA weights of the UNet beside the others, which are used"),
            "{}",
            parts.about()
        );
        let only: BTreeMap<String, Tensor> =
            whole.into_iter().map(|(name, tensor)| (averaged(&name).unwrap_or(name), tensor)).collect();
        assert_eq!(only.keys().filter(|name| name.starts_with("model.")).count(), 0);
        let file = InOneFile::new(&model, family, &only);
        let parts = file.open(&Elsewhere::default()).unwrap();
        assert!(parts.about().contains("with the EMA weights of the UNet only"), "{}", parts.about());
        assert_eq!(run(parts), expected);
    }
}

/// The names of every real UNet keep their meaning without dots.
#[test]
fn ema_names_of_real_models_are_understood() {
    let headers: BTreeMap<String, BTreeMap<String, Vec<usize>>> = json("real");
    let dir = tempfile::tempdir().unwrap();
    copy_tokenizer(dir.path(), "tokenizer", &golden("models/sd1/tokenizer"));
    copy_tokenizer(dir.path(), "tokenizer_2", &golden("models/sd2/tokenizer"));
    for (name, unet) in [("sd1", 859_520_964), ("sd2", 865_910_724), ("sdxl", 2_567_463_684)] {
        let file = dir.path().join("ema.safetensors");
        let renamed =
            headers[name].iter().map(|(name, shape)| (averaged(name).unwrap_or_else(|| name.clone()), shape.clone()));
        hollow(&file, &renamed.collect(), None);
        let summary = Parts::open(&file).and_then(|parts| parts.check());
        // The family is told by the UNet, whatever its names.
        assert_eq!(summary.unwrap().part_parameters[0], ("unet", unet));
    }
}

#[test]
fn a_model_is_told_in_one_line() {
    let model = Tiny::new("sd2");
    let whole = checkpoint("sd2", model.path());
    let file = InOneFile::new(&model, Family::Sd2, &whole);
    let line = file.open(&Elsewhere::default()).unwrap().about();
    assert_eq!(line, "Stable Diffusion 2.x in one file, fp16, predicts v, called \"Tiny\"");
    let folder = Parts::open(model.path()).unwrap().about();
    assert!(folder == "a model of its own sizes in a diffusers folder, fp16, predicts v", "{folder}");
    let unknown = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let mut more = whole.clone();
    for name in ["my.thing", "my.other", "one", "two"] {
        more.insert(name.to_owned(), unknown.clone());
    }
    let warnings = InOneFile::new(&model, Family::Sd2, &more).open(&Elsewhere::default()).unwrap().warnings;
    assert_eq!(warnings, ["model.safetensors has 4 tensors that are not used here: `my.other`, `my.thing`, `one`, …."]);
}

/// Parts of different types, and what their configurations say of it, change no result.
#[test]
fn parts_may_have_different_types() {
    let model = Tiny::new("sd1");
    let expected = Parts::open(model.path()).unwrap();
    let vae = model.path().join("vae");
    let wide = tensors(&vae).into_iter().map(|(name, tensor)| (name, tensor.to_dtype(DType::F32).unwrap()));
    let wide: BTreeMap<String, Tensor> = wide.collect();
    std::fs::remove_file(vae.join("diffusion_pytorch_model.safetensors")).unwrap();
    // It is found under the name of a variant, too.
    let file = vae.join("diffusion_pytorch_model.fp16.safetensors");
    std::fs::write(file, tensor_file::write(&wide, &BTreeMap::new()).unwrap()).unwrap();
    for part in ["vae", "unet", "text_encoder"] {
        let config = model.path().join(part).join("config.json");
        let mut text: serde_json::Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
        text["torch_dtype"] = "float16".into();
        std::fs::write(config, text.to_string()).unwrap();
    }
    let mixed = Parts::open(model.path()).unwrap();
    assert!(mixed.about().ends_with("unet fp16, vae fp32, text encoder fp16"), "{}", mixed.about());
    assert_eq!(mixed.warnings, expected.warnings);
    // Nothing is read before it is used.
    let expected = run(Parts::open(&golden("models/sd1")).unwrap());
    assert_eq!(run(mixed), expected);
}

#[test]
fn a_marker_tells_of_training_up_to_pure_noise() {
    let model = Tiny::new("sd2");
    let mut tensors = checkpoint("sd2", model.path());
    tensors.insert("ztsnr".to_owned(), Tensor::zeros(0, DType::F32, &Device::Cpu).unwrap());
    let parts = InOneFile::new(&model, Family::Sd2, &tensors).open(&Elsewhere::default()).unwrap();
    let Process::Ddpm(schedule) = &parts.process;
    assert_eq!(schedule.alphas_cumprod.last(), Some(&0.0));
    assert_eq!(schedule.prediction_type, PredictionType::VPrediction);
}

#[test]
fn what_a_file_lacks_is_said_and_can_come_from_elsewhere() {
    let model = Tiny::new("sd1");
    let whole = checkpoint("sd1", model.path());
    let without = |beginning: &str| -> BTreeMap<String, Tensor> {
        whole.iter().filter(|(name, _)| !name.starts_with(beginning)).map(|(n, t)| (n.clone(), t.clone())).collect()
    };
    let folder = golden("models/sd1");
    let expected = run(Parts::open(&folder).unwrap());

    let no_vae = InOneFile::new(&model, Family::Sd1, &without("first_stage_model."));
    let error = no_vae.open(&Elsewhere::default()).unwrap_err().to_string();
    for part in ["it has no VAE", "`model.vae`", "--vae", "stabilityai/sd-vae-ft-mse", "Stable Diffusion 1.x"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let no_text = InOneFile::new(&model, Family::Sd1, &without("cond_stage_model."));
    let error = no_text.open(&Elsewhere::default()).unwrap_err().to_string();
    assert!(error.contains("it has no text encoder") && error.contains("`model.text_encoders`"), "{error}");

    // The VAE: the folder of a model, its own folder, and a file with the names of a checkpoint, LDM or diffusers.
    let vae: BTreeMap<String, Tensor> = whole
        .iter()
        .filter(|(name, _)| name.starts_with("first_stage_model."))
        .map(|(n, t)| (n.clone(), t.clone()))
        .collect();
    let bare = |name: &String| name.trim_start_matches("first_stage_model.").to_owned();
    let mut ldm: BTreeMap<String, Tensor> = vae.iter().map(|(name, tensor)| (bare(name), tensor.clone())).collect();
    ldm.insert("loss.discriminator.main.0.weight".to_owned(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
    ldm.insert("model_ema.decay".to_owned(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
    let files = [("a", &vae), ("b", &ldm), ("c", &tensors(&folder.join("vae")))];
    let files = files.map(|(name, tensors)| {
        let file = no_vae.dir.path().join(format!("{name}.safetensors"));
        std::fs::write(&file, tensor_file::write(tensors, &BTreeMap::new()).unwrap()).unwrap();
        file
    });
    for path in [folder.clone(), folder.join("vae")].iter().chain(&files) {
        let parts = no_vae.open(&Elsewhere { vae: Some(path), ..Elsewhere::default() }).unwrap();
        let line = parts.about();
        assert!(line.contains("with the VAE of ") && line.contains(&*path.to_string_lossy()), "{line}");
        assert_eq!(run(parts), expected, "{}", path.display());
    }
    let error = Elsewhere { vae: Some(&files[0]), ..Elsewhere::default() };
    let error = Parts::open_with(&files[1], &error).unwrap_err().to_string();
    assert!(error.contains("it is a VAE alone") && error.contains("`model.vae`"), "{error}");

    // A folder's VAE is replaced, too, and its configuration counts in place of the model's.
    let other = golden("models/sd2");
    let parts = Parts::open_with(&folder, &Elsewhere { vae: Some(&other), ..Elsewhere::default() }).unwrap();
    let [_, _, decoded, _] = run(parts.clone());
    assert!(
        decoded != expected[2]
            && parts.texts["vae/config.json"] != Parts::open(&folder).unwrap().texts["vae/config.json"]
    );

    let parts = no_text.open(&Elsewhere { text_encoders: Some(&folder), ..Elsewhere::default() }).unwrap();
    assert!(parts.about().contains("with the text encoder of "), "{}", parts.about());
    assert_eq!(run(parts), expected);
}
