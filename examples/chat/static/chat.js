/** The page: what the server says goes in, what the person sees comes out. The connection is the client's matter. */

import { connect, Lost, Refused } from "/aiows.js";
import { paintAvatar } from "./avatar.js";
import { Timeline } from "./timeline.js";

const FIRST_ROOM = "general";
const ROOM_NAMES = "The name of a room is made of letters, digits and hyphens.";
const NO_NAME = "A name needs more than spaces.";
const TYPING_EVERY = 2_000; // milliseconds between two "I am typing"
const TYPING_LASTS = 4_000;
const COUNT_FROM = 200; // characters left

const $ = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 720px)");

const MESSAGES = 50; // that a room shows when one comes in

const me = { id: "", name: "", key: (sessionStorage.secret ??= newKey()) };
const rooms = new Map(); // name -> { name, people: how many, last: the last message's id }
const seen = new Map(Object.entries(JSON.parse(sessionStorage.seen ?? "{}"))); // room -> message id
const people = new Map(); // id -> { id, name }, of the room on show
const typing = new Map(); // id -> { name, timer }
const drafts = new Map(); // room -> what was written there and not sent
let room = ""; // the one on show
let conversation = null; // its topic
let toldTyping = 0;
let client = null; // from when one has a name
const timeline = new Timeline({
  log: $("log"),
  list: $("messages"),
  jump: $("jump"),
  isMine: ({ id }) => id === me.id,
});

// --- what the server says

function listen() {
  client.on("welcome", ({ you, rooms: all }) => {
    me.id = you.id;
    showMe(you);
    rooms.clear();
    for (const one of all) {
      rooms.set(one.name, one);
      seen.set(one.name, Math.min(seen.get(one.name) ?? one.last, one.last));
    }
    enter(wantedRoom());
  });

  client.on("room.changed", (changed) => {
    rooms.set(changed.name, changed);
    if (!seen.has(changed.name)) seen.set(changed.name, 0);
    markSeen();
    showRooms();
  });

  client.on("room.gone", ({ name }) => {
    rooms.delete(name);
    seen.delete(name);
    showRooms();
  });

  client.on("person.came", ({ room: where, person }) => {
    if (where !== room) return;
    people.set(person.id, person);
    showPeople();
    timeline.note(person, "came in");
  });

  client.on("person.left", ({ room: where, person }) => {
    if (where !== room) return;
    people.delete(person.id);
    showPeople();
    stopTyping(person.id);
    timeline.note(person, "left");
  });

  client.on("chat.typing", ({ room: where, person }) => {
    if (where !== room) return;
    stopTyping(person.id);
    const timer = setTimeout(() => stopTyping(person.id), TYPING_LASTS);
    typing.set(person.id, { name: person.name, timer });
    showTyping();
  });

  client.on("state", ({ state }) => {
    if (state === "open") showLink("connected", "Connected");
    if (state === "waiting") showLink("lost", "Offline");
    if (state === "waiting") for (const id of [...typing.keys()]) stopTyping(id);
  });
}

// --- rooms

function wantedRoom() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || FIRST_ROOM;
  } catch {
    return FIRST_ROOM; // an address that somebody has cut
  }
}

async function enter(name) {
  let entered;
  try {
    entered = await client.ask("room.enter", { room: name });
  } catch (error) {
    if (error instanceof Refused) stay(error.code === "invalid" ? ROOM_NAMES : error.message);
    return; // or the connection was lost, and the next welcome leads here again
  }
  if (name !== wantedRoom()) return; // gone on to another one meanwhile
  if (name !== room) show(name);
  people.clear();
  for (const person of entered.people) people.set(person.id, person);
  for (const id of [...typing.keys()]) stopTyping(id);
  showRooms();
  showPeople();
}

function show(name) {
  conversation?.leave();
  changeDraft(name);
  room = name;
  timeline.clear();
  let known = seen.get(name) ?? 0;
  conversation = client.topic(`room:${name}`, {
    load(topic) {
      const before = known;
      known = 0; // a server that has begun anew counts anew
      return load(topic, before);
    },
  });
  conversation.on("chat.said", ({ message }) => {
    stopTyping(message.author.id);
    timeline.add(message);
  });
  showRoom();
}

/** What was said in the room before, and what is missing when the server has begun anew. Then come the next ones. */
async function load(topic, known) {
  const { messages, position } = await topic.history({ last: MESSAGES }, { timeout: 0 });
  if (topic !== conversation) return position; // gone on to another room meanwhile
  const before = position[1] - messages.length; // messages that are not kept any more
  $("welcome-text").textContent = before ? "What was said before is gone." : "This is where it begins.";
  timeline.addAll(messages.map(([, said]) => said.message), known - before);
  markSeen();
  return position;
}

/** What is written in one room is not said in another. */
function changeDraft(name) {
  if (!room) return;
  drafts.set(room, $("text").value);
  write(drafts.get(name) ?? "");
}

/** A room has refused: say why, and be where one was before. */
function stay(reason) {
  refuse(reason);
  history.replaceState(null, "", `#${encodeURIComponent(room || FIRST_ROOM)}`);
  if (!room) enter(FIRST_ROOM);
}

function markSeen() {
  if (document.hidden || !rooms.has(room)) return;
  seen.set(room, rooms.get(room).last);
  sessionStorage.seen = JSON.stringify(Object.fromEntries(seen));
}

function unread({ name, last }) {
  return name === room && !document.hidden ? 0 : Math.max(0, last - (seen.get(name) ?? 0));
}

function showRoom() {
  $("room-name").textContent = room;
  $("welcome-room").textContent = room;
  $("text-label").textContent = `Message to ${room}`;
  $("text").placeholder = `Message #${room}`;
  if (narrow.matches) $("rooms-panel").hidePopover();
  else $("text").focus();
}

function showRooms() {
  const items = [...rooms.values()].map((one) => {
    const item = $("room-item").content.cloneNode(true).firstElementChild;
    const link = item.querySelector("a");
    const count = unread(one);
    const badge = item.querySelector(".unread");
    link.href = `#${encodeURIComponent(one.name)}`;
    link.classList.toggle("fresh", count > 0);
    if (one.name === room) link.ariaCurrent = "page";
    item.querySelector(".name").textContent = one.name;
    const crowd = item.querySelector(".crowd");
    crowd.hidden = one.people === 0;
    crowd.title = `${one.people} here`;
    crowd.firstElementChild.textContent = one.people;
    badge.hidden = count === 0;
    badge.textContent = count > 99 ? "99+" : count;
    badge.ariaLabel = `${count} unread`;
    return item;
  });
  $("rooms").replaceChildren(...items);
  const total = [...rooms.values()].reduce((sum, one) => sum + unread(one), 0);
  $("show-rooms").classList.toggle("fresh", total > 0);
  document.title = `${total ? `(${total}) ` : ""}${room ? `#${room} · ` : ""}aiows chat`;
}

$("add-room").addEventListener("click", () => {
  $("new-room").value = "";
  $("open-room").disabled = true;
  $("room-dialog").returnValue = "";
  $("room-dialog").showModal();
});

$("no-room").addEventListener("click", () => $("room-dialog").close());

$("new-room").addEventListener("input", () => {
  $("open-room").disabled = slug($("new-room").value) === "";
});

$("room-dialog").addEventListener("close", () => {
  const name = slug($("new-room").value);
  if ($("room-dialog").returnValue === "open" && name) location.hash = name;
});

function slug(words) {
  const hyphened = words.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 24);
  return hyphened.replace(/^-+|-+$/g, "");
}

window.addEventListener("hashchange", () => {
  refuse("");
  if (client?.state === "open") enter(wantedRoom());
});

document.addEventListener("visibilitychange", () => {
  markSeen();
  showRooms();
});

// --- people

function showPeople() {
  const byName = (a, b) => (b.id === me.id) - (a.id === me.id) || a.name.localeCompare(b.name);
  const sorted = [...people.values()].sort(byName);
  const names = sorted.map(({ name }) => name);
  const items = sorted.map(({ id, name }) => {
    const item = $("person-item").content.cloneNode(true).firstElementChild;
    const twice = names.indexOf(name) !== names.lastIndexOf(name);
    paintAvatar(item.querySelector(".avatar"), name);
    item.querySelector(".name").textContent = name;
    item.querySelector("small").textContent = id === me.id ? "you" : twice ? id.slice(0, 4) : "";
    return item;
  });
  $("people").replaceChildren(...items);
  $("people-count").textContent = sorted.length;
  $("head-count").textContent = `${sorted.length} here`;
  $("faces").replaceChildren(...sorted.slice(0, 3).map(({ name }) => face(name)));
}

function face(name) {
  const element = document.createElement("span");
  element.className = "avatar";
  paintAvatar(element, name);
  return element;
}

function stopTyping(id) {
  clearTimeout(typing.get(id)?.timer);
  if (typing.delete(id)) showTyping();
}

function showTyping() {
  const names = [...typing.values()].map(({ name }) => name);
  $("typing").classList.toggle("busy", names.length > 0);
  $("typing").textContent =
    names.length === 0 ? "" :
    names.length === 1 ? `${names[0]} is typing…` :
    names.length === 2 ? `${names[0]} and ${names[1]} are typing…` : "Several people are typing…";
}

// --- writing

$("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const box = $("text");
  const text = box.value.trim();
  if (!text) return;
  const where = room;
  write("");
  refuse(client.state === "open" ? "" : "Not connected right now. Your message goes as soon as it can.");
  toldTyping = 0;
  try {
    await client.ask("chat.send", { room, text }, { once: true });
    refuse("");
  } catch (error) {
    if (where !== room) drafts.set(where, drafts.get(where) || text);
    else if (!box.value) write(text);
    refuse(error instanceof Lost ? "Your message could not be sent." : error.message);
  }
});

$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("say").requestSubmit();
});

$("text").addEventListener("input", () => {
  fit();
  if (!$("text").value.trim() || Date.now() - toldTyping < TYPING_EVERY) return;
  if (client.tell("chat.typing")) toldTyping = Date.now();
});

function write(text) {
  $("text").value = text;
  fit();
}

function fit() {
  const box = $("text");
  const left = box.maxLength - box.value.length;
  $("left").textContent = left <= COUNT_FROM ? left : "";
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

function refuse(words) {
  $("refusal").textContent = words;
  $("refusal").hidden = !words;
}

// --- coming and going

function start(name) {
  me.name = name;
  sessionStorage.name = localStorage.name = name;
  $("door").hidden = true;
  $("chat").hidden = false;
  showMe({ name });
  showLink("connecting", "Connecting…");
  client = connect(`/ws?${new URLSearchParams({ name, key: me.key })}`);
  listen();
}

/** Says that two connections are of the same person. Nobody else sees it. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function showMe({ name }) {
  $("my-name").textContent = name;
  paintAvatar($("my-avatar"), name);
}

function showLink(state, words) {
  $("link").dataset.state = state;
  $("link").textContent = words;
  $("lost").hidden = state !== "lost";
}

function showDoor() {
  $("chat").hidden = true;
  $("door").hidden = false;
  $("name").value = localStorage.name ?? "";
  paintAvatar($("door-avatar"), $("name").value || "?");
  $("name").select();
}

$("name").addEventListener("input", () => {
  const isBlank = $("name").value && !$("name").value.trim();
  $("name").setCustomValidity(isBlank ? NO_NAME : "");
  paintAvatar($("door-avatar"), $("name").value.trim() || "?");
});

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  start($("name").value.trim());
});

$("leave-chat").addEventListener("click", () => {
  client.close();
  sessionStorage.clear();
  location.reload();
});

$("retry").addEventListener("click", () => client.connect());

$("switch-theme").addEventListener("click", () => showTheme(isDark() ? "light" : "dark"));

function isDark() {
  const chosen = document.documentElement.style.colorScheme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function showTheme(theme) {
  if (theme) localStorage.theme = document.documentElement.style.colorScheme = theme;
  const words = `Switch to the ${isDark() ? "light" : "dark"} theme`;
  Object.assign($("switch-theme"), { title: words, ariaLabel: words });
}

showTheme(localStorage.theme);
if (sessionStorage.name) start(sessionStorage.name);
else showDoor();
