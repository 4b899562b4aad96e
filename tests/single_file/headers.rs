//! Headers of real models, and files that are something else.

use super::*;

#[cfg(unix)]
#[test]
fn real_headers_are_understood() {
    const TELLING: &str = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias";
    // 0.2 and −0.2 in f16
    const SPREAD: [u8; 4] = [0x66, 0x32, 0x66, 0xb2];
    let headers: BTreeMap<String, BTreeMap<String, Vec<usize>>> = json("real");
    let dir = tempfile::tempdir().unwrap();
    copy_tokenizer(dir.path(), "tokenizer", &golden("models/sd1/tokenizer"));
    for (name, spread, prediction, unet, text) in [
        ("sd1", false, PredictionType::Epsilon, 859_520_964, 123_060_480),
        ("sd2", false, PredictionType::Epsilon, 865_910_724, 340_387_840),
        ("sd2", true, PredictionType::VPrediction, 865_910_724, 340_387_840),
    ] {
        let file = dir.path().join(format!("{name}_{spread}.safetensors"));
        hollow(&file, &headers[name], spread.then_some((TELLING, SPREAD)));
        let parts = Parts::open(&file).unwrap();
        let line = match (name, spread) {
            ("sd1", _) => "Stable Diffusion 1.x in one file, fp16",
            (_, false) => "Stable Diffusion 2.x in one file, fp16",
            (_, true) => "Stable Diffusion 2.x in one file, fp16, predicts v",
        };
        assert_eq!(parts.about(), line);
        let summary = parts.check().unwrap();
        assert_eq!(summary.prediction_type, prediction, "{name}");
        assert_eq!(summary.native_size, if spread { 768 } else { 512 });
        assert_eq!(summary.part_parameters, [("unet", unet), ("vae", 83_653_863), ("text_encoder", text)]);
        let layers = summary.adaptable_layers.iter().map(|layer| layer.name.as_str());
        let (in_text, in_unet): (Vec<_>, Vec<_>) = layers.partition(|name| name.starts_with("text_encoder."));
        // As many as sd-scripts finds: 128 of attentions, 32 behind them, 32 around the transformers; with its
        // `conv_dim` 278. Four more lie before and behind the blocks.
        assert_eq!(in_unet.iter().filter(|name| name.contains(".attentions.")).count(), 192);
        assert_eq!(in_unet.len(), 278 + 4);
        assert_eq!(in_text.len(), if name == "sd1" { 72 } else { 138 });
    }
    copy_tokenizer(dir.path(), "tokenizer_2", &golden("models/sd2/tokenizer"));
    let file = dir.path().join("xl.safetensors");
    hollow(&file, &headers["sdxl"], None);
    let parts = Parts::open(&file).unwrap();
    assert_eq!(parts.about(), "Stable Diffusion XL in one file, fp16");
    assert_eq!(parts.warnings, [""; 0]);
    let summary = parts.check().unwrap();
    assert_eq!((summary.native_size, headers["sdxl"].len()), (1024, 2516));
    let texts = [("text_encoder", 123_060_480), ("text_encoder_2", 694_659_840)];
    assert_eq!(summary.part_parameters[..2], [("unet", 2_567_463_684), ("vae", 83_653_863)]);
    assert_eq!(summary.part_parameters[2..], texts);
}

#[test]
fn other_files_are_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let input = "model.diffusion_model.input_blocks.0.0.weight";
    let context = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
    let refused = |name: &str, shapes: &[(&str, &[usize])]| {
        let file = dir.path().join(name);
        let shapes = shapes.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect();
        hollow(&file, &shapes, None);
        Parts::open(&file).and_then(|parts| parts.check()).unwrap_err().to_string()
    };
    let unet = |name: &str| format!("model.diffusion_model.{name}");
    let flux = unet("double_blocks.0.img_attn.qkv.weight");
    let sd3 = unet("joint_blocks.0.context_block.attn.qkv.weight");
    let video = unet("input_blocks.1.0.time_stack.in_layers.0.weight");
    let image = unet("noise_refiner.0.attention.qkv.weight");
    for (name, shapes, advice) in [
        ("a.ckpt", &[(input, &[4usize, 4, 3, 3][..])][..], "weights_only=True"),
        ("b.safetensors", &[("lora_unet_x.lora_up.weight", &[4, 4])], "this is a LoRA file"),
        (
            "c.safetensors",
            &[("conditioner.embedders.0.model.transformer.x", &[4]), (input, &[384, 4, 3, 3])],
            "refiner",
        ),
        ("d.safetensors", &[("conv_in.weight", &[4])], "model_index.json"),
        ("e.safetensors", &[(input, &[320, 9, 3, 3])], "an inpainting model"),
        ("e5.safetensors", &[(input, &[320, 5, 3, 3])], "a depth-to-image model"),
        ("e7.safetensors", &[(input, &[320, 7, 3, 3])], "an upscaler"),
        ("e8.safetensors", &[(input, &[320, 8, 3, 3])], "InstructPix2Pix"),
        ("f.safetensors", &[(input, &[320, 4, 3, 3]), (context, &[320, 512])], "of width 512"),
        ("f2.safetensors", &[(input, &[384, 4, 3, 3]), (context, &[384, 1280])], "refiner"),
        ("g1.safetensors", &[(flux.as_str(), &[4])], "FLUX.1"),
        ("g2.safetensors", &[("double_blocks.0.img_attn.qkv.weight", &[4])], "FLUX.1"),
        ("g3.safetensors", &[(sd3.as_str(), &[4])], "Stable Diffusion 3"),
        ("g4.safetensors", &[(video.as_str(), &[4]), (input, &[320, 8, 3, 3])], "a video model"),
        ("g5.safetensors", &[(image.as_str(), &[4])], "Z-Image"),
        ("g6.safetensors", &[("cap_embedder.0.weight", &[4])], "Z-Image"),
        ("g7.safetensors", &[("control_model.input_hint_block.0.weight", &[4])], "ControlNet"),
        ("g8.safetensors", &[("emb_params", &[1, 768])], "textual inversion"),
        ("g9.safetensors", &[("text_model.final_layer_norm.weight", &[4])], "text encoder alone"),
        ("g10.safetensors", &[("down_blocks.0.resnets.0.conv1.weight", &[4])], "name the folder"),
        ("g11.safetensors", &[("input_blocks.0.0.weight", &[320, 4, 3, 3])], "a UNet alone"),
    ] {
        let text = refused(name, shapes);
        assert!(text.contains(advice) && text.contains(name), "{text}");
    }
    for (name, bytes) in [("zip", &b"PK\x03\x04\0\0\x08\x08archive/data.pkl"[..]), ("pickle", b"\x80\x02}q\x00X\x0a")] {
        let file = dir.path().join(format!("{name}.safetensors"));
        std::fs::write(&file, bytes).unwrap();
        let text = Parts::open(&file).unwrap_err().to_string();
        assert!(text.contains("a pickle") || text.contains("Python pickle"), "{text}");
        assert!(
            text.contains("weights_only=True") && text.contains(&format!("{name}.converted.safetensors")),
            "{text}"
        );
    }
    // sizes of a real model, whose vocabulary is CLIP's
    let [vae, text] = ["first_stage_model.x", "cond_stage_model.transformer.x"];
    let whole: [(&str, &[usize]); 4] = [(input, &[320, 4, 3, 3]), (context, &[320, 768]), (vae, &[1]), (text, &[1])];
    let text = refused("g.safetensors", &whole);
    assert!(text.contains("missing (") && text.contains("conv_in.bias"), "{text}");
}
