/** The client: one connection at a time, made again whenever it is lost, and everything that goes over it. */

import { Asked, type Asking } from "./asked.js";
import type { AnyContract, Answer, Args, CodeOf, NoContract, Said } from "./contract.js";
import { ANSWER_WITHIN, Line, type Socket } from "./line.js";
import { Listeners } from "./listeners.js";
import { isHidden, watchPage } from "./page.js";
import { type Home, type Joined, Topic, type TopicOptions, type Wish } from "./topic.js";
import { waitAfter } from "./wait.js";
import {
  ANSWERS,
  BAD_HELLO,
  type ErrorBody,
  isFinal,
  isOurs,
  type Message,
  PASSING,
  Refused,
  SILENT,
  UNAUTHENTICATED,
} from "./wire.js";

/** Milliseconds that a connection has to last before the waits begin anew: a server may accept and drop. */
const STABLE = 10_000;

/** Milliseconds: when many pages hear that the network is back they hear it in the same moment. */
const AT_ONCE = 500;

/**
 * Milliseconds for the answer to the hello where nothing depends on it. Not every endpoint knows hello: one that reads
 * its messages itself may pass over it.
 */
const GREETED_WITHIN = 2_000;

/** Topics in a hello: with more of them a server would refuse it. The others are asked for one by one. */
const MOST_TOPICS = 128;

const VERSION = 1;

/** Why there are no topics where nobody answers hello. */
const NO_TOPICS: ErrorBody = { code: "unknown_kind", message: "The server does not know aiows.hello." };

type Source<T> = T | (() => T | Promise<T>);

export interface Options {
  /** Subprotocols to offer, for an endpoint whose first codec is not JSON. */
  protocols?: string[];
  /** The class of sockets: the global one, unless there is none, or another one is wanted. */
  WebSocket?: new (url: string, protocols?: string[]) => Socket;
}

export type State =
  | { state: "idle" | "connecting" | "open" }
  /** `wait`: milliseconds until the next attempt. */
  | { state: "waiting"; wait: number; code: number; reason: string }
  /** It does not come back by itself. */
  | { state: "closed"; code: number; reason: string };

export interface ClientEvents {
  state: State;
  /**
   * What went wrong where nobody waits for it: in `url`, `load` or a listener, a topic that is refused, or an error of
   * the server.
   */
  error: unknown;
  /** A BINARY message. */
  bytes: ArrayBuffer;
}

export interface AskOptions<Once extends boolean> extends Asking {
  /**
   * For kinds that the server handles once: if the connection is lost the request is sent again on the next one, and
   * answered from the record if it was handled before. Its `timeout` is 60,000 milliseconds. A kind that the server does
   * not handle once is `Refused` with the code `not_once`, and not sent.
   */
  once?: Once;
}

export class Client<C extends AnyContract = NoContract> {
  /** Who the server says that we are, which it found out at the handshake; null: nobody, or it does not say. */
  user: string | number | null = null;
  /** The name of this object, to tell the devices of a user apart. It grants nothing. */
  readonly session = newSession();

  readonly #url: Source<string | URL>;
  readonly #options: Options;
  readonly #report = (error: unknown): void => {
    if (!this.#listeners.tell("error", error)) console.error(error);
  };
  readonly #listeners: Listeners = new Listeners(["*", "state", "error", "bytes"], this.#report);
  readonly #asked = new Asked(this.session);
  readonly #topics = new Map<string, Topic<C>>();
  readonly #answers = new Map<string, (question: any, signal: AbortSignal) => unknown>();
  #questions = new Map<unknown, AbortController>(); // of the server, that are being answered
  #state: State = { state: "idle" };
  readonly #home = this.#makeHome();
  #line: Line | null = null;
  #attempt: object | null = null; // what is awaited for an earlier one comes too late
  #page: AbortController | null = null;
  #awaySince = 0; // when there was a connection, or an attempt, that was worth the name; 0: there is one
  #isKnown = false; // the endpoint has answered a hello before: it does so again if it lives
  #noTopics: ErrorBody | null = null; // why none can be had on this connection
  #isRenewed = false; // the address was asked for again because it was not good enough
  #retry: any;
  #stable: any;

  /** @internal */
  constructor(url: Source<string | URL>, options: Options) {
    this.#url = url;
    this.#options = options;
  }

  /** "idle" before `connect()`, "connecting", "open", "waiting" for the next attempt, or "closed" for good. */
  get state(): State["state"] {
    return this.#state.state;
  }

  /** Bytes that have been given to the connection and have not left yet. */
  get buffered(): number {
    return this.#line?.buffered ?? 0;
  }

  /** Begin, also anew after the end; at once if it waits. */
  connect(): this {
    this.#page ??= this.#watchPage();
    this.#asked.over = "";
    if (["idle", "waiting", "closed"].includes(this.state)) this.#dial();
    return this;
  }

  /** End it. `code` is 1000, or 3000 to 4999. Requests without an answer are rejected with `Lost`. */
  close(code = 1000, reason = ""): void {
    const line = this.#line;
    this.#line = null;
    this.#end(code, reason);
    line?.close(code, reason);
  }

  /**
   * Send a request and wait for its answer: the reply, whose fields are those that the handler returned; what is no
   * object is its `result`. Raises `Refused` or `Lost`.
   *
   * Without a connection it waits for one, in its order, within its `timeout`.
   */
  ask<K extends keyof C["replies"] & keyof C["fields"]>(
    kind: K,
    ...args: Args<C["fields"][K], AskOptions<K extends C["once"] ? boolean : false>>
  ): Promise<Said<C["replies"][K]>> {
    return this.#asked.ask(kind as string, args[0] as object, args[1]) as Promise<any>;
  }

  /** Send a request whose answer is a stream: its items, one by one. Leaving the loop cancels it. */
  stream<K extends keyof C["items"] & keyof C["fields"]>(
    kind: K,
    ...args: Args<C["fields"][K], Asking>
  ): AsyncIterableIterator<Said<C["items"][K]>> {
    return this.#asked.stream(kind as string, args[0] as object, args[1]) as AsyncIterableIterator<any>;
  }

  /** Send a message that wants no answer. False: there is no connection; unless it may wait for one in the queue. */
  tell<K extends keyof C["fields"]>(
    kind: K,
    ...args: Args<C["fields"][K], { queue?: boolean }>
  ): boolean {
    if (this.state !== "open" && !args[1]?.queue) return false;
    return this.#asked.tell(JSON.stringify({ ...(args[0] as object), kind }));
  }

  /** Send a BINARY message as it is. False: there is no connection. */
  send(data: ArrayBufferLike | ArrayBufferView | Blob): boolean {
    const isOpen = this.state === "open";
    if (isOpen) this.#line!.send(data);
    return isOpen;
  }

  /** Call `listener` for every message of a kind, those of topics too, or for an event. Returns what ends that. */
  on<K extends keyof ClientEvents>(event: K, listener: (value: ClientEvents[K]) => void): () => void;
  on<K extends keyof C["events"]>(kind: K, listener: (message: C["events"][K]) => void): () => void;
  on(event: "*", listener: (message: Message) => void): () => void;
  on(name: string, listener: (value: any) => void): () => void {
    return this.#listeners.add(name, listener);
  }

  /**
   * Answer what the server asks: with fields, with one value, or with a series of them if it asks for a stream. What is
   * thrown is an error to the server; its `code` is sent along. `signal` is aborted when no answer is wanted any more.
   */
  answer<K extends keyof C["questions"] & keyof C["answers"]>(
    kind: K,
    answer: (
      question: Said<C["questions"][K]>,
      signal: AbortSignal,
    ) => Answer<C["answers"][K]> | Promise<Answer<C["answers"][K]>> | AsyncIterable<unknown>,
  ): void {
    this.#answers.set(kind as string, answer);
  }

  /** The topic of that name: it is joined now, and again on every connection. `options` count when it is made. */
  topic(name: string, options: TopicOptions = {}): Topic<C> {
    let topic = this.#topics.get(name);
    if (!topic || topic.state === "left" || topic.state === "refused") {
      topic = new Topic<C>(this.#home, name, options);
      this.#topics.set(name, topic);
    }
    return topic;
  }

  /** Whether a request of this kind was refused: then `error.code` is one of its codes. */
  refused<K extends keyof C["errors"]>(error: unknown, kind: K): error is Refused<CodeOf<C["errors"][K]>> {
    return error instanceof Refused && error.kind === kind;
  }

  /** What topics see of this. */
  #makeHome(): Home {
    const client = this;
    return {
      get isOpen() {
        return client.state === "open";
      },
      get isOver() {
        return client.state === "closed";
      },
      ask: async (kind, fields, terms) => {
        if (this.#noTopics) throw new Refused(kind, this.#noTopics);
        return this.#asked.ask(kind, fields, terms);
      },
      heard: (message) => this.#listeners.message(message),
      report: this.#report,
      forget: (topic) => {
        if (this.#topics.get(topic.name) === topic) this.#topics.delete(topic.name);
      },
    };
  }

  #to(state: State): void {
    this.#state = state;
    this.#listeners.tell("state", state);
  }

  async #dial(): Promise<void> {
    clearTimeout(this.#retry);
    const attempt = (this.#attempt = {});
    this.#to({ state: "connecting" });
    // A page that was asleep can wait for minutes for an answer that never comes.
    this.#retry = setTimeout(() => this.#again(SILENT, "No address."), ANSWER_WITHIN);
    try {
      const { protocols, WebSocket = globalThis.WebSocket } = this.#options;
      const url = await valueOf(this.#url);
      if (attempt !== this.#attempt) return;
      clearTimeout(this.#retry);
      const line: Line = new Line(new WebSocket(address(url), protocols) as Socket, {
        opened: () => this.#hello(line),
        message: (data) => this.#read(data, line),
        lost: (code, reason) => this.#lost(code, reason),
      });
      this.#line = line;
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#report(error);
      this.#again(0, "");
    }
  }

  async #hello(line: Line): Promise<void> {
    const wishes = this.#wishes().slice(0, MOST_TOPICS);
    const isNeeded = this.#isKnown || wishes.length > 0;
    line.await(isNeeded ? ANSWER_WITHIN : GREETED_WITHIN, (isHeard) => {
      if (this.#isKnown || (isNeeded && !isHeard)) line.lose(SILENT, "No answer to aiows.hello.");
      else this.#goOn(line);
    });
    const take = (reply: Message): void => {
      if (reply.kind === "reply" && reply["idle"]) this.#welcome(line, reply);
      else if (this.state !== "open") this.#goOn(line); // an echo, or a word of thanks to whatever comes
    };
    const hello = { v: VERSION, session: this.session, topics: Object.fromEntries(wishes) };
    try {
      await this.#asked.ask("aiows.hello", hello, { line, take, timeout: 0 });
    } catch (error) {
      // It may be lost, and that is known already.
      if (!(error instanceof Refused) || line !== this.#line || this.state === "open") return;
      const { code, message } = error;
      if (code === "unknown_kind") return this.#goOn(line);
      if (code === "unauthenticated") return line.lose(UNAUTHENTICATED, message);
      this.#report(error);
      if (code === "invalid") line.lose(BAD_HELLO, message);
      else if (PASSING.includes(code)) line.lose(SILENT, message);
      else this.#goOn(line, error);
    }
  }

  /** The topics to be joined, by name, and how. */
  #wishes(): Array<[string, Wish]> {
    const all = [...this.#topics].map(([name, topic]) => [name, topic.wish()] as const);
    return all.filter((each): each is [string, Wish] => each[1] !== null);
  }

  /** The server knows us. All of this happens before its next message is read. */
  #welcome(line: Line, { user, idle, once, topics = {} }: Message): void {
    this.#isKnown = true;
    this.#isRenewed = false;
    this.#noTopics = null;
    this.user = user ?? null;
    this.#open(line, idle * 1000, once, Object.entries(topics));
  }

  /** The server does not know our hello, or refuses it: everything but topics works, and it is asked for no pong. */
  #goOn(line: Line, { code, message, details }: ErrorBody = NO_TOPICS): void {
    const error = (this.#noTopics = { code, message, details });
    this.#open(line, Infinity, [], this.#wishes().map(([name]) => [name, { error }]));
  }

  #open(line: Line, idle: number, once: string[] | undefined, answers: Array<[string, Joined]>): void {
    const joined = new Map(answers);
    const others = [...this.#topics.values()].filter(({ name }) => !joined.has(name));
    line.keep(idle);
    clearTimeout(this.#stable);
    this.#stable = setTimeout(() => (this.#awaySince = 0), STABLE);
    this.#asked.once = once;
    this.#asked.opened(line);
    if (this.state !== "open") this.#to({ state: "open" }); // an answer that comes late is no other connection
    for (const [name, answer] of joined) this.#topics.get(name)?.joined(answer);
    for (const topic of others) topic.join(); // made, or loaded, since the hello
  }

  #lost(code: number, reason: string): void {
    this.#line = null;
    this.#forgetConnection();
    this.#asked.lost();
    for (const topic of this.#topics.values()) topic.lost();
    if (code === UNAUTHENTICATED ? this.#cannotRenew() : isFinal(code)) this.#end(code, reason);
    else this.#again(code, reason);
  }

  /** Whether there is no other address to try: one that was asked for anew was not good enough either. */
  #cannotRenew(): boolean {
    const isRenewed = this.#isRenewed;
    this.#isRenewed = true;
    return isRenewed || typeof this.#url !== "function";
  }

  #again(code: number, reason: string): void {
    this.#attempt = null;
    this.#awaySince ||= Date.now();
    const wait = waitAfter(Date.now() - this.#awaySince, reason, isHidden());
    this.#dialIn(wait);
    this.#to({ state: "waiting", wait, code, reason });
  }

  #dialIn(wait: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#dial(), wait);
  }

  #end(code: number, reason: string): void {
    if (this.state === "closed") return;
    this.#attempt = null;
    clearTimeout(this.#retry);
    this.#forgetConnection();
    this.#page?.abort();
    this.#page = null;
    this.#asked.end(reason || "The client is closed.");
    for (const topic of this.#topics.values()) topic.closed(reason || "The client is closed.");
    this.#to({ state: "closed", code, reason });
  }

  /** Nothing of the connection that there was goes on. */
  #forgetConnection(): void {
    clearTimeout(this.#stable);
    this.#noTopics = null;
    for (const question of this.#questions.values()) question.abort();
    this.#questions.clear();
  }

  #watchPage(): AbortController {
    const page = new AbortController();
    const awake = (): void => {
      if (this.state !== "waiting") return this.#line?.doubt();
      this.#awaySince = 0; // what was in the way may be gone
      this.#dialIn(Math.random() * AT_ONCE);
    };
    const offline = (): void => this.#line?.doubt();
    const away = (): void => this.#line?.lose(1001, "The page went away.");
    watchPage({ awake, offline, away }, page.signal);
    return page;
  }

  #read(data: unknown, line: Line): void {
    if (typeof data !== "string") return void this.#listeners.tell("bytes", data);
    let message: Message;
    try {
      message = JSON.parse(data);
    } catch (error) {
      return this.#report(error);
    }
    this.#take(message, line);
  }

  #take(message: Message, line: Line): void {
    const { kind, ref } = message;
    if (kind === "cancel") {
      this.#questions.get(ref)?.abort();
    } else if (ref !== undefined && ref !== null) {
      if (!this.#asked.take(message) && !ANSWERS.includes(kind)) this.#answer(message, line);
    } else if (kind === "error") {
      this.#report(new Refused(null, message["error"]));
    } else {
      const topic = this.#topics.get(message["@"]?.[0]!);
      if (topic) topic.message(message);
      else if (!isOurs(message)) this.#home.heard(message);
    }
  }

  async #answer(question: Message, line: Line): Promise<void> {
    const { kind, ref } = question;
    const { signal } = this.#questions.set(ref, new AbortController()).get(ref)!;
    const say = (message: object): void => {
      if (!signal.aborted) line.send(JSON.stringify({ ...message, ref }));
    };
    try {
      const answer = this.#answers.get(kind);
      if (!answer) throw new Refused(kind, { code: "unknown_kind", message: `Nobody answers ${kind}.` });
      const said: any = await answer(question, signal);
      if (said?.[Symbol.asyncIterator]) {
        for await (const item of said) {
          if (signal.aborted) return;
          say({ ...fieldsOf(item), kind: "item" });
        }
        say({ kind: "end" });
      } else {
        say({ ...fieldsOf(said), kind: "reply" });
      }
    } catch (error: any) {
      const body = { code: error?.code ?? "failed", message: String(error?.message ?? error) };
      say({ kind: "error", error: body });
    } finally {
      this.#questions.delete(ref);
    }
  }
}

/**
 * Connect to a path of this page's server, with a query or without, or to an address; a function is asked before each
 * attempt.
 */
export function connect<C extends AnyContract = NoContract>(
  url: Source<C["path"] | `${C["path"]}?${string}` | URL>,
  options: Options = {},
): Client<C> {
  return new Client<C>(url, options).connect();
}

function valueOf<T>(source: Source<T>): T | Promise<T> {
  return typeof source === "function" ? (source as () => T | Promise<T>)() : source;
}

/** The address of a WebSocket, from one that may be relative or begin with http. */
function address(url: string | URL): string {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace("http", "ws");
  return absolute.href;
}

/** An answer is an object; a value that is none has a field for itself. */
function fieldsOf(value: unknown): object {
  if (value === undefined || value === null) return {};
  return typeof value === "object" && !Array.isArray(value) ? value : { result: value };
}

/** 22 random characters. `crypto.randomUUID` is not there on pages without TLS. */
function newSession(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const text = btoa(String.fromCharCode(...bytes));
  return text.slice(0, 22).replaceAll("+", "-").replaceAll("/", "_");
}
