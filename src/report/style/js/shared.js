// What the other scripts share. All files stand in one function, in the order of `page.rs`.
const root = document.documentElement;
const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
/** Whether the adapter is switched off everywhere. */
let off = false;
