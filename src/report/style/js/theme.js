// Theme: the system's until the button is pressed.
const theme = document.getElementById('theme');
if (theme) {
  try {
    const saved = localStorage.getItem('theme');
    if (saved) root.dataset.theme = saved;
  } catch {
    /* private window */
  }
  theme.hidden = false;
  theme.onclick = () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    try {
      localStorage.setItem('theme', root.dataset.theme);
    } catch {
      /* private window */
    }
  };
}
