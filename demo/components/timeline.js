// element, props, watch and trigger are given by gradio.HTML.
const root = element.querySelector(".tl");
const strip = root.querySelector("svg");
const colours = JSON.parse(root.dataset.colours);
const names = Object.keys(colours);
const field = (name) => root.querySelector(".tl-" + name);
const [emotion, at, intensity] = ["emotion", "at", "intensity"].map(field);
const HEIGHT = 150, LEFT = 12, RIGHT = 12, TOP = 14, BOTTOM = 24, KNOB = 9, STEPS = 160;
const MOST = 40;
let keys = [], seconds = 6, chosen = 0, dragged = false;

const width = () => Math.max(240, strip.clientWidth);
const across = (time) => LEFT + (time / seconds) * (width() - LEFT - RIGHT);
const down = (share) => HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

// Weight of an emotion at a time, eased as gen.conditioning.Affect.curves does it.
function weight(name, time) {
  const order = [...keys].sort((a, b) => a.at - b.at);
  const own = (key) => (key.emotion === name ? key.intensity : 0);
  const after = order.findIndex((key) => key.at > time);
  if (!order.length) return 0;
  if (after === 0) return own(order[0]);
  if (after < 0) return own(order[order.length - 1]);
  const [left, right] = [order[after - 1], order[after]];
  const x = (time - left.at) / Math.max(right.at - left.at, 1e-9);
  return own(left) + x * x * (3 - 2 * x) * (own(right) - own(left));
}

function area(name) {
  const times = Array.from({ length: STEPS + 1 }, (_, i) => (i / STEPS) * seconds);
  const points = times.map((time) => `${across(time).toFixed(1)},${down(weight(name, time)).toFixed(1)}`);
  const closed = `M${across(0)},${down(0)}L${points.join("L")}L${across(seconds)},${down(0)}Z`;
  return `<path d="${closed}" fill="${colours[name]}" fill-opacity=".28" stroke="${colours[name]}" stroke-width="1.5"/>`;
}

function ticks() {
  const room = (width() - LEFT - RIGHT) / 46;
  const step = [0.5, 1, 2, 5, 10, 20, 30].find((s) => seconds / s <= room) || 60;
  let out = "";
  for (let time = 0; time <= seconds + 1e-6; time += step) {
    const x = across(time);
    out += `<path class="tl-tick" d="M${x} ${TOP}V${HEIGHT - BOTTOM}"/>`;
    out += `<text class="tl-time" x="${x}" y="${HEIGHT - 7}">${time} s</text>`;
  }
  return out;
}

function draw() {
  strip.setAttribute("viewBox", `0 0 ${width()} ${HEIGHT}`);
  strip.setAttribute("height", HEIGHT);
  const shown = names.filter((name) => name !== "neutral" && keys.some((key) => key.emotion === name));
  const knobs = keys.map((key, i) => {
    const place = `cx="${across(key.at)}" cy="${down(key.intensity)}"`;
    return `<circle ${place} r="20" class="tl-touch" data-key="${i}"/>` +
      `<circle ${place} r="${KNOB}" class="tl-knob${i === chosen ? " tl-chosen" : ""}" fill="${colours[key.emotion]}"/>`;
  });
  const key = keys[chosen];
  const x = key ? clamp(across(key.at), 36, width() - 36) : 0;
  const y = key ? down(key.intensity) + (key.intensity > 0.8 ? 26 : -15) : 0;
  const name = key ? `<text class="tl-name" x="${x}" y="${y}">${key.emotion}</text>` : "";
  strip.innerHTML = ticks() + `<path class="tl-base" d="M${LEFT} ${down(0)}H${width() - RIGHT}"/>` +
    shown.map(area).join("") + knobs.join("") + name;
  for (const input of [emotion, at, intensity, field("delete")]) input.disabled = !key;
  field("add").disabled = keys.length >= MOST;
  if (!key) return;
  emotion.value = key.emotion;
  if (document.activeElement !== at) at.value = key.at.toFixed(2);
  if (document.activeElement !== intensity) intensity.value = key.intensity.toFixed(2);
  at.max = seconds;
}

function told() {
  props.value = { seconds, keys: keys.map((key) => ({ ...key })) };
}

function change(values) {
  const key = keys[chosen];
  if (!key) return;
  Object.assign(key, values);
  key.at = Math.round(clamp(key.at, 0, seconds) * 100) / 100;
  key.intensity = Math.round(clamp(key.intensity, 0, 1) * 100) / 100;
  draw();
  told();
}

function where(event) {
  const { left, top } = strip.getBoundingClientRect();
  const time = ((event.clientX - left - LEFT) / (width() - LEFT - RIGHT)) * seconds;
  return { at: time, intensity: (HEIGHT - BOTTOM - (event.clientY - top)) / (HEIGHT - TOP - BOTTOM) };
}

function add(place) {
  if (keys.length >= MOST) return;
  const like = keys[chosen];
  keys.push({ at: 0, emotion: like && like.emotion !== "neutral" ? like.emotion : "happiness", intensity: 0 });
  chosen = keys.length - 1;
  change(place);
}

strip.addEventListener("pointerdown", (event) => {
  const hit = event.target.dataset.key;
  if (hit === undefined) add(where(event));
  else chosen = Number(hit);
  dragged = true;
  strip.setPointerCapture(event.pointerId);
  draw();
});
strip.addEventListener("pointermove", (event) => {
  if (dragged) change(where(event));
});
for (const end of ["pointerup", "pointercancel"])
  strip.addEventListener(end, () => {
    if (dragged) trigger("release");
    dragged = false;
  });
emotion.addEventListener("change", () => {
  const bare = keys[chosen] && keys[chosen].intensity === 0 && emotion.value !== "neutral";
  change({ emotion: emotion.value, ...(bare ? { intensity: 0.8 } : {}) });
  trigger("release");
});
for (const [input, name] of [[at, "at"], [intensity, "intensity"]])
  input.addEventListener("change", () => {
    if (input.value !== "") change({ [name]: Number(input.value) });
    trigger("release");
  });
field("delete").addEventListener("click", () => {
  keys.splice(chosen, 1);
  chosen = Math.max(0, chosen - 1);
  draw();
  told();
  trigger("release");
});
field("add").addEventListener("click", () => {
  const latest = Math.max(0, ...keys.map((key) => key.at));
  add({ at: latest + 1 <= seconds ? latest + 1 : seconds / 2, intensity: 0.8 });
  trigger("release");
});

function take() {
  if (dragged) return;
  const value = props.value || {};
  seconds = value.seconds || 6;
  keys = (value.keys || []).map((key) => ({ intensity: 1, emotion: "neutral", ...key }));
  chosen = clamp(chosen, 0, Math.max(0, keys.length - 1));
  draw();
}
watch("value", take);
new ResizeObserver(draw).observe(strip);
take();
