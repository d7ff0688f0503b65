// What a visitor sets (language, theme, overlay, method, what was seen), kept in the browser;
// where it may keep nothing, until the page is left. The other scripts share window.msresnet.
(() => {
  const root = document.documentElement;
  const KEY = 'msresnet';
  let kept = {};
  try { kept = JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { /* none, or not allowed */ }
  const store = () => { try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* not allowed */ } };
  const get = (name, otherwise) => kept[name] ?? otherwise;
  const set = (name, value) => { kept[name] = value; store(); };

  // The language: what was chosen, or the first of the browser's that the page speaks. Gradio's own
  // few words follow navigator.language, which it reads when it starts.
  const tags = { en: 'en', zh: 'zh-CN' };
  const code = (tag) => tag.toLowerCase().split('-')[0];
  const browsers = navigator.languages.map(code).find((one) => one in tags) ?? 'en';
  const speak = (language) => {
    root.lang = tags[language];
    Object.defineProperty(navigator, 'language', { value: tags[language], configurable: true });
  };
  speak(get('language') in tags ? get('language') : browsers);
  setTimeout(() => { root.dataset.revealed = ''; }, 4000);  // in any language rather than not at all

  // Gradio gives the page's style sheet to its own container only; this holds for dialogs and the tour too.
  const calm = document.createElement('style');
  calm.textContent = `@media (prefers-reduced-motion: reduce) {
    *, *::before, *::after { transition: none !important; animation: none !important; scroll-behavior: auto !important; }
  }`;
  document.head.append(calm);

  // The script's words, which travel with the page's tools.
  const words = () => JSON.parse(document.querySelector('[data-words]')?.dataset.words ?? '{}');
  const say = (key, values = {}) => {
    return (words()[key] ?? '').replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
  };

  // Gradio's own words in the page's language.
  const translate = () => {
    const { gradio = {} } = words();
    document.querySelectorAll('.gradio-container :is([aria-label], [title])').forEach((element) => {
      for (const name of ['aria-label', 'title']) {
        const said = gradio[element.getAttribute(name)];
        if (said) element.setAttribute(name, said);
      }
    });
    document.querySelectorAll('footer :is(a, button)').forEach((link) => link.childNodes.forEach((node) => {
      if (node.nodeType === Node.TEXT_NODE && node.data.trim() in gradio) node.data = gradio[node.data.trim()];
    }));
  };

  // The theme: the system's until another is chosen.
  const isDark = () => document.body.classList.contains('dark');
  const dress = () => {
    const theme = get('theme');
    if (theme && (theme === 'dark') !== isDark()) document.body.classList.toggle('dark', theme === 'dark');
  };
  const ready = (begin) => (document.body ? begin() : document.addEventListener('DOMContentLoaded', begin));
  ready(() => {
    new MutationObserver(dress).observe(document.body, { attributes: true, attributeFilter: ['class'] });
    dress();
  });

  const forget = () => {
    kept = {};
    try { localStorage.removeItem(KEY); } catch { /* not allowed */ }
    location.reload();
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('[data-language], [data-theme-toggle], [data-forget]');
    if (!button) return;
    if (button.dataset.language) {
      set('language', button.dataset.language);
      speak(button.dataset.language);
    } else if ('forget' in button.dataset) {
      forget();
    } else {
      set('theme', isDark() ? 'light' : 'dark');
      dress();
    }
  });

  window.msresnet = {
    get, set, say, ready, translate,
    arrival: () => JSON.stringify({ language: get('language'), method: location.search ? undefined : get('method') }),
  };
})();
