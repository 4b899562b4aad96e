// Paper cannot be clicked. Newer browsers unfold everything by the style alone; this is for the others.
{
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = all('details:not([open])');
    for (const d of opened) d.open = true;
  });
  addEventListener('afterprint', () => {
    for (const d of opened) d.open = false;
  });
}
