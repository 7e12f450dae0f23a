/** Who listens to what: to events of our own, and to messages by their kind. */

import type { Message } from "./wire.js";

type Listener = (value: any) => void;

export class Listeners {
  readonly #own: readonly string[];
  readonly #report: (error: unknown) => void;
  readonly #byName = new Map<string, Set<Listener>>();

  /**
   * `own` are the names of our own events: a message whose kind is one of them does not reach their listeners.
   * `report` is told what a listener throws; the others are called all the same.
   */
  constructor(own: readonly string[], report: (error: unknown) => void) {
    this.#own = own;
    this.#report = report;
  }

  /** Call `listener` from now on, until what this returns is called. */
  add(name: string, listener: Listener): () => void {
    const key = this.#own.includes(name) ? name : `kind ${name}`;
    const all = this.#byName.get(key) ?? new Set();
    this.#byName.set(key, all.add(listener));
    return () => void all.delete(listener);
  }

  /** Tell of a message. */
  message(message: Message): void {
    this.tell(`kind ${message.kind}`, message);
    this.tell("*", message);
  }

  /** Tell of an event; whether anybody listens. */
  tell(key: string, value: unknown): boolean {
    const all = [...(this.#byName.get(key) ?? [])];
    for (const listener of all) {
      try {
        listener(value);
      } catch (error) {
        this.#report(error);
      }
    }
    return all.length > 0;
  }
}
