// The navigation marks the section that one reads, and keeps its name in view.
{
  const links = new Map(all('nav a').map((a) => [a.getAttribute('href').slice(1), a]));
  const mark = (id) => {
    for (const [name, a] of links) {
      if (name !== id) {
        a.removeAttribute('aria-current');
        continue;
      }
      a.setAttribute('aria-current', 'true');
      const list = a.closest('ul');
      list.scrollLeft = a.offsetLeft - list.offsetLeft - (list.clientWidth - a.offsetWidth) / 2;
    }
  };
  const watch = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => mark(entry.target.id)),
    { rootMargin: '-30% 0px -69% 0px' },
  );
  for (const id of links.keys()) {
    const section = document.getElementById(id);
    if (section) watch.observe(section);
  }
}
