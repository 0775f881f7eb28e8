"use strict";
(() => {
  const source = document.getElementById("data");
  if (!source) return;
  const { classes, rows } = JSON.parse(source.textContent);
  const PER_PAGE = 25;
  const state = { key: "loss", descending: true, page: 0, chosen: null };
  const $ = (id) => document.getElementById(id);
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  for (const row of rows) row.confidence = row.p[row.label];

  // As the page shows text: in any case, runs of spaces as one.
  const plain = (text) => text.trim().replace(/\s+/g, " ").toLowerCase();

  const shown = () => {
    const label = $("true").value, predicted = $("predicted").value, words = plain($("search").value);
    const kept = rows.filter((row) =>
      (label === "" || row.label === Number(label)) &&
      (predicted === "" || row.predicted === Number(predicted)) &&
      (words === "" || plain(row.id).includes(words) || plain(row.text || "").includes(words)));
    const value = (row) => state.key === "label" || state.key === "predicted" ? classes[row[state.key]] : row[state.key];
    const order = (a, b) => typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
    return kept.sort((a, b) => (state.descending ? -1 : 1) * order(value(a), value(b)));
  };

  const draw = () => {
    const kept = shown(), pages = Math.max(1, Math.ceil(kept.length / PER_PAGE));
    state.page = Math.min(state.page, pages - 1);
    $("count").textContent = `${kept.length} of ${rows.length} utterances`;
    $("place").textContent = `page ${state.page + 1} of ${pages}`;
    $("earlier").disabled = state.page === 0;
    $("later").disabled = state.page === pages - 1;
    const part = kept.slice(state.page * PER_PAGE, (state.page + 1) * PER_PAGE);
    document.querySelector("#list tbody").replaceChildren(...part.map(line));
    for (const header of document.querySelectorAll("#list th button")) {
      const own = header.dataset.key === state.key;
      if (own) header.parentElement.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else header.parentElement.removeAttribute("aria-sort");
    }
    for (const cell of document.querySelectorAll("#matrix button")) {
      const pressed = cell.dataset.true === $("true").value && cell.dataset.predicted === $("predicted").value;
      cell.setAttribute("aria-pressed", String(pressed));
    }
  };

  const line = (row) => {
    const open = make("button", { type: "button", textContent: row.id });
    open.addEventListener("click", () => choose(row, open));
    return make("tr", { className: state.chosen === row.id ? "chosen" : "" },
      make("th", { scope: "row" }, open),
      make("td", { textContent: classes[row.label] }),
      make("td", { textContent: classes[row.predicted], className: row.label === row.predicted ? "" : "wrong" }),
      make("td", { textContent: row.confidence.toFixed(3), className: "number" }),
      make("td", { textContent: row.loss.toFixed(3), className: "number" }),
      make("td", { textContent: row.fold }),
      make("td", { textContent: row.text || "(no words)", className: "words" }));
  };

  const choose = (row, opener) => {
    state.chosen = row.id;
    for (const other of document.querySelectorAll("#list tr.chosen")) other.classList.remove("chosen");
    opener.closest("tr").classList.add("chosen");
    const close = make("button", { type: "button", textContent: "Close" });
    close.addEventListener("click", () => { $("detail").replaceChildren(); opener.focus(); });
    $("detail").replaceChildren(
      make("h3", { textContent: row.id }),
      make("p", { textContent: [row.speaker && `speaker ${row.speaker}`, `fold ${row.fold}`].filter(Boolean).join(", ") }),
      make("blockquote", { textContent: row.text || "(no words)" }),
      recording(row), bars(row), attention(row), close);
    $("detail").focus({ preventScroll: true });
    $("detail").scrollIntoView({ block: "nearest" });
  };

  const recording = (row) => {
    if (row.recording) return make("audio", { controls: true, src: row.recording, preload: "metadata" });
    return make("p", { textContent: row.path ? `not in this page: ${row.path}` : "no recording" });
  };

  const bars = (row) => {
    const box = make("div", { className: "bars" });
    row.p.forEach((p, c) => {
      const bar = make("span", { className: "bar" });
      bar.style.width = `${100 * p}%`;
      box.append(make("span", { textContent: classes[c] + (c === row.label ? " (true)" : "") }), bar,
        make("span", { textContent: `${(100 * p).toFixed(1)} %` }));
    });
    return box;
  };

  const weights = (pair) => {
    const bytes = Uint8Array.from(atob(pair.weights), (c) => c.charCodeAt(0)), width = pair.shape[1];
    return (asks) => bytes.subarray(asks * width, (asks + 1) * width);
  };

  const attention = (row) => {
    const box = make("div");
    if (!row.attention) return box;
    const { names, pairs } = row.attention;
    for (const pair of pairs.filter((p) => names[p.asks] && !names[p.asked])) {
      const back = pairs.find((p) => p.asks === pair.asked && p.asked === pair.asks);
      box.append(make("h3", { textContent: `What ${pair.asks} attends to in ${pair.asked}, and back` }), both(pair, back, names[pair.asks]));
    }
    return box;
  };

  const both = (pair, back, tokens) => {
    const there = weights(pair), here = back ? weights(back) : null, frames = pair.shape[1];
    const strip = make("div", { className: "frames", role: "img" });
    const bins = Array.from({ length: frames }, () => make("span"));
    strip.append(...bins);
    const said = make("p", { role: "status" });
    const buttons = tokens.map((token, number) => {
      const button = make("button", { type: "button", textContent: token });
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => ask(number));
      return button;
    });
    const slider = make("input", { type: "range", min: 0, max: frames - 1, value: 0 });
    slider.setAttribute("aria-label", `frame of ${pair.asked}`);
    const ask = (number) => {
      buttons.forEach((button, i) => { button.setAttribute("aria-pressed", String(i === number)); button.style.setProperty("--weight", 0); });
      const row = there(number), most = row.indexOf(Math.max(...row));
      bins.forEach((bin, i) => { bin.style.height = `${row[i] / 2.55}%`; bin.className = ""; });
      said.textContent = `“${tokens[number]}” attends most to frame ${most + 1} of ${frames}.`;
      strip.setAttribute("aria-label", said.textContent);
    };
    const answer = () => {
      const frame = Number(slider.value), row = here(frame), most = row.indexOf(Math.max(...row));
      buttons.forEach((button, i) => { button.setAttribute("aria-pressed", "false"); button.style.setProperty("--weight", row[i] / 255); });
      bins.forEach((bin, i) => { bin.className = i === frame ? "here" : ""; });
      said.textContent = `Frame ${frame + 1} of ${frames} attends most to “${tokens[most]}”.`;
    };
    if (here) slider.addEventListener("input", answer);
    else slider.hidden = true;
    ask(0);
    return make("div", {}, make("div", { className: "tokens" }, ...buttons), strip, slider, said);
  };

  const matrix = () => {
    const counts = classes.map(() => classes.map(() => 0));
    for (const row of rows) counts[row.label][row.predicted] += 1;
    document.querySelector("#matrix thead").append(make("tr", {},
      make("th", { scope: "col", textContent: "true \\ predicted" }), ...classes.map((name) => make("th", { scope: "col", textContent: name }))));
    document.querySelector("#matrix tbody").append(...classes.map((name, t) => make("tr", {}, make("th", { scope: "row", textContent: name }),
      ...classes.map((other, p) => {
        const button = make("button", { type: "button", textContent: counts[t][p] });
        button.dataset.true = t;
        button.dataset.predicted = p;
        button.style.setProperty("--share", counts[t][p] / Math.max(1, counts[t].reduce((a, b) => a + b, 0)));
        button.setAttribute("aria-label", `${counts[t][p]} ${name} predicted as ${other}`);
        button.addEventListener("click", () => {
          const pressed = button.getAttribute("aria-pressed") === "true";
          $("true").value = pressed ? "" : String(t);
          $("predicted").value = pressed ? "" : String(p);
          state.page = 0;
          draw();
        });
        return make("td", {}, button);
      }))));
  };

  for (const id of ["true", "predicted"]) {
    $(id).append(make("option", { value: "", textContent: "any" }), ...classes.map((name, i) => make("option", { value: i, textContent: name })));
    $(id).addEventListener("change", () => { state.page = 0; draw(); });
  }
  $("search").addEventListener("input", () => { state.page = 0; draw(); });
  document.querySelector(".controls").addEventListener("reset", () => setTimeout(() => { state.page = 0; draw(); }));
  document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
  $("earlier").addEventListener("click", () => { state.page -= 1; draw(); });
  $("later").addEventListener("click", () => { state.page += 1; draw(); });
  for (const header of document.querySelectorAll("#list th button")) {
    header.addEventListener("click", () => {
      state.descending = state.key === header.dataset.key ? !state.descending : ["loss", "confidence"].includes(header.dataset.key);
      state.key = header.dataset.key;
      state.page = 0;
      draw();
    });
  }
  $("browser").hidden = false;
  matrix();
  draw();
})();
