// Mistakes that a client can make; tsc finds each one that is marked, and nothing else.
import type { Dish, GuestsName, Kitchen } from "./orders";

const soup: Dish = { name: "Soup" };
declare const message: Kitchen.ServerMessage;
declare const reply: Kitchen.Replies["order.count"];

export const unknownKind: Kitchen.ClientMessage = { kind: "order.make" }; // wrong
export const serversKind: Kitchen.ClientMessage = { kind: "order.created", ref: 1 }; // wrong
export const noFields: Kitchen.ClientMessage = { kind: "order.create" }; // wrong
export const wrongField: Kitchen.ClientMessage = { kind: "order.find", number: "1" }; // wrong
export const unknownField: Kitchen.ClientMessage = { kind: "order.find", number: 1, numbr: 2 }; // wrong
export const wrongLiteral: Kitchen.ClientMessage = { kind: "order.find", number: 1, by: "name" }; // wrong
export const wrongRef: Kitchen.ClientMessage = { kind: "order.count", ref: true }; // wrong
export const flatForNested: GuestsName.ClientMessage = { kind: "order.create", dish: soup }; // wrong
export const wrongEnum: Dish = { name: "Soup", course: "dessert" }; // wrong
export const wrongTuple: Kitchen.Fields<"order.create"> = { dishes: [], table: [3, "blue"] }; // wrong
export const longTuple: Kitchen.Fields<"order.create"> = { dishes: [], pair: [1, "a", 2] }; // wrong
export const wrongPath: Kitchen.Path = "/kitchens"; // wrong
export const wrongCode: GuestsName.Errors["order.create"]["error"]["code"] = "close"; // wrong
export const wrongReply: string = reply.result; // wrong
export const notNarrowed = message.minutes; // wrong
export const clientsEvent: GuestsName.ClientMessage = { kind: "order.served", dish: soup }; // wrong
export const wrongAnswer: GuestsName.Answers["confirm"] = { kind: "reply", ref: 1, result: 1 }; // wrong
