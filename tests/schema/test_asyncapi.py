"""AsyncAPI documents: AsyncAPI's parser accepts them, and they describe what the server does."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web

from aiows import KindDispatcher, RegistrationError, WebSocketView, on
from aiows import kinds as kinds_package
from aiows.codecs import JSON, MSGPACK
from aiows.schema import asyncapi, serve_schema, speaks
from aiows.schema.asyncapi import asyncapi_text
from aiows.schema.messages import STANDARD_ERRORS
from schema.judges import Judges
from schema.orders import Ordered, make_app

Serve = Callable[..., Awaitable[int]]

KITCHEN: list[dict[str, Any]] = [
    {"kind": "order.create", "dishes": [{"name": "Soup"}], "ref": 1},
    {"kind": "order.find", "number": 1, "ref": "a"},
    {"kind": "order.find", "number": 0, "ref": 2},
    {"kind": "order.count", "ref": 3},
    {"kind": "order.prices", "ref": 4},
    {"kind": "order.forget", "ref": 5},
    {"kind": "array", "ref": 6},
]
WAITER: list[dict[str, Any]] = [
    {"kind": "order.create", "body": {"dish": {"name": "Soup"}}, "ref": 1},
    {"kind": "order.find", "ref": 2},
    {"kind": "order.forget", "ref": 3},
]


class Unknown:
    """No type of JSON's."""


def application_of(view: type[WebSocketView]) -> web.Application:
    app = web.Application()
    app.router.add_view("/ws", view)
    return app


async def endpoint(request: web.Request) -> web.Response:
    return web.Response()


def test_asyncapis_own_parser_accepts_the_document(judges: Judges) -> None:
    """Without an error and without a warning, its examples included."""
    assert judges.problems_of_documents(asyncapi(make_app()), asyncapi(web.Application())) == []


def test_asyncapis_own_parser_sees_what_is_wrong(judges: Judges) -> None:
    """So that its silence means something: a schema that is none, a reference into nowhere."""
    document = asyncapi(make_app())
    document["channels"]["kitchen"]["messages"]["array"]["payload"] = {"type": "nonsense"}
    document["operations"]["kitchen.array"]["messages"] = [{"$ref": "#/nowhere"}]
    problems = "".join(judges.problems_of_documents(document))
    assert "channels/kitchen/messages/array/payload" in problems
    assert "#/nowhere" in problems


def test_examples_are_messages_as_the_schema_says(judges: Judges) -> None:
    """With their kind, and in the nested form."""
    document = asyncapi(make_app())
    place = "/channels/guests.name/messages/order.create"
    message = document["channels"]["guests.name"]["messages"]["order.create"]
    examples = [each["payload"] for each in message["examples"]]
    assert examples == [{"kind": "order.create", "body": {"dish": {"name": "Soup"}}}]
    pointers = [(f"{place}/payload", each) for each in examples]
    assert judges.problems_of_messages(document, pointers) == []


@pytest.mark.parametrize(
    ("channel", "path", "requests"),
    [
        ("kitchen", "/kitchen", KITCHEN),
        ("rooms.tables.number.waiter", "/rooms/tables/1/waiter", WAITER),
    ],
)
async def test_what_goes_over_the_wire_is_what_the_document_says(
    channel: str, path: str, requests: list[dict[str, Any]], serve: Serve, judges: Judges
) -> None:
    """Requests, replies and refusals, flat and nested, each by the schema of its own message."""
    app = make_app()
    seen: list[tuple[str, Any]] = []
    address = f"http://localhost:{await serve(app)}{path}"
    async with ClientSession() as client, client.ws_connect(address) as ws:
        for request in requests:
            await ws.send_json(request)
            seen.append((request["kind"], request))
            seen.append((f"{request['kind']}.reply", await ws.receive_json()))
        await ws.send_json({"kind": "order.create", "ref": 7})
        seen.append(("error", await ws.receive_json()))
    pointers = [(f"/channels/{channel}/messages/{name}/payload", each) for name, each in seen]
    assert judges.problems_of_messages(asyncapi(app), pointers) == []


async def test_a_stream_is_what_the_document_says(serve: Serve, judges: Judges) -> None:
    """Each item, of every form that it may have, and the end."""
    app = make_app()
    address = f"http://localhost:{await serve(app)}/kitchen"
    async with ClientSession() as client, client.ws_connect(address) as ws:
        await ws.send_json({"kind": "order.follow", "number": 1, "ref": 1})
        seen = [await ws.receive_json() for _ in range(3)]
    document = asyncapi(app)
    messages = document["operations"]["kitchen.order.follow"]["reply"]["messages"]
    item, end = (each["$ref"].removeprefix("#") + "/payload" for each in messages[:2])
    pointers = [(item, seen[0]), (item, seen[1]), (end, seen[2])]
    assert judges.problems_of_messages(document, pointers) == []


async def test_a_question_and_its_answer_are_what_the_document_says(
    serve: Serve, judges: Judges
) -> None:
    """The server asks while it handles a request, and the answer that fits is taken."""
    app = make_app()
    start = "/channels/guests.name/messages"
    address = f"http://localhost:{await serve(app)}/rooms/tables/1/waiter"
    async with ClientSession() as client, client.ws_connect(address) as ws:
        await ws.send_json({"kind": "order.doubt", "body": {"dish": {"name": "Soup"}}, "ref": 1})
        question = await ws.receive_json()
        answer = {"kind": "reply", "ref": question["ref"], "result": True}
        await ws.send_json(answer)
        assert (await ws.receive_json())["body"] == {"result": True}
    pointers = [
        (f"{start}/confirm/payload", question),
        (f"{start}/confirm.reply/payload", answer),
    ]
    assert judges.problems_of_messages(asyncapi(app), pointers) == []


def test_a_wrong_message_is_not_what_the_document_says(judges: Judges) -> None:
    """Another kind's reply, a missing field, and a code that was not declared."""
    error = {"kind": "error", "ref": 1, "error": {"code": "other", "message": ""}}
    wrong = [
        ("kitchen/messages/order.count.reply", {"kind": "order.created", "ref": 1, "result": 1}),
        ("kitchen/messages/order.create", {"kind": "order.create"}),
        ("guests.name/messages/order.create.error", error),
    ]
    pointers = [(f"/channels/{place}/payload", message) for place, message in wrong]
    assert len(judges.problems_of_messages(asyncapi(make_app()), pointers)) == len(wrong)


def test_docstrings_are_summaries_and_descriptions() -> None:
    """Of the application, of an endpoint, of a handler, of a type and of a field."""
    document = asyncapi(make_app())
    kitchen = document["channels"]["kitchen"]
    create = document["operations"]["kitchen.order.create"]
    dish = document["components"]["schemas"]["Dish"]
    assert document["info"] == {
        "title": "Orders",
        "version": "1.2.0",
        "description": "What a kitchen is told.",
    }
    assert kitchen["summary"] == "The kitchen."
    assert kitchen["description"] == "Everything that is ordered goes */ here."
    assert create["summary"] == "Order some dishes."
    assert create["description"] == "They are cooked in this order."
    assert kitchen["messages"]["order.create"]["payload"]["description"] == "What somebody wants."
    assert dish["description"] == "Something to eat."
    assert dish["properties"]["name"]["description"] == "As on the menu."


def test_an_operation_receives_a_kind_and_replies_with_its_reply_or_an_error() -> None:
    """The declared errors where there are some, else any."""
    operations = asyncapi(make_app())["operations"]
    start = "#/channels/kitchen/messages/order.create"
    assert operations["kitchen.order.create"]["action"] == "receive"
    assert operations["kitchen.order.create"]["messages"] == [{"$ref": start}]
    assert operations["kitchen.order.create"]["reply"] == {
        "channel": {"$ref": "#/channels/kitchen"},
        "messages": [{"$ref": f"{start}.reply"}, {"$ref": "#/channels/kitchen/messages/error"}],
    }
    assert operations["guests.name.order.create"]["reply"]["messages"][-1] == {
        "$ref": "#/channels/guests.name/messages/order.create.error"
    }


def test_what_the_server_sends_is_an_operation_that_sends() -> None:
    """Without a reply, its messages flat and without a ref."""
    document = asyncapi(make_app())
    operation = document["operations"]["guests.name.order.served"]
    message = document["channels"]["guests.name"]["messages"]["order.served"]
    assert operation["action"] == "send"
    assert operation["summary"] == "Somebody has their dish."
    assert "reply" not in operation
    assert [*message["payload"]["properties"]] == ["kind", "dish"]
    assert "correlationId" not in message


def test_a_channel_on_which_nothing_is_asked_has_no_answers() -> None:
    """A view that only sends: no replies, no errors, nothing to cancel."""

    class News(WebSocketView):
        sends = (Ordered,)

    document = asyncapi(application_of(News))
    assert [*document["channels"]["ws"]["messages"]] == ["order.created"]
    assert [*document["operations"]] == ["ws.order.created"]


def test_a_kind_may_go_in_both_directions() -> None:
    """What the server sends has another name in the document, and the same kind."""

    class Both(WebSocketView):
        sends = (Ordered,)

        @on("order.created")
        def created(self) -> None: ...

    document = asyncapi(application_of(Both))
    assert [*document["operations"]] == ["ws.order.created", "ws.order.created.event"]
    messages = document["channels"]["ws"]["messages"]
    event = messages["order.created.event"]
    assert event["name"] == messages["order.created"]["name"] == "order.created"
    assert "minutes" in event["payload"]["properties"]


def test_what_the_server_asks_is_an_operation_that_sends_and_has_a_reply() -> None:
    """Its question has a ref, always; it is flat, as `ask` sends it."""
    document = asyncapi(make_app())
    operation = document["operations"]["guests.name.confirm"]
    messages = document["channels"]["guests.name"]["messages"]
    start = "#/channels/guests.name/messages/confirm"
    assert operation["action"] == "send"
    assert operation["reply"]["messages"] == [
        {"$ref": f"{start}.reply"},
        {"$ref": f"{start}.error"},
    ]
    assert messages["confirm"]["payload"]["required"] == ["kind", "ref", "name"]
    reply = messages["confirm.reply"]["payload"]["properties"]
    assert reply["result"] == {"type": "boolean"}


def test_the_codecs_of_a_channel_are_there_with_their_content_types() -> None:
    """How one is chosen says the header of the upgrade request."""
    channels = asyncapi(make_app())["channels"]
    codecs = [
        {"subprotocol": "aiows.json", "contentType": "application/json"},
        {"subprotocol": "aiows.msgpack", "contentType": "application/vnd.msgpack"},
    ]
    assert channels["guests.name"]["x-codecs"] == codecs
    assert channels["kitchen"]["x-codecs"] == codecs[:1]
    offer = channels["guests.name"]["bindings"]["ws"]["headers"]["properties"]
    assert offer["Sec-WebSocket-Protocol"]["examples"] == ["aiows.json", "aiows.msgpack"]
    assert "headers" not in channels["kitchen"]["bindings"]["ws"]


def test_messages_have_the_content_type_of_the_first_codec() -> None:
    """Unless it is JSON, which is the document's default."""
    kinds = KindDispatcher(codecs=[MSGPACK, JSON])
    kinds.on("ping")(lambda: None)
    app = web.Application()
    app.router.add_get("/ws", speaks(kinds)(endpoint))
    messages = asyncapi(app)["channels"]["ws"]["messages"]
    assert messages["ping"]["contentType"] == "application/vnd.msgpack"


def test_every_code_that_a_request_may_be_refused_with_is_there() -> None:
    """The same ones as in the table of aiows.kinds."""
    table = re.findall(r"^(\w+)  ", str(kinds_package.__doc__), re.MULTILINE)
    assert [*STANDARD_ERRORS] == table


def test_the_document_is_always_the_same() -> None:
    """Made twice, of an application that was made twice."""
    assert asyncapi_text(make_app()) == asyncapi_text(make_app())


def test_what_cannot_be_described_is_named_with_its_kind() -> None:
    """Whoever reads the error knows where to look."""

    class View(WebSocketView):
        @on("fine")
        def fine(self) -> int:
            return 1

        @on("strange")
        def strange(self) -> Unknown:
            return Unknown()

    with pytest.raises(RegistrationError, match=r"no schema can be made for 'strange': .*Unknown"):
        asyncapi(application_of(View))


def test_a_kind_may_have_any_name(judges: Judges) -> None:
    """Those that a reference has to escape, and one that looks like another's reply."""
    kinds = KindDispatcher()
    names = ["a/b", "a~b", "a b", "ä{}#?%", "count", "count.reply", "error.reply"]
    for name in names:
        kinds.on(name)(lambda: None)
    app = web.Application()
    app.router.add_get("/ws", speaks(kinds)(endpoint))
    document = asyncapi(app)
    assert judges.problems_of_documents(document) == []
    channel = document["channels"]["ws"]
    assert {each["name"] for each in channel["messages"].values()} >= {*names}


async def test_the_document_is_served_at_a_path(serve: Serve) -> None:
    """As JSON, the same that would be written to a file; it is no channel itself."""
    app = make_app()
    serve_schema(app, "/schema.json")
    address = f"http://localhost:{await serve(app)}/schema.json"
    async with ClientSession() as client, client.get(address) as response:
        assert response.content_type == "application/json"
        assert await response.text() == asyncapi_text(make_app())


async def test_an_application_whose_schema_cannot_be_made_does_not_start(serve: Serve) -> None:
    """Instead of answering 500 whenever somebody asks."""

    class View(WebSocketView):
        @on("strange")
        def strange(self) -> Unknown:
            return Unknown()

    app = application_of(View)
    serve_schema(app)
    with pytest.raises(RegistrationError, match="no schema"):
        await serve(app)
