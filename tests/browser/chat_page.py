"""The chat as a person uses it: by what is written on the page."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect


class ChatPage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages = page.get_by_role("log", name="Messages")
        self.rooms = page.get_by_role("navigation", name="Rooms")
        self.people = page.get_by_role("complementary", name="Here now")
        self.typing = page.locator("#typing")
        self.box = page.get_by_role("textbox", name="Message to")
        self.lost = page.get_by_text("Connection lost")

    async def come_in(self, name: str) -> None:
        await self.page.get_by_label("Your name").fill(name)
        await self.page.get_by_role("button", name="Join the chat").click()
        await self.is_in()

    async def is_in(self) -> None:
        await expect(self.page.locator("#room-name")).not_to_be_empty()

    async def say(self, text: str) -> None:
        """Write and send, and see it among the messages."""
        await self.box.fill(text)
        await self.box.press("Enter")
        await self.sees(text)

    async def sees(self, text: str) -> None:
        await expect(self.text(text)).to_be_visible()

    def text(self, text: str) -> Locator:
        return self.messages.get_by_text(text, exact=True)

    async def enter(self, room: str) -> None:
        await self.room(room).click()
        await expect(self.page.locator("#room-name")).to_have_text(room)

    def room(self, name: str) -> Locator:
        return self.rooms.get_by_role("link").filter(has_text=name)

    def person(self, name: str) -> Locator:
        return self.people.get_by_role("listitem").filter(has_text=name)
