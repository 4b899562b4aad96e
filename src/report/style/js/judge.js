// The blind test: which of two images of the same prompt and noise looks more like the subject? Pairs come in random
// order, without names. Votes stay in this browser, and can be taken along as a file.
{
  const home = document.getElementById('judge-test');
  const ROUND = 20;
  const BASE = '(base model)';
  const KEY = 'votes ' + (study ? study.data.study.name : '');
  const COLUMNS = ['left', 'right', 'prompt_index', 'seed', 'left_image', 'right_image', 'vote'];

  const start = () => {
    const { data } = study;
    const { make } = panel;
    const button = (text, action) => {
      const el = make('button', '', text);
      el.type = 'button';
      el.onclick = action;
      return el;
    };

    // --- What is kept in the browser ---
    const read = (key, otherwise) => {
      try {
        return JSON.parse(localStorage.getItem(key)) ?? otherwise;
      } catch {
        return otherwise;
      }
    };
    const write = (key, value) => {
      try {
        localStorage.setItem(key, JSON.stringify(value));
        return true;
      } catch {
        return false; // a private window, or no room
      }
    };
    const images = data.images.filter((image) => image.hash && study.parts(image.id).group === 'p');
    const labelOf = (id) => study.cell(id)?.label ?? BASE;
    const byName = new Map(images.map((image) => [labelOf(image.id) + ' ' + image.hash, image.id]));
    const isVote = (vote) =>
      Array.isArray(vote) &&
      vote.length === COLUMNS.length &&
      vote.every((field) => typeof field === 'string');
    const stored = read(KEY, []);
    let votes = Array.isArray(stored) ? stored.filter(isVote) : [];
    let kept = true;

    // --- Who made an image: -1 is the base model, else a condition ---
    const who = (id) => (study.cell(id) ? study.cell(id).condition : -1);
    const name = (index) => (index < 0 ? 'base model' : data.conditions[index].title);
    const contestants = [...new Set(images.map((image) => who(image.id)))].filter((c) => c !== null);
    contestants.sort((a, b) => a - b);
    const trained = contestants.filter((c) => c >= 0);
    if (contestants.length < 2) return;

    // --- Chance: a sequence that begins with a number kept in this browser (mulberry32) ---
    const SEED = 'judge seed';
    let chance = read(SEED, null);
    if (!Number.isInteger(chance)) chance = crypto.getRandomValues(new Uint32Array(1))[0];
    const random = () => {
      chance = (chance + 0x6d2b79f5) | 0;
      let t = Math.imul(chance ^ (chance >>> 15), chance | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const shuffle = (list) => {
      for (let i = list.length - 1; i > 0; i--) {
        const j = Math.floor(random() * (i + 1));
        [list[i], list[j]] = [list[j], list[i]];
      }
      return list;
    };

    /** All pairs of two contestants: the same prompt and noise, and where there are both the same training seed. */
    const pairs = (a, b) => {
      const of = (c) => images.filter((image) => who(image.id) === c);
      const seedOf = (id) => study.cell(id)?.train_seed;
      const out = [];
      for (const one of of(a)) {
        const rest = study.parts(one.id).rest;
        for (const other of of(b)) {
          const seeds = [seedOf(one.id), seedOf(other.id)];
          const repeat = seeds.includes(undefined) || seeds[0] === seeds[1];
          const model = a < 0 ? study.base(other.id) === one.id : true;
          if (study.parts(other.id).rest === rest && one.hash !== other.hash && repeat && model) {
            out.push([one.id, other.id]);
          }
        }
      }
      return out;
    };
    /** The pairs of a round, as many of each two contestants as of others. */
    const draw = (first, second) => {
      const sides = [];
      for (const [i, a] of contestants.entries()) {
        for (const b of contestants.slice(i + 1)) {
          const fits = (c) => (c === 'any' ? trained : [Number(c)]);
          const [f, s] = [fits(first), fits(second)];
          if ((f.includes(a) && s.includes(b)) || (f.includes(b) && s.includes(a))) sides.push(pairs(a, b));
        }
      }
      const queues = shuffle(sides.map(shuffle).filter((queue) => queue.length));
      const round = [];
      while (round.length < ROUND && queues.some((queue) => queue.length)) {
        for (const queue of queues) {
          if (queue.length && round.length < ROUND) round.push(shuffle([...queue.pop()]));
        }
      }
      write(SEED, chance);
      return shuffle(round);
    };

    // --- The test ---
    const choose = (label, chosen) => {
      const box = make('label', '', label + ' ');
      const select = make('select');
      const options = [...(trained.length > 1 ? ['any'] : []), ...contestants];
      for (const value of options) {
        const option = make('option', '', value === 'any' ? 'any trained one' : name(value));
        option.value = value;
        option.selected = value === chosen;
        select.append(option);
      }
      box.append(select);
      return [box, select];
    };
    const few = trained.length > 1 && trained.length <= 4;
    const [firstBox, first] = choose('Compare', few ? 'any' : trained[0]);
    const [secondBox, second] = choose(
      'with',
      few ? 'any' : trained.at(-1) !== trained[0] ? trained.at(-1) : -1,
    );
    const begin = button('', () => run());
    const setup = make('div', 'judge-setup');
    setup.append(firstBox, secondBox, begin);
    const none = make('p', 'soft', 'There are no two images of these to compare.');
    none.hidden = true;

    const arena = make('div', 'judge-arena');
    arena.hidden = true;
    arena.tabIndex = -1;
    arena.setAttribute('role', 'group');
    arena.setAttribute('aria-label', 'Which one looks more like the subject?');
    const progress = make('p', 'soft');
    progress.setAttribute('role', 'status');
    const prompt = make('p', 'judge-prompt');
    const sides = ['left', 'right'].map((side) => {
      const box = make('button', 'judge-image');
      box.type = 'button';
      const img = make('img');
      img.alt = 'the ' + side + ' image';
      box.append(img);
      box.onclick = () => vote(side);
      return { box, img };
    });
    const real = make('div', 'judge-real');
    const strip = make('div');
    const shown = [...data.photos].filter((photo) => photo.file);
    shown.sort((a, b) => Number(b.held_out) - Number(a.held_out));
    for (const photo of shown.slice(0, 6)) {
      const img = make('img');
      img.src = study.source(photo.id);
      img.alt = study.title(photo.id);
      strip.append(img);
    }
    real.append(make('p', 'soft', 'The real subject:'), strip);
    const answers = make('div', 'judge-answers');
    const keyed = (key, text, action) => {
      const el = button('', action);
      el.append(make('kbd', '', key), ' ' + text);
      return el;
    };
    answers.append(
      keyed('←', 'left', () => vote('left')),
      keyed('=', 'no difference', () => vote('equal')),
      keyed('→', 'right', () => vote('right')),
      keyed('⌫', 'undo', () => undo()),
      button('stop', () => stop()),
    );
    const duel = make('div', 'judge-duel');
    duel.append(sides[0].box, sides[1].box);
    const board = make('div', 'judge-board');
    board.append(duel, ...(shown.length ? [real] : []));
    arena.append(progress, prompt, board, answers);

    let round = [];
    let at = 0;
    const ask = () => {
      if (at >= round.length) return stop();
      progress.textContent =
        'Pair ' + (at + 1) + ' of ' + round.length + '. Which one looks more like the subject?';
      prompt.textContent = study.prompt(round[at][0])?.shown ?? '';
      sides.forEach(({ img }, i) => (img.src = study.source(round[at][i])));
    };
    const run = () => {
      round = draw(first.value, second.value);
      at = 0;
      none.hidden = round.length > 0;
      if (!round.length) return;
      arena.hidden = false;
      setup.hidden = true;
      result.hidden = true;
      ask();
      arena.focus({ preventScroll: true });
      arena.scrollIntoView({ block: 'nearest' });
    };
    const vote = (choice) => {
      if (at >= round.length) return;
      const [left, right] = round[at];
      const { prompt: index, seed } = study.parts(left);
      const [l, r] = [study.image(left).hash, study.image(right).hash];
      votes.push([labelOf(left), labelOf(right), String(index), seed, l, r, choice]);
      kept = write(KEY, votes);
      at += 1;
      ask();
    };
    const undo = () => {
      if (!at) return;
      at -= 1;
      votes.pop();
      kept = write(KEY, votes);
      ask();
    };
    const stop = () => {
      round = [];
      at = 0;
      arena.hidden = true;
      setup.hidden = false;
      tell();
      begin.focus({ preventScroll: true });
    };

    // --- The result ---
    const result = make('div', 'judge-result');
    /** Share with its Wilson 95 % interval, as `measures/wilson.rs` computes it. */
    const wilson = (count, n) => {
      const z = 1.959963984540054;
      const share = count / n;
      const middle = share + (z * z) / (2 * n);
      const half = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
      const whole = 1 + (z * z) / n;
      return [Math.max(0, (middle - half) / whole), Math.min(1, (middle + half) / whole)];
    };
    const percent = (share) => (100 * share).toFixed(0);
    const tally = () => {
      const found = new Map();
      let out = 0;
      for (const [left, right, , , l, r, choice] of votes) {
        const ids = [byName.get(left + ' ' + l), byName.get(right + ' ' + r)];
        const made = ids.map((id) => (id ? who(id) : null));
        if (made.includes(null) || made[0] === made[1]) {
          out += 1;
          continue;
        }
        const sorted = [...made].sort((a, b) => a - b);
        const key = sorted.join(' ');
        const row = found.get(key) ?? { sides: sorted, wins: [0, 0], equal: 0 };
        found.set(key, row);
        if (choice === 'equal') row.equal += 1;
        else row.wins[sorted.indexOf(made[choice === 'left' ? 0 : 1])] += 1;
      }
      const rows = [...found.values()].map((row) =>
        row.wins[1] > row.wins[0]
          ? { sides: [...row.sides].reverse(), wins: [...row.wins].reverse(), equal: row.equal }
          : row,
      );
      return { rows, out };
    };
    const table = (rows) => {
      const el = make('table');
      const head = el.createTHead().insertRow();
      const HEADS = ['preferred', 'to', 'how often', '95 % interval', 'no difference'];
      for (const [i, text] of HEADS.entries()) {
        const th = make('th', i > 1 ? 'n' : '', text);
        th.scope = 'col';
        head.append(th);
      }
      const body = el.createTBody();
      for (const {
        sides: [a, b],
        wins: [won, lost],
        equal,
      } of rows) {
        const n = won + lost;
        const [low, high] = n ? wilson(won, n) : [];
        const row = body.insertRow();
        const th = make('th', '', name(a));
        th.scope = 'row';
        row.append(th);
        const interval = n ? percent(low) + ' to ' + percent(high) + '\u00a0%' : '–';
        const cells = [name(b), n ? won + ' of ' + n : '–', interval, String(equal)];
        cells.forEach((text, i) => row.append(make('td', i ? 'n' : '', text)));
      }
      const scroll = make('div', 'scroll plain');
      scroll.tabIndex = 0;
      scroll.setAttribute('role', 'group');
      scroll.setAttribute('aria-label', 'Your votes');
      scroll.append(el);
      return scroll;
    };
    const csv = () => {
      const field = (text) => (/[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
      return [COLUMNS, ...votes].map((row) => row.map(field).join(',') + '\n').join('');
    };
    const download = () => {
      const a = make('a');
      a.href = URL.createObjectURL(new Blob([csv()], { type: 'text/csv' }));
      a.download = 'votes.csv';
      a.click();
      setTimeout(() => URL.revokeObjectURL(a.href), 10000);
    };
    const forget = () => {
      if (!confirm('Forget all votes on this study that are kept in this browser?')) return;
      votes = [];
      try {
        localStorage.removeItem(KEY);
      } catch {
        /* nothing is kept there */
      }
      tell();
    };
    const tell = () => {
      begin.textContent = votes.length ? 'Judge ' + ROUND + ' more pairs' : 'Judge ' + ROUND + ' pairs';
      result.hidden = !votes.length;
      if (!votes.length) return;
      const { rows, out } = tally();
      const file = data.study.file || 'X.toml';
      const parts = [make('h3', '', 'Your votes: ' + votes.length)];
      if (rows.length) parts.push(table(rows));
      parts.push(
        make(
          'p',
          '',
          "These are votes of one person's eye. n counts votes about images, not trainings: many votes make sure what " +
            'is seen in these images, and say nothing about a training with another seed.',
        ),
      );
      if (out) {
        const text = out === 1 ? '1 vote is about an image' : out + ' votes are about images';
        parts.push(make('p', 'soft', text + ' that this page does not show; not counted here.'));
      }
      if (!kept)
        parts.push(make('p', 'over', 'This browser keeps nothing: download the votes before you leave.'));
      const tools = make('div', 'judge-setup');
      tools.append(button('download votes.csv', download), button('forget the votes', forget));
      const how = make('p', 'soft');
      how.append('The report counts them, and says how far the measures agree: ');
      how.append(make('code', '', 'runner report ' + file + ' --votes votes.csv'));
      parts.push(tools, how);
      result.replaceChildren(...parts);
    };

    const keys = { ArrowLeft: 'left', ArrowRight: 'right', '=': 'equal' };
    home.addEventListener('keydown', (e) => {
      if (arena.hidden || e.ctrlKey || e.metaKey || e.altKey || e.target.tagName === 'SELECT') return;
      if (keys[e.key]) vote(keys[e.key]);
      else if (e.key === 'Backspace') undo();
      else return;
      e.preventDefault();
    });
    home.append(setup, none, arena, result);
    home.hidden = false;
    tell();
  };
  if (home && study && panel) start();
}
