
"use strict";
// Draws the charts of the page out of the data embedded in it. Text goes in as text nodes only, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const hidden = new Set(data.runs.keys());
  data.runs.forEach((run, index) => run.shown && hidden.delete(index));
  const tip = document.getElementById("tip");
  const logarithmic = document.getElementById("logarithmic");
  const MARGIN = { left: 58, right: 12, top: 8, bottom: 36 };
  const NEAR = 40; // pixels between the pointer and the point that it means
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

  const written = (value) => {
    const size = Math.abs(value);
    if (size >= 1e4) return compact.format(value);
    return size !== 0 && size < 1e-3 ? value.toExponential(1).replace(".0e", "e") : String(Number(value.toPrecision(4)));
  };

  function make(parent, name, attributes = {}, text = "") {
    const svg = parent.namespaceURI.endsWith("svg") || name === "svg";
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text) node.textContent = text;
    return parent.appendChild(node);
  }

  // An axis: from values to pixels, with its ticks.
  function axis(values, from, to, log) {
    let low = Math.min(...extremes(values)), high = Math.max(...extremes(values));
    if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - (Math.abs(low) / 2 || 1), high + (Math.abs(high) / 2 || 1)];
    const measure = log ? Math.log10 : (value) => value;
    const place = (value) => from + ((measure(value) - measure(low)) / (measure(high) - measure(low))) * (to - from);
    return { place, ticks: log ? decades(low, high) : steps(low, high) };
  }

  function extremes(values) {
    let low = Infinity, high = -Infinity;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return low <= high ? [low, high] : [1, 10];
  }

  function steps(low, high) {
    const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
    const ticks = [];
    for (let tick = Math.ceil(low / step); tick * step <= high + step * 1e-9; tick++) ticks.push(tick * step);
    return ticks;
  }

  function decades(low, high) {
    const factors = Math.log10(high / low) > 3 ? [1] : [1, 2, 5];
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const factor of factors) {
        const tick = factor * 10 ** power;
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    }
    return ticks.length > 1 ? ticks : [low, high];
  }

  // A chart of lines, or of one mark per run. `lines`: [{run, x: [...], y: [...]}]; null is a gap.
  function chart(figure, { title, lines, marks, across, up, acrossLog, upLog }) {
    figure.replaceChildren();
    make(figure, "figcaption", {}, title);
    const width = Math.max(figure.clientWidth, 260), height = marks ? 360 : 240;
    const svg = make(figure, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
    const usable = (value, log) => value !== null && value !== undefined && (!log || value > 0);
    const drawn = lines.filter((line) => marks || !hidden.has(line.run)).map((line) => ({
      run: line.run,
      points: line.x.map((x, i) => (usable(x, acrossLog) && usable(line.y[i], upLog) ? [x, line.y[i]] : null)),
    }));
    const points = drawn.flatMap((line) => line.points.filter(Boolean));
    const inset = marks ? 10 : 0; // so that no mark lies on the frame
    const x = axis(points.map((p) => p[0]), MARGIN.left + inset, width - MARGIN.right - inset, acrossLog);
    const y = axis(points.map((p) => p[1]), height - MARGIN.bottom - inset, MARGIN.top + inset, upLog);
    frame(svg, x, y, width, height, across, up);
    for (const line of drawn) {
      const attributes = { "data-run": line.run };
      if (marks) {
        for (const point of line.points.filter(Boolean)) {
          make(svg, "circle", { ...attributes, class: `mark ${data.runs[line.run].look}`, r: 6, cx: x.place(point[0]), cy: y.place(point[1]) });
        }
      } else {
        const path = trace(line.points, x, y);
        if (path) make(svg, "path", { ...attributes, class: `line ${data.runs[line.run].look}`, d: path });
      }
    }
    follow(svg, drawn, x, y, across, up);
  }

  function frame(svg, x, y, width, height, across, up) {
    const bottom = height - MARGIN.bottom;
    for (const tick of y.ticks) {
      const at = y.place(tick);
      make(svg, "path", { class: "grid", d: `M${MARGIN.left} ${at}H${width - MARGIN.right}` });
      make(svg, "text", { x: MARGIN.left - 6, y: at + 4, "text-anchor": "end" }, written(tick));
    }
    let free = -Infinity; // labels that would touch the one before are left out
    for (const tick of x.ticks) {
      const at = x.place(tick), text = written(tick), half = text.length * 3.2;
      make(svg, "path", { class: "grid", d: `M${at} ${MARGIN.top}V${bottom}` });
      if (at - half < free) continue;
      make(svg, "text", { x: Math.min(at, width - half), y: bottom + 15, "text-anchor": "middle" }, text);
      free = at + half + 6;
    }
    make(svg, "text", { x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 5, "text-anchor": "middle" }, across);
    if (up) make(svg, "text", { x: -(MARGIN.top + bottom) / 2, y: 11, "text-anchor": "middle", transform: "rotate(-90)" }, up);
  }

  function trace(points, x, y) {
    let path = "", pen = false;
    points.forEach((point, index) => {
      if (point) path += `${pen ? "L" : "M"}${x.place(point[0]).toFixed(1)} ${y.place(point[1]).toFixed(1)}`;
      if (point && !pen && !points[index + 1]) path += "m-2 0h4"; // a point alone shows as a dash
      pen = Boolean(point);
    });
    return path;
  }

  // The point nearest to the pointer: its line stands out, and a tip says what it is.
  function follow(svg, drawn, x, y, across, up) {
    const dot = make(svg, "circle", { class: "dot", r: 3.5, visibility: "hidden" });
    const leave = () => { light(null); tip.hidden = true; dot.setAttribute("visibility", "hidden"); };
    const enter = (event) => {
      const box = svg.getBoundingClientRect(), grow = svg.viewBox.baseVal.width / box.width;
      const [left, top] = [(event.clientX - box.left) * grow, (event.clientY - box.top) * grow];
      let best = null, least = NEAR;
      for (const line of drawn) {
        for (const point of line.points) {
          if (!point) continue;
          const away = Math.hypot(x.place(point[0]) - left, y.place(point[1]) - top);
          if (away < least) [best, least] = [{ run: line.run, point }, away];
        }
      }
      if (!best) return leave();
      dot.setAttribute("cx", x.place(best.point[0]));
      dot.setAttribute("cy", y.place(best.point[1]));
      dot.setAttribute("visibility", "visible");
      light(best.run);
      say(event, `${data.runs[best.run].label}\n${across} ${best.point[0].toLocaleString("en")}\n${up || "value"} ${best.point[1]}`);
    };
    svg.addEventListener("pointermove", enter);
    svg.addEventListener("pointerdown", enter);
    svg.addEventListener("pointerleave", leave);
  }

  function say(event, text) {
    tip.textContent = text;
    tip.hidden = false;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, room))}px`;
    const above = event.clientY - tip.offsetHeight - 12;
    tip.style.top = `${above > 4 ? above : event.clientY + 18}px`;
  }

  let lit = null;
  function light(run) {
    if (run === lit) return;
    lit = run;
    document.body.classList.toggle("lighting", run !== null);
    for (const node of document.querySelectorAll(".lit")) node.classList.remove("lit");
    if (run !== null) for (const node of document.querySelectorAll(`[data-run="${run}"]`)) node.classList.add("lit");
  }

  const holders = data.charts.map(() => make(document.getElementById("charts"), "figure"));
  const scatter = make(document.getElementById("scatter"), "figure");
  const [across, up] = ["across", "up"].map((name) => {
    const select = document.getElementById(name);
    for (const option of data[name]) make(select, "option", { value: option }, option);
    select.addEventListener("change", drawScatter);
    return select;
  });

  function drawCurves() {
    data.charts.forEach(({ title, lines, logarithmic: able }, index) =>
      chart(holders[index], { title, lines, across: "step", upLog: able && logarithmic.checked }));
  }

  function drawScatter() {
    const lines = data.runs.map((run, index) => ({ run: index, x: [run.numbers[across.value]], y: [run.numbers[up.value]] }));
    const [low, high] = extremes(lines.map((line) => line.x[0]).filter((value) => typeof value === "number"));
    chart(scatter, {
      title: `${up.value} against ${across.value}`, lines, marks: true, across: across.value, up: up.value,
      acrossLog: low > 0 && high / low > 20,
    });
  }

  function draw() {
    drawCurves();
    drawScatter();
  }

  function legend() {
    const boxes = data.runs.map((run, index) => {
      const label = make(document.getElementById("legend"), "label", { "data-run": index });
      const box = make(label, "input", { type: "checkbox" });
      make(make(label, "svg", { class: `swatch ${run.look}`, viewBox: "0 0 24 8" }), "path", { d: "M1 4H23" });
      make(label, "span", { title: run.name }, run.label);
      box.addEventListener("change", () => { hidden[box.checked ? "delete" : "add"](index); drawCurves(); });
      return box;
    });
    const show = () => { boxes.forEach((box, index) => { box.checked = !hidden.has(index); }); drawCurves(); };
    document.getElementById("every").addEventListener("click", () => { hidden.clear(); show(); });
    document.getElementById("none").addEventListener("click", () => { boxes.forEach((_, i) => hidden.add(i)); show(); });
    show();
  }

  function lightUnderPointer(parent) {
    parent.addEventListener("pointerover", (event) => {
      const node = event.target.closest("[data-run]");
      light(node ? Number(node.dataset.run) : null);
    });
    parent.addEventListener("pointerleave", () => light(null));
  }

  // Empty cells stay last in either direction; numbers begin with the largest, words with the first.
  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    const key = (cell, numeric) => {
      if (!numeric) return cell.textContent.trim();
      return cell.dataset.value === undefined ? "" : Number(cell.dataset.value);
    };
    const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
    heads.forEach((head, column) => head.addEventListener("click", () => {
      const numeric = [...body.rows].some((row) => row.cells[column].dataset.value !== undefined);
      const before = head.getAttribute("aria-sort");
      const down = before ? before === "ascending" : numeric;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [key(row.cells[column], numeric), row]);
      rows.sort(([a], [b]) => (a === "") - (b === "") || (down ? compare(b, a) : compare(a, b)));
      body.append(...rows.map(([, row]) => row));
    }));
  }

  legend();
  drawScatter();
  logarithmic.addEventListener("change", drawCurves);
  sortable(document.getElementById("table"));
  lightUnderPointer(document.getElementById("table"));
  lightUnderPointer(document.getElementById("legend"));
  let wait = 0, seen = document.documentElement.clientWidth;
  window.addEventListener("resize", () => {
    if (document.documentElement.clientWidth === seen) return; // a phone's address bar changes the height alone
    seen = document.documentElement.clientWidth;
    clearTimeout(wait);
    wait = setTimeout(draw, 150);
  });
})();
