// The keyboard: arrows within a group, single keys to get to one, and what they all do.
(() => {
  const { get, set, say, modal, undo } = window.msresnet;

  // Within these the arrows move the focus; a class and a method are also chosen by them.
  const GROUPS = [
    { group: '.ms-classes', items: '.ms-class', chooses: true },
    { group: '.ms-ledger', items: '.ms-entry[data-scale]' },
    { group: '.ms-frames', items: '[data-enlarge]' },
    { group: '.ms-tiles', items: '[data-enlarge]' },
    { group: '.ms-methods', items: '[data-method]', chooses: true },
    { group: '.ms-examples', items: '[data-example]' },
  ];
  const BY = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
  const arrow = (event) => {
    const found = GROUPS.find(({ group, items }) => event.target.closest(group) && (event.target.matches(`${items}, ${group}`)));
    if (!found) return;
    const all = [...event.target.closest(found.group).querySelectorAll(found.items)];
    const here = all.indexOf(event.target);
    const next = all[here < 0 ? 0 : here + BY[event.key]];
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    if (found.chooses) next.click();
  };

  const KEYS = {
    c: () => focus('#top-k .ms-class[aria-pressed=true]', '#top-k .ms-class'),
    l: () => focus('#ledger .ms-entry[data-scale]'),
    e: () => focus('#evidence [data-enlarge]'),
    m: () => focus('#attributions .ms-methods [aria-pressed=true]', '#method-picker input'),
    f: () => focus('#feature-maps .ms-stage-panel[data-stage="3"] [data-enlarge]'),
    o: () => document.querySelector('[data-slider=opacity]')?.focus(),
    u: () => undo(),
    t: () => window.msresnet.tour(),
    '?': () => help(),
  };
  const focus = (...selectors) => {
    const found = selectors.map((one) => document.querySelector(one)).find((one) => one?.offsetParent);
    found?.focus();
    found?.scrollIntoView({ block: 'nearest' });
  };

  const help = () => {
    const rows = ['arrows', 'enter', ...Object.keys(KEYS), 'ctrl+z', 'escape'].map((key) =>
      `<dt><kbd>${say(`label:${key}`) || key}</kbd></dt><dd>${say(`key:${key}`)}</dd>`).join('');
    const dialog = modal('ms-help', `<h2>${say('help')}</h2><dl>${rows}</dl>
      <label><input type="checkbox" data-keys${get('keys', true) ? ' checked' : ''}>${say('keys')}</label>`);
    dialog.setAttribute('aria-label', say('help'));
    const forget = document.createElement('button');
    forget.type = 'button';
    forget.dataset.forget = '';
    forget.textContent = say('forget');
    dialog.querySelector('.ms-buttons').prepend(forget);
  };
  // A part that is replaced while it has the focus gives it back to what now stands in its place.
  const KEYED = ['class', 'method', 'scale', 'language'];
  let last = null;
  document.addEventListener('focusin', (event) => {
    const key = KEYED.find((name) => name in event.target.dataset);
    const part = event.target.closest('.block[id]');
    last = key && part ? { element: event.target, selector: `#${part.id} [data-${key}="${event.target.dataset[key]}"]` } : null;
  });
  window.msresnet.renewed.push(() => {
    if (!last || last.element.isConnected || document.activeElement !== document.body) return;
    document.querySelector(last.selector)?.focus({ preventScroll: true });
  });

  document.addEventListener('change', (event) => {
    if (event.target.matches('[data-keys]')) set('keys', event.target.checked);
  });
  document.addEventListener('click', (event) => { if (event.target.closest?.('[data-help]')) help(); });

  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
    const isTyping = event.target.matches('input:not([type=checkbox], [type=radio], [type=range]), textarea, [contenteditable]');
    if (isTyping) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z') {
      event.preventDefault();
      undo();
    } else if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    } else if (event.key in BY) {
      arrow(event);
    } else if (event.key in KEYS && (get('keys', true) || event.key === '?')) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
})();
