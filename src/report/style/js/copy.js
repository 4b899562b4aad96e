// Copy buttons: the text of `data-copy` goes to the clipboard, and the button says so for a while.
{
  // From file:// some browsers have no clipboard object; an invisible field does it there.
  const byField = (text) => {
    const field = document.createElement('textarea');
    field.value = text;
    field.setAttribute('readonly', '');
    field.className = 'away';
    (document.querySelector('dialog[open]') || document.body).append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    return done;
  };
  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return byField(text);
    }
  };
  const voice = document.createElement('p');
  voice.className = 'away';
  voice.setAttribute('role', 'status');
  document.body.append(voice);
  for (const button of all('.copy')) button.hidden = false;
  document.addEventListener('click', async (e) => {
    const button = e.target.closest('.copy');
    if (!button) return;
    const done = await copied(button.dataset.copy);
    const name = (button.dataset.name ??= button.textContent);
    button.textContent = done ? 'copied' : 'not copied';
    voice.textContent = done ? 'Copied.' : 'It could not be copied; mark the text and copy it.';
    button.focus();
    clearTimeout(Number(button.dataset.timer));
    button.dataset.timer = setTimeout(() => {
      button.textContent = name;
      voice.textContent = '';
    }, 2000);
  });
}
