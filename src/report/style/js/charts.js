// Charts: pointing reads the values of all panels at one place, a click keeps one thing in sight, and the slider of the
// grid is shown as a line. Without this script every point still has its numbers as its title.
{
  const across = (circle) => parseFloat(circle.getAttribute('cx'));
  /** A vertical line in a chart, made once. */
  const upright = (svg, name) => {
    let line = svg.querySelector(`:scope > .${name}`);
    if (!line) {
      line = document.createElementNS(svg.namespaceURI, 'line');
      line.setAttribute('class', name);
      line.setAttribute('y1', 0);
      line.setAttribute('y2', svg.querySelector('svg').getAttribute('height'));
      svg.append(line);
    }
    return line;
  };
  const put = (line, place) => {
    line.style.display = place === null ? 'none' : '';
    if (place !== null) for (const end of ['x1', 'x2']) line.setAttribute(end, `${place}%`);
  };
  const read = (chart, place) => {
    const svg = chart.querySelector(':scope > svg');
    const there = (c) => place !== null && Math.abs(across(c) - place) < 0.06;
    const texts = all('.main circle', svg)
      .filter(there)
      .map((c) => c.querySelector('title').textContent);
    put(upright(svg, 'here'), texts.length ? place : null);
    let box = chart.querySelector('.reading');
    if (!box) {
      box = document.createElement('p');
      box.className = 'reading';
      box.setAttribute('aria-hidden', 'true');
      chart.append(box);
    }
    box.hidden = !texts.length;
    box.replaceChildren();
    for (const text of texts) {
      const row = document.createElement('span');
      row.textContent = text;
      row.style.display = 'block';
      box.append(row);
    }
    box.style.bottom = `${chart.offsetHeight - svg.getBoundingClientRect().top + chart.getBoundingClientRect().top}px`;
  };
  const pick = (group, thing) => {
    const again = group.dataset.picked === thing || thing === undefined;
    group.classList.toggle('pick', !again);
    if (again) delete group.dataset.picked;
    else group.dataset.picked = thing;
    for (const e of all('[data-thing]', group)) {
      const lit = !again && e.dataset.thing === thing;
      e.classList.toggle('lit', lit);
      if (e.hasAttribute('aria-pressed')) e.setAttribute('aria-pressed', String(lit));
    }
  };
  for (const name of all('.chart g > title:first-child')) {
    for (const title of all('circle title', name.parentNode)) title.textContent = name.textContent + ': ' + title.textContent;
  }
  for (const group of all('.charts')) {
    const charts = all('.chart', group);
    for (const chart of charts) {
      const svg = chart.querySelector(':scope > svg');
      const circles = all('.main circle', svg);
      svg.addEventListener('pointermove', (event) => {
        const frame = svg.getBoundingClientRect();
        const place = ((event.clientX - frame.left) / frame.width) * 100;
        const near = circles.reduce(
          (best, c) => {
            const far = Math.abs(across(c) - place);
            return far < best.far ? { far, place: across(c) } : best;
          },
          { far: Infinity, place: null },
        );
        for (const other of charts) read(other, near.place);
      });
      svg.addEventListener('pointerleave', () => charts.forEach((other) => read(other, null)));
      svg.addEventListener('click', (event) => {
        const frame = svg.getBoundingClientRect();
        const far = (c) => {
          const x = frame.left + (across(c) / 100) * frame.width;
          return Math.hypot(event.clientX - x, event.clientY - frame.top - c.getAttribute('cy'));
        };
        const near = all('[data-thing] circle', svg).reduce((a, c) => (a && far(a) <= far(c) ? a : c), null);
        pick(group, near && far(near) < 25 ? near.parentNode.dataset.thing : undefined);
      });
    }
    for (const entry of all('.key [data-thing]', group)) {
      entry.tabIndex = 0;
      entry.setAttribute('role', 'button');
      entry.setAttribute('aria-pressed', 'false');
      entry.addEventListener('click', () => pick(group, entry.dataset.thing));
      entry.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        pick(group, entry.dataset.thing);
      });
    }
  }
  // The grid says which step its images are of.
  document.addEventListener('grid-step', (event) => {
    const step = event.detail;
    for (const group of all('.charts[data-across="step"]')) {
      const [low, high] = [Number(group.dataset.low), Number(group.dataset.high)];
      const inside = Number.isFinite(step) && step >= low && step <= high;
      const place = inside ? ((step - low) / (high - low)) * 100 : null;
      for (const svg of all('.chart > svg', group)) put(upright(svg, 'at'), place);
    }
  });
}
