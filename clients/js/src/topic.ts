/** A topic: joined on every connection, with all that was missed, or told that something is missing. */

import type { AnyContract } from "./contract.js";
import { Listeners } from "./listeners.js";
import { spread } from "./wait.js";
import { type ErrorBody, Lost, isOurs, type Message, PASSING, type Position, Refused } from "./wire.js";
import type { Asking, Terms } from "./asked.js";

/** Seconds until a join, or a load, that failed for now is tried again; twice as many each time, up to a minute. */
const TRY_AGAIN = 5;
const LONGEST = 60;

/** Messages that a server gives out at once: it would refuse the whole hello of whoever asks for more. */
const MOST_LAST = 1000;

const NOT_THERE = "the server cannot go on from the position that load returned.";
const NO_HISTORY = "load returned a position, but the topic has no history.";

export interface TopicOptions {
  /** Join after this position, and so get what was published since. */
  since?: Position;
  /** At the first join get so many of the last messages. */
  last?: number;
  /**
   * Loads what the page shows and returns the position that it is of, read before it. It is called at first, and again
   * whenever messages are missing; messages come from that position on. If the server cannot go on from there that is
   * an error, and it is called again after a wait.
   */
  load?: (topic: Topic<any>) => Position | null | undefined | Promise<Position | null | undefined>;
}

export interface TopicEvents {
  /** Messages are missing: show anew what was made from them. The next ones are those after this position. */
  gap: Position | null;
  /** Joined. `recovered`: nothing was missed since the last time; null at the first time. */
  joined: { recovered: boolean | null };
  /** The server does not let us, or any more. */
  refused: Refused;
}

/** What is asked, and from where on. @internal */
export interface Wish {
  since?: Position;
  last?: number;
}

/** What the server says of a join. @internal */
export interface Joined extends Partial<Message> {
  position?: Position;
  recovered?: boolean;
  error?: ErrorBody;
}

/** What a topic needs of its client. @internal */
export interface Home {
  readonly isOpen: boolean;
  readonly isOver: boolean;
  ask(kind: string, fields: object, terms?: Terms): Promise<Message>;
  /** A message of a topic is also one of the client. */
  heard(message: Message): void;
  report(error: unknown): void;
  forget(topic: Topic<any>): void;
}

export class Topic<C extends AnyContract> {
  /** `left` and `refused` are final. */
  state: "joining" | "joined" | "refused" | "left" = "joining";
  /** Where the last message was, and so where a join goes on; null before the first join, and without history. */
  position: Position | null;

  readonly #home: Home;
  readonly #options: TopicOptions;
  readonly #listeners: Listeners;
  #early: Message[] = []; // the last messages, which come before the reply that says which epoch they are of
  #isStale: boolean; // what the page shows has to be loaded before it is joined
  #isLoading = false;
  #isLoaded = false; // the position is what was loaded, and no join has confirmed it
  #failures = 0; // since the last join
  #isCut = false; // without positions nobody knows what was published while there was no connection
  #timer: any;
  readonly #waiting = new Set<{ resolve(topic: Topic<C>): void; reject(error: Error): void }>();

  /** @internal */
  constructor(
    home: Home,
    readonly name: string,
    options: TopicOptions,
  ) {
    this.#home = home;
    this.#options = options;
    this.#listeners = new Listeners(["*", "gap", "joined", "refused"], (error) => home.report(error));
    const { since, last = 0 } = options;
    if (!Number.isInteger(last) || last < 0 || last > MOST_LAST) {
      throw new RangeError(`last is a number of messages up to ${MOST_LAST}, not ${last}`);
    }
    this.position = checked(since);
    this.#isStale = !this.position;
    this.join();
  }

  /** Resolves when it is joined; rejects when it is refused, left, or the client is closed. */
  get ready(): Promise<Topic<C>> {
    return new Promise((resolve, reject) => {
      if (this.state === "joined") resolve(this);
      else if (this.state === "joining") this.#waiting.add({ resolve, reject });
      else reject(new Lost(false, `${this.name} is ${this.state}.`));
    });
  }

  /** Call `listener` for every message of a kind on this topic, or for an event. Returns what ends that. */
  on<K extends keyof TopicEvents>(event: K, listener: (value: TopicEvents[K]) => void): () => void;
  on<K extends keyof C["events"]>(kind: K, listener: (message: C["events"][K]) => void): () => void;
  on(event: "*", listener: (message: Message) => void): () => void;
  on(name: string, listener: (value: any) => void): () => void {
    return this.#listeners.add(name, listener);
  }

  /** Messages of the past, with their offsets: those after a position, or the last ones. */
  async history(
    which: { since?: Position; last?: number; limit?: number } = {},
    asking: Asking = {},
  ): Promise<{ messages: Array<[offset: number, message: Message]>; position: Position }> {
    return (await this.#home.ask("aiows.history", { topic: this.name, ...which }, asking)) as any;
  }

  /** Get no messages of it any more. */
  async leave(): Promise<void> {
    if (this.state === "left") return;
    const isRefused = this.state === "refused";
    this.#end("left", new Lost(false, `${this.name} was left.`));
    try {
      if (!isRefused) await this.#home.ask("aiows.unsubscribe", { topic: this.name });
    } catch (error) {
      if (!(error instanceof Lost)) throw error; // without a connection nothing is joined
    } finally {
      this.#home.forget(this);
    }
  }

  /** What to ask for on a new connection; null: nothing. @internal */
  wish(): Wish | null {
    const { last, load } = this.#options;
    if (this.state !== "joining" || (load && this.#isStale)) return null;
    return this.position ? { since: this.position } : { last: load ? undefined : last };
  }

  /** Load what has to be loaded, and ask to be joined. @internal */
  async join(): Promise<void> {
    clearTimeout(this.#timer);
    const { load } = this.#options;
    if (load && this.#isStale) await this.#load(load);
    const wish = this.wish();
    if (!wish || !this.#home.isOpen) return; // it is final, or the next hello brings it
    try {
      const take = (reply: Message): void => this.joined(reply as Joined);
      await this.#home.ask("aiows.subscribe", { topic: this.name, ...wish }, { take });
    } catch (error) {
      if (error instanceof Refused) this.joined({ error });
      else this.#again();
    }
  }

  /** Take the answer to a join: what comes next is after it. @internal */
  joined({ position, recovered, error }: Joined): void {
    const early = this.#early.splice(0);
    if (!this.wish()) return; // it was left, or is loaded anew
    if (error) return this.#refused(error);
    // What was loaded is of somewhere else: it is loaded anew, but in no tight loop.
    const isStrange = this.#isLoaded && this.position !== null && !recovered;
    if (isStrange) this.#home.report(new Error(`${this.name}: ${position ? NOT_THERE : NO_HISTORY}`));
    this.#isLoaded = false;
    if (isStrange && position) {
      this.#isStale = true;
      return this.#again();
    }
    const since = isStrange ? null : this.position;
    const isWhole = since ? recovered === true : !this.#isCut;
    this.state = "joined";
    this.#isCut = false;
    this.#failures = 0;
    if (position && !since) {
      for (const each of early) {
        this.position = [position[0], each["@"]![1]!];
        this.#deliver(each);
      }
    }
    if (!since || !isWhole) this.position = position ?? null;
    if (!isWhole) this.#gap();
    if (this.state !== "joined") return; // it is loaded anew, or was left
    this.#listeners.tell("joined", { recovered: since ? isWhole : null });
    for (const { resolve } of this.#waiting) resolve(this);
    this.#waiting.clear();
  }

  /** The connection is gone. @internal */
  lost(): void {
    clearTimeout(this.#timer);
    this.#early = [];
    if (this.state !== "joined") return;
    this.state = "joining";
    if (!this.position) this.#isStale = this.#isCut = true;
  }

  /** The client is closed. @internal */
  closed(reason: string): void {
    this.lost();
    this.#reject(new Lost(false, reason));
  }

  /** Take a message that names this topic. @internal */
  message(message: Message): void {
    if (this.state === "left" || this.state === "refused") return;
    if (message.kind === "aiows.lost") {
      this.position = message["position"] ?? this.position;
      this.#gap();
    } else if (message.kind === "aiows.unsubscribed") {
      this.#refused(message as unknown as ErrorBody);
    } else if (!isOurs(message) && this.#isNext(message)) {
      this.#deliver(message);
    }
  }

  #isNext(message: Message): boolean {
    const offset = message["@"]![1];
    if (offset === undefined) return true; // no history, no order to keep
    if (!this.position) {
      this.#hold(message, offset);
      return false;
    }
    const next = this.position[1] + 1;
    if (offset < next) return false; // it came before
    // A join is under way on a connection that has the topic already: this one comes again, after those before it.
    if (this.state === "joining" && offset > next) return false;
    this.position = [this.position[0], offset];
    return true;
  }

  /** Keep one of the last messages for the reply. If the connection is lost before that, all of them come again. */
  #hold(message: Message, offset: number): void {
    const before = this.#early.at(-1)?.["@"]![1] ?? -1;
    if (offset <= before) this.#early = []; // that was of an earlier join
    if (this.#early.push(message) > (this.wish()?.last ?? 0)) this.#early.shift();
  }

  #deliver(message: Message): void {
    this.#listeners.message(message);
    this.#home.heard(message);
  }

  #gap(): void {
    if (!this.#options.load) return void this.#listeners.tell("gap", this.position);
    this.state = "joining";
    this.position = null;
    this.#isStale = true;
    this.join();
  }

  async #load(load: NonNullable<TopicOptions["load"]>): Promise<void> {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      this.position = checked(await load(this));
      this.#isStale = this.#isCut = false;
      this.#isLoaded = true;
    } catch (error) {
      if (!(error instanceof Lost)) this.#home.report(error);
      this.#again(); // or on the next connection
    }
    this.#isLoading = false;
  }

  #refused(error: ErrorBody): void {
    const { code, message = code, details } = error;
    const refused = new Refused("aiows.subscribe", { code, message: `${this.name}: ${message}`, details });
    if (code !== "too_many" && PASSING.includes(code)) {
      if (code !== "unavailable") this.#home.report(refused);
      this.state = "joining";
      return this.#again(details?.retry_after);
    }
    const isAwaited = this.#waiting.size > 0;
    this.#end("refused", refused);
    if (!this.#listeners.tell("refused", refused) && !isAwaited) this.#home.report(refused);
  }

  #again(seconds = Math.min(TRY_AGAIN * 2 ** this.#failures++, LONGEST)): void {
    clearTimeout(this.#timer);
    if (!this.#home.isOver) this.#timer = setTimeout(() => this.join(), spread(seconds));
  }

  #end(state: "refused" | "left", error: Error): void {
    clearTimeout(this.#timer);
    this.state = state;
    this.#reject(error);
  }

  #reject(error: Error): void {
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}

/** Raises TypeError for what is no position: the server would refuse the whole hello. */
function checked(value: unknown): Position | null {
  if (value === undefined || value === null) return null;
  const [epoch, offset] = Array.isArray(value) ? value : [];
  const isPosition = typeof epoch === "string" && epoch.length <= 64 && Number.isSafeInteger(offset) && offset >= 0;
  if (!isPosition) throw new TypeError(`${JSON.stringify(value)} is no position: it is [epoch, offset].`);
  return [epoch, offset];
}
