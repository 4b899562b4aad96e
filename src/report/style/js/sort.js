// Tables that sort by any column, and boxes that filter their rows by words. Without this script a table stands in the
// order of the page, all rows shown.
{
  const number = (cell) => (cell && cell.dataset.v !== undefined ? Number(cell.dataset.v) : NaN);
  const words = (cell) => (cell ? cell.textContent.trim() : '');

  /** The parts of a table that move: its rows, or its bodies where a condition is a body with its trainings. */
  const parts = (table) =>
    table.dataset.rows
      ? [...table.tBodies].filter((body) => !body.matches('.fixed'))
      : [...table.tBodies[0].rows];
  const head = (part) => (part.rows ? part.rows[0] : part);

  /** The cell of a row in that column; null where one wide cell says why there are no numbers. */
  const cellAt = (row, column) => {
    let place = 0;
    for (const cell of row.cells) {
      place += cell.colSpan;
      if (place > column) return cell.matches('.why') ? null : cell;
    }
    return null;
  };

  /** Sorts by a column. Cells without a value stay last in either direction; equal ones keep the page's order. */
  const sortBy = (table, column, down) => {
    const all = parts(table);
    const order = all.map((part, i) => ({
      part,
      cell: cellAt(head(part), column),
      first: Number((part.dataset.first ??= String(i))),
    }));
    const numeric = order.some(({ cell }) => Number.isFinite(number(cell)));
    const sign = down ? -1 : 1;
    order.sort((a, b) => {
      if (!numeric)
        return (
          sign * words(a.cell).localeCompare(words(b.cell), undefined, { numeric: true }) || a.first - b.first
        );
      const [x, y] = [number(a.cell), number(b.cell)];
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a.first - b.first;
      return sign * (x - y) || a.first - b.first;
    });
    const parent = table.dataset.rows ? table : table.tBodies[0];
    parent.append(...order.map(({ part }) => part));
  };

  for (const table of all('table.sortable')) {
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((th, column) => {
      const first = th.dataset.sort;
      if (!first) return;
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'sort';
      button.append(...th.childNodes);
      button.insertBefore(document.createElement('i'), button.querySelector('small'));
      th.append(button);
      button.onclick = () => {
        const now = th.getAttribute('aria-sort');
        const down = now ? now === 'ascending' : first === 'down';
        for (const other of heads) other.removeAttribute('aria-sort');
        th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        sortBy(table, column, down);
      };
    });
  }

  // The trainings of a condition fold into its row.
  for (const table of all('table[data-rows]')) {
    const open = (body, on) => {
      for (const row of all('.training', body)) row.hidden = !on;
      body.querySelector('.unfold').setAttribute('aria-expanded', String(on));
    };
    const bodies = parts(table).filter((body) => body.querySelector('.training'));
    bodies.forEach((body) => {
      const count = all('.training', body).length;
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'unfold';
      button.textContent = count + ' trainings';
      button.onclick = () => open(body, button.getAttribute('aria-expanded') !== 'true');
      body.rows[0].cells[0].append(button);
      open(body, false);
    });
    // On paper everything is open.
    addEventListener('beforeprint', () => bodies.forEach((body) => open(body, true)));
  }

  for (const box of all('input[data-filter]')) {
    const table = document.getElementById(box.dataset.filter);
    const count = document.querySelector('[data-count="' + box.dataset.filter + '"]');
    box.closest('[hidden]').hidden = false;
    box.oninput = () => {
      const wanted = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      const rows = parts(table);
      let shown = 0;
      for (const row of rows) {
        const text = row.dataset.words.toLowerCase();
        row.hidden = !wanted.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      count.textContent = wanted.length ? shown + ' of ' + rows.length : '';
    };
  }
}
