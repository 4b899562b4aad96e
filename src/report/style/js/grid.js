// The comparison of images. The page has a table for each combination of tabs and sliders, one below the other. Here
// one of them stays on the page and gets the images of the combination that is chosen; the others wait beside it.
const grid = (() => {
  const compares = all('.compare').map((element) => {
    const blocks = all('.combination', element).map((block) => ({
      element: block,
      table: block.querySelector('.grid'),
      at: block.dataset.at.split(' ').filter(Boolean).map(Number),
    }));
    return { element, blocks, stage: null, current: null };
  });
  const controls = (selector) => all('.controls ' + selector);
  const choices = all('[data-choice]', document.querySelector('.controls')).map((element) => ({
    slider: element.classList.contains('slider'),
    steps: 'steps' in element.dataset,
    first: Number((element.querySelector(':checked') || element.querySelector('input')).value),
    count: element.querySelectorAll('input[type=radio], li').length,
  }));
  let at = choices.map((choice) => choice.first);
  const sizes = ['small', 'medium', 'large'];
  let size = 1;
  let folded = true;

  // --- One table takes the images of another ---
  const attributes = (to, from) => {
    for (const { name } of [...to.attributes]) {
      if (name !== 'tabindex' && !from.hasAttribute(name)) to.removeAttribute(name);
    }
    for (const { name, value } of from.attributes) to.setAttribute(name, value);
  };
  const badge = (a) => a.querySelector('small');
  const copy = (to, from) => {
    attributes(to, from);
    attributes(to.querySelector('img'), from.querySelector('img'));
    badge(to)?.remove();
    if (badge(from)) to.append(badge(from).cloneNode(true));
    if (to.dataset.id.startsWith('c')) paint(to);
  };
  const words = (cell) =>
    all('small', cell)
      .filter((small) => !small.closest('[data-id]'))
      .map((small) => small.textContent)
      .join('\n');
  const fillCell = (to, from) => {
    attributes(to, from);
    const [old, next] = [all('[data-id]', to), all('[data-id]', from)];
    if (old.length && old.length === next.length && words(to) === words(from)) {
      old.forEach((a, i) => copy(a, next[i]));
    } else {
      to.replaceChildren(...[...from.childNodes].map((node) => node.cloneNode(true)));
      swapping(to).forEach(paint);
    }
  };
  const sameShape = (a, b) =>
    a.rows.length === b.rows.length &&
    [...a.rows].every((row, i) => row.cells.length === b.rows[i].cells.length);
  const fill = (to, from) => {
    [...to.rows].forEach((row, i) =>
      [...row.cells].forEach((cell, j) => {
        if (!cell.classList.contains('prompt')) fillCell(cell, from.rows[i].cells[j]);
      }),
    );
  };
  // Copies wait in a document of their own: in this one a browser loads their images, however lazy they are.
  const inert = document.implementation.createHTMLDocument('');
  /** Puts a block on the page. Its own table may hold the images of another one since it was there before. */
  const stand = (compare, block) => {
    if (block.pristine) fill(block.table, block.pristine);
    else block.pristine = inert.importNode(block.table, true);
    compare.stage = block;
    swapping(block.table).forEach(paint);
  };
  /** The columns' names at each tile, for a table without a head that follows the page. */
  const name = ({ table }) => {
    const names = [...table.tHead.rows[0].cells].map((th) => (th.querySelector('.cellhead') || th).textContent);
    for (const td of all('tbody td', table)) td.dataset.head = names[td.cellIndex];
  };
  const show = (compare, block) => {
    if (compare.current === block) return;
    compare.current = block;
    const { stage } = compare;
    const from = block.pristine || block.table;
    if (stage !== block && !sameShape(stage.table, from)) {
      stage.element.replaceWith(block.element);
      stand(compare, block);
    } else {
      fill(stage.table, from);
    }
    const label = from.getAttribute('aria-label');
    compare.stage.table.setAttribute('aria-label', label);
    const heading = compare.stage.element.querySelector('h3');
    if (heading) heading.textContent = block.title;
    const losses = compare.stage.element.querySelector('.losses');
    if (losses) losses.textContent = block.losses;
    rove(compare);
  };

  // --- What is chosen ---
  /** The block of a combination, or the one most like it that keeps the choice just made. */
  const find = (compare, wanted, made) => {
    const score = (block) =>
      block.at.reduce((sum, value, i) => sum + (value === wanted[i] ? (i === made ? 100 : 1) : 0), 0);
    return compare.blocks.reduce((best, block) => (score(block) > score(best) ? block : best));
  };
  const sync = () => {
    for (const element of controls('[data-choice]')) {
      const value = at[Number(element.dataset.choice)];
      const range = element.querySelector('input[type=range]');
      if (!range) {
        element.querySelectorAll('input')[value].checked = true;
        continue;
      }
      const block = compares.find((compare) => compare.element.contains(element)).current;
      const lowest = (block.element.dataset.lowest || '').split(' ').filter(Boolean).map(Number);
      const ticks = all('li', element);
      ticks.forEach((tick, i) => {
        tick.classList.toggle('on', i === value);
        tick.classList.toggle('lowest', 'steps' in element.dataset && lowest.includes(i));
      });
      range.value = value;
      const name = 'steps' in element.dataset ? 'after step' : element.querySelector('label').textContent;
      range.setAttribute('aria-valuetext', `${name} ${ticks[value].textContent}`);
      const output = element.querySelector('output');
      if (output && output.textContent !== block.losses) output.textContent = block.losses;
    }
    for (const input of controls('.size input')) input.checked = Number(input.value) === size;
    for (const button of controls('.all-seeds')) button.setAttribute('aria-pressed', String(!folded));
    for (const { element } of compares) {
      element.dataset.size = sizes[size];
      element.classList.toggle('fold', folded);
    }
  };
  /** Keeps what is chosen in the address: `2.1` is value 1 of choice 2. */
  const keep = () => {
    const parts = at.map((value, i) => `${i}.${value}`).filter((_, i) => at[i] !== choices[i].first);
    if (size !== 1) parts.push(sizes[size]);
    if (!folded) parts.push('all');
    if (off) parts.push('off');
    state.set('t', parts.join(','));
  };
  const step = () => {
    const i = choices.findIndex((choice) => choice.steps);
    if (i < 0) return;
    const tick = document.querySelectorAll(`[data-choice="${i}"] li`)[at[i]];
    document.dispatchEvent(new CustomEvent('grid-step', { detail: Number(tick.textContent) }));
  };
  const select = (wanted, made) => {
    if (!compares.length) return;
    at = [...find(compares[0], wanted, made).at];
    for (const compare of compares) if (compare.blocks.length) show(compare, find(compare, at, made));
    sync();
    measure();
    step();
    changed();
  };
  const choose = (i, value) => {
    if (!(i in choices) || value < 0 || value >= choices[i].count || value === at[i]) return;
    select(
      at.map((old, j) => (j === i ? value : old)),
      i,
    );
    keep();
  };
  /** Moves one slider or tab by one place. */
  const move = (which, by) => {
    const i = choices.findIndex(
      { step: (c) => c.steps, scale: (c) => c.slider && !c.steps, tab: (c) => !c.slider }[which],
    );
    if (i >= 0) choose(i, at[i] + by);
    return i >= 0;
  };
  const restore = () => {
    const parts = (state.get('t') || '').split(',').filter(Boolean);
    const wanted = choices.map((choice) => choice.first);
    for (const part of parts) {
      const [i, value] = part.split('.').map(Number);
      if (i in choices && value >= 0 && value < choices[i].count) wanted[i] = value;
    }
    size = Math.max(
      0,
      sizes.findIndex((name) => parts.includes(name)),
    );
    if (!sizes.some((name) => parts.includes(name))) size = 1;
    folded = !parts.includes('all');
    setOff(parts.includes('off'));
    select(wanted, -1);
  };

  // --- Room: what stays in view, and whether a table must scroll sideways ---
  const measure = () => {
    const nav = document.querySelector('nav');
    if (nav) root.style.setProperty('--nav', nav.offsetHeight + 'px');
    for (const { element, stage } of compares) {
      const bar = element.querySelector('.bar');
      element.classList.remove('tall');
      element.classList.toggle('tall', bar.offsetHeight > innerHeight * 0.3);
      const contents = getComputedStyle(bar).display === 'contents';
      const sticky = contents ? element.querySelector('.real') : bar;
      element.style.setProperty('--bar', (sticky ? sticky.offsetHeight : 0) + 'px');
      if (!stage) continue;
      const fits = stage.table.offsetWidth <= element.clientWidth;
      stage.element.querySelector('.scroll').classList.toggle('fits', fits);
      if (!fits) name(stage);
    }
  };

  // --- Keys ---
  const visible = (a) => a.offsetParent !== null;
  /** One image of each comparison can be reached by Tab; arrows move on. */
  const rove = ({ stage }, to) => {
    const shots = all('[data-id]', stage.table);
    const own = to || shots.find((a) => a.tabIndex === 0 && a.hasAttribute('tabindex')) || shots[0];
    for (const a of shots) a.tabIndex = a === own ? 0 : -1;
  };
  const walk = (a, key) => {
    const shots = all('[data-id]', a.closest('.grid')).filter(visible);
    const line = shots.filter((b) => lineOf(b) === lineOf(a));
    const place = line.indexOf(a);
    if (key === 'ArrowLeft') return line[place - 1];
    if (key === 'ArrowRight') return line[place + 1];
    if (key === 'Home') return line[0];
    if (key === 'End') return line.at(-1);
    const first = shots.indexOf(line[0]);
    const next = shots[key === 'ArrowDown' ? first + line.length : first - 1];
    if (!next) return null;
    const away = (b) => Math.abs(columnOf(b) - columnOf(a));
    const others = shots.filter((b) => lineOf(b) === lineOf(next));
    return others.reduce((best, b) => (away(b) < away(best) ? b : best));
  };
  const writes = (target) =>
    /^(TEXTAREA|SELECT)$/.test(target.tagName) ||
    (target.tagName === 'INPUT' && !/^(radio|range|checkbox)$/.test(target.type));
  let flick = false;
  const overImages = (target) =>
    target.matches('.grid [data-id]') || (target === document.body && document.querySelector('.grid:hover'));
  const keys = { ',': ['step', -1], '.': ['step', 1], '<': ['scale', -1], '>': ['scale', 1] };
  const onKey = (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || writes(e.target)) return;
    // While the large view is open, it has the keys and asks for images by their names.
    if (document.querySelector('dialog[open]')) return;
    if (keys[e.key] && move(...keys[e.key])) e.preventDefault();
    if (e.key === ' ' && overImages(e.target)) {
      e.preventDefault();
      if (!e.repeat && !flick) {
        flick = true;
        setOff(!off);
      }
    } else if (/^(Arrow|Home$|End$)/.test(e.key) && e.target.matches('.grid [data-id]')) {
      e.preventDefault();
      walk(e.target, e.key)?.focus();
    }
  };
  const unflick = () => {
    if (flick) setOff(!off);
    flick = false;
  };

  // --- Start ---
  const start = () => {
    for (const compare of compares.filter(({ blocks }) => blocks.length)) {
      for (const block of compare.blocks) {
        block.title = block.element.querySelector('h3')?.textContent || '';
        block.losses = block.element.querySelector('.losses')?.textContent || '';
      }
      const first = find(compare, at, -1);
      for (const block of compare.blocks) if (block !== first) block.element.remove();
      stand(compare, first);
      compare.current = first;
      compare.element.classList.add('live');
      rove(compare);
    }
    for (const element of all('.controls')) element.hidden = false;
    document.addEventListener('keydown', onKey);
    document.addEventListener('keyup', (e) => e.key === ' ' && unflick());
    addEventListener('blur', unflick);
    document.addEventListener('focusin', ({ target }) => {
      const compare = target.matches('.grid [data-id]') && compares.find((c) => c.element.contains(target));
      if (compare) rove(compare, target);
    });
    document.addEventListener('input', ({ target }) => {
      const choice = target.closest('.controls [data-choice]');
      if (choice) choose(Number(choice.dataset.choice), Number(target.value));
      if (!target.closest('.controls .size')) return;
      size = Number(target.value);
      sync();
      measure();
      keep();
    });
    document.addEventListener('click', ({ target }) => {
      const tick = target.closest('.ticks li');
      if (tick)
        choose(
          Number(tick.closest('[data-choice]').dataset.choice),
          [...tick.parentNode.children].indexOf(tick),
        );
      if (target.closest('.all-seeds')) {
        folded = !folded;
        sync();
        keep();
      }
      const more = target.closest('button.seeds');
      if (more) {
        const open = more.closest('tbody').classList.toggle('open');
        more.setAttribute('aria-expanded', String(open));
      }
    });
    addEventListener('resize', measure);
    // A link to a section chooses nothing: what was chosen stays.
    state.changed(() => (state.get('t') === null ? keep() : restore()));
    // After all scripts: some of them listen.
    queueMicrotask(restore);
  };
  if (compares.length) start();

  /** The image of that name in the table where it is now; chooses the combination that shows it. */
  const reveal = (id) => {
    const named = `[data-id="${CSS.escape(id)}"]`;
    for (const compare of compares) {
      const here = compare.stage?.table.querySelector(named);
      if (here) return here;
      const block = compare.blocks.find((b) => (b.pristine || b.table).querySelector(named));
      if (!block) continue;
      select([...block.at], -1);
      keep();
      return compare.stage.table.querySelector(named);
    }
    return document.querySelector(named);
  };
  return { keep, move, reveal };
})();
