"""The backplane over Redis or Valkey: many processes and machines as one.

- `engine` is the description that an application gives to `aiows.setup`.
- `node` keeps two connections to the server, and makes them again when they are lost.
- `dialing` has redis-py make a connection, and takes over its transport: `connection`.
- `commands` are what waits for an answer, `subscriptions` what is subscribed to.
- `scripts` are what the server does in one step, in Lua.
"""

try:
    from .engine import RedisBackplane
except ModuleNotFoundError as error:
    if error.name not in ("redis", "hiredis"):
        raise
    what = "RedisBackplane needs redis-py and hiredis, which the extra 'redis' installs"
    raise ModuleNotFoundError(f"{error}: {what}", name=error.name) from None

__all__ = ("RedisBackplane",)
