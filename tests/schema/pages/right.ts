// A page's code that uses the types as they are meant: tsc has nothing to say.
import type { Cancel, Dish, ErrorMessage, GuestsName, Kitchen, StandardError } from "./orders";

type Ref = string | number;
type Answer<K extends keyof Kitchen.Replies> = Kitchen.Replies[K] | ErrorMessage;

// A typed client of 20 lines.
class Client {
  private readonly waiting = new Map<Ref, (message: never) => void>();
  private refs = 0;

  constructor(private readonly socket: WebSocket) {
    socket.onmessage = (event: MessageEvent<string>) => {
      const message: Kitchen.ServerMessage = JSON.parse(event.data);
      if (message.ref !== undefined) this.waiting.get(message.ref)?.(message as never);
    };
  }

  send<K extends keyof Kitchen.Kinds>(kind: K, fields: Kitchen.Fields<K>): void {
    this.socket.send(JSON.stringify({ ...fields, kind }));
  }

  request<K extends keyof Kitchen.Replies>(kind: K, fields: Kitchen.Fields<K>): Promise<Answer<K>> {
    const ref = ++this.refs;
    this.socket.send(JSON.stringify({ ...fields, kind, ref }));
    return new Promise((resolve) => this.waiting.set(ref, resolve));
  }
}

const path: Kitchen.Path = "/kitchen";
const pathOfGuest: GuestsName.Path = `/guests/${"Ada"}`;
const client = new Client(new WebSocket(path));
const soup: Dish = { name: "Soup", course: "starter" };

client.send("order.create", { dishes: [soup], table: ["blue", 3], pays: { type: "card", number: "1" } });
client.send("order.create", { dishes: [soup], table: ["blue"], counts: { a: 1 }, pair: [1, "a"] });
client.send("order.find", { number: 1, by: "table" });
const created = await client.request("order.create", { dishes: [] });
if (created.kind === "order.created") console.log(created.id.toUpperCase(), created.minutes + 1);
else console.log(created.error.code, created.error.message);

function said(message: Kitchen.ServerMessage): string {
  switch (message.kind) {
    case "order.created":
      return message.id;
    case "error":
      return message.error.message;
    case "item":
      return "name" in message ? message.name : "nothing";
    case "reply":
    case "end":
      return String(message.ref);
  }
}

const nested: GuestsName.ClientMessage = { kind: "order.create", body: { dish: soup }, ref: "a" };
const fields: GuestsName.Fields<"order.create"> = { dish: soup };
const answers: GuestsName.ClientMessage[] = [
  { kind: "reply", ref: 1, result: true },
  { kind: "error", ref: 1, error: { code: "asleep", message: "Not now." } },
];
function heard(message: GuestsName.ServerMessage): Dish | undefined {
  if (message.kind === "confirm") return ask(message.ref, message);
  return message.kind === "order.served" ? message.dish : undefined;
}
function ask(ref: Ref, dish: Dish): Dish | undefined {
  return confirm(dish.name) ? dish : undefined;
}
const closing: GuestsName.Events["closing"] = { kind: "closing", street: "Harbour" };
const cancel: Cancel = { kind: "cancel", ref: 1 };
const all: GuestsName.ClientMessage[] = [nested, cancel];
type Code = GuestsName.Errors["order.create"]["error"]["code"];
const codes: Code[] = ["closed", "too_many", "invalid" satisfies StandardError];
const dishes: Dish[] = ({} as GuestsName.Replies["order.find"]).body.result;
console.log(said, heard, answers, closing, fields, all, codes, dishes, pathOfGuest);
