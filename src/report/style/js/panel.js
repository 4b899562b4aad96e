// What stands beside the large view: which image it is, how it was made, its scores, photos to hold it against, and
// texts to copy.
const panel = (() => {
  if (!study) return null;
  const { data } = study;
  const make = (tag, className, text) => {
    const el = document.createElement(tag);
    if (className) el.className = className;
    if (text !== undefined) {
      el.textContent = text;
      el.dir = 'auto';
    }
    return el;
  };
  /** Four significant digits, as the page writes numbers. */
  const number = (value) => {
    const size = Math.abs(value);
    const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
    return value.toFixed(digits).replace('-', '−');
  };
  /** A text of the user that may be very long: three lines of it, and a button for the rest. */
  const clamped = (text) => {
    const box = make('div', 'view-text');
    const p = make('p', '', text);
    const more = make('button', 'view-more', 'more');
    more.type = 'button';
    more.setAttribute('aria-expanded', 'false');
    more.onclick = () => {
      const open = box.classList.toggle('open');
      more.textContent = open ? 'less' : 'more';
      more.setAttribute('aria-expanded', String(open));
    };
    more.hidden = true;
    box.append(p, more);
    // Only once it is laid out can it be seen whether something is cut off.
    requestAnimationFrame(() => (more.hidden = p.scrollHeight <= p.clientHeight + 2));
    return box;
  };
  const list = (rows) => {
    const dl = make('dl', 'set');
    for (const [name, value] of rows) dl.append(make('dt', '', name), make('dd', '', value));
    return dl;
  };

  /** How an image was made. */
  const facts = (id) => {
    const { kind, seed } = study.parts(id);
    // How the other study drew its images is not on this page.
    if (kind === 'o') return [];
    const own = study.cell(id);
    const set = data.baselines[study.parts(id).set];
    const drawn = own || data.cells[set?.cells[0]];
    if (!drawn || seed === undefined) return [];
    const { sampler, steps, guidance_scale } = drawn.drawing;
    const rows = [['noise seed', seed]];
    if (own) {
      rows.push(['training', own.steps + ' steps, seed ' + own.train_seed]);
    }
    if (sampler) {
      if (own) rows.push(['strength of the adapter', String(own.scale)]);
      rows.push(['drawn with', sampler + ', ' + steps + ' steps, guidance ' + guidance_scale]);
    }
    return rows;
  };

  /** The scores of an image; each is held against what the base model and what real photos reach. */
  const scores = (id) => {
    const pairs = study.image(id)?.pairs;
    const ceilings = study.cell(id)?.ceilings || [];
    if (!pairs) return null;
    const ul = make('ul', 'view-scores');
    pairs.forEach((pair, i) => {
      if (!pair) return;
      const score = data.scores[i];
      const li = make('li');
      li.append(make('b', '', number(pair[0])), make('span', '', score.title));
      const against = [];
      if (pair.length > 1) against.push(score.floor + ' ' + number(pair[1]));
      if (ceilings[i] !== null && ceilings[i] !== undefined)
        against.push(score.ceiling + ' ' + number(ceilings[i]));
      if (score.better) against.push(score.better + ' is better');
      if (against.length) li.append(make('small', '', against.join(' · ')));
      ul.append(li);
    });
    return ul.childElementCount ? ul : null;
  };

  const figure = (id, text) => {
    const source = study.source(id);
    if (!source) return null;
    const box = make('figure');
    const img = make('img');
    img.src = source;
    img.alt = study.title(id);
    box.append(img, make('figcaption', '', text));
    return box;
  };
  /** The training photo that an image is most like, and a photo of the subject that no training saw. */
  const photos = (id) => {
    const box = make('div', 'view-photos');
    const nearest = study.image(id)?.nearest ?? undefined;
    const cells = study.cell(id) ? [study.cell(id)] : data.cells;
    const heldOut = cells.flatMap((own) => own.held_out)[0];
    if (nearest !== undefined) {
      const photo = data.photos[nearest];
      box.append(figure(photo.id, 'nearest training photo: ' + photo.name) || '');
    }
    if (heldOut !== undefined) {
      const photo = data.photos[heldOut];
      box.append(figure(photo.id, 'the real subject, never trained on: ' + photo.name) || '');
    }
    return box.childElementCount ? box : null;
  };

  /** What differs between two images. */
  const differences = (a, b) => {
    const rows = [];
    const add = (name, one, other) => {
      if (one !== other) rows.push([name, one + ' → ' + other]);
    };
    const [own, other] = [study.cell(a), study.cell(b)];
    const [p, q] = [study.parts(a), study.parts(b)];
    if (!own !== !other || p.kind !== q.kind) add('made by', study.title(a), study.title(b));
    else if (own && other) {
      for (const axis of data.axes) {
        add(axis.title, own.settings[axis.key] ?? '–', other.settings[axis.key] ?? '–');
      }
    } else if (p.kind === 'f') add('photo', study.title(a), study.title(b));
    if (p.seed !== undefined && q.seed !== undefined) {
      add('noise seed', p.seed, q.seed);
      if (p.group !== q.group || p.prompt !== q.prompt) {
        add('prompt', study.prompt(a)?.shown ?? '', study.prompt(b)?.shown ?? '');
      }
    }
    return rows;
  };

  /** A text as one word of a shell. */
  const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
  const command = (id) => {
    const { kind, set, seed } = study.parts(id);
    const beginning =
      kind === 'c' ? data.cells[set].command : kind === 'b' ? data.baselines[set].command : null;
    const prompt = study.prompt(id);
    if (!beginning || !prompt) return null;
    return beginning + ' --seed=' + seed + ' --output=' + id + '.png --prompt=' + quoted(prompt.text);
  };
  const copies = (id) => {
    const own = study.cell(id);
    const texts = [
      ['prompt', study.prompt(id)?.text],
      ['command that makes this image', command(id)],
      ['settings as TOML', own?.toml],
    ].filter(([, text]) => text);
    if (!texts.length) return null;
    const box = make('div', 'view-copies');
    for (const [name, text] of texts) {
      const button = make('button', 'copy', 'copy the ' + name);
      button.type = 'button';
      button.dataset.copy = text;
      box.append(button);
    }
    const drawing = (own || data.cells[data.baselines[study.parts(id).set]?.cells[0]])?.drawing;
    if (command(id)) {
      const where = 'Run the command in the folder of this report';
      const model = drawing?.model_is_path ? ', with the path of your base model for ' + drawing.model : '';
      box.append(make('small', 'soft', where + model + '.'));
    }
    return box;
  };

  /** Buttons for the same image of other cells. */
  const along = (id, name, cells, text, open) => {
    if (cells.length < 2) return null;
    const box = make('div', 'view-along');
    box.append(make('span', 'soft', name));
    for (const other of cells) {
      const target = study.inCell(id, other.index);
      if (!target) continue;
      const button = make('button', '', text(other));
      button.type = 'button';
      button.setAttribute('aria-pressed', String(target === id));
      button.onclick = () => open(target);
      box.append(button);
    }
    return box.childElementCount > 2 ? box : null;
  };
  const elsewhere = (id, open) => {
    const own = study.cell(id);
    if (!own) return [];
    const rest = data.axes.filter((axis) => axis.key !== data.study.main_axis);
    return rest.map((axis) =>
      along(id, axis.title, study.along(own, axis.key), (other) => other.settings[axis.key], open),
    );
  };

  return {
    /** Says something to screen readers and at the bottom of the view. */
    say: (text) => {
      const said = document.getElementById('view-said');
      said.textContent = '';
      clearTimeout(said.timer);
      // An equal text said again must be a change; and it must not stay in the way.
      said.timer = setTimeout(() => {
        said.textContent = text;
        said.timer = setTimeout(() => (said.textContent = ''), 2500);
      }, 30);
    },
    /** Fills the panel for an image, and for the pair if two are shown. */
    fill: (box, id, pair, open, alt) => {
      const title = make('h2', '', study.known(id) ? study.title(id) : alt);
      const parts = [title];
      const prompt = study.prompt(id);
      if (prompt) parts.push(clamped(prompt.shown));
      else if (study.title(id) !== alt && alt) parts.push(clamped(alt));
      if (pair) {
        parts.push(make('h3', '', 'From A to B'));
        const rows = differences(...pair);
        parts.push(rows.length ? list(rows) : make('p', 'soft', 'A and B are the same image.'));
      }
      const made = facts(id);
      parts.push(photos(id), scores(id), ...elsewhere(id, open), made.length ? list(made) : null, copies(id));
      box.replaceChildren(...parts.filter(Boolean));
      box.scrollTop = 0;
    },
    make,
  };
})();
