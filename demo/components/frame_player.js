// element, props and watch are given by gradio.HTML.
const player = element.querySelector(".player");
const picture = player.querySelector("img");
const interval = 1000 / Number(player.dataset.fps);
// Parcels come unevenly: so many frames wait before the first is shown, and more are hurried through.
const START = 6, HURRY = 18;
let waiting = [], playing = false, due = 0, number = -1;

function show(now) {
  if (!waiting.length) {
    playing = false;
    return;
  }
  if (now >= due) {
    picture.src = waiting.shift();
    due = Math.max(due, now - interval) + interval * (waiting.length > HURRY ? 0.7 : 1);
  }
  requestAnimationFrame(show);
}

watch("value", () => {
  const value = props.value || {};
  if (value.number === number || !(value.frames || []).length) return;
  number = value.number;
  waiting.push(...value.frames);
  player.classList.add("playing");
  picture.hidden = false;
  if (playing || waiting.length < START) return;
  playing = true;
  due = performance.now();
  requestAnimationFrame(show);
});
