// A page of a run that is going on: it loads itself again and keeps the reader's place.
{
  const banner = document.getElementById('live');
  const key = 'place:' + location.pathname;
  /** What names an element in the page of before and of now: the anchor that it is in, and a text. */
  const within = (element) => element.parentElement?.closest('[id]')?.id ?? '';
  const named = (elements, text) =>
    elements.map((element) => [within(element) + '|' + text(element), element]);
  const details = () => named(all('details'), (d) => d.querySelector('summary')?.textContent ?? '');
  const scrollers = () => named(all('.scroll'), (s) => s.getAttribute('aria-label') ?? '');
  /** The last section whose top is above the middle of the window, and where its top is. */
  const anchor = () => {
    const above = all('section[id]').filter((s) => s.getBoundingClientRect().top < innerHeight / 2);
    const last = above.at(-1);
    return last ? { id: last.id, top: last.getBoundingClientRect().top } : null;
  };
  const focused = () => {
    const { id, dataset } = document.activeElement ?? {};
    return { id, shot: dataset?.id };
  };
  const place = () => ({
    y: scrollY,
    anchor: anchor(),
    open: details().map(([name, d]) => [name, d.open]),
    sideways: scrollers().map(([name, s]) => [name, s.scrollLeft]),
    focus: focused(),
  });
  const restore = (was) => {
    const open = new Map(was.open);
    for (const [name, d] of details()) if (open.has(name)) d.open = open.get(name);
    const sideways = new Map(was.sideways);
    for (const [name, s] of scrollers()) s.scrollLeft = sideways.get(name) ?? 0;
    const { id, shot } = was.focus;
    const last = id
      ? document.getElementById(id)
      : shot && all('[data-id]').find((e) => e.dataset.id === shot);
    last?.focus?.({ preventScroll: true });
    const section = was.anchor && document.getElementById(was.anchor.id);
    const y = section ? scrollY + section.getBoundingClientRect().top - was.anchor.top : was.y;
    scrollTo({ top: y, behavior: 'instant' });
  };
  // The browser's own place is the one of a page that may have become longer.
  try {
    const kept = sessionStorage.getItem(key);
    sessionStorage.removeItem(key);
    if (kept) {
      history.scrollRestoration = 'manual';
      restore(JSON.parse(kept));
    }
  } catch {
    /* no memory: the page begins at its top */
  }
  const busy = () =>
    document.hidden ||
    document.querySelector('dialog[open]') ||
    document.querySelector(':active:not(html, body)') ||
    document.activeElement?.matches(
      'input:not([type=range], [type=radio], [type=checkbox]), textarea, select',
    ) ||
    String(getSelection()) !== '';
  const every = Number(banner.dataset.every);
  const loaded = Date.now();
  const again = () => {
    if (Date.now() - loaded < every * 1000 || busy()) return;
    try {
      sessionStorage.setItem(key, JSON.stringify(place()));
    } catch {
      /* no memory */
    }
    location.reload();
  };
  setInterval(again, 1000);
  document.addEventListener('visibilitychange', again);
  // A run that was killed could not write a last page.
  const minutes = Math.floor((Date.now() / 1000 - Number(banner.dataset.written)) / 60);
  if (minutes >= 30) {
    const stale = banner.querySelector('.stale');
    stale.querySelector('span').textContent = minutes + ' minutes';
    stale.hidden = false;
  }
}
