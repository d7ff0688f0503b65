// What the panels share that ask about a part of the picture: whose picture it is, what was set, what is awaited.
(() => {
  // The picture that is explained, for the panels that ask about a part of it: `tell(seen, isNew)` now and
  // whenever picture, target or language have changed; null where there is none.
  const seen = () => {
    const part = document.getElementById('seen');
    return part && { ...JSON.parse(part.dataset.seen), image: part.querySelector('img') };
  };
  window.msresnet.onSeen = (tell) => {
    let last = { about: '', picture: '' };
    const look = () => {
      const now = seen();
      const next = { about: now?.about ?? '', picture: now?.picture ?? '' };
      if (next.about === last.about) return;
      const isNew = next.picture !== last.picture;
      last = next;
      tell(now, isNew);
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributeFilter: ['data-seen'] });
    look();
  };

  // A panel whose HTML another language alters in place: whether it is open and what was set stay as they were.
  window.msresnet.keep = (element, onAltered) => {
    const values = {};
    let isOpen = false;
    const details = () => element.querySelector('details');
    const restore = () => {
      if (details() && details().open !== isOpen) details().open = isOpen;
      element.querySelectorAll('input').forEach((input) => {
        if (!(input.name in values)) return;
        if (input.type === 'radio') input.checked = input.value === values[input.name];
        else if (input.value !== values[input.name]) input.value = values[input.name];
      });
      onAltered();
    };
    element.addEventListener('click', (event) => {
      if (event.target.closest('summary')) isOpen = !details().open;  // it opens after this
    });
    element.addEventListener('input', (event) => { if (event.target.name) values[event.target.name] = event.target.value; });
    new MutationObserver((changes) => {
      if (!changes.every((change) => change.target.closest('svg, [role=status]'))) restore();
    }).observe(element, { childList: true, subtree: true, attributeFilter: ['open'] });
    return { open: () => { isOpen = true; details().open = true; } };
  };

  // A question of a panel: the answer's place is dimmed until the answer that carries its number has come.
  window.msresnet.asker = (place, send) => {
    let asked = 0, waiting = null, isAsked = false;
    const dim = (isWaiting) => document.getElementById(place)?.classList.toggle('ms-waiting', isWaiting);
    new MutationObserver(() => {
      if (document.querySelector(`#${place} [data-asked]`)?.dataset.asked === String(asked)) dim(false);
    }).observe(document.body, { childList: true, subtree: true, attributeFilter: ['data-asked'] });
    return {
      ask: (question, delay_ms) => {
        clearTimeout(waiting);
        waiting = setTimeout(() => { asked += 1; isAsked = true; dim(true); send({ asked, ...question() }); }, delay_ms);
      },
      clear: () => {
        clearTimeout(waiting);
        if (isAsked) send({ is_cleared: true });
        isAsked = false;
        dim(false);
      },
    };
  };
})();
