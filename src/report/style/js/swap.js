// LoRA off: every image of a cell shows the base model's image on the same noise, and says so.
const toggles = all('.toggle');
/** What the page shows for each image of the base model. */
const bases = new Map(
  all('[data-id^="b"]').map((a) => [a.dataset.id, a.querySelector('img').getAttribute('src')]),
);
/** Shows an image as the switch says. */
const paint = (a) => {
  const img = a.querySelector('img');
  const base = off && bases.get(study.base(a.dataset.id));
  if (!('on' in img.dataset)) {
    if (!base) return;
    img.dataset.on = img.getAttribute('src');
    img.dataset.says = img.alt;
  }
  a.classList.toggle('swapped', off);
  img.src = base || img.dataset.on;
  img.alt = (off ? 'base model instead of ' : '') + img.dataset.says;
  if (img.title) img.title = img.alt;
};
/** The images of cells in the comparisons and in the answers. */
const swapping = (within) => all('[data-id^="c"]', within).filter((a) => a.closest('.grid, .card'));
/** Tells the large view that images were replaced. */
const changed = () => document.dispatchEvent(new Event('grid-change'));
const setOff = (value) => {
  if (off === value) return;
  off = value;
  document.body.classList.toggle('off', off);
  for (const b of toggles) b.setAttribute('aria-pressed', String(off));
  swapping().forEach(paint);
  changed();
};
/** The other state of the switch, kept in the address. */
const swap = () => {
  setOff(!off);
  grid.keep();
};
for (const b of toggles) b.onclick = swap;
