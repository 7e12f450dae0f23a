/*! aiows, a WebSocket client. Licence: Apache-2.0 */

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
export declare class Refused<Code extends string = string> extends Error {
    readonly kind: string | null;
    readonly name = "Refused";
    readonly code: Code;
    readonly details: unknown;
    constructor(kind: string | null, { code, message, details }: ErrorBody);
}
/** There is no answer. `maybe`: the request was sent, so it may have been handled all the same. */
export declare class Lost extends Error {
    readonly maybe: boolean;
    readonly name = "Lost";
    constructor(maybe: boolean, message?: string);
}

/** The types of both ends: what `python -m aiows types` says of a path, and what follows from it for each call. */
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
export type Args<Fields, Options> = {} extends Fields ? [fields?: Fields, options?: Options] : [fields: Fields, options?: Options];
/** What a question may be answered with: the fields of the answer, or the value itself where it is no object. */
export type Answer<M> = M extends {
    result: infer Result;
} ? Result : keyof Omit<M, "kind" | "ref"> extends never ? void : Omit<M, "kind" | "ref">;
export type CodeOf<E> = E extends {
    error: {
        code: infer Code extends string;
    };
} ? Code : string;

/** The requests: those that wait to be sent, those that wait for an answer, and what becomes of them. */
export interface Asking {
    /** Milliseconds until the request is given up with `Lost`: 10,000, with `once` 60,000. 0: never. */
    timeout?: number;
    /** Gives the request up, with the signal's reason. */
    signal?: AbortSignal;
}

/** One connection: tells what comes, and notices when nothing does. */
/** Milliseconds for the handshake, and then for the answer to the hello. */
export declare const ANSWER_WITHIN = 10000;
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

/** A topic: joined on every connection, with all that was missed, or told that something is missing. */
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
    joined: {
        recovered: boolean | null;
    };
    /** The server does not let us, or any more. */
    refused: Refused;
}
export declare class Topic<C extends AnyContract> {
    #private;
    readonly name: string;
    /** `left` and `refused` are final. */
    state: "joining" | "joined" | "refused" | "left";
    /** Where the last message was, and so where a join goes on; null before the first join, and without history. */
    position: Position | null;
    /** Resolves when it is joined; rejects when it is refused, left, or the client is closed. */
    get ready(): Promise<Topic<C>>;
    /** Call `listener` for every message of a kind on this topic, or for an event. Returns what ends that. */
    on<K extends keyof TopicEvents>(event: K, listener: (value: TopicEvents[K]) => void): () => void;
    on<K extends keyof C["events"]>(kind: K, listener: (message: C["events"][K]) => void): () => void;
    on(event: "*", listener: (message: Message) => void): () => void;
    /** Messages of the past, with their offsets: those after a position, or the last ones. */
    history(which?: {
        since?: Position;
        last?: number;
        limit?: number;
    }, asking?: Asking): Promise<{
        messages: Array<[offset: number, message: Message]>;
        position: Position;
    }>;
    /** Get no messages of it any more. */
    leave(): Promise<void>;
}

/** The client: one connection at a time, made again whenever it is lost, and everything that goes over it. */
type Source<T> = T | (() => T | Promise<T>);
export interface Options {
    /** Subprotocols to offer, for an endpoint whose first codec is not JSON. */
    protocols?: string[];
    /** The class of sockets: the global one, unless there is none, or another one is wanted. */
    WebSocket?: new (url: string, protocols?: string[]) => Socket;
}
export type State = {
    state: "idle" | "connecting" | "open";
}
/** `wait`: milliseconds until the next attempt. */
 | {
    state: "waiting";
    wait: number;
    code: number;
    reason: string;
}
/** It does not come back by itself. */
 | {
    state: "closed";
    code: number;
    reason: string;
};
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
export declare class Client<C extends AnyContract = NoContract> {
    #private;
    /** Who the server says that we are, which it found out at the handshake; null: nobody, or it does not say. */
    user: string | number | null;
    /** The name of this object, to tell the devices of a user apart. It grants nothing. */
    readonly session: string;
    /** "idle" before `connect()`, "connecting", "open", "waiting" for the next attempt, or "closed" for good. */
    get state(): State["state"];
    /** Bytes that have been given to the connection and have not left yet. */
    get buffered(): number;
    /** Begin, also anew after the end; at once if it waits. */
    connect(): this;
    /** End it. `code` is 1000, or 3000 to 4999. Requests without an answer are rejected with `Lost`. */
    close(code?: number, reason?: string): void;
    /**
     * Send a request and wait for its answer: the reply, whose fields are those that the handler returned; what is no
     * object is its `result`. Raises `Refused` or `Lost`.
     *
     * Without a connection it waits for one, in its order, within its `timeout`.
     */
    ask<K extends keyof C["replies"] & keyof C["fields"]>(kind: K, ...args: Args<C["fields"][K], AskOptions<K extends C["once"] ? boolean : false>>): Promise<Said<C["replies"][K]>>;
    /** Send a request whose answer is a stream: its items, one by one. Leaving the loop cancels it. */
    stream<K extends keyof C["items"] & keyof C["fields"]>(kind: K, ...args: Args<C["fields"][K], Asking>): AsyncIterableIterator<Said<C["items"][K]>>;
    /** Send a message that wants no answer. False: there is no connection; unless it may wait for one in the queue. */
    tell<K extends keyof C["fields"]>(kind: K, ...args: Args<C["fields"][K], {
        queue?: boolean;
    }>): boolean;
    /** Send a BINARY message as it is. False: there is no connection. */
    send(data: ArrayBufferLike | ArrayBufferView | Blob): boolean;
    /** Call `listener` for every message of a kind, those of topics too, or for an event. Returns what ends that. */
    on<K extends keyof ClientEvents>(event: K, listener: (value: ClientEvents[K]) => void): () => void;
    on<K extends keyof C["events"]>(kind: K, listener: (message: C["events"][K]) => void): () => void;
    on(event: "*", listener: (message: Message) => void): () => void;
    /**
     * Answer what the server asks: with fields, with one value, or with a series of them if it asks for a stream. What is
     * thrown is an error to the server; its `code` is sent along. `signal` is aborted when no answer is wanted any more.
     */
    answer<K extends keyof C["questions"] & keyof C["answers"]>(kind: K, answer: (question: Said<C["questions"][K]>, signal: AbortSignal) => Answer<C["answers"][K]> | Promise<Answer<C["answers"][K]>> | AsyncIterable<unknown>): void;
    /** The topic of that name: it is joined now, and again on every connection. `options` count when it is made. */
    topic(name: string, options?: TopicOptions): Topic<C>;
    /** Whether a request of this kind was refused: then `error.code` is one of its codes. */
    refused<K extends keyof C["errors"]>(error: unknown, kind: K): error is Refused<CodeOf<C["errors"][K]>>;
}
/**
 * Connect to a path of this page's server, with a query or without, or to an address; a function is asked before each
 * attempt.
 */
export declare function connect<C extends AnyContract = NoContract>(url: Source<C["path"] | `${C["path"]}?${string}` | URL>, options?: Options): Client<C>;
