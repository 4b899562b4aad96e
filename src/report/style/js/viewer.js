// Large view: arrows move along rows and columns, Escape closes.
const box = document.getElementById('box');
const view = document.getElementById('view');
const caption = document.getElementById('caption');
let current = null;
const show = (a) => {
  if (!a || !box) return;
  current = a;
  const img = a.querySelector('img');
  const base = off && a.dataset.baseFull;
  view.src = base || a.getAttribute('href');
  view.alt = img.alt;
  view.style.setProperty('--ratio', img.getAttribute('width') + '/' + img.getAttribute('height'));
  caption.firstElementChild.textContent = (base ? 'LoRA off — ' : '') + img.alt;
  caption.lastElementChild.textContent = a.dataset.base
    ? '← → ↑ ↓ move · L LoRA on/off · Esc close'
    : '← → move · Esc close';
  if (!box.open) box.showModal();
};
const move = (dx, dy) => {
  if (!current) return;
  const group = all('.shot[data-r]', current.closest('[data-set]'));
  if (dy) {
    const row = Number(current.dataset.r);
    const column = group.filter((a) => a.dataset.c === current.dataset.c);
    const next = column[column.findIndex((a) => Number(a.dataset.r) === row) + dy];
    if (next) show(next);
  } else {
    const next = group[group.indexOf(current) + dx];
    if (next) show(next);
  }
};
document.addEventListener('click', (e) => {
  const a = e.target.closest('.shot');
  if (!a || !box || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
  e.preventDefault();
  show(a);
});
document.addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
  if ((e.key === 'l' || e.key === 'L') && toggles.length) {
    swap();
    return;
  }
  if (!box || !box.open) return;
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
  if (step) {
    e.preventDefault();
    move(...step);
  }
});
if (box) {
  document.getElementById('close').onclick = () => box.close();
  document.getElementById('prev').onclick = () => move(-1, 0);
  document.getElementById('next').onclick = () => move(1, 0);
  box.onclick = (e) => {
    if (e.target === box || e.target.tagName === 'FIGURE') box.close();
  };
  box.onclose = () => {
    if (current) current.focus();
  };
}
