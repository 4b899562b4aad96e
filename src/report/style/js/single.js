// The page of a single file: the pictures are inside it, and every other file is left out. What other scripts set as
// the source of an image is looked up here.
{
  const plain = (name) => {
    try {
      return decodeURIComponent(name);
    } catch {
      return name;
    }
  };
  const inside = new Map();
  for (const img of document.querySelectorAll('img[data-file]')) inside.set(plain(img.dataset.file), img.src);
  const more = Object.entries(JSON.parse(document.getElementById('inside').textContent));
  const isData = ([, what]) => what.startsWith('data:');
  for (const [name, data] of more.filter(isData)) inside.set(plain(name), data);
  for (const [name, small] of more.filter((entry) => !isData(entry)))
    inside.set(plain(name), inside.get(plain(small)));
  const source = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, 'src');
  Object.defineProperty(HTMLImageElement.prototype, 'src', {
    ...source,
    set(name) {
      source.set.call(this, inside.get(plain(String(name))) ?? name);
    },
  });
  // The large view opens an image by its link.
  for (const a of document.querySelectorAll('a[data-id]'))
    a.setAttribute('href', (a.dataset.file ? a : a.querySelector('img')).dataset.file);
}
