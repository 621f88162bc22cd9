// The page "Add New Addon": the editor for JSON, files that are dropped or pasted,
// and messages beside their fields while somebody types. Without it the page does
// all of that when a button is pressed.

const opened = document.getElementById("open");
const holder = document.getElementById("editor");
let source; // the editor of the JSON, while that tab is shown

document.getElementById("drop-hint").hidden = false;

// Files
opened.elements.file.addEventListener("change", () => opened.requestSubmit());

const open = (files) => {
  opened.elements.file.files = files;
  opened.requestSubmit();
};

const hasFiles = (data) => data !== null && data.types.includes("Files");

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event.dataTransfer)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
});

document.addEventListener("drop", (event) => {
  if (!hasFiles(event.dataTransfer)) return;
  event.preventDefault();
  open(event.dataTransfer.files);
});

document.addEventListener("paste", (event) => {
  if (event.target.closest("input, textarea, select, [contenteditable], .cm-editor")) return;
  if (event.clipboardData.files.length > 0) {
    event.preventDefault();
    open(event.clipboardData.files);
    return;
  }
  const text = event.clipboardData.getData("text/plain");
  if (!text.trimStart().startsWith("{")) return;
  event.preventDefault();
  opened.elements.text.value = text;
  opened.requestSubmit();
});

// Messages: the server's list has them all, with the fields that they are about.
const place = () => {
  const list = document.getElementById("findings-list");
  if (list.dataset.marks !== undefined) {
    source?.setProblems(JSON.parse(list.dataset.marks));
    return;
  }
  const beside = new Map();
  const invalid = new Set();
  for (const item of list.children) {
    const id = `${item.dataset.beside}-messages`;
    beside.set(id, [...(beside.get(id) ?? []), item]);
    if (item.className === "bad") invalid.add(item.dataset.input);
  }
  for (const messages of holder.querySelectorAll(".messages")) {
    const items = beside.get(messages.id) ?? [];
    const now = items.map((item) => item.className + item.dataset.text).join("\n");
    const before = [...messages.children].map((p) => p.className + p.textContent).join("\n");
    if (now === before) continue;
    messages.replaceChildren(...items.map((item) => {
      const p = document.createElement("p");
      p.className = item.className;
      p.textContent = item.dataset.text;
      return p;
    }));
  }
  for (const control of holder.querySelectorAll("input[id], select, textarea")) {
    if (invalid.has(control.id)) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  }
};

// The editor is loaded when it is needed first.
const edit = async () => {
  const json = document.getElementById("json");
  source = undefined;
  if (!json) return;
  const module = await import(holder.dataset.editor);
  if (!json.isConnected) return;
  source = module.edit(json);
  place();
};

// What was written is not lost by a link that was followed by mistake.
let written = false;
holder.addEventListener("input", () => { written = true; });
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) written = false;
});
window.addEventListener("beforeunload", (event) => {
  if (written) event.preventDefault();
});

// Publish can't be pressed again before it is known what came of it.
const publishes = ({ detail }) => detail.ctx?.request?.submitter?.value === "publish";

document.addEventListener("htmx:config:request", (event) => {
  const pressed = event.detail.ctx.request.submitter;
  if (publishes(event)) {
    pressed.disabled = true;
    written = false;
  } else if (pressed?.value && !pressed.value.startsWith("tab:")) {
    written = true;
  }
});

document.addEventListener("htmx:error", (event) => {
  if (!publishes(event)) return;
  event.detail.ctx.request.submitter.disabled = false;
  written = true;
});

document.addEventListener("htmx:after:swap", (event) => {
  if (event.target.id === "findings") place();
  if (event.target !== holder) return;
  if (publishes(event)) written = true; // it was refused
  edit();
});

edit();
