// Draws the charts of the page, and shows cells under the pointer. All data lie in the page itself.
"use strict";
(() => {
  const colour = (name) => `var(--${name})`; // the style sheet's, so that a dark page and paper need no other chart
  const text = { labelColor: colour("muted"), titleColor: colour("muted"), labelFontSize: 12, titleFontSize: 12 };
  const theme = {
    background: null,
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: null },
    axis: {
      ...text, titleFontWeight: 400, titlePadding: 10, labelPadding: 6, gridColor: colour("grid"),
      domainColor: colour("faint"), tickColor: colour("faint"), tickSize: 4, labelOverlap: true,
    },
    axisY: { domain: false, ticks: false },
    axisX: { grid: false },
    legend: {
      ...text, labelColor: colour("ink"), orient: "top", direction: "horizontal", title: null, symbolSize: 90,
      columnPadding: 16, labelLimit: 320, offset: 12, symbolStrokeWidth: 2, symbolOpacity: 1,
    },
    point: { filled: true },
  };

  // --- the cells' pictures, and what is told beside them ----------------------------------------------------------

  let pictures = null;
  let facts = null;
  async function unpack(name) {
    const packed = document.getElementById(name).textContent.trim();
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }
  async function showCell(place, digest) {
    pictures ??= unpack("cells");
    const svg = (await pictures)[digest];
    place.replaceChildren();
    if (svg) {
      const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
      place.append(document.importNode(parsed, true));
    }
  }

  // --- what is told under the pointer -----------------------------------------------------------------------------

  const tip = document.getElementById("tip");
  const DISTANCE = 16;
  let shown = 0;
  async function showTip(event, rows, digest) {
    const turn = ++shown;
    await showCell(tip.querySelector(".picture"), digest);
    facts ??= unpack("facts");
    const told = { ...rows, ...(await facts)[digest] };
    if (turn !== shown) return; // the pointer has gone on meanwhile
    tip.querySelector("dl").replaceChildren(...Object.entries(told).flatMap(([name, value]) => {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      text.textContent = value;
      return [term, text];
    }));
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const beyond = event.clientX + DISTANCE + width > innerWidth;
    const left = beyond ? Math.max(8, event.clientX - DISTANCE - width) : event.clientX + DISTANCE;
    const top = Math.min(event.clientY + DISTANCE, innerHeight - height - 8);
    tip.style.left = `${left}px`;
    tip.style.top = `${Math.max(8, top)}px`;
  }
  function hideTip() {
    shown++;
    tip.hidden = true;
  }
  addEventListener("scroll", hideTip, { passive: true });

  for (const picture of document.querySelectorAll(".drawing .picture")) {
    const cells = JSON.parse(picture.dataset.cells);
    for (const node of picture.querySelectorAll("[data-node]")) {
      const digest = cells[node.dataset.node];
      if (!digest) continue;
      node.dataset.cell = digest;
      node.addEventListener("pointermove", (event) => showTip(event, {}, digest));
      node.addEventListener("pointerleave", hideTip);
    }
  }

  // --- charts -----------------------------------------------------------------------------------------------------

  const NARROW = 480; // pixels: a legend has two columns there
  const views = new Map();
  const specs = JSON.parse(document.getElementById("charts").textContent);
  for (const place of document.querySelectorAll(".plot")) {
    const spec = { ...specs[Number(place.dataset.chart)] };
    spec.width = "container";
    spec.height = Number.parseInt(place.style.height, 10);
    spec.autosize = { type: "fit", contains: "padding", resize: true };
    const legend = place.clientWidth < NARROW ? { ...theme.legend, columns: 2 } : theme.legend;
    const compiled = vegaLite.compile(spec, { config: { ...theme, legend } }).spec;
    const view = new vega.View(vega.parse(compiled), { renderer: "svg", container: place, hover: true });
    view.tooltip((_, event, item, value) => {
      if (value == null || value === "") hideTip();
      else showTip(event, value, item?.datum?.cell);
    });
    view.runAsync();
    views.set(place, view);
    new ResizeObserver(() => {
      view.signal("width", place.clientWidth).runAsync();
    }).observe(place);
  }

  // --- frames -----------------------------------------------------------------------------------------------------

  const FRAME_MILLISECONDS = 700;
  for (const frames of document.querySelectorAll(".frames")) {
    const cells = JSON.parse(frames.dataset.cells);
    const labels = JSON.parse(frames.dataset.labels);
    const [slider, button] = [frames.querySelector("input"), frames.querySelector("button")];
    const show = () => {
      const number = Number(slider.value);
      frames.querySelector("output").textContent = labels[number - 1];
      const frame = frames.querySelector(".frame");
      showCell(frame, cells[number - 1]).then(() => { // what stands below does not jump
        frame.style.minHeight = `${Math.max(frame.offsetHeight, Number.parseInt(frame.style.minHeight || 0, 10))}px`;
      });
      for (const place of frames.querySelectorAll(".plot")) views.get(place).signal("frame", number).runAsync();
    };
    let timer = 0;
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      button.textContent = "Play";
    };
    slider.addEventListener("input", () => { stop(); show(); });
    button.addEventListener("click", () => {
      if (timer) return stop();
      if (slider.value === slider.max) slider.value = slider.min;
      button.textContent = "Stop";
      timer = setInterval(() => {
        if (slider.value === slider.max) return stop();
        slider.value = Number(slider.value) + 1;
        show();
      }, FRAME_MILLISECONDS);
      show();
    });
    show();
  }
})();
