// What pages do beyond what HTML and htmx do by themselves. All of it is comfort:
// without it everything still works. What scripts say is in the page.

document.documentElement.classList.add("scripted");

// Relative times go on while a page is open, as the server would write them.
const times = document.getElementById("times").dataset;

const relative = (milliseconds) => {
  const seconds = Math.round(milliseconds / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return times.justNow;
  let [text, unit] = [times.days, 86400];
  if (size < 60) [text, unit] = [times.seconds, 1];
  else if (size < 3600) [text, unit] = [times.minutes, 60];
  else if (size < 48 * 3600) [text, unit] = [times.hours, 3600];
  text = text.replace("%v", Math.floor(size / unit));
  return (seconds < 0 ? times.ahead : times.ago).replace("%v", text);
};

const tick = () => {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const text = relative(Date.now() - Date.parse(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
};
setInterval(tick, 5000);

// Keys
const dialog = document.getElementById("keys");
const button = document.getElementById("keys-button");
button.hidden = false;
button.addEventListener("click", () => dialog.showModal());

const places = { m: "/", i: "/installed", c: "/components", r: "/review", a: "/about" };
let going = 0; // when g was pressed

const typing = (element) => element.closest("input, textarea, select, [contenteditable], .cm-editor") !== null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  if (event.timeStamp - going < 1500 && places[event.key]) {
    event.preventDefault();
    location.assign(places[event.key]);
    return;
  }
  going = event.key === "g" ? event.timeStamp : 0;
  if (event.key === "?") {
    event.preventDefault();
    dialog.showModal();
    return;
  }
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  if (target.matches("input")) target.select();
  target.focus();
  if (target.matches("a")) target.click();
});

// note is what the page has to say when it is time.
const note = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

// What went wrong with a part of a page is told, and the part stays as it was.
const tell = (message) => {
  let toasts = document.getElementById("toasts");
  if (!toasts) {
    toasts = document.createElement("div");
    toasts.id = "toasts";
    toasts.setAttribute("role", "status");
    document.body.append(toasts);
  }
  toasts.replaceChildren(message);
  setTimeout(() => message.remove(), 10000);
};

document.addEventListener("htmx:error", (event) => {
  if (event.detail.error?.name !== "AbortError") tell(note("unanswered"));
});

// A live page whose stream broke says so until it is live again. One whose session
// is over is loaded anew, which leads to the sign-in and back.
const stale = note("stale");

document.addEventListener("htmx:sse:error", (event) => {
  if (event.detail.status === 401) location.reload();
  else if (event.detail.error?.name !== "AbortError") document.getElementById("live")?.before(stale);
});
document.addEventListener("htmx:sse:after:connection", () => stale.remove());

// A button that was pressed is not pressed twice.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method === "dialog") return;
  const pressed = event.submitter;
  if (pressed) setTimeout(() => { pressed.disabled = true; });
});
window.addEventListener("pageshow", () => {
  for (const pressed of document.querySelectorAll("button:disabled")) pressed.disabled = false;
});
