"""A view as the tutorial ends up with: its connection has a user id and two topics."""

from itertools import count

from aiows import WebSocketView

__all__ = ("UserView",)

numbers = count()


class UserView(WebSocketView):
    async def authenticate(self, request):
        return f"user-{next(numbers)}"

    def on_open(self):
        self.ws.subscribe("everybody")
        self.ws.subscribe("news")
