// element, props, watch and trigger are given by gradio.HTML.
const sliders = [...element.querySelectorAll("input[type=range]")];

function show(values) {
  for (const slider of sliders) {
    slider.value = values[slider.dataset.au] || 0;
    paint(slider);
  }
}

function paint(slider) {
  slider.nextElementSibling.textContent = slider.value;
  slider.style.setProperty("--share", `${(100 * slider.value) / slider.max}%`);
}

function told() {
  const moved = sliders.filter((slider) => slider.value > 0);
  return Object.fromEntries(moved.map((slider) => [slider.dataset.au, Number(slider.value)]));
}

for (const slider of sliders) {
  slider.addEventListener("input", () => {
    paint(slider);
    props.value = told();
  });
  slider.addEventListener("change", () => trigger("release"));
}
element.querySelector(".au-reset").addEventListener("click", () => {
  show({});
  props.value = {};
  trigger("release");
});
watch("value", () => show(props.value || {}));
show(props.value || {});
