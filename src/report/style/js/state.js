// What the address says behind `#`: an anchor and values of the scripts, `#images&t=rank-4&v=c2-p0-s1`. Values may be
// read at any time; setting one rewrites the address without scrolling and without a step in the history.
const state = (() => {
  // A `,` stands as it is, so that links stay readable.
  const encode = (text) => encodeURIComponent(text).replaceAll('%2C', ',');
  const decode = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text; // somebody else wrote it
    }
  };
  const read = () => {
    const values = new Map();
    let anchor = '';
    for (const part of location.hash.slice(1).split('&')) {
      const [key, ...rest] = part.split('=');
      if (rest.length) values.set(decode(key), decode(rest.join('=')));
      else if (part) anchor = part;
    }
    return { anchor, values };
  };
  return {
    /** The value of that key, or null. */
    get: (key) => read().values.get(key) ?? null,
    /** Keeps a value in the address; null or '' takes it out. */
    set: (key, value) => {
      const { anchor, values } = read();
      if (value === null || value === undefined || value === '') values.delete(key);
      else values.set(key, String(value));
      const parts = [...values].map(([k, v]) => encode(k) + '=' + encode(v));
      const hash = [anchor, ...parts].filter(Boolean).join('&');
      try {
        history.replaceState(null, '', hash ? '#' + hash : location.pathname + location.search);
      } catch {
        // A browser that counts these calls refuses too many at once; the address is then a little late.
      }
    },
    /** Calls back when somebody changed the address: a link on the page, or by hand. */
    changed: (callback) => addEventListener('hashchange', callback),
  };
})();
// An anchor with values behind it is no id of the page, so the browser does not go there by itself.
{
  const go = () => {
    const anchor = location.hash.slice(1).split('&')[0];
    if (location.hash.includes('&') && anchor && !anchor.includes('=')) {
      document.getElementById(anchor)?.scrollIntoView();
    }
  };
  go();
  addEventListener('hashchange', go);
}
