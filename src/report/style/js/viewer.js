// The large view. One image fills it, or two are compared: side by side, under a slider, or their difference. What is
// shown stands in the address as `v=image,mode,A,B`.
{
  const box = document.getElementById('box');
  const stage = document.getElementById('stage');
  const side = document.getElementById('panel');
  const keys = document.getElementById('keys');
  const MODES = ['one', 'side', 'slide', 'diff'];

  const start = () => {
    /** The element of the page that the view was opened from, or moved to; it has the focus afterwards. */
    let place = null;
    /** The image shown. An image that is nowhere on the page, or has no name, is told by its element. */
    let id = null;
    let mode = 'one';
    let marks = { a: null, b: null };
    /** Whether the base model is shown while a key is held. */
    let flicked = false;
    let cut = 50;

    // Two panes: the one below is A, the one above is B, or the only one.
    const pane = (name) => {
      const el = document.createElement('div');
      el.className = 'view-pane';
      el.dataset.pane = name;
      const img = document.createElement('img');
      img.alt = '';
      img.draggable = false;
      const tag = document.createElement('span');
      tag.className = 'view-name';
      tag.dir = 'auto';
      el.append(img, tag);
      return { el, img, tag };
    };
    const [paneA, paneB] = [pane('a'), pane('b')];
    paneB.img.id = 'view';
    const knife = document.createElement('div');
    knife.className = 'view-knife';
    const slider = document.createElement('input');
    Object.assign(slider, { type: 'range', min: 0, max: 100, value: cut, id: 'cut' });
    slider.setAttribute('aria-label', 'How much of A is shown');
    stage.append(paneA.el, paneB.el, knife, slider);
    const lens = zoom(stage);
    for (const { img } of [paneA, paneB]) img.onload = lens.draw;
    new ResizeObserver(lens.draw).observe(stage);

    const shotOf = (name) => {
      const shots = all('[data-id="' + CSS.escape(name) + '"]');
      return shots.find((a) => a.getClientRects().length) || null;
    };
    const altOf = (name) => {
      const shot = place && place.dataset.id === name ? place : shotOf(name);
      return shot?.querySelector('img').alt || study.title(name);
    };
    /** What is drawn for an image: the base model's instead, while the adapter is off or the key is held. */
    const drawn = (name, flick) => ((off || flick) && study.base(name)) || name;
    const put = ({ el, img, tag }, name, label, flick) => {
      const now = drawn(name, flick);
      const source = (place?.dataset.id === now && place.getAttribute('href')) || study.source(now);
      el.hidden = false;
      if (img.getAttribute('src') !== source) img.src = source;
      img.alt = now === name ? altOf(name) : study.title(now) + ': ' + (study.prompt(now)?.shown ?? '');
      const hint = now !== name && !flick ? ' (LoRA off)' : '';
      tag.textContent = (label ? label + ' · ' : '') + study.title(now) + hint;
    };
    /** The two images that are compared. */
    const pair = () => {
      const a = marks.a ?? study.base(id) ?? id;
      return [a, id];
    };

    const remember = () => {
      const rest = [mode, marks.a, marks.b].map((value, i) =>
        value && !(i === 0 && value === 'one') ? value : '',
      );
      state.set('v', [id, ...rest].join(',').replace(/,+$/, ''));
    };
    const render = () => {
      const two = mode !== 'one';
      stage.dataset.mode = mode;
      stage.style.setProperty('--cut', cut + '%');
      if (two) {
        put(paneA, pair()[0], 'A', false);
        put(paneB, pair()[1], 'B', flicked);
      } else {
        paneA.el.hidden = true;
        put(paneB, id, marks.a === id ? 'A' : marks.b === id ? 'B' : '', flicked);
      }
      knife.hidden = slider.hidden = mode !== 'slide';
      for (const b of all('[data-mode]', box.querySelector('.view-bar'))) {
        b.setAttribute('aria-pressed', String(b.dataset.mode === mode));
      }
      for (const name of ['a', 'b']) {
        document.getElementById('mark-' + name).setAttribute('aria-pressed', String(marks[name] === id));
      }
      document.getElementById('flick').disabled = !study.base(id);
      lens.draw();
    };
    const refresh = () => {
      render();
      panel.fill(side, id, mode === 'one' ? null : pair(), open, altOf(id));
    };
    /** Shows an image; `from` is the element that shows it on the page. */
    const show = (name, from) => {
      id = name;
      place = from || shotOf(name) || place;
      refresh();
      if (!box.open) {
        box.showModal();
        lens.fit();
        stage.focus();
      }
      remember();
      lens.draw();
    };

    /** Shows an image that the page may not show now; where it can, the page follows. */
    const open = (name) => {
      id = name;
      show(name, typeof grid === 'undefined' ? null : grid.reveal(name));
    };

    /** The next element of the same set along the row (dx) or the column (dy). */
    const neighbour = (dx, dy) => {
      const set = place?.closest('[data-set]');
      const shots = set ? all('[data-id]', set).filter((a) => a.getClientRects().length) : [];
      const placeOf = dx ? lineOf : columnOf;
      const alike = shots.filter((a) => placeOf(a) === placeOf(place));
      return (alike.includes(place) && alike[alike.indexOf(place) + dx + dy]) || null;
    };
    const move = (dx, dy) => {
      const next = neighbour(dx, dy);
      if (!next) return;
      // With other settings than the page shows, the arrows stay with these settings.
      const [own, column] = [study.cell(id), study.cell(next.dataset.id)];
      const cell = place.dataset.id !== id && own && column ? study.column(own, column) : null;
      const name = cell && study.inCell(next.dataset.id, cell.index);
      show(name || next.dataset.id, next);
    };
    /** The same image of the next of some cells. */
    const step = (cells, by) => {
      const own = study.cell(id);
      const there = own ? cells(own).filter((other) => study.inCell(id, other.index)) : [];
      if (there.length < 2) return;
      const now = there.findIndex((other) => other.index === own.index);
      const next = there[(now + by + there.length) % there.length];
      open(study.inCell(id, next.index));
      panel.say(study.title(id));
    };

    const setMode = (wanted) => {
      mode = mode === wanted ? 'one' : wanted;
      // B is the image that moves: it is shown as soon as two are compared.
      if (mode !== 'one' && marks.b && marks.b !== id) show(marks.b);
      else {
        refresh();
        remember();
      }
    };
    const mark = (which) => {
      marks[which] = marks[which] === id ? null : id;
      panel.say(marks[which] ? 'marked as ' + which.toUpperCase() : 'no longer marked');
      refresh();
      remember();
    };
    const exchange = () => {
      const [a, b] = mode === 'one' && marks.b ? [marks.a ?? id, marks.b] : pair();
      marks = { a: b, b: a };
      show(a);
    };
    const flick = (on) => {
      if (flicked === on || !study.base(id)) return;
      flicked = on;
      render();
    };
    const help = () => {
      keys.hidden = !keys.hidden;
      document.getElementById('help').setAttribute('aria-expanded', String(!keys.hidden));
    };
    const slide = (percent) => {
      cut = Math.min(100, Math.max(0, percent));
      slider.value = cut;
      stage.style.setProperty('--cut', cut + '%');
    };

    // Keys.
    const actions = {
      ArrowLeft: () => move(-1, 0),
      ArrowRight: () => move(1, 0),
      ArrowUp: () => move(0, -1),
      ArrowDown: () => move(0, 1),
      '[': () => step(study.others, -1),
      ']': () => step(study.others, 1),
      ',': () => step(study.steps, -1),
      '.': () => step(study.steps, 1),
      a: () => mark('a'),
      b: () => mark('b'),
      x: exchange,
      c: () => setMode('side'),
      s: () => setMode('slide'),
      d: () => setMode('diff'),
      0: lens.fit,
      1: lens.full,
      '+': () => lens.by(1.25),
      '=': () => lens.by(1.25),
      '-': () => lens.by(0.8),
      '?': help,
      h: help,
    };
    box.addEventListener('keydown', (e) => {
      // AltGr writes brackets on many keyboards, and counts as Ctrl and Alt there.
      const plain = e.getModifierState('AltGraph') || !(e.ctrlKey || e.metaKey || e.altKey);
      const on = e.target;
      if (!plain || (on.tagName === 'TEXTAREA' && on.id !== 'cut')) return;
      if (e.key === ' ' && !on.closest('button, input, summary')) {
        e.preventDefault();
        flick(true);
        return;
      }
      const arrow = e.key.startsWith('Arrow');
      // The slider moves by arrows, and the panel scrolls by them.
      if (arrow && (on === slider || (on === side && e.key !== 'ArrowLeft' && e.key !== 'ArrowRight')))
        return;
      const action = actions[e.key.length === 1 ? e.key.toLowerCase() : e.key];
      if (!action) return;
      e.preventDefault();
      // The page behind has some of the same keys.
      e.stopPropagation();
      action();
    });
    box.addEventListener('keyup', (e) => {
      if (e.key === ' ') flick(false);
    });
    addEventListener('blur', () => flick(false));

    // Buttons. One that was pressed by a pointer gives the focus back, so that Space does not press it again.
    const press = (name, action) => {
      document.getElementById(name).onclick = action;
    };
    press('prev', () => move(-1, 0));
    press('next', () => move(1, 0));
    press('mark-a', () => mark('a'));
    press('mark-b', () => mark('b'));
    press('exchange', exchange);
    press('fit', lens.fit);
    press('full', lens.full);
    press('help', help);
    press('close', () => box.close());
    for (const b of all('[data-mode]', box.querySelector('.view-bar'))) {
      b.onclick = () =>
        b.dataset.mode === 'one' ? mode !== 'one' && setMode(mode) : setMode(b.dataset.mode);
    }
    box.querySelector('.view-bar').addEventListener('click', (e) => {
      if (e.detail && e.target.closest('button') && box.open) stage.focus({ preventScroll: true });
    });
    const hold = document.getElementById('flick');
    hold.addEventListener('pointerdown', (e) => {
      hold.setPointerCapture(e.pointerId);
      flick(true);
    });
    for (const end of ['pointerup', 'pointercancel']) hold.addEventListener(end, () => flick(false));
    hold.addEventListener('keydown', (e) => {
      if (e.key === ' ' || e.key === 'Enter') flick(true);
    });
    hold.addEventListener('keyup', () => flick(false));
    hold.addEventListener('contextmenu', (e) => e.preventDefault());
    slider.oninput = () => slide(Number(slider.value));

    // Pointers: one moves the slider, pans what is larger than the pane, or swipes; two zoom.
    const pointers = new Map();
    let began = null;
    stage.addEventListener('pointerdown', (e) => {
      if (e.target === slider || e.button) return;
      stage.setPointerCapture(e.pointerId);
      pointers.set(e.pointerId, e);
      const stageBox = stage.getBoundingClientRect();
      const line = stageBox.left + (stageBox.width * cut) / 100;
      const cuts = mode === 'slide' && (!lens.zoomed() || Math.abs(e.clientX - line) < 24);
      began = { x: e.clientX, y: e.clientY, cuts, one: pointers.size === 1 };
      if (cuts) slide(((e.clientX - stageBox.left) / stageBox.width) * 100);
    });
    stage.addEventListener('pointermove', (e) => {
      const last = pointers.get(e.pointerId);
      if (!last) return;
      if (pointers.size === 2) {
        const [p, q] = [...pointers.values()];
        const other = p.pointerId === e.pointerId ? q : p;
        const distance = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
        const middle = { clientX: (e.clientX + other.clientX) / 2, clientY: (e.clientY + other.clientY) / 2 };
        lens.by(distance(e, other) / Math.max(1, distance(last, other)), middle);
        lens.move((e.clientX - last.clientX) / 2, (e.clientY - last.clientY) / 2);
      } else if (began.cuts) {
        const stageBox = stage.getBoundingClientRect();
        slide(((e.clientX - stageBox.left) / stageBox.width) * 100);
      } else if (lens.zoomed()) {
        lens.move(e.clientX - last.clientX, e.clientY - last.clientY);
      }
      pointers.set(e.pointerId, e);
    });
    const release = (e) => {
      if (!pointers.delete(e.pointerId) || !began) return;
      const [dx, dy] = [e.clientX - began.x, e.clientY - began.y];
      const swiped =
        began.one && !began.cuts && !pointers.size && e.pointerType !== 'mouse' && !lens.zoomed();
      if (swiped && e.type === 'pointerup' && Math.max(Math.abs(dx), Math.abs(dy)) > 50) {
        if (Math.abs(dx) > Math.abs(dy)) move(dx < 0 ? 1 : -1, 0);
        else move(0, dy < 0 ? 1 : -1);
      }
      // A finger that stays after two is no swipe.
      if (pointers.size) began.one = false;
    };
    stage.addEventListener('pointerup', release);
    stage.addEventListener('pointercancel', release);
    stage.addEventListener('dblclick', (e) => e.target !== slider && lens.toggle(e));
    stage.addEventListener(
      'wheel',
      (e) => {
        e.preventDefault();
        lens.by(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.002)), e);
      },
      { passive: false },
    );

    // Opening and closing.
    document.addEventListener('click', (e) => {
      const a = e.target.closest('[data-id]');
      if (!a || !study.known(a.dataset.id) || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
      e.preventDefault();
      mode = 'one';
      marks = { a: null, b: null };
      show(a.dataset.id, a);
    });
    box.addEventListener('cancel', (e) => {
      if (keys.hidden) return;
      e.preventDefault();
      help();
    });
    box.addEventListener('close', () => {
      flick(false);
      pointers.clear();
      if (!keys.hidden) help();
      state.set('v', null);
      if (place) place.focus();
    });
    document.addEventListener('grid-change', () => {
      if (!box.open) return;
      place = shotOf(id) || place;
      refresh();
    });
    document.addEventListener('keydown', (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
      if ((e.key === 'l' || e.key === 'L') && toggles.length) swap();
    });
    const restore = () => {
      const [name, wanted, a, b] = (state.get('v') ?? '').split(',');
      if (!study.known(name)) {
        if (box.open) box.close();
        return;
      }
      mode = MODES.includes(wanted) ? wanted : 'one';
      marks = { a: study.known(a) ? a : null, b: study.known(b) ? b : null };
      open(name);
    };
    state.changed(restore);
    // After all scripts: the comparison makes itself ready at their end.
    if (state.get('v')) setTimeout(restore);
  };
  if (box && study) start();
}
