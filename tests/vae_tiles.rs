//! Images in tiles against the same images whole. The image is a mosaic of photos, each of which is darker or brighter
//! than its neighbours.

#![allow(clippy::print_stdout)] // measured errors are worth reading

#[path = "common/device.rs"]
mod device;

use std::path::Path;

use candle_core::{DType, Tensor};
use device::device;
use runner::models::AutoencoderKl;
use runner::models::{Network, Parts};

const SIDE: usize = 128;

/// `rows × columns` of the sample photos, `(1, 3, H, W)` in -1..1.
fn mosaic(rows: usize, columns: usize) -> Tensor {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/shinchan");
    let photo = |i: usize| {
        let photo = image::open(folder.join(format!("{:02}.jpg", i % 30))).unwrap();
        let photo = photo.resize_to_fill(SIDE as u32, SIDE as u32, image::imageops::FilterType::Triangle).to_rgb8();
        Tensor::from_vec(photo.into_raw(), (SIDE, SIDE, 3), device()).unwrap()
    };
    let row = |y: usize| {
        let photos: Vec<_> = (0..columns).map(|x| photo(y * columns + x)).collect();
        Tensor::cat(&photos, 1).unwrap()
    };
    let rows: Vec<_> = (0..rows).map(row).collect();
    let pixels = Tensor::cat(&rows, 0).unwrap().permute((2, 0, 1)).unwrap().unsqueeze(0).unwrap();
    ((pixels.to_dtype(DType::F32).unwrap() / 127.5).unwrap() - 1.).unwrap()
}

fn mean_square(x: &Tensor) -> f64 {
    f64::from(x.sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap())
}

/// Mean absolute difference of neighbours along dimension `dim`, for each pair of lines.
fn steps(image: &Tensor, dim: usize) -> Vec<f32> {
    let length = image.dim(dim).unwrap();
    let step = (image.narrow(dim, 1, length - 1).unwrap() - image.narrow(dim, 0, length - 1).unwrap()).unwrap();
    let other = if dim == 2 { 3 } else { 2 };
    step.abs().unwrap().mean(other).unwrap().mean(1).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn decibels(ratio: f64) -> f64 {
    10. * ratio.log10()
}

/// The shipped autoencoder with tiles of so many pixels.
fn load(pixels: usize) -> AutoencoderKl {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/models/toyworld");
    let parts = Parts::open(&folder).unwrap();
    let part = parts.part("vae").unwrap();
    let Network::Vae(config) = &part.network else { panic!("the VAE is {:?}", part.network) };
    AutoencoderKl::load(config, &part.weights, device(), DType::F32).unwrap().with_tiles_of(pixels)
}

#[test]
fn tiles_do_not_show() {
    let whole = load(usize::MAX);
    let image = mosaic(6, 5);
    let latents = whole.encode(&image).unwrap().0;
    let decoded = whole.decode(&latents).unwrap();
    // As small as they get, and three sizes that do not divide the image.
    for pixels in [1, 256, 384, 512] {
        let tiled = load(pixels);
        let error = mean_square(&(tiled.encode(&image).unwrap().0 - &latents).unwrap());
        let encoding = decibels(mean_square(&latents) / error);
        let difference = (tiled.decode(&latents).unwrap() - &decoded).unwrap();
        let decoding = decibels(4. / mean_square(&difference));
        let jumps = [2, 3].map(|dim| steps(&difference, dim).into_iter().fold(0., f32::max));
        println!("tiles of {pixels}: encoding {encoding:.1} dB, decoding {decoding:.1} dB, largest jump {jumps:.4?}");
        let small = pixels == 1;
        assert!(encoding > if small { 30. } else { 42. }, "{encoding}");
        assert!(decoding > if small { 48. } else { 52. }, "{decoding}");
        // A border would show as a line along which the error jumps; one shade of 8 bits is 0.0078.
        assert!(jumps.iter().all(|jump| *jump < if small { 0.0130 } else { 0.0070 }), "{jumps:?}");
    }
}

#[test]
fn images_in_a_batch_do_not_feel_each_other() {
    if !device().is_cpu() {
        // Other devices' libraries may choose other products for another batch; see `at_once`.
        return;
    }
    let vae = load(1);
    let (one, two) = (mosaic(2, 2), mosaic(2, 2).neg().unwrap());
    let latents = vae.encode(&Tensor::cat(&[&one, &two], 0).unwrap()).unwrap().0;
    let decoded = vae.decode(&latents).unwrap();
    for (i, image) in [one, two].iter().enumerate() {
        let same = |a: Tensor, b: &Tensor| {
            let numbers = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(numbers(&a) == numbers(&b.narrow(0, i, 1).unwrap()), "image {i} is another in a batch");
        };
        same(vae.encode(image).unwrap().0, &latents);
        same(vae.decode(&latents.narrow(0, i, 1).unwrap()).unwrap(), &decoded);
    }
}
