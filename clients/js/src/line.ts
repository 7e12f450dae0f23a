/** One connection: tells what comes, and notices when nothing does. */

import { SILENT } from "./wire.js";

/** Milliseconds for the handshake, and then for the answer to the hello. */
export const ANSWER_WITHIN = 10_000;

/** Milliseconds for the answer to a ping when there is a reason to doubt: the page was away, the network changed. */
const DOUBTED = 3_000;

const PING = '{"kind":"aiows.ping"}';

/** What this needs of a WebSocket: the browser's, Node's, or that of the npm package `ws`. */
export interface Socket {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: any;
  onmessage: any;
  onclose: any;
  onerror: any;
  send(data: any): void;
  close(code?: number, reason?: string): void;
}

/** What is told of a connection. @internal */
export interface LineEvents {
  opened(): void;
  message(data: unknown): void;
  /** It is over; nothing comes any more. */
  lost(code: number, reason: string): void;
}

/** @internal */
export class Line {
  readonly #socket: Socket;
  #events: LineEvents | null;
  #idle = Infinity;
  #heard = 0; // when; 0 while a ping waits for its answer
  #due = 0; // when the timer fires
  #timer: any;

  constructor(socket: Socket, events: LineEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#events?.opened();
    socket.onmessage = ({ data }: { data: unknown }) => {
      this.#heard = Date.now();
      this.#events?.message(data);
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => this.#end(code, reason);
    socket.onerror = () => {}; // a close follows it and says more
    this.await(ANSWER_WITHIN, this.#giveUp);
  }

  /** Bytes that have not left yet. */
  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  send(data: string | ArrayBufferLike | ArrayBufferView | Blob): void {
    this.#socket.send(data);
  }

  /** Call `late`, with whether anything was heard at all, if neither this nor `keep` is called within so many milliseconds. */
  await(milliseconds: number, late: (isHeard: boolean) => void): void {
    this.#after(milliseconds, () => late(this.#heard > 0));
  }

  /** It is used: from now on ask for a sign of life after so many milliseconds without one; Infinity: never. */
  keep(idle: number): void {
    this.#idle = idle;
    if (idle < Infinity) this.#watch();
    else clearTimeout(this.#timer);
  }

  /** Is anybody there? JavaScript sees no ping frames, so the question is a message. */
  doubt(): void {
    const isAsked = !this.#heard && this.#due <= Date.now() + DOUBTED;
    if (this.#idle < Infinity && !isAsked) this.#ask(DOUBTED);
  }

  #ask(within: number): void {
    const waiting = this.buffered;
    this.#heard = 0;
    this.send(PING);
    this.#after(within, () => {
      if (this.#heard) this.#watch();
      else if (this.buffered < waiting) this.#ask(within); // the ping waits behind what is still leaving
      else this.#giveUp();
    });
  }

  /** Close, and tell of nothing any more. A browser takes no other codes than 1000 and 3000 to 4999. */
  close(code?: number, reason?: string): void {
    this.#events = null;
    clearTimeout(this.#timer);
    this.#socket.close(code, reason);
  }

  /** Close and say that it was lost: the closing handshake of a dead connection would take minutes. */
  lose(code: number, reason: string): void {
    this.#socket.close(code > 2999 ? code : undefined);
    this.#end(code, reason);
  }

  readonly #giveUp = (): void => this.lose(SILENT, "Nothing was heard.");

  #end(code: number, reason: string): void {
    const events = this.#events;
    this.#events = null;
    clearTimeout(this.#timer);
    events?.lost(code, reason);
  }

  #watch(): void {
    const left = this.#heard + this.#idle - Date.now();
    if (left > 0) this.#after(Math.min(left, this.#idle), () => this.#watch());
    // A timer that is that late was asleep with the machine, and the connection may be long gone.
    else this.#ask(left < -this.#idle ? DOUBTED : ANSWER_WITHIN);
  }

  #after(milliseconds: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#due = Date.now() + milliseconds;
    this.#timer = setTimeout(then, milliseconds);
  }
}
