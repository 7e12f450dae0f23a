/** What there is to import. */

export { Client, connect } from "./client.js";
export type { AskOptions, ClientEvents, Options, State } from "./client.js";
export type { Asking } from "./asked.js";
export type { AnyContract, NoContract } from "./contract.js";
export { Topic } from "./topic.js";
export type { TopicEvents, TopicOptions } from "./topic.js";
export { Lost, Refused } from "./wire.js";
export type { Message, Position } from "./wire.js";
