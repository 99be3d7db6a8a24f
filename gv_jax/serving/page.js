"use strict";
// generate.js is loaded before this file, and has GenerationForm.

const API = "api/v1/";
const TOP = 5, LEVEL = 0.9, NEAREST = 6, POLL_MS = 500, MAX_MB = 32, BATCH = 25, SMALL_PX = 256, MAX_ATTEMPTS = 5;

// elements

function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in node && key !== "list") node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const card = (title, ...children) =>
  make("div", { className: "card" }, title ? make("h3", {}, title) : null, ...children);
const percent = (fraction) => (100 * fraction).toFixed(1) + " %";

function saveButton(text, blob, name) {
  return make("a", { className: "button", href: URL.createObjectURL(blob), download: name }, text);
}

// requests

// POSTs a form; waits and tries again while the server is busy.
async function post(route, fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const item of [value].flat()) body.append(name, item);
  }
  for (let attempt = 1; ; attempt++) {
    let response;
    try {
      response = await fetch(API + route, { method: "POST", body });
    } catch {
      throw new Error("The server cannot be reached.");
    }
    if (response.ok) return response;
    const seconds = response.headers.get("Retry-After");
    if (!seconds || attempt === MAX_ATTEMPTS) throw await readError(response);
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}

async function readError(response) {
  const text = await response.json().then((json) => json.error, () => `status ${response.status}`);
  return new Error(text.charAt(0).toUpperCase() + text.slice(1) + ".");
}

// one panel per run

class Panel {
  constructor(root) {
    this.root = root;
    this.run = root.dataset.run;
    this.find = (selector) => root.querySelector(selector);
    [this.status, this.error, this.progress, this.result] =
      [".status", ".error", "progress", ".result"].map(this.find);
    this.drop = this.find(".drop");
    this.job = 0;
    this.generation = root.dataset.action === "generate" ? new GenerationForm(this) : null;
    this.listen();
  }

  listen() {
    const input = this.drop.querySelector("input");
    input.addEventListener("change", () => {
      this.use([...input.files]);
      input.value = "";
    });
    for (const name of ["dragenter", "dragover"]) {
      this.drop.addEventListener(name, (event) => {
        event.preventDefault();
        this.drop.classList.add("over");
      });
    }
    for (const name of ["dragleave", "drop"]) {
      this.drop.addEventListener(name, () => this.drop.classList.remove("over"));
    }
    this.drop.addEventListener("drop", (event) => {
      event.preventDefault();
      this.use([...event.dataTransfer.files]);
    });
    this.find(".url").addEventListener("submit", (event) => {
      event.preventDefault();
      this.useUrl(event.target.elements.url.value);
    });
    this.find(".camera").addEventListener("click", () => openCamera(this));
    for (const button of this.root.querySelectorAll(".examples button")) {
      button.addEventListener("click", async () => {
        const response = await fetch(button.firstElementChild.src);
        this.use([new File([await response.blob()], "example.png")]);
      });
    }
  }

  // Runs a task unless a newer one was begun; shows its status or its error.
  async work(text, task) {
    const job = ++this.job;
    const current = () => job === this.job;
    this.error.textContent = "";
    this.result.hidden = true;
    this.progress.hidden = true;
    this.status.textContent = text;
    try {
      const nodes = await task(current);
      if (!current()) return;
      this.status.textContent = "";
      this.result.replaceChildren(...nodes.filter(Boolean));
      this.result.hidden = false;
      this.result.scrollIntoView({ block: "nearest" });
    } catch (error) {
      if (!current()) return;
      this.status.textContent = "";
      this.error.textContent = error.message;
    } finally {
      if (current()) this.progress.hidden = true;
    }
  }

  use(files) {
    if (!files.length) return;
    if (files.reduce((sum, file) => sum + file.size, 0) > MAX_MB * 1e6 && files.length === 1) {
      this.error.textContent = `The file is too large: give at most ${MAX_MB} MB.`;
      return;
    }
    const action = this.root.dataset.action;
    if (this.generation) {
      this.generation.setImage(files[0]);
    } else if (action === "predict" && files.length > 1) {
      this.work(`Classifying ${files.length} files …`, (current) => this.classifyAll(files, current));
    } else if (action === "predict") {
      this.work("Classifying …", () => this.classify(files[0]));
    } else {
      this.work("Working …", (current) => this.transform(files[0], action, current));
    }
  }

  useUrl(url) {
    if (this.generation) {
      this.generation.fetchImage(url);
      return;
    }
    this.work("Fetching …", async (current) => {
      const action = this.root.dataset.action;
      if (action === "colorize") return this.transform(null, action, current, url);
      const response = await post("image", { url });
      const file = new File([await response.blob()], "image.png");
      return action === "predict" ? this.classify(file) : this.transform(file, action, current);
    });
  }

  // classification

  async classify(file) {
    const fields = { run: this.run, file, top: TOP, level: LEVEL, nearest: NEAREST };
    const response = await (await post("predict", fields)).json();
    const prediction = response.predictions[0];
    const viewer = make("img", { className: "view", alt: "The image", src: await this.show(file) });
    const left = card("", viewer);
    await keepPixels(viewer);
    this.addExplanation(left, viewer, file, prediction.label);
    return [left, card("Prediction", ...this.describe(prediction)), this.listNearest(prediction)];
  }

  // A URL that shows the image; formats or sizes that browsers refuse come from the server.
  async show(file) {
    const url = URL.createObjectURL(file);
    const image = make("img", { src: url });
    try {
      await image.decode();
      return url;
    } catch {
      return URL.createObjectURL(await (await post("image", { file })).blob());
    }
  }

  async addExplanation(parent, viewer, file, label) {
    try {
      const response = await post("explain", { run: this.run, file });
      const [plain, overlay] = [viewer.src, URL.createObjectURL(await response.blob())];
      const box = make("input", { type: "checkbox" });
      box.addEventListener("change", () => {
        viewer.src = box.checked ? overlay : plain;
        viewer.alt = box.checked ? `The image with the regions that count for ${label}` : "The image";
      });
      parent.append(make("p", {}, make("label", {}, box, " Show what the prediction is based on (Grad-CAM)")));
    } catch {
      // this run explains nothing
    }
  }

  describe(prediction) {
    const bars = prediction.top.map((row) => {
      const bar = make("b");
      bar.style.width = `${100 * row.probability}%`;
      const line = make("div", {}, make("span", {}, row.label), make("span", {}, percent(row.probability)));
      return make("li", {}, line, make("i", { "aria-hidden": "true" }, bar));
    });
    const nodes = [make("ol", { className: "bars" }, ...bars)];
    if (prediction.unfamiliar) {
      nodes.push(make("p", { className: "unfamiliar" },
        "⚠ This image is unlike the training images: do not rely on the prediction."));
    }
    if (prediction.prediction_set) {
      const names = prediction.prediction_set.join(", ") || "no class";
      nodes.push(make("p", { className: "muted" }, `Prediction set (${100 * LEVEL} %): ${names}`));
    }
    return nodes;
  }

  listNearest(prediction) {
    if (!prediction.nearest?.length) return null;
    const items = prediction.nearest.map((row) => make("li", {},
      row.thumbnail ? make("img", { src: row.thumbnail, alt: "" }) : null,
      make("div", {}, row.label), make("div", { className: "muted" }, `distance ${row.distance.toFixed(2)}`)));
    const list = card("Nearest training images", make("ul", { className: "near" }, ...items));
    list.classList.add("wide");
    return list;
  }

  async classifyAll(files, current) {
    const rows = [], parts = splitFiles(files);
    this.progress.hidden = false;
    this.progress.max = files.length;
    for (const part of parts) {
      this.progress.value = rows.length;
      const response = await (await post("predict", { run: this.run, file: part })).json();
      if (!current()) return [];
      rows.push(...response.predictions);
    }
    const buttons = make("p", { className: "ways" }, saveButton("Download CSV", makeCsv(rows), "predictions.csv"));
    if (parts.length === 1 || files.length <= 200) buttons.append(this.makeZipButton(files));
    const table = card(`${rows.length} files`, buttons, makeTable(rows));
    table.classList.add("wide");
    return [table];
  }

  makeZipButton(files) {
    const fields = { run: this.run, file: files, format: "zip" };
    return this.makeSaver("Download zip, a folder per class", "predict", fields, "sorted.zip");
  }

  // A button that saves the response to a request.
  makeSaver(text, route, fields, name) {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        saveButton("", await (await post(route, fields)).blob(), name).click();
      } catch (error) {
        this.error.textContent = error.message;
      }
      button.disabled = false;
    });
    return button;
  }

  // images from images

  async transform(file, action, current, url) {
    const response = await post(action, url ? { run: this.run, url } : { run: this.run, file });
    if (response.status === 202) return this.followClip(await response.json(), current);
    const result = await response.blob();
    const before = file ? await this.show(file)
      : URL.createObjectURL(await (await post("image", { url })).blob());
    const name = action === "colorize" ? "colorized.png" : "upscaled.png";
    const view = card("", ...(await makeSlider(before, URL.createObjectURL(result), action)),
      make("p", {}, saveButton("Download", result, name)));
    view.classList.add("wide");
    return [view];
  }

  async followClip(clip, current) {
    this.progress.hidden = false;
    while (clip.state === "running") {
      this.status.textContent = `Colorizing: frame ${clip.done}${clip.total ? ` of ${clip.total}` : ""}`;
      if (clip.total) {
        this.progress.max = clip.total;
        this.progress.value = clip.done;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (!current()) return [];
      const response = await fetch(`${API}clips/${clip.id}`);
      if (!response.ok) throw await readError(response);
      clip = await response.json();
    }
    if (clip.state === "failed") throw new Error(clip.error);
    const src = `${API}clips/${clip.id}/file`;
    const video = make("video", { src, controls: true, loop: true, muted: true, autoplay: true });
    video.setAttribute("aria-label", "Colorized clip");
    const view = card(clip.done === 1 ? "1 frame" : `${clip.done} frames`, video,
      make("p", {}, make("a", { className: "button", href: src, download: "" }, "Download")));
    view.classList.add("wide");
    return [view];
  }
}

// parts of results

// Shows the pixels of small images, such as pixel art; waits until the size is known.
async function keepPixels(image) {
  await image.decode();
  if (image.naturalWidth <= SMALL_PX) image.classList.add("pixels");
}

async function makeSlider(before, after, action) {
  const [first, second] = action === "colorize" ? ["Gray", "Colorized"] : ["Original", "Upscaled"];
  const images = [make("img", { src: before, alt: first }), make("img", { src: after, alt: second })];
  await Promise.all(images.map(keepPixels));
  if (action === "colorize") images[0].classList.add("gray");
  const range = make("input", { type: "range", min: 0, max: 100, value: 50 });
  range.setAttribute("aria-label", `Boundary between ${first.toLowerCase()} and ${second.toLowerCase()}`);
  const view = make("div", { className: "compare" }, ...images, range);
  const wide = make("div", {}, make("div", { className: "ends" }, make("span", {}, first), make("span", {}, second)), view);
  wide.style.maxWidth = `calc(75vh * ${images[0].naturalWidth / images[0].naturalHeight})`;
  range.addEventListener("input", () => view.style.setProperty("--cut", range.value + "%"));
  return [wide];
}

function makeTable(rows) {
  const head = make("tr", {}, make("th", { scope: "col" }, "File"), make("th", { scope: "col" }, "Class"),
    make("th", { scope: "col", className: "number" }, "Probability"));
  const body = rows.map((row) => make("tr", {}, make("td", {}, row.name),
    make("td", { className: row.unfamiliar ? "unfamiliar" : "" }, row.error ?? row.label + (row.unfamiliar ? " (unlike the training images)" : "")),
    make("td", { className: "number" }, row.error ? "" : percent(row.probability))));
  const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": "Predictions" }, table);
}

function makeCsv(rows) {
  const quote = (value) => {
    const text = String(value ?? "");
    return '"' + (/^[=+\-@\t\r]/.test(text) ? "'" + text : text).replaceAll('"', '""') + '"';
  };
  const cells = (row) => [row.name, row.label, row.probability, row.prediction_set?.join(" | "), row.unfamiliar, row.error];
  const lines = rows.map((row) => cells(row).map(quote).join(","));
  return new Blob([["file,label,probability,prediction_set,unfamiliar,error", ...lines, ""].join("\r\n")], { type: "text/csv" });
}

// Parts of at most BATCH files that fit into a request.
function splitFiles(files) {
  const parts = [[]];
  let size = 0;
  for (const file of files) {
    if (parts.at(-1).length === BATCH || (size + file.size > 0.9 * MAX_MB * 1e6 && parts.at(-1).length)) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1).push(file);
    size += file.size;
  }
  return parts;
}

// camera

const dialog = document.getElementById("camera");
const video = dialog.querySelector("video");
let photographed = null;

async function openCamera(panel) {
  panel.error.textContent = "";
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    panel.error.textContent = "There is no camera, or the browser does not permit its use.";
    return;
  }
  photographed = panel;
  dialog.showModal();
}

dialog.addEventListener("close", () => video.srcObject?.getTracks().forEach((track) => track.stop()));
document.getElementById("stop").addEventListener("click", () => dialog.close());
document.getElementById("shoot").addEventListener("click", () => {
  const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => photographed.use([new File([blob], "photo.png")]));
  dialog.close();
});

// page

const tabs = [...document.querySelectorAll("[role=tab]")];
const panels = [...document.querySelectorAll("[role=tabpanel]")].map((root) => new Panel(root));
const shownPanel = () => panels.find((panel) => !panel.root.hidden);

function select(index) {
  tabs.forEach((tab, other) => {
    tab.setAttribute("aria-selected", other === index);
    tab.tabIndex = other === index ? 0 : -1;
    panels[other].root.hidden = other !== index;
  });
}

tabs.forEach((tab, index) => {
  tab.addEventListener("click", () => select(index));
  tab.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = (steps[event.key] + tabs.length) % tabs.length;
    select(next);
    tabs[next].focus();
  });
});

document.addEventListener("paste", (event) => {
  if (event.target.matches("input[type=url]")) return;
  const files = [...event.clipboardData.files];
  const text = event.clipboardData.getData("text").trim();
  if (files.length) shownPanel().use(files);
  else if (/^https?:\/\//.test(text)) shownPanel().useUrl(text);
});
// A file dropped beside the field must not replace the page.
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());

const themeButton = document.getElementById("theme");

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  themeButton.textContent = theme === "light" ? "Dark theme" : "Light theme";
}

function readStored() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // storage is blocked
  }
}

themeButton.addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  setTheme(theme);
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // kept until the page is left
  }
});
setTheme(readStored() ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark"));
