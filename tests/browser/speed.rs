//! How fast a page of 2,000 images is. A measurement, not a test: its result stands in `docs/performance.md`.

#![allow(clippy::print_stdout)] // what is measured

use std::time::Instant;

use crate::made::Made;
use crate::tab::Tab;

/// Scrolls down by a part of the window at each frame and gives the milliseconds between the frames.
const SCROLL: &str = "new Promise((done) => {
  const times = [];
  let last = performance.now();
  const frame = (now) => {
    times.push(now - last);
    last = now;
    scrollBy({ top: 200, behavior: 'instant' });
    if (times.length < 200 && scrollY + innerHeight < document.documentElement.scrollHeight - 1) {
      requestAnimationFrame(frame);
    } else {
      done(times.slice(2));
    }
  };
  requestAnimationFrame(frame);
})";

#[test]
#[ignore = "a measurement: cargo test --release --test browser -- --ignored --nocapture"]
fn a_page_of_2000_images_is_fast() {
    // 8 sizes × 2 trainings × (10 prompts + drift) × 11 seeds, and the base model's.
    let made = Made { sizes: (1..=8).collect(), trainings: 2, prompts: 10, seeds: 11, side: 256, ..Made::default() };
    let report = made.write("speed");
    let Some(mut tab) = Tab::new() else { return };
    // The first opening reads the browser's own files, too.
    for round in 1..=3 {
        let start = Instant::now();
        tab.open(&report, "");
        let opened = start.elapsed().as_millis();
        let images = tab.eval("document.images.length");
        let times = tab.eval(SCROLL);
        let mut times: Vec<f64> = times.as_array().unwrap().iter().map(|t| t.as_f64().unwrap()).collect();
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        times.sort_by(f64::total_cmp);
        let late = times[times.len() * 95 / 100];
        println!(
            "{round}: {images} images open in {opened} ms; {} frames of {mean:.1} ms, 95 % below {late:.1} ms",
            times.len()
        );
    }
}
