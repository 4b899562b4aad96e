// Of the tables of two settings one is shown; without this script they stand below each other.
for (const choice of all('[data-choose="heat"]')) {
  const show = () => {
    const chosen = choice.querySelector('input:checked');
    for (const table of all('[data-heat]')) table.hidden = !!chosen && table.dataset.heat !== chosen.value;
  };
  choice.hidden = false;
  choice.addEventListener('change', show);
  show();
  // On paper all of them are there.
  addEventListener('beforeprint', () => {
    for (const table of all('[data-heat]')) table.hidden = false;
  });
  addEventListener('afterprint', show);
}
// Links to the images of some settings also choose their tabs.
for (const a of all('a[data-t]')) if (a.dataset.t) a.href = '#images&t=' + a.dataset.t;
