// Follows the output of services: it is text, one line after the other, each after
// the name of its service.

const most = 5000; // lines that are kept in the page
const log = document.getElementById("log");
const search = document.getElementById("log-search");
const follow = document.getElementById("log-follow");
const state = document.getElementById("log-state");
const words = state.dataset; // "%v" is where a number goes
const label = follow.querySelector("span");
const pause = label.textContent;
const lines = [];
const waiting = []; // lines that came while it was paused
let paused = false;

const wanted = (text) => text.toLowerCase().includes(search.value.toLowerCase());

const element = (text) => {
  const line = document.createElement("div");
  line.textContent = text;
  if (text.startsWith("graft | ")) line.className = "engine";
  line.hidden = !wanted(text);
  return line;
};

const count = (n) => (n === 1 ? words.line : words.lines.replace("%v", n));

const say = () => {
  const hidden = lines.filter((line) => line.hidden).length;
  let text = paused ? words.paused.replace("%v", count(waiting.length)) : count(lines.length);
  if (hidden) text += words.hidden.replace("%v", hidden);
  if (state.textContent !== text) state.textContent = text;
};

const add = (texts) => {
  if (paused) {
    waiting.push(...texts);
    if (waiting.length > most) waiting.splice(0, waiting.length - most);
    say();
    return;
  }
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
  const added = texts.map(element);
  log.append(...added);
  lines.push(...added);
  for (const old of lines.splice(0, Math.max(0, lines.length - most))) old.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
  say();
};

const read = async () => {
  const response = await fetch(log.dataset.stream);
  if (!response.ok) throw new Error(response.status);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    if (parts.length) add(parts);
  }
  if (rest) add([rest]);
};

search.addEventListener("input", () => {
  for (const line of lines) line.hidden = !wanted(line.textContent);
  log.scrollTop = log.scrollHeight;
  say();
});

follow.addEventListener("click", () => {
  paused = !paused;
  follow.setAttribute("aria-pressed", String(!paused));
  label.textContent = paused ? follow.dataset.paused : pause;
  if (!paused) add(waiting.splice(0));
  say();
});

document.getElementById("log-service").addEventListener("change", (event) => event.target.form.submit());

read().then(
  () => { state.textContent = words.ended; },
  () => { state.textContent = words.lost; },
);
