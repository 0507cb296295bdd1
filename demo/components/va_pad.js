// element, props, watch and trigger are given by gradio.HTML.
const pad = element.querySelector(".va-pad");
const svg = pad.querySelector("svg");
const knob = pad.querySelector(".va-knob");
const stem = pad.querySelector(".va-stem");
const [valence, arousal] = pad.querySelectorAll(".va-read b");
const within = (x) => Math.max(-1, Math.min(1, Math.round(x * 100) / 100));
const signed = (x) => (x < 0 ? "\u2212" : x > 0 ? "+" : "") + Math.abs(x).toFixed(2);
let place = [0, 0];

function show([v, a]) {
  place = [v, a];
  knob.setAttribute("cx", 100 * v);
  knob.setAttribute("cy", -100 * a);
  stem.setAttribute("x2", 100 * v);
  stem.setAttribute("y2", -100 * a);
  valence.textContent = signed(v);
  arousal.textContent = signed(a);
}

function move(v, a) {
  show([within(v), within(a)]);
  props.value = place;
}

function follow(event) {
  const point = new DOMPoint(event.clientX, event.clientY);
  const { x, y } = point.matrixTransform(svg.getScreenCTM().inverse());
  move(x / 100, -y / 100);
}

svg.addEventListener("pointerdown", (event) => {
  svg.setPointerCapture(event.pointerId);
  pad.focus({ preventScroll: true });
  follow(event);
});
svg.addEventListener("pointermove", (event) => {
  if (svg.hasPointerCapture(event.pointerId)) follow(event);
});
svg.addEventListener("pointerup", () => trigger("release"));
svg.addEventListener("dblclick", () => {
  move(0, 0);
  trigger("release");
});
const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
pad.addEventListener("keydown", (event) => {
  const step = steps[event.key];
  if (!step) return;
  event.preventDefault();
  move(place[0] + 0.05 * step[0], place[1] + 0.05 * step[1]);
});
pad.addEventListener("keyup", (event) => {
  if (steps[event.key]) trigger("release");
});
watch("value", () => show(props.value || [0, 0]));
show(props.value || [0, 0]);
