// Zoom and pan of the large view: one place and one size for all pictures in it, so that they stay on top of each other.
const zoom = (stage) => {
  const LARGEST = 40;
  let k = 1; // 1: the whole picture
  let [x, y] = [0, 0];
  const panes = () => all('.view-pane', stage).filter((pane) => !pane.hidden);
  /** How large a picture is drawn at k = 1, and how large its pane is. */
  const sizes = () => {
    const pane = panes()[0];
    const img = pane?.querySelector('img');
    const box = pane?.getBoundingClientRect() ?? { width: 1, height: 1, left: 0, top: 0 };
    const [w, h] = [img?.naturalWidth || 1, img?.naturalHeight || 1];
    const shown = Math.min(box.width / w, box.height / h);
    return { box, w: w * shown, h: h * shown, full: 1 / shown };
  };
  const draw = () => {
    const { box, w, h } = sizes();
    const [roomX, roomY] = [Math.max(0, (w * k - box.width) / 2), Math.max(0, (h * k - box.height) / 2)];
    x = Math.min(roomX, Math.max(-roomX, x));
    y = Math.min(roomY, Math.max(-roomY, y));
    stage.style.setProperty('--zoom', 'translate(' + x + 'px,' + y + 'px) scale(' + k + ')');
    stage.classList.toggle('zoomed', roomX > 0 || roomY > 0);
  };
  /** To that size; the point of the pane under `at` (from its middle) stays where it is. */
  const to = (size, at = { x: 0, y: 0 }) => {
    const next = Math.min(LARGEST, Math.max(Math.min(1, sizes().full), size));
    x = at.x - ((at.x - x) * next) / k;
    y = at.y - ((at.y - y) * next) / k;
    k = next;
    draw();
  };
  /** A point of the screen, from the middle of the pane that it is in. */
  const inPane = (e) => {
    const pane = document
      .elementsFromPoint(e.clientX, e.clientY)
      .find((el) => el.classList.contains('view-pane'));
    const box = (pane || panes()[0] || stage).getBoundingClientRect();
    return { x: e.clientX - box.left - box.width / 2, y: e.clientY - box.top - box.height / 2 };
  };
  return {
    draw,
    fit: () => {
      [k, x, y] = [1, 0, 0];
      draw();
    },
    full: () => to(sizes().full),
    toggle: (e) =>
      Math.abs(k - 1) > 0.01 ? ((k = 1), (x = 0), (y = 0), draw()) : to(sizes().full, inPane(e)),
    by: (factor, e) => to(k * factor, e ? inPane(e) : undefined),
    move: (dx, dy) => {
      x += dx;
      y += dy;
      draw();
    },
    zoomed: () => stage.classList.contains('zoomed'),
  };
};
