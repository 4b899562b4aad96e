// What the other scripts share. All files stand in one function, in the order of `page.rs`.
const root = document.documentElement;
const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
// An image that is shown whole has no link of its own.
for (const a of all('[data-id]:not([href])')) a.setAttribute('href', a.querySelector('img').getAttribute('src'));
/** What an image of a set stands in: images of one line are beside each other. */
const lineOf = (shot) => shot.closest('tr, .pair, [data-set]');
/** Its place in the line. In a table the columns count, because a cell may have no image. */
const columnOf = (shot) => {
  const cell = shot.closest('td');
  return (cell ? cell.cellIndex : 0) + all('[data-id]', cell || lineOf(shot)).indexOf(shot);
};
/** Whether the adapter is switched off everywhere. */
let off = false;
