/** The requests: those that wait to be sent, those that wait for an answer, and what becomes of them. */

import type { Line } from "./line.js";
import { Lost, type Message, type Ref, Refused } from "./wire.js";

/** Requests, and characters, that may wait to be sent: a page that is offline all day must not fill its memory. */
const MOST_WAITING = 256;
const MOST_WAITING_SIZE = 1 << 20;

/** Bytes that may wait in the browser: beyond them requests wait here, where they can still be given up. */
const MOST_BUFFERED = 1 << 20;

/** Milliseconds until it is looked at again: there is no event for "less is buffered now". */
const LOOK_AGAIN = 50;

/** Milliseconds until a `once` request that the server is still at work on is sent again, for its answer. */
const ASK_AGAIN = 500;

/** Items of a stream that nobody has read yet: beyond them it is cancelled. */
const MOST_ITEMS = 1000;

/** Milliseconds for an answer; and for that of a `once` request, which outlives connections. */
const TIMEOUT = 10_000;
const TIMEOUT_ONCE = 60_000;

export interface Asking {
  /** Milliseconds until the request is given up with `Lost`: 10,000, with `once` 60,000. 0: never. */
  timeout?: number;
  /** Gives the request up, with the signal's reason. */
  signal?: AbortSignal;
}

/** @internal */
export interface Terms extends Asking {
  once?: boolean;
  /** Called with the reply in the call that reads it: a promise goes on only after the next message. */
  take?: (reply: Message) => void;
  /** Called with each item of a stream, whose `timeout` is the time until it is sent. */
  item?: (item: Message) => void;
  /** Send it on this connection, which is not open for others yet. */
  line?: Line;
}

/** A message that is sent as soon as there is a connection with room for it. @internal */
interface Outgoing {
  readonly text: string;
  isSent: boolean; // on the connection that there is
  wasSent: boolean; // on any
  timer?: any; // gives it up
  /** Called when it is sent. */
  sent?(): void;
}

/** @internal */
interface Question extends Outgoing {
  readonly ref: Ref;
  readonly kind: string;
  readonly terms: Terms;
  readonly abort: () => void;
  settle(error: unknown, reply?: Message): void;
}

/** @internal */
export class Asked {
  readonly #session: string;
  readonly #questions = new Map<Ref, Question>(); // in the order of asking
  #waiting = new Set<Outgoing>(); // what is to be sent, in order
  #lastRef = 0; // counts on over connections: a late answer of an old one never meets a new question
  #line: Line | null = null;
  #timer: any;
  /** The kinds that the server handles once; undefined: it does not say. */
  once: readonly string[] | undefined;
  /** Why nothing can be asked any more; empty: it can. */
  over = "";

  /** `session` begins the refs of `once` requests, which nobody else may have. */
  constructor(session: string) {
    this.#session = session;
  }

  /** What waits is sent in its order, and from now on whatever is asked. */
  opened(line: Line): void {
    this.#line = line;
    this.#sendWaiting();
  }

  /** The connection is gone. `once` requests wait for the next one, with the refs that they had. */
  lost(): void {
    this.#line = null;
    const sent = [...this.#questions.values()].filter((each) => each.isSent);
    for (const each of sent) {
      each.isSent = false;
      if (!each.terms.once) this.#settle(each, new Lost(true));
    }
    const again = sent.filter((each) => each.terms.once);
    this.#waiting = new Set([...again, ...this.#waiting]);
  }

  /** There will be no other connection. */
  end(reason: string): void {
    this.#line = null;
    this.over = reason;
    for (const each of [...this.#questions.values()]) this.#settle(each, new Lost(each.wasSent, reason));
    for (const each of this.#waiting) clearTimeout(each.timer);
    this.#waiting.clear();
  }

  ask(kind: string, fields?: object, terms?: Terms): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#begin(kind, fields, terms, (error, reply) => (reply ? resolve(reply) : reject(error)));
    });
  }

  /** The items of the answer. Whoever stops reading them cancels it. */
  async *stream(kind: string, fields?: object, asking?: Asking): AsyncGenerator<Message, void> {
    const items: Message[] = [];
    let wake: (() => void) | undefined;
    let isOver = false;
    let failure: unknown;
    const item = (message: Message): void => {
      if (items.push(message) > MOST_ITEMS) {
        this.#giveUp(question, new Lost(true, `Nobody reads the items of ${kind}.`));
      }
      wake?.();
    };
    const question = this.#begin(kind, fields, { ...asking, item }, (error) => {
      isOver = true;
      failure = error;
      wake?.();
    });
    try {
      for (;;) {
        while (items.length) yield items.shift()!;
        if (isOver) break;
        await new Promise<void>((resolve) => (wake = resolve));
      }
      if (failure) throw failure;
    } finally {
      this.#giveUp(question, undefined);
    }
  }

  /** Send a message that wants no answer, after those that wait; false: too much waits. */
  tell(text: string): boolean {
    const outgoing: Outgoing = { text, isSent: false, wasSent: false };
    outgoing.timer = setTimeout(() => this.#waiting.delete(outgoing), TIMEOUT);
    outgoing.sent = () => clearTimeout(outgoing.timer);
    const isTaken = this.#add(outgoing);
    if (!isTaken) outgoing.sent();
    return isTaken;
  }

  /** Take a message with a ref, if it is an answer; false: it is a question of the server. */
  take(message: Message): boolean {
    const { ref, kind } = message;
    const question = this.#questions.get(ref!);
    if (!question) return typeof ref !== "string" || ref.startsWith(this.#session); // it comes too late
    const { item, once, take } = question.terms;
    if (kind === "item") {
      item?.(message);
    } else if (kind !== "error") {
      if (kind !== "end") item?.(message); // one answer where a stream was expected
      take?.(message);
      this.#settle(question, undefined, message);
    } else if (once && message["error"].code === "in_progress") {
      const line = this.#line;
      setTimeout(() => {
        if (line === this.#line && this.#questions.has(ref!)) this.#add(question);
      }, ASK_AGAIN);
    } else {
      this.#settle(question, new Refused(question.kind, message["error"]));
    }
    return true;
  }

  #begin(
    kind: string,
    fields: object | undefined,
    terms: Terms = {},
    settle: Question["settle"],
  ): Question {
    const { item, line, once, signal, timeout = once ? TIMEOUT_ONCE : TIMEOUT } = terms;
    const count = ++this.#lastRef;
    const ref = once ? `${this.#session}.${count}` : count;
    const text = JSON.stringify({ ...fields, kind, ref });
    const abort = (): void => this.#giveUp(question, signal!.reason);
    const question: Question = { ref, kind, terms, text, isSent: false, wasSent: false, abort, settle };
    this.#questions.set(ref, question);
    if (timeout) {
      const late = (): void => this.#giveUp(question, new Lost(question.wasSent, `No answer to ${kind}.`));
      question.timer = setTimeout(late, timeout);
    }
    if (item) question.sent = () => clearTimeout(question.timer);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    else if (line) this.#send(question, line);
    else if (!this.#add(question)) {
      this.#settle(question, new Lost(false, this.over || "Too much waits to be sent."));
    }
    return question;
  }

  /** It is not wanted any more: say so to the server. */
  #giveUp(question: Question, error: unknown): void {
    if (!this.#questions.has(question.ref)) return;
    if (question.isSent) this.#line?.send(JSON.stringify({ kind: "cancel", ref: question.ref }));
    this.#settle(question, error);
  }

  #settle(question: Question, error: unknown, reply?: Message): void {
    this.#questions.delete(question.ref);
    this.#waiting.delete(question);
    clearTimeout(question.timer);
    question.terms.signal?.removeEventListener("abort", question.abort);
    question.settle(error, reply);
  }

  /** Send it after what waits; false: it would have to wait, and too much does already. */
  #add(outgoing: Outgoing): boolean {
    this.#waiting.add(outgoing);
    this.#sendWaiting();
    const sizes = [...this.#waiting].map((each) => each.text.length);
    const size = sizes.reduce((sum, each) => sum + each, 0);
    const isTooMuch = this.over || sizes.length > MOST_WAITING || size > MOST_WAITING_SIZE;
    return !(isTooMuch && this.#waiting.delete(outgoing));
  }

  #sendWaiting(): void {
    clearTimeout(this.#timer);
    for (const each of this.#waiting) {
      if (!this.#line) return;
      if (this.#line.buffered > MOST_BUFFERED) {
        this.#timer = setTimeout(() => this.#sendWaiting(), LOOK_AGAIN);
        return;
      }
      this.#send(each, this.#line);
    }
  }

  #send(outgoing: Outgoing | Question, line: Line): void {
    this.#waiting.delete(outgoing);
    if ("terms" in outgoing && outgoing.terms.once && this.once?.includes(outgoing.kind) === false) {
      const problem = { code: "not_once", message: `The server does not handle ${outgoing.kind} once.` };
      return this.#settle(outgoing, outgoing.wasSent ? new Lost(true) : new Refused(outgoing.kind, problem));
    }
    outgoing.isSent = outgoing.wasSent = true;
    outgoing.sent?.();
    line.send(outgoing.text);
  }
}
