// What needs no request: overlays, linked scales, enlarged maps, undo. Events are delegated, so
// that parts which are replaced keep working.
(() => {
  const root = document.documentElement;
  const { get, set, say, ready, translate } = window.msresnet;

  // Sliders: how strong the overlays are, and how much of the picture they cover.
  const SLIDERS = { opacity: 80, wipe: 100 };
  const slide = (name, value) => {
    root.style.setProperty(`--ms-${name}`, value / 100);
    document.querySelectorAll(`[data-slider=${name}]`).forEach((slider) => { slider.value = value; });
  };
  const restore = () => Object.entries(SLIDERS).forEach(([name, value]) => slide(name, get(name, value)));
  restore();
  document.addEventListener('input', (event) => {
    const name = event.target.dataset?.slider;
    if (!name) return;
    set(name, Number(event.target.value));
    slide(name, event.target.value);
  });

  // The page's parts come and go: new sliders take their place, and the tour its offer.
  const renewed = [restore, translate];
  let waiting = false;
  const renew = () => { waiting = false; renewed.forEach((update) => update()); };
  ready(() => {
    renew();
    new MutationObserver((changes) => {
      const isOurs = changes.some((change) => [...change.addedNodes].some((node) => node.nodeType === Node.ELEMENT_NODE));
      if (isOurs && !waiting) { waiting = true; requestAnimationFrame(renew); }
    }).observe(document.body, { childList: true, subtree: true });
  });

  // A fold that is replaced by its like stays as open as it was.
  const isUnfolded = {};
  document.addEventListener('click', (event) => {
    const fold = event.target.closest?.('details[data-fold] > summary')?.parentNode;
    if (fold) isUnfolded[fold.dataset.fold] = !fold.open;
  });
  renewed.push(() => document.querySelectorAll('details[data-fold]').forEach((fold) => {
    fold.open = isUnfolded[fold.dataset.fold] ?? fold.open;
  }));

  // Linked views: the scale that is pointed at, or has the focus, lights up everywhere.
  const light = (event) => {
    const part = event.target.closest?.('[data-scale]');
    if (part && part !== document.body) document.body.dataset.scale = part.dataset.scale;
    else delete document.body.dataset.scale;
  };
  document.addEventListener('mouseover', light);
  document.addEventListener('focusin', light);

  // A file that the browser cannot show, be it no picture or one in a format that only the server reads,
  // leaves no broken frame but a word. Neither event bubbles, so both are caught on their way down.
  for (const kind of ['error', 'load']) {
    document.addEventListener(kind, (event) => {
      const preview = event.target.closest?.('#image-input');
      if (!preview || event.target.tagName !== 'IMG') return;
      preview.classList.toggle('ms-no-preview', kind === 'error');
      preview.dataset.note = say('no-preview');
    }, true);
  }

  // One map or tile, large; the arrows go on to its neighbours.
  const neighbours = (source) => [...(source.closest('.ms-frames, .ms-tiles') ?? source.parentNode).querySelectorAll('[data-enlarge]')];
  const fill = (dialog, source) => {
    const figure = document.createElement('div');
    figure.className = source.className.replace('ms-tile', 'ms-stack ms-pixelated');
    figure.setAttribute('role', 'img');
    figure.setAttribute('aria-label', source.dataset.enlarge);
    figure.append(...[...source.querySelectorAll('img')].map((picture) => picture.cloneNode()));
    const caption = document.createElement('p');
    caption.textContent = source.dataset.enlarge;
    const bar = source.closest('.block')?.querySelector('.ms-scale');
    dialog.setAttribute('aria-label', source.dataset.enlarge);
    dialog.querySelector('.ms-enlarged').replaceChildren(figure, caption, ...(bar && figure.querySelector('.ms-over') ? [bar.cloneNode(true)] : []));
    dialog.source = source;
  };
  const step = (dialog, by) => {
    const all = neighbours(dialog.source);
    fill(dialog, all[(all.indexOf(dialog.source) + by + all.length) % all.length]);
  };
  const enlarge = (source) => {
    const dialog = modal('ms-enlarging', '<div class="ms-enlarged"></div>', () => dialog.source.focus());
    fill(dialog, source);
    if (neighbours(source).length > 1) {
      const arrows = [['previous', -1], ['following', 1]].map(([name, by]) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = say(name);
        button.addEventListener('click', () => step(dialog, by));
        return button;
      });
      dialog.querySelector('.ms-buttons').prepend(...arrows);
    }
    dialog.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) step(dialog, by);
    });
  };
  document.addEventListener('click', (event) => {
    const source = event.target.closest?.('[data-enlarge]');
    if (source) enlarge(source);
  });

  // A dialog above the page, closed by its button, by Escape and by a click beside it.
  const modal = (name, content, onClose = () => {}) => {
    const dialog = document.createElement('dialog');
    dialog.className = `ms-dialog ${name}`;
    dialog.innerHTML = `${content}<div class="ms-buttons"><button type="button" data-close>${say('close')}</button></div>`;
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog || event.target.closest('[data-close]')) dialog.close();
    });
    dialog.addEventListener('close', () => { dialog.remove(); onClose(); });
    document.querySelector('.gradio-container').append(dialog);
    dialog.showModal();
    return dialog;
  };

  // Undo: a probe hands over what takes its last step back, and until when that means anything.
  let steps = [];
  const showUndo = () => {
    steps = steps.filter(({ isAlive }) => isAlive());
    document.querySelectorAll('[data-undo]').forEach((button) => { button.disabled = !steps.length; });
  };
  const undo = () => { showUndo(); steps.pop()?.back(); showUndo(); };
  document.addEventListener('click', (event) => { if (event.target.closest?.('[data-undo]')) undo(); });
  renewed.push(showUndo);

  Object.assign(window.msresnet, {
    modal, undo, renewed,
    undoable: (back, isAlive = () => true) => { steps.push({ back, isAlive }); showUndo(); },
  });
})();
