/** The types of both ends: what `python -m aiows types` says of a path, and what follows from it for each call. */

import type { Message } from "./wire.js";

/** What a path understands: the `Contract` in its namespace. */
export interface AnyContract {
  path: string;
  kinds: object;
  fields: object;
  events: object;
  questions: object;
  replies: object;
  items: object;
  errors: object;
  answers: object;
  once: unknown;
}

type Anything = Record<string, any>;

/** Without a contract every kind may be sent, with any fields. */
export interface NoContract extends AnyContract {
  kinds: Anything;
  fields: Anything;
  events: Record<string, Message>;
  questions: Anything;
  replies: Anything;
  items: Anything;
  errors: Anything;
  answers: Anything;
  once: string;
}

/** What a message says. */
export type Said<M> = M extends unknown ? Omit<M, "ref"> : never;

/** The fields go first, and may be left out where none is needed. */
export type Args<Fields, Options> = {} extends Fields
  ? [fields?: Fields, options?: Options]
  : [fields: Fields, options?: Options];

/** What a question may be answered with: the fields of the answer, or the value itself where it is no object. */
export type Answer<M> = M extends { result: infer Result }
  ? Result
  : keyof Omit<M, "kind" | "ref"> extends never
    ? void
    : Omit<M, "kind" | "ref">;

export type CodeOf<E> = E extends { error: { code: infer Code extends string } } ? Code : string;
