// Pointing at the picture: here, at the upload, or at any map. The boxes of the answer are drawn here and over
// the maps of their scales. Runs inside the panel's component, which gives `element` and `trigger`.
const CALM_MS = 120, SVG = 'http://www.w3.org/2000/svg';
const asker = window.msresnet.asker('point-answer', (question) => trigger('ask', question));
const fold = window.msresnet.keep(element, () => draw());
let seen = null, point = null, boxes = null;

const part = (selector) => element.querySelector(selector);
const stage = () => part('.ms-stage');
const clamp = (value) => Math.min(Math.max(value, 0), 1);

// Between shares of the field of view and px of the upload. A whole picture's field of view has bars.
const toUpload = ([x, y]) => {
  const [left, top, right, bottom] = seen.box;
  return [left + x * (right - left), top + y * (bottom - top)];
};
const toView = ([x, y]) => {
  const [left, top, right, bottom] = seen.box;
  return [(x - left) / (right - left), (y - top) / (bottom - top)];
};
const inPicture = (at) => {
  const [x, y] = toUpload(at), [width, height] = seen.size;
  return toView([Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)]).map(clamp);
};

const shape = (name, attributes) => {
  const made = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
};
const rectangle = ([left, top, right, bottom], colour, isDashed) => {
  const edges = { x: left, y: top, width: right - left, height: bottom - top, fill: 'none' };
  const dashes = isDashed ? { 'stroke-dasharray': '4 3' } : {};
  const line = { ...edges, ...dashes, 'vector-effect': 'non-scaling-stroke' };
  return [
    shape('rect', { ...line, stroke: 'rgb(255 255 255 / 0.85)', 'stroke-width': 4.5 }),
    shape('rect', { ...line, stroke: colour, 'stroke-width': 2.5 }),
  ];
};
const cross = ([x, y]) => [['#ffffff', 5], ['#1c1917', 2]].map(([colour, width]) => shape('path', {
  d: `M${x - 0.025} ${y}h0.05M${x} ${y - 0.025}v0.05`, stroke: colour, 'stroke-width': width, fill: 'none',
  'vector-effect': 'non-scaling-stroke',
}));

const chosenStage = () => Number(document.querySelector('[name=ms-point-stage]:checked')?.value ?? 3);
const drawOn = (svg, drawn) => svg.replaceChildren(
  ...drawn.flatMap((one) => [
    ...rectangle(one.field, one.colour, false),
    ...(one.influence.length ? rectangle(one.influence, one.colour, true) : []),
  ]),
  ...(point ? cross(point) : []),
);

const draw = () => {
  if (!stage()) return;
  const shown = boxes && point ? boxes[chosenStage()] : [];
  const image = stage().querySelector('img'), source = seen?.image.src ?? '';
  if (image.getAttribute('src') !== source) image.setAttribute('src', source);
  drawOn(stage().querySelector('svg'), shown);
  document.querySelectorAll('#evidence .ms-stack, #attributions .ms-stack').forEach((map) => {
    const scale = map.closest('[data-scale]')?.dataset.scale;
    let svg = map.querySelector('svg.ms-marks');
    if (!point) { svg?.remove(); return; }
    if (!svg) {
      svg = shape('svg', { viewBox: '0 0 1 1', class: 'ms-marks', 'aria-hidden': 'true' });
      map.append(svg);
    }
    drawOn(svg, shown.filter((one) => scale === undefined || one.scale === Number(scale)));
  });
  const state = part('[data-point-state]');
  const [x, y] = point && seen ? toUpload(point).map((value) => Math.round(value)) : [0, 0];
  const words = point ? state.dataset.place.replace('{x}', x).replace('{y}', y) : state.dataset.nothing;
  if (state.textContent !== words) state.textContent = words;
};

const ask = () => asker.ask(() => {
  const [x, y] = toUpload(point);
  return { about: seen.about, x, y };
}, CALM_MS);

const choose = (at) => {
  if (!seen || !at.every((value) => value >= 0 && value <= 1)) return;
  fold.open();
  point = inPicture(at);
  boxes = null;
  draw();
  ask();
};

const shareOf = (event, box) => [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];

// The upload is shown whole, in the middle of its place; the model sees a square of it.
const onUpload = (event, image) => {
  const box = image.getBoundingClientRect();
  const zoom = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight, 1);
  const [width, height] = [zoom * image.naturalWidth, zoom * image.naturalHeight];
  const left = box.left + (box.width - width) / 2, top = box.top + (box.height - height) / 2;
  const [x, y] = shareOf(event, { left, top, width, height });
  choose(toView([x * seen.size[0], y * seen.size[1]]));
};

// A map that is clicked on is enlarged, unless this panel is open; a key that presses it has no place (detail 0).
document.addEventListener('click', (event) => {
  if (!seen) return;
  const map = event.target.closest?.('#evidence .ms-stack, #attributions .ms-stack');
  if (map && event.detail && element.querySelector('details')?.open) {
    event.stopImmediatePropagation();
    choose(shareOf(event, map.getBoundingClientRect()));
  } else if (event.target.matches?.('#image-input img')) onUpload(event, event.target);
}, true);
element.addEventListener('click', (event) => {
  if (stage()?.contains(event.target)) choose(shareOf(event, stage().getBoundingClientRect()));
});

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
element.addEventListener('keydown', (event) => {
  if (event.target !== stage() || !seen) return;
  const arrow = ARROWS[event.key];
  if (arrow) {
    const step = event.shiftKey ? 0.1 : 0.02;
    choose(point ? point.map((value, i) => clamp(value + arrow[i] * step)) : [0.5, 0.5]);
  } else if (event.key === 'Enter' || event.key === ' ') choose(point ?? [0.5, 0.5]);
  else return;
  event.preventDefault();
});

document.addEventListener('change', (event) => { if (event.target.name === 'ms-point-stage') draw(); });

// Answers and maps are replaced as a whole: what they carry is read, and the marks are drawn again.
let carried = null;
new MutationObserver((changes) => {
  if (changes.every((change) => change.target.closest?.('.ms-marks, #point .ms-stage, [data-point-state]'))) return;
  const now = document.querySelector('#point-answer [data-boxes]')?.dataset.boxes ?? null;
  if (now !== carried) {
    carried = now;
    boxes = now && point ? JSON.parse(now) : null;
    draw();
  } else if (point) draw();
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ['data-boxes'] });

window.msresnet.onSeen((now, isNew) => {
  seen = now;
  if (isNew || !now) { point = null; boxes = null; asker.clear(); }
  draw();
  if (point && seen) ask();
});
