// LoRA off: every image of a cell is swapped with the base model's image on the same noise.
const toggles = all('.toggle');
const swap = () => {
  off = !off;
  document.body.classList.toggle('off', off);
  for (const b of toggles) b.setAttribute('aria-pressed', String(off));
  for (const a of all('.swap')) {
    const img = a.querySelector('img');
    img.dataset.on ??= img.getAttribute('src');
    img.src = off ? a.dataset.base : img.dataset.on;
  }
  document.dispatchEvent(new Event('grid-change'));
};
for (const t of all('.tools')) t.hidden = false;
for (const b of toggles) b.onclick = swap;
