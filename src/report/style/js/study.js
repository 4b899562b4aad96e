// The study of the page: what every image is, by its name. `c2-p0-s1` is an image of cell 2 for prompt 0 and seed 1,
// `b0-…` one of the base model, `f3` a photo.
const study = (() => {
  const block = document.getElementById('study');
  if (!block) return null;
  const data = JSON.parse(block.textContent);
  // What the page leaves out, because it can be put back (`cells_json/short.rs`).
  data.cells.forEach((cell, i) => {
    data.cells[i] = { ...data.cells[i - 1], ...cell, index: i };
  });
  for (const cell of data.cells) {
    if (cell.adds !== null) cell.command = data.baselines[cell.baseline].command + cell.adds;
  }
  data.photos.forEach((photo, index) =>
    Object.assign(photo, { index, id: 'f' + index, held_out: photo.held_out === true }),
  );
  data.images = data.images.map(([id, hash, nearest, pairs, text]) => ({ id, hash, nearest, pairs, text }));
  const images = new Map(data.images.map((image) => [image.id, image]));
  const photos = new Map(data.photos.map((photo) => [photo.id, photo]));
  /** The parts of an image's name; seeds stay text, because they may be larger than a number can be. */
  const parts = (id) => {
    const m = /^([bcfko])(\d+)(?:-([a-z])(\d+)-s(\d+))?$/.exec(id || '');
    if (!m) return null;
    const rest = id.includes('-') ? id.slice(id.indexOf('-') + 1) : '';
    return { kind: m[1], set: Number(m[2]), group: m[3], prompt: Number(m[4]), seed: m[5], rest };
  };
  const cell = (id) => {
    const p = parts(id);
    return p && p.kind === 'c' ? data.cells[p.set] : null;
  };
  const known = (id) => (images.has(id) ? id : null);
  /** The base model's image on the same noise. */
  const base = (id) => {
    const own = cell(id);
    return own && own.baseline !== null ? known('b' + own.baseline + '-' + parts(id).rest) : null;
  };
  /** The same prompt and noise in another cell. */
  const inCell = (id, index) => known('c' + index + '-' + parts(id).rest);
  const title = (id) => {
    const p = parts(id);
    if (!p) return '';
    if (p.kind === 'c') return data.cells[p.set]?.title || 'with the adapter';
    if (p.kind === 'b') {
      const label = data.baselines[p.set]?.label;
      return label ? 'base model, ' + label : 'base model';
    }
    if (p.kind === 'k') return 'class image';
    if (p.kind === 'o') return 'the other study';
    const photo = photos.get(id);
    return photo ? (photo.held_out ? 'held-out photo ' : 'training photo ') + photo.name : 'photo';
  };
  /** What images of one name have in common: the file's name inside a folder, and the prompt. */
  const common = (id) => data.names[parts(id)?.rest];
  /** The prompt: as it was given, and as it is shown. */
  const prompt = (id) => {
    const image = images.get(id);
    const own = image && data.prompts[image.text ?? common(id).text];
    return own ? { text: own.text, shown: own.shown ?? own.text } : null;
  };
  /** A file of the report as a link. */
  const link = (file) =>
    file.startsWith('data:') ? file : file.split('/').map(encodeURIComponent).join('/');
  const file = (id) => {
    const image = images.get(id);
    if (!image) return photos.get(id)?.file || null;
    const { kind, set } = parts(id);
    return (kind === 'c' ? data.cells : data.baselines)[set].folder + '/' + common(id).file;
  };
  const same = (a, b, keys) => keys.every((key) => a.settings[key] === b.settings[key]);
  const STEPS = 'generate.checkpoint';
  const keys = data.axes.map((axis) => axis.key);
  /** The cells that differ from that one in those settings only, itself among them. */
  const along = (own, free) => {
    const fixed = keys.filter((key) => !free.includes(key));
    return data.cells.filter((other) => same(own, other, fixed));
  };
  return {
    data,
    parts,
    cell,
    base,
    inCell,
    title,
    prompt,
    image: (id) => images.get(id),
    known: (id) => images.has(id) || photos.has(id),
    /** Where the full file of an image is; an element of the page that shows it knows it best. */
    source: (id) => {
      const shot = document.querySelector('[data-id="' + CSS.escape(id) + '"]');
      if (shot) return shot.getAttribute('href');
      return file(id) ? link(file(id)) : null;
    },
    /** The cells of the same column with other settings: the other tabs. */
    others: (own) => {
      const main = data.study.main_axis;
      return along(
        own,
        keys.filter((key) => key !== main && key !== STEPS),
      );
    },
    /** The cells that differ from that one in one setting only. */
    along: (own, key) => along(own, [key]),
    /** The cells of the same training after other numbers of steps. */
    steps: (own) => along(own, [STEPS]).sort((a, b) => a.steps - b.steps),
    /** The cell with that column and otherwise the settings of `own`. */
    column: (own, column) => {
      const main = data.study.main_axis;
      const wanted = keys.filter((key) => key !== main);
      return data.cells.find(
        (other) => other.settings[main] === column.settings[main] && same(own, other, wanted),
      );
    },
  };
})();
