// What is wrong with the layout: a list of sentences, empty when all is well.
(() => {
  const faults = [];
  const room = document.documentElement.clientWidth + 1;
  const name = (e) => {
    const kind = e.className && e.className.baseVal === undefined ? '.' + e.className : '';
    const section = e.closest('section, header, dialog');
    return `${section ? (section.id || section.tagName) + ': ' : ''}${e.tagName.toLowerCase()}${kind}`;
  };
  const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  /** What lies inside a box that scrolls sideways, or that shows only what fits, may be wider than the window. */
  const inside = (e) => {
    for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
      if (getComputedStyle(p).overflowX !== 'visible') return true;
    }
    return false;
  };
  if (document.documentElement.scrollWidth > room) {
    faults.push(`the page is ${document.documentElement.scrollWidth} px wide, the window ${room - 1}`);
  }
  for (const e of document.body.querySelectorAll('*')) {
    if (
      !seen(e) ||
      getComputedStyle(e).position === 'fixed' ||
      e.closest('svg')?.parentElement.closest('svg')
    )
      continue;
    const box = e.getBoundingClientRect();
    // Text for screen readers only is one pixel large, somewhere.
    if (box.width > 1 && (box.right > room || box.left < -1) && !inside(e)) {
      faults.push(`${name(e)} reaches from ${Math.round(box.left)} to ${Math.round(box.right)}`);
    }
  }
  // A short word that is broken over two lines stands in a column that is too narrow. Some scripts break anywhere.
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (!text.parentElement.closest('script, style, svg, code, .mono') && seen(text.parentElement)) {
      for (const word of text.data.matchAll(/(?<!\S)[\p{L}--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]]{2,10}(?=[,.:;]?(\s|$))/gv)) {
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        const boxes = [...range.getClientRects()];
        if (boxes.some((box) => box.top > boxes[0].bottom - 2)) {
          faults.push(`${name(text.parentElement)}: the word "${word[0]}" is broken over lines`);
        }
      }
    }
  }
  return [...new Set(faults)].slice(0, 20);
})();
