"""A pytest plugin that puts our WebSocketResponse in the place of aiohttp's."""

from __future__ import annotations

import sys

from aiohttp import web

from aiows import WebSocketResponse

AIOHTTPS_OWN = web.WebSocketResponse

for name, module in list(sys.modules.items()):
    if name.partition(".")[0] == "aiohttp":
        for attribute, value in list(vars(module).items()):
            if value is AIOHTTPS_OWN:
                setattr(module, attribute, WebSocketResponse)
