/** The words of the wire: what a message looks like, how a request fails, and which ends are final. */

/** A place in a topic with history: the epoch of its log, and an offset that counts its messages. */
export type Position = [epoch: string, offset: number];

export type Ref = string | number;

/** A message as it comes and goes. `"@"` says which topic it was published on and, with history, where in it. */
export interface Message {
  kind: string;
  ref?: Ref;
  "@"?: [topic: string, offset?: number];
  [field: string]: any;
}

/** Why something was refused, as the server says it. */
export interface ErrorBody {
  code: string;
  message?: string;
  details?: any;
}

/** The server has refused a request: it was not done. `kind` is the request's; null if nobody asked. */
export class Refused<Code extends string = string> extends Error {
  override readonly name = "Refused";
  readonly code: Code;
  readonly details: unknown;

  constructor(
    readonly kind: string | null,
    { code, message, details }: ErrorBody,
  ) {
    super(message || code);
    this.code = code as Code;
    this.details = details;
  }
}

/** There is no answer. `maybe`: the request was sent, so it may have been handled all the same. */
export class Lost extends Error {
  override readonly name = "Lost";

  constructor(
    readonly maybe: boolean,
    message = "The connection was lost.",
  ) {
    super(message);
  }
}

/** Whether it is between the two ends. What of that is new to us we may pass over. @internal */
export function isOurs({ kind }: Message): boolean {
  return String(kind).startsWith("aiows.");
}

/** Kinds of answers, and the one that takes a question back: none of them is an event or a question. @internal */
export const ANSWERS = ["reply", "item", "end", "error", "cancel"];

/** Codes of errors that pass: what was refused with one of them may be asked for again. @internal */
export const PASSING = ["unavailable", "internal", "timeout", "too_many"];

/** Close codes: the server reads messages in another form; it does not know who we are; nothing was heard. @internal */
export const BAD_HELLO = 4400;
/** @internal */
export const UNAUTHENTICATED = 4401;
/** @internal */
export const SILENT = 4408;

/**
 * Whether a connection that was closed with `code` must not come back: trying again would end the same way.
 *
 * The server is done (1000), it cannot read what we send (1002, 1003, 1007 to 1010), or an error of the application
 * in the manner of HTTP's 4xx (4400 to 4499). Of those, three pass: a ticket can be renewed (4401), silence (4408) and
 * too many requests (4429) end with time.
 *
 * @internal
 */
export function isFinal(code: number): boolean {
  return (
    [1000, 1002, 1003, 1007, 1008, 1009, 1010].includes(code) ||
    (code >= 4400 && code < 4500 && ![UNAUTHENTICATED, SILENT, 4429].includes(code))
  );
}
