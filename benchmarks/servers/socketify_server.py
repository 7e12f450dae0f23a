"""socketify: callbacks on uWebSockets' own loop."""

import orjson
from socketify import App, AppListenOptions, CompressOptions, OpCode

from command_line import port

app = App()


def echo(ws, message, opcode):
    ws.send(message, opcode, True)


def answer_json(ws, message, opcode):
    order = orjson.loads(message)
    if order["kind"] == "order.create":
        total = order["count"] * order["price"]
        reply = {"kind": "reply", "ref": order["ref"], "total": total}
        ws.send(orjson.dumps(reply), OpCode.TEXT)


def join(ws):
    ws.subscribe("everybody")


def fan_out(ws, message, opcode):
    app.publish("everybody", message, opcode, True)


OPTIONS = {
    "compression": CompressOptions.SHARED_COMPRESSOR,
    "max_payload_length": 16 * 1024 * 1024,
    "max_backpressure": 16 * 1024 * 1024,
    "idle_timeout": 120,
}
app.ws("/echo", {**OPTIONS, "message": echo})
app.ws("/json", {**OPTIONS, "message": answer_json})
app.ws("/fan-out", {**OPTIONS, "open": join, "message": fan_out})
app.listen(AppListenOptions(port=port, host="127.0.0.1"))
app.run()
