/** The page: files go in, rows with a bar come out. The wire is in send.js. */

import { send } from "./send.js";

const $ = (id) => document.getElementById(id);
const waiting = []; // rows whose turn has not come
let busy = false;

$("files").addEventListener("change", ({ target }) => {
  add(target.files);
  target.value = ""; // the same file may be chosen again
});

$("zone").addEventListener("dragover", (event) => {
  event.preventDefault();
  $("zone").classList.add("over");
});

$("zone").addEventListener("dragleave", () => $("zone").classList.remove("over"));

$("zone").addEventListener("drop", (event) => {
  event.preventDefault();
  $("zone").classList.remove("over");
  add(event.dataTransfer.files);
});

function add(files) {
  for (const file of files) waiting.push(makeRow(file));
  sendNext();
}

/** One file after the other: together they would only share the same line. */
async function sendNext() {
  if (busy || waiting.length === 0) return;
  busy = true;
  await sendRow(waiting.shift());
  busy = false;
  sendNext();
}

async function sendRow(row) {
  const { file, signal } = row;
  const started = performance.now();
  if (signal.aborted) return;
  row.show("sending", "Connecting…");
  try {
    await send(file, {
      signal,
      onProgress: (percent) => row.progress(percent, started),
      onLost: () => row.show("sending", "Connection lost. It goes on by itself."),
    });
    row.show("done", `${size(file.size)} · done in ${duration(performance.now() - started)}`);
  } catch (error) {
    row.show("failed", error.message);
  }
}

function makeRow(file) {
  const controller = new AbortController();
  const item = $("file-item").content.cloneNode(true).firstElementChild;
  const part = (selector) => item.querySelector(selector);

  function show(state, detail) {
    item.dataset.state = state;
    part(".detail").textContent = detail;
    part("button").hidden = state === "done" || state === "failed";
    if (state === "done") setValue(100);
    if (state === "done" || state === "failed") $("news").textContent = `${file.name}: ${detail}`;
  }

  function setValue(percent) {
    part("progress").value = percent;
    part(".percent").textContent = `${percent} %`;
  }

  function progress(percent, started) {
    const arrived = (file.size * percent) / 100;
    const speed = arrived / Math.max(1, performance.now() - started); // bytes a millisecond
    setValue(percent);
    const left = percent ? ` · ${duration((file.size - arrived) / speed)} left` : "";
    show("sending", `${size(arrived)} of ${size(file.size)} · ${size(speed * 1000)}/s${left}`);
  }

  function cancel() {
    controller.abort();
    show("failed", "Cancelled.");
  }

  part(".name").textContent = file.name;
  part("progress").ariaLabel = file.name;
  part("button").addEventListener("click", cancel);
  show("waiting", `${size(file.size)} · waiting`);
  $("list").prepend(item);
  return { file, signal: controller.signal, show, progress };
}

function size(bytes) {
  if (bytes < 1024) return `${Math.round(bytes)} bytes`;
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  const number = bytes / 1024 ** power;
  return `${number.toFixed(number < 10 ? 1 : 0)} ${["", "kB", "MB", "GB"][power]}`;
}

function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
