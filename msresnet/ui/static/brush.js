// Painting on the picture: pointer, touch and keyboard. What was painted is a list of strokes, from which
// the mask is drawn again, so that every step can be undone. Runs inside the panel's component, which gives
// `element` and `trigger`; the canvas is looked up anew each time, because another language replaces it.
const SIDE = 224, SHOWN = 448, CALM_MS = 300;
const mask = Object.assign(document.createElement('canvas'), { width: SIDE, height: SIDE });
const hidden = Object.assign(document.createElement('canvas'), { width: SIDE, height: SIDE });
const pen = mask.getContext('2d', { willReadFrequently: true });
const asker = window.msresnet.asker('brush-answer', (question) => trigger('ask', question));
let seen = null, strokes = [], stroke = null, place = null, isKeyboard = false;

const part = (selector) => element.querySelector(selector);
const canvas = () => part('canvas');
const chosen = (name) => part(`[name=${name}]:checked`)?.value;
const radius = () => Number(part('[name=ms-brush-size]').value) / 200;  // a share of the side
const isKept = () => chosen('ms-brush-mode') === 'keep';

const paint = () => {
  pen.globalCompositeOperation = 'source-over';
  pen.clearRect(0, 0, SIDE, SIDE);
  pen.lineCap = pen.lineJoin = 'round';
  for (const one of stroke ? [...strokes, stroke] : strokes) {
    if (one.kind === 'clear') pen.clearRect(0, 0, SIDE, SIDE);
    pen.globalCompositeOperation = one.kind === 'invert' ? 'xor' : 'source-over';
    if (one.kind === 'invert') pen.fillRect(0, 0, SIDE, SIDE);
    if (one.kind !== 'stroke') continue;
    pen.lineWidth = 2 * one.radius * SIDE;
    pen.beginPath();
    one.points.forEach(([x, y], i) => (i ? pen.lineTo(x * SIDE, y * SIDE) : pen.moveTo(x * SIDE, y * SIDE)));
    pen.lineTo(one.points.at(-1)[0] * SIDE + 0.01, one.points.at(-1)[1] * SIDE);
    pen.stroke();
  }
};

const paintedShare = () => {
  const alpha = pen.getImageData(0, 0, SIDE, SIDE).data;
  let sum = 0;
  for (let i = 3; i < alpha.length; i += 4) sum += alpha[i];
  return sum / 255 / SIDE / SIDE;
};

// What is hatched is what will be covered.
const hatch = () => {
  const over = hidden.getContext('2d');
  over.globalCompositeOperation = 'source-over';
  over.clearRect(0, 0, SIDE, SIDE);
  over.drawImage(mask, 0, 0);
  if (isKept()) { over.globalCompositeOperation = 'xor'; over.fillRect(0, 0, SIDE, SIDE); }
  over.globalCompositeOperation = 'source-in';
  over.fillStyle = 'rgb(28 25 23 / 0.62)';
  over.fillRect(0, 0, SIDE, SIDE);
  over.globalCompositeOperation = 'source-atop';
  over.strokeStyle = 'rgb(255 255 255 / 0.55)';
  over.lineWidth = 1.2;
  over.beginPath();
  for (let x = -SIDE; x < SIDE; x += 8) { over.moveTo(x, SIDE); over.lineTo(x + SIDE, 0); }
  over.stroke();
  return hidden;
};

const draw = ({ isTold = true } = {}) => {
  const shown = canvas()?.getContext('2d');
  if (!shown) return;
  shown.clearRect(0, 0, SHOWN, SHOWN);
  if (!seen) return;
  if (seen.image.complete) shown.drawImage(seen.image, 0, 0, SHOWN, SHOWN);
  else seen.image.addEventListener('load', () => draw(), { once: true });
  const share = paintedShare();
  if (share > 0) shown.drawImage(hatch(), 0, 0, SHOWN, SHOWN);
  if (place) {
    for (const [colour, width] of [['#1c1917', 4], ['#ffffff', 2]]) {
      shown.strokeStyle = colour;
      shown.lineWidth = width;
      shown.beginPath();
      shown.arc(place[0] * SHOWN, place[1] * SHOWN, Math.max(radius() * SHOWN, 3), 0, 2 * Math.PI);
      shown.stroke();
    }
  }
  if (isTold) tell(share);
};

const tell = (painted) => {
  const state = part('[data-brush-state]');
  const share = Math.round(100 * (isKept() ? 1 - painted : painted));
  const parts = [painted > 0 ? state.dataset.share.replace('{share}', share) : state.dataset.nothing];
  if (isKeyboard && place) {
    const [x, y] = place.map((value) => Math.round(100 * value));
    parts.push(state.dataset.place.replace('{x}', x).replace('{y}', y));
  }
  const words = parts.join(' ');
  if (state.textContent !== words) state.textContent = words;
};

const changed = () => {
  paint();
  draw();
  if (!seen) return;
  if (paintedShare() === 0) { asker.clear(); return; }
  asker.ask(() => ({
    about: seen.about,
    mask: mask.toDataURL('image/png'),
    is_kept: isKept(),
    fill: chosen('ms-brush-fill'),
    seed: Number(part('[name=ms-brush-seed]').value) || 0,
  }), CALM_MS);
};

const add = (one) => { strokes.push(one); changed(); };
const undo = () => { if (strokes.length) { strokes.pop(); changed(); } };
const resize = (step) => {
  const size = part('[name=ms-brush-size]');
  size.value = Number(size.value) + step;
  draw();
};

const placeOf = (event) => {
  const box = canvas().getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};

element.addEventListener('pointerdown', (event) => {
  if (event.target !== canvas() || event.button !== 0 || !seen) return;
  event.target.setPointerCapture(event.pointerId);
  isKeyboard = false;
  place = placeOf(event);
  stroke = { kind: 'stroke', radius: radius(), points: [place], pointer: event.pointerId };
  paint();
  draw();
});
element.addEventListener('pointermove', (event) => {
  if (event.target !== canvas() || (stroke && stroke.pointer !== event.pointerId)) return;
  isKeyboard = false;
  place = placeOf(event);
  if (stroke) {
    stroke.points.push(...(event.getCoalescedEvents?.() ?? []).map(placeOf), place);
    paint();
  }
  draw();
});
element.addEventListener('pointerup', (event) => {
  if (!stroke || stroke.pointer !== event.pointerId) return;
  const done = stroke;
  stroke = null;
  if (event.pointerType !== 'mouse') place = null;
  add(done);
});
element.addEventListener('pointercancel', () => { stroke = null; place = null; paint(); draw(); });
element.addEventListener('pointerout', (event) => {
  if (event.target === canvas() && !stroke) { place = null; draw(); }
});

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
element.addEventListener('keydown', (event) => {
  if (event.target !== canvas() || !seen) return;
  const arrow = ARROWS[event.key];
  if (arrow) {
    const from = place ?? [0.5, 0.5], step = Math.max(radius(), 0.02);
    isKeyboard = true;
    place = from.map((value, i) => Math.min(Math.max(value + arrow[i] * step, 0), 1));
    if (event.shiftKey) add({ kind: 'stroke', radius: radius(), points: [from, place] });
    else draw();
  } else if (event.key === ' ' || event.key === 'Enter') {
    isKeyboard = true;
    place ??= [0.5, 0.5];
    add({ kind: 'stroke', radius: radius(), points: [place] });
  } else if (event.key === '+' || event.key === '=') resize(2);
  else if (event.key === '-' || event.key === '−') resize(-2);
  else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z') undo();
  else return;
  event.preventDefault();
});

element.addEventListener('focusin', (event) => {
  if (event.target === canvas() && event.target.matches(':focus-visible')) {
    isKeyboard = true;
    place ??= [0.5, 0.5];
    draw();
  }
});
// A line that vanished here would move the button that is about to be clicked.
element.addEventListener('focusout', (event) => {
  if (event.target === canvas()) { place = null; draw({ isTold: false }); }
});
element.addEventListener('click', (event) => {
  const action = event.target.closest('[data-brush]')?.dataset.brush;
  if (action === 'undo') undo();
  else if (action === 'clear' && strokes.length) add({ kind: 'clear' });
  else if (action === 'invert') add({ kind: 'invert' });
});
element.addEventListener('input', (event) => {
  if (event.target.name === 'ms-brush-size') draw();
  else if (event.target.name?.startsWith('ms-brush-')) changed();
});

window.msresnet.keep(element, () => draw());
window.msresnet.onSeen((now, isNew) => {
  seen = now;
  if (isNew) { strokes = []; stroke = null; place = null; }
  changed();
});
