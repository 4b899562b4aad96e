// LoRA off: every image of a cell shows the base model's image on the same noise, and says so.
const toggles = all('.toggle');
/** What the page shows for each image of the base model. */
const bases = new Map(
  all('.shot[data-id^="b"]').map((a) => [a.dataset.id, a.querySelector('img').getAttribute('src')]),
);
/** Shows an image as the switch says. */
const paint = (a) => {
  const img = a.querySelector('img');
  if (!('on' in img.dataset)) {
    if (!off) return;
    img.dataset.on = img.getAttribute('src');
    img.dataset.says = img.alt;
  }
  img.src = off ? bases.get(study.base(a.dataset.id)) : img.dataset.on;
  img.alt = (off ? 'base model instead of ' : '') + img.dataset.says;
  if (img.title) img.title = img.alt;
};
/** Tells the large view that images were replaced. */
const changed = () => document.dispatchEvent(new Event('grid-change'));
const setOff = (value) => {
  if (off === value) return;
  off = value;
  document.body.classList.toggle('off', off);
  for (const b of toggles) b.setAttribute('aria-pressed', String(off));
  all('.swap').forEach(paint);
  changed();
};
/** The other state of the switch, kept in the address. */
const swap = () => {
  setOff(!off);
  grid.keep();
};
for (const b of toggles) b.onclick = swap;
