// What needs no request: opacity, linked scales, enlarging a tile. Events are delegated,
// so that parts which are replaced keep working.
(() => {
  const root = document.documentElement;

  document.addEventListener('input', (event) => {
    if (event.target.matches('[data-opacity]')) {
      root.style.setProperty('--ms-opacity', event.target.value / 100);
    }
  });

  const light = (event) => {
    const part = event.target.closest?.('[data-scale]');
    if (part && part !== document.body) document.body.dataset.scale = part.dataset.scale;
    else delete document.body.dataset.scale;
  };
  document.addEventListener('mouseover', light);
  document.addEventListener('focusin', light);

  document.addEventListener('click', (event) => {
    const tile = event.target.closest('[data-enlarge]');
    if (!tile) return;
    const dialog = document.createElement('dialog');
    dialog.className = 'ms-dialog';
    dialog.setAttribute('aria-label', tile.dataset.enlarge);
    const picture = document.createElement('img');
    picture.src = tile.querySelector('img').src;
    picture.alt = '';
    const caption = document.createElement('p');
    caption.textContent = tile.dataset.enlarge;
    const close = document.createElement('button');
    close.textContent = 'Close';
    close.addEventListener('click', () => dialog.close());
    dialog.addEventListener('click', (inside) => { if (inside.target === dialog) dialog.close(); });
    dialog.addEventListener('close', () => { dialog.remove(); tile.focus(); });
    dialog.append(picture, caption, close);
    document.body.append(dialog);
    dialog.showModal();
  });
})();
