'use strict';
(() => {
  const root = document.documentElement;
  const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
  const box = document.getElementById('box');
  const view = document.getElementById('view');
  const caption = document.getElementById('caption');
  let current = null;
  let off = false;

  // Theme: the system's until the button is pressed.
  const theme = document.getElementById('theme');
  if (theme) {
    try { const saved = localStorage.getItem('theme'); if (saved) root.dataset.theme = saved; } catch { /* private window */ }
    theme.hidden = false;
    theme.onclick = () => {
      const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
      root.dataset.theme = dark ? 'light' : 'dark';
      try { localStorage.setItem('theme', root.dataset.theme); } catch { /* private window */ }
    };
  }

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
    if (box && box.open) show(current);
  };
  for (const t of all('.tools')) t.hidden = false;
  for (const b of toggles) b.onclick = swap;

  // Large view: arrows move along rows and columns, Escape closes.
  const show = (a) => {
    if (!a || !box) return;
    current = a;
    const img = a.querySelector('img');
    const base = off && a.dataset.baseFull;
    view.src = base || a.getAttribute('href');
    view.alt = img.alt;
    view.style.setProperty('--ratio', img.getAttribute('width') + '/' + img.getAttribute('height'));
    caption.firstElementChild.textContent = (base ? 'LoRA off — ' : '') + img.alt;
    caption.lastElementChild.textContent = a.dataset.base ? '← → ↑ ↓ move · L LoRA on/off · Esc close' : '← → move · Esc close';
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
    if ((e.key === 'l' || e.key === 'L') && toggles.length) { swap(); return; }
    if (!box || !box.open) return;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (step) { e.preventDefault(); move(...step); }
  });
  if (box) {
    document.getElementById('close').onclick = () => box.close();
    document.getElementById('prev').onclick = () => move(-1, 0);
    document.getElementById('next').onclick = () => move(1, 0);
    box.onclick = (e) => { if (e.target === box || e.target.tagName === 'FIGURE') box.close(); };
    box.onclose = () => { if (current) current.focus(); };
  }
})();
