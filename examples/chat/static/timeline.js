/**
 * Messages and notes of one room go in, a readable list comes out: days apart, people grouped, scrolled to the end
 * unless the person is reading further up. Everything that people wrote is set as text, never as HTML.
 */

import { paintAvatar } from "./avatar.js";

const SAME_GROUP = 5 * 60_000; // milliseconds between two messages of one person
const NEAR_THE_END = 120; // pixels
const LINK = /(https?:\/\/[^\s<>"]*[^\s<>".,:;!?'()\]])/;

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });

export class Timeline {
  #log;
  #list;
  #jump;
  #template = document.getElementById("message-item");
  #isMine;
  #previous = null; // { author, at } of the last message, while the next one may join it
  #lastNote = null; // { id, element }
  #day = "";
  #following = true;
  #ids = new Set(); // of the messages on show

  /** `isMine(author)` tells own messages apart; `jump` is the button that leads to the end. */
  constructor({ log, list, jump, isMine }) {
    this.#log = log;
    this.#list = list;
    this.#jump = jump;
    this.#isMine = isMine;
    log.addEventListener("scroll", () => this.#scrolled());
    jump.addEventListener("click", () => this.#toTheEnd());
    new ResizeObserver(() => this.#following && this.#toTheEnd()).observe(log);
  }

  /** Begin anew, with nothing on show. */
  clear() {
    this.#list.replaceChildren();
    this.#previous = this.#lastNote = null;
    this.#day = "";
    this.#ids.clear();
  }

  /** Add what is not on show of these messages; a line says where those begin that come after the first `seen`. */
  addAll(messages, seen) {
    this.#log.ariaBusy = "true";
    const missing = messages.filter(({ id }) => !this.#ids.has(id));
    const firstNew = messages.slice(Math.max(0, seen)).find(({ author }) => !this.#isMine(author));
    for (const message of missing) {
      if (message === firstNew) this.#rule("new", "New");
      this.#append(message);
    }
    this.#log.ariaBusy = "false";
    this.#toTheEnd();
  }

  add(message) {
    this.#append(message);
    if (this.#following || this.#isMine(message.author)) this.#toTheEnd();
    else this.#jump.hidden = false;
  }

  /** Say in small that somebody came or left; whoever is back at once gets one line, not two. */
  note(person, what) {
    const back = this.#lastNote?.id === person.id || this.#lastNote?.name === person.name;
    if (back) this.#lastNote.element.remove();
    const words = back && what === "came in" ? "is back" : what;
    const element = this.#line("note", `${person.name} ${words}`);
    this.#lastNote = { ...person, element };
    this.#previous = null;
    if (this.#following) this.#toTheEnd();
  }

  #append(message) {
    if (this.#ids.has(message.id)) return;
    this.#ids.add(message.id);
    this.#newDay(message.at);
    const { author, at } = message;
    const previous = this.#previous;
    const joins = previous?.author.id === author.id && at - previous.at < SAME_GROUP;
    const item = this.#template.content.cloneNode(true).firstElementChild;
    item.classList.toggle("joins", joins);
    item.classList.toggle("mine", this.#isMine(author));
    paintAvatar(item.querySelector(".avatar"), author.name);
    item.querySelector(".byline b").textContent = this.#isMine(author) ? "You" : author.name;
    const time = item.querySelector("time");
    time.dateTime = new Date(at).toISOString();
    time.textContent = clock.format(at);
    const text = item.querySelector(".text");
    text.append(...withLinks(message.text));
    text.title = time.textContent;
    this.#list.append(item);
    this.#previous = { author, at };
    this.#lastNote = null;
  }

  #newDay(at) {
    const day = nameOfDay(at);
    if (day === this.#day) return;
    this.#day = day;
    this.#rule("day", day);
  }

  #rule(className, words) {
    this.#line(className, words);
    this.#previous = this.#lastNote = null;
  }

  #line(className, words) {
    const item = document.createElement("li");
    const inner = document.createElement("span");
    item.className = className;
    inner.textContent = words;
    item.append(inner);
    this.#list.append(item);
    return item;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
    if (this.#following) this.#jump.hidden = true;
  }

  #toTheEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#following = true;
    this.#jump.hidden = true;
  }
}

function withLinks(text) {
  return text.split(LINK).map((piece, index) => (index % 2 ? link(piece) : piece));
}

function link(address) {
  const anchor = document.createElement("a");
  Object.assign(anchor, { href: address, target: "_blank", rel: "noopener noreferrer" });
  anchor.textContent = address;
  return anchor;
}

function nameOfDay(at) {
  const daysAgo = Math.round((midnight(Date.now()) - midnight(at)) / 86_400_000);
  return { 0: "Today", 1: "Yesterday" }[daysAgo] ?? calendar.format(at);
}

function midnight(at) {
  return new Date(at).setHours(0, 0, 0, 0);
}
