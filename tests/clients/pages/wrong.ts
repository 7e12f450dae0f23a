// Mistakes that a page can make: tsc finds each one that is marked, and nothing else.
import { connect } from "./aiows.js";
import type { ShopCity } from "./shop.js";

const shop = connect<ShopCity.Contract>("/shop/oslo");

connect<ShopCity.Contract>("/other"); // wrong path
connect<ShopCity.Contract>("/other?ticket=1"); // wrong path, for all its query
connect<ShopCity.Contract>("/shop/oslo", { token: "t" }); // wrong: a token is no option
shop.ask("order.create"); // wrong: a field is missing
shop.ask("order.create", { dishes: [1] }); // wrong type
shop.ask("order.watch", { id: 1 }); // wrong: it is a stream
shop.stream("order.create", { dishes: [] }); // wrong: it is no stream
shop.on("order.gone", () => {}); // wrong: nobody sends it
shop.ask("hello", undefined, { once: true }); // wrong: it is not handled once
shop.answer("confirm", () => "yes"); // wrong answer
try {
  await shop.ask("hello");
} catch (error) {
  if (shop.refused(error, "order.create")) console.log(error.code === "sold_outt"); // wrong code
}
