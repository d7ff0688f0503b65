// The tour: seven ideas, each beside the part of the page that it explains, said with the numbers
// that stand there. Offered once; afterwards it comes when it is asked for.
(() => {
  const { get, set, say } = window.msresnet;
  const STOPS = {
    scale: '#model-caption', level: '#evidence .ms-frames', vote: '#top-k', gate: '#scale-switches', ledger: '#ledger',
    evidence: '#evidence', attribution: '#attributions',
  };
  const ideas = Object.keys(STOPS);
  let card = null, here = 0, before = null;

  const text = (selector) => document.querySelector(selector)?.innerText.trim() ?? '';
  const texts = (selector) => [...document.querySelectorAll(selector)].map((one) => one.innerText.trim());
  const values = () => {
    const scales = [...document.querySelectorAll('#ledger .ms-entry[data-scale]')];
    const amount = (entry) => Number(entry.querySelector('.ms-number').innerText.replace('−', '-'));
    const top = scales.reduce((best, entry) => (best && amount(best) >= amount(entry) ? best : entry), null);
    return {
      sides: texts('#ledger .ms-entry[data-scale] .ms-entry-name').join(say('comma')),
      label: text('#top-k [aria-pressed=true] .ms-class-name') || text('#top-k .ms-class-name'),
      probability: text('#top-k [aria-pressed=true] .ms-number') || text('#top-k .ms-number'),
      top: top ? top.querySelector('.ms-entry-name').innerText.trim() : '',
      amount: top ? top.querySelector('.ms-number').innerText : '',
      weight: top ? top.dataset.weight : '',
      total: text('#ledger .ms-total .ms-number'),
      method: document.querySelector('#method-picker input')?.value ?? '',
      map: document.querySelector(`#evidence [data-scale="${top?.dataset.scale}"] [data-enlarge]`)?.dataset.enlarge ?? '',
    };
  };

  const place = () => {
    if (!card) return;
    const anchor = document.querySelector(STOPS[ideas[here]]);
    const box = anchor.getBoundingClientRect(), own = card.getBoundingClientRect();
    const isBelow = box.bottom + own.height + 16 < innerHeight, isAbove = box.top - own.height - 16 > 0;
    const top = isBelow ? box.bottom + 12 : isAbove ? box.top - own.height - 12 : innerHeight - own.height - 12;
    const left = Math.min(Math.max(box.left, 12), innerWidth - own.width - 12);
    card.style.transform = `translate(${Math.max(left, 12)}px, ${Math.max(top, 12)}px)`;
  };

  const show = (index) => {
    here = index;
    const idea = ideas[here];
    document.querySelectorAll('.ms-toured').forEach((one) => one.classList.remove('ms-toured'));
    const anchor = document.querySelector(STOPS[idea]);
    anchor.classList.add('ms-toured');
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    anchor.scrollIntoView({ block: 'center', behavior: isCalm ? 'auto' : 'smooth' });
    card.querySelector('h2').textContent = say(`idea:${idea}`);
    card.querySelector('.ms-idea').textContent = say(`tour:${idea}`, values());
    card.querySelector('.ms-step').textContent = say('step', { number: here + 1, count: ideas.length });
    card.querySelector('[data-tour=back]').disabled = here === 0;
    card.querySelector('[data-tour=next]').textContent = say(here + 1 < ideas.length ? 'next' : 'done');
    place();
    card.focus({ preventScroll: true });
  };

  const end = () => {
    card?.remove();
    card = null;
    document.querySelectorAll('.ms-toured').forEach((one) => one.classList.remove('ms-toured'));
    before?.focus?.({ preventScroll: true });
  };
  const go = (by) => {
    if (here + by >= ideas.length) end();
    else if (here + by >= 0) show(here + by);
  };

  const start = () => {
    if (card || !document.querySelector('#ledger .ms-total')) return;
    seen();
    before = document.activeElement;
    card = document.createElement('section');
    card.className = 'ms-tour';
    card.tabIndex = -1;
    card.setAttribute('role', 'dialog');
    card.setAttribute('aria-labelledby', 'ms-tour-title');
    card.setAttribute('aria-describedby', 'ms-tour-text');
    card.innerHTML = `<p class="ms-step"></p><h2 id="ms-tour-title"></h2><p class="ms-idea" id="ms-tour-text"></p>
      <div class="ms-buttons"><button type="button" data-tour="end">${say('skip')}</button>
      <button type="button" data-tour="back">${say('back')}</button>
      <button type="button" data-tour="next"></button></div>`;
    card.addEventListener('keydown', (event) => {
      const steps = { ArrowRight: () => go(1), ArrowLeft: () => go(-1), Escape: end };
      if (!(event.key in steps)) return;
      event.preventDefault();
      event.stopPropagation();
      steps[event.key]();
    });
    document.querySelector('.gradio-container').append(card);
    show(0);
  };
  document.addEventListener('click', (event) => {
    const what = event.target.closest?.('[data-tour]')?.dataset.tour;
    if (!what) return;
    ({ start, end, next: () => go(1), back: () => go(-1), dismiss: seen })[what]();
  });
  addEventListener('scroll', place, { passive: true });
  addEventListener('resize', place);

  // The offer stands there on the first visit; to have seen it once is enough.
  const isFirst = !get('toured');
  let isOffered = isFirst;
  const offer = () => document.querySelectorAll('.ms-offer').forEach((one) => {
    one.hidden = !isOffered;
    if (isOffered) set('toured', true);
  });
  const seen = () => { isOffered = false; set('toured', true); offer(); };
  window.msresnet.renewed.push(offer);
  window.msresnet.tour = start;
})();
