// A page that uses the client as it is meant: tsc has nothing to say.
import { connect, Lost, type Position } from "./aiows.js";
import type { ShopCity } from "./shop.js";

const shop = connect<ShopCity.Contract>("/shop/oslo?ticket=1", { protocols: ["aiows.json"] });
const ticket: string = "2";
connect<ShopCity.Contract>(async () => `/shop/oslo?ticket=${ticket}`);
connect<ShopCity.Contract>(() => `/shop/oslo?ticket=${ticket}`);
const again = connect<ShopCity.Contract>(async () => new URL("wss://shop.example/shop/oslo"));

const order = await shop.ask("order.create", { dishes: ["Soup"] });
export const id: number = order.id;
await shop.ask("order.create", { dishes: ["Soup"], note: "hot" }, { once: true, timeout: 5000 });
await shop.ask("hello");
export const isTold: boolean = shop.tell("hello");
for await (const item of shop.stream("order.watch", { id })) item.dishes.map((dish) => dish.trim());

const end = shop.on("order.ready", (message) => message.id.toFixed());
shop.on("state", (now) => console.log(now.state === "waiting" ? now.wait : now.state));
shop.answer("confirm", (question) => question.dishes.length > 0);
shop.answer("confirm", async (question, signal) => question.id > 1 && !signal.aborted);

const kitchen = shop.topic("kitchen:1", { last: 20 });
kitchen.on("order.ready", (message) => message.id + 1);
kitchen.on("gap", (position: Position | null) => console.log(position));
const loaded = shop.topic("kitchen:2", { load: async () => ["epoch", 1] });
await (await loaded.ready).leave();

try {
  await shop.ask("order.create", { dishes: [] });
} catch (error) {
  if (shop.refused(error, "order.create") && error.code === "sold_out") console.log(error.message);
  if (error instanceof Lost && error.maybe) end();
}

// Without types everything may be said.
const anything = connect("/ws");
console.log((await anything.ask("any", { n: 1 }, { once: true })).result);
anything.on("some", (message) => console.log(message["text"]));
again.close();
