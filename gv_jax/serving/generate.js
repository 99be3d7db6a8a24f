"use strict";
// The form and the results of a run that generates images; uses functions of page.js.

const SHOWN_PX = 128, SHOWN_PX_PHONE = 96, REPEATS = 3, SEEDS = 2 ** 32;

class GenerationForm {
  constructor(panel) {
    this.panel = panel;
    this.form = panel.find(".options");
    this.fields = this.form.elements;
    this.given = panel.find(".given");
    this.tileable = JSON.parse(this.form.dataset.tileable);
    this.image = null;
    this.listen();
    this.setClass();
  }

  listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.generate();
    });
    this.form.addEventListener("invalid", (event) => { // a closed part would hide the message
      const part = event.target.closest("details");
      if (part) part.open = true;
    }, true);
    this.fields.label.addEventListener("change", () => this.setClass());
    this.form.querySelector(".random").addEventListener("click", () => {
      this.fields.seed.value = Math.floor(Math.random() * SEEDS);
    });
    this.given.querySelector("button").addEventListener("click", () => this.setImage(null));
  }

  // Images of a class repeat as its training images do.
  setClass() {
    this.fields.tileable.checked = this.tileable.includes(this.fields.label.value);
  }

  // the image to vary

  async setImage(file) {
    this.panel.error.textContent = "";
    try {
      if (file) this.given.querySelector("img").src = await this.panel.show(file);
    } catch (error) {
      this.panel.error.textContent = error.message;
      return;
    }
    this.image = file;
    this.given.hidden = !file;
    this.panel.drop.hidden = Boolean(file);
    (file ? this.form.querySelector(".primary") : this.panel.drop.querySelector("input")).focus();
  }

  async fetchImage(url) {
    this.panel.error.textContent = "";
    this.panel.status.textContent = "Fetching …";
    try {
      const blob = await (await post("image", { url })).blob();
      await this.setImage(new File([blob], "image.png"));
    } catch (error) {
      this.panel.error.textContent = error.message;
    }
    this.panel.status.textContent = "";
  }

  // generation

  // The fields of a request; those that are as the run says are left out.
  read() {
    const { label, count, seed, guidance, palette, tileable, strength } = this.fields;
    const layoutTime = this.fields.layout_time; // of networks that follow layouts
    const fields = { run: this.panel.run, label: label.value, count: count.value, seed: seed.value };
    if (guidance.value !== guidance.defaultValue) fields.guidance = guidance.value;
    if (palette.value) fields.palette = palette.value;
    if (layoutTime && layoutTime.value !== layoutTime.defaultValue) fields.layout_time = layoutTime.value;
    if (tileable.checked !== this.tileable.includes(label.value)) fields.tileable = tileable.checked;
    if (this.image) Object.assign(fields, { file: this.image, strength: strength.value });
    return fields;
  }

  async generate() {
    const fields = this.read(), button = this.form.querySelector(".primary");
    button.disabled = true;
    await this.panel.work("Generating …", async () => {
      this.panel.progress.removeAttribute("value");
      this.panel.progress.hidden = false;
      return [await this.show(await (await post("generate", fields)).json(), fields)];
    });
    button.disabled = false;
  }

  async show(response, fields) {
    const count = response.images.length;
    const images = response.images.map((src) => make("img", { src, alt: "" }));
    await Promise.all(images.map((image) => image.decode()));
    const items = images.map((image, index) => {
      const name = response.names[index];
      const link = make("a", { href: image.src, download: name, title: `Download ${name}` }, image);
      link.setAttribute("aria-label", `Download image ${index + 1} of ${count}: ${response.label}`);
      return make("li", {}, link);
    });
    setSizes(images, 1);
    const tools = make("div", { className: "ways" },
      this.panel.makeSaver("Download zip", "generate", { ...fields, format: "zip" }, "generated.zip"));
    if (response.tileable) tools.append(makeRepeatBox(images, response.images));
    const title = `${count === 1 ? "1 image" : `${count} images`} of ${response.label}, seed ${response.seed}`;
    const view = card(title, tools, make("ul", { className: "generated" }, ...items));
    view.classList.add("wide");
    return view;
  }
}

// Enlarges images by whole factors, so that their pixels stay squares of one size.
function setSizes(images, repeats) {
  const limit = matchMedia("(max-width:700px)").matches ? SHOWN_PX_PHONE : SHOWN_PX;
  for (const image of images) {
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    const scale = Math.max(1, Math.floor((repeats > 1 ? 1.5 : 1) * limit / Math.max(width, height)));
    image.width = scale * width;
    image.height = scale * height;
  }
}

// A box that shows every image REPEATS x REPEATS times, which makes seams visible.
function makeRepeatBox(images, sources) {
  const repeated = images.map(repeat);
  const box = make("input", { type: "checkbox" });
  box.addEventListener("change", async () => {
    images.forEach((image, index) => {
      image.src = (box.checked ? repeated : sources)[index];
    });
    await Promise.all(images.map((image) => image.decode()));
    setSizes(images, box.checked ? REPEATS : 1);
  });
  return make("label", { className: "check" }, box, ` Show repeated, ${REPEATS}x${REPEATS}`);
}

function repeat(image) {
  const canvas = make("canvas", { width: REPEATS * image.naturalWidth, height: REPEATS * image.naturalHeight });
  const context = canvas.getContext("2d");
  context.fillStyle = context.createPattern(image, "repeat");
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas.toDataURL();
}
