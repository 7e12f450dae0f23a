"""The chat in Chromium: what people in several tabs see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, ViewportSize, expect

from browser.chat_page import ChatPage
from browser.conftest import NewPage
from browser.example_server import ExampleServer
from clients.relay import relay_to

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

Join = Callable[..., Awaitable[ChatPage]]

PHONE: dict[str, Any] = {
    "viewport": ViewportSize(width=390, height=844),
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "dark",
    "reduced_motion": "reduce",  # a picture is not taken in the middle of a movement
}


async def test_a_message_arrives_in_the_other_tab(join: Join, screenshots: Path) -> None:
    """Two people talk to each other, and each sees who said what."""
    ada, grace = await join("Ada"), await join("Grace")
    await ada.say("Hello, is anybody here?")
    await grace.sees("Hello, is anybody here?")
    await grace.say("I am!")
    await ada.sees("I am!")
    said = ada.messages.get_by_role("listitem").filter(has_text="I am!")
    await expect(said).to_contain_text("Grace")
    await ada.page.screenshot(path=screenshots / "chat.png")


async def test_what_people_write_is_never_html(join: Join) -> None:
    """Markup is shown as it was typed, in messages and in names."""
    ada = await join("<b>Ada</b>")
    grace = await join("Grace")
    await ada.say("<img src=x onerror=alert(1)> & <b>bold</b>")
    await grace.sees("<img src=x onerror=alert(1)> & <b>bold</b>")
    await expect(grace.person("<b>Ada</b>")).to_be_visible()


async def test_an_address_becomes_a_link_without_the_full_stop(join: Join) -> None:
    """The link leads where it says, and the new page learns nothing of this one."""
    ada = await join("Ada")
    await ada.say("Look at https://docs.aiohttp.org/en/stable/. It is long.")
    link = ada.messages.get_by_role("link")
    await expect(link).to_have_attribute("href", "https://docs.aiohttp.org/en/stable/")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")


async def test_everybody_sees_who_is_here(join: Join) -> None:
    """People appear when they come in and go when they close the tab."""
    ada = await join("Ada")
    grace = await join("Grace")
    await expect(ada.person("Grace")).to_be_visible()
    await expect(grace.person("Ada")).to_be_visible()
    await ada.sees("Grace came in")
    await grace.page.close()
    await ada.sees("Grace left")
    await expect(ada.person("Grace")).to_have_count(0)


async def test_two_people_of_one_name_are_told_apart(join: Join) -> None:
    """A name may be taken twice; then a part of the id stands beside it."""
    await join("Ada")
    ada = await join("Ada")
    await expect(ada.person("Ada")).to_have_count(2)
    marks = await ada.people.get_by_role("listitem").locator("small").all_inner_texts()
    assert sorted(map(len, marks)) == [3, 4], "'you', and four digits of the other's id"


async def test_a_reader_sees_that_somebody_is_typing(join: Join) -> None:
    """It is said while it lasts, and ends with the message."""
    ada, grace = await join("Ada"), await join("Grace")
    await grace.box.press_sequentially("I think")
    await expect(ada.typing).to_have_text("Grace is typing…")
    await expect(grace.typing).to_be_empty()
    await grace.box.press("Enter")
    await ada.sees("I think")
    assert await ada.typing.inner_text() == "", "it does not wait until it is old"


async def test_another_room_shows_how_much_is_unread(join: Join) -> None:
    """The count is there until the room is entered, where a line says what is new."""
    ada, grace = await join("Ada"), await join("Grace", room="ideas")
    await grace.say("One idea")
    await grace.say("And another")
    await expect(ada.room("ideas").get_by_label("2 unread")).to_be_visible()
    await expect(ada.page).to_have_title("(2) #general · aiows chat")
    await expect(ada.text("One idea")).to_have_count(0)
    await ada.enter("ideas")
    await ada.sees("And another")
    await ada.sees("New")
    await expect(ada.room("ideas").locator(".unread")).to_be_hidden()
    await expect(ada.page).to_have_title("#ideas · aiows chat")


async def test_a_room_can_be_opened_by_name(join: Join) -> None:
    """It appears for everybody, and they can come in."""
    ada, grace = await join("Ada"), await join("Grace")
    await ada.page.get_by_role("button", name="New room").click()
    await ada.page.get_by_label("Its name").fill("Book Club!")
    await ada.page.get_by_label("Its name").press("Enter")
    await expect(ada.page.locator("#room-name")).to_have_text("book-club")
    await ada.say("What do we read?")
    await grace.enter("book-club")
    await grace.sees("What do we read?")


async def test_a_room_that_cannot_be_is_refused_in_words(join: Join) -> None:
    """Whoever follows a bad address stays in the room, or comes into the first, and reads why."""
    ada = await join("Ada", room="ideas")
    await ada.page.evaluate("location.hash = 'a name with spaces'")
    await expect(ada.page.get_by_role("alert")).to_contain_text("letters, digits and hyphens")
    await expect(ada.page.locator("#room-name")).to_have_text("ideas")
    grace = await join("Grace", room="another bad name")
    await expect(grace.page.get_by_role("alert")).to_contain_text("letters, digits and hyphens")
    await expect(grace.page.locator("#room-name")).to_have_text("general")


async def test_the_last_messages_are_there_after_a_reload(join: Join) -> None:
    """History is shown, and one's own messages are still one's own."""
    ada, grace = await join("Ada"), await join("Grace")
    await ada.say("Mine")
    await grace.say("Yours")
    await ada.page.reload()
    await ada.sees("Mine")
    await ada.sees("Yours")
    own = ada.messages.locator(".mine")
    await expect(own).to_have_count(1)
    await expect(own).to_contain_text("Mine")


async def test_people_come_back_after_the_server_was_restarted(
    join: Join, chat_server: ExampleServer, screenshots: Path
) -> None:
    """The page says that the connection is lost, and goes on by itself; what it has shown stays."""
    ada, grace = await join("Ada", room="ideas"), await join("Grace", room="ideas")
    await ada.say("Before")
    await chat_server.stop()
    await expect(ada.lost).to_be_visible()
    await expect(grace.lost).to_be_visible()
    await ada.page.screenshot(path=screenshots / "chat-lost.png")
    await chat_server.start()
    await expect(ada.lost).to_be_hidden(timeout=20_000)
    await expect(grace.lost).to_be_hidden(timeout=20_000)
    await expect(ada.person("Grace")).to_be_visible()
    await ada.say("After")
    await grace.sees("After")
    for person in (ada, grace):
        assert await texts_of(person) == ["Before", "After"]


async def test_a_message_that_cannot_be_sent_now_is_sent_later(
    join: Join, chat_server: ExampleServer
) -> None:
    """Nobody has to press a key again; the others see it once."""
    ada, grace = await join("Ada"), await join("Grace")
    await chat_server.stop()
    await expect(ada.lost).to_be_visible()
    await ada.box.fill("Do not lose me")
    await ada.box.press("Enter")
    await expect(ada.page.get_by_role("alert")).to_contain_text("Not connected")
    await chat_server.start()
    for person in (ada, grace):
        await expect(person.text("Do not lose me")).to_be_visible(timeout=20_000)
        assert await texts_of(person) == ["Do not lose me"]
    await expect(ada.page.get_by_role("alert")).to_be_hidden()


async def test_one_can_come_in_while_the_server_is_being_restarted(
    new_page: NewPage, chat_server: ExampleServer
) -> None:
    """Whoever joins, and even writes, in the middle of it is in as soon as it is back."""
    ada = ChatPage(await new_page())
    await ada.page.goto(chat_server.url)
    await chat_server.stop()
    await ada.page.get_by_label("Your name").fill("Ada")
    await ada.page.get_by_role("button", name="Join the chat").click()
    await expect(ada.lost).to_be_visible()
    await chat_server.start()
    await ada.is_in()
    await ada.say("Here I am")


async def test_a_network_that_is_pulled_out_takes_nothing_of_the_conversation(
    join: Join, chat_server: ExampleServer, new_page: NewPage
) -> None:
    """Nobody tells the page. What was said meanwhile is there afterwards, in order."""
    grace = await join("Grace")
    async with relay_to(chat_server.port) as relay:
        ada = ChatPage(await new_page())
        await ada.page.goto(f"http://localhost:{relay.port}/")
        await ada.come_in("Ada")
        await ada.say("One")
        relay.swallow("to client")
        relay.swallow("to server")
        await ada.page.context.set_offline(True)
        for text in ("Two", "Three"):
            await grace.say(text)
        await expect(ada.lost).to_be_visible()
        await ada.page.context.set_offline(False)
        await expect(ada.lost).to_be_hidden(timeout=20_000)
        await grace.say("Four")
        await ada.sees("Four")
        assert await texts_of(ada) == ["One", "Two", "Three", "Four"]
        await ada.page.close()


async def test_a_name_of_spaces_is_refused_in_words(join: Join, new_page: NewPage) -> None:
    """The box says why, and a better name comes in."""
    ada = await join("Ada")
    grace = ChatPage(await new_page())
    await grace.page.goto(ada.page.url)
    name = grace.page.get_by_label("Your name")
    await name.fill("   ")
    await grace.page.get_by_role("button", name="Join the chat").click()
    assert "more than spaces" in await name.evaluate("box => box.validationMessage")
    await expect(grace.page.locator("#door")).to_be_visible()
    await grace.come_in("Grace")
    await expect(ada.person("Grace")).to_be_visible()


async def test_a_draft_stays_in_its_room(join: Join) -> None:
    """What was written for one room is not in the box of another, and is there again on the way back."""
    ada = await join("Ada")
    await ada.box.fill("For everybody")
    await ada.enter("ideas")
    await expect(ada.box).to_have_value("")
    await ada.box.fill("An idea")
    await ada.enter("general")
    await expect(ada.box).to_have_value("For everybody")
    await ada.box.press("Enter")
    await ada.sees("For everybody")
    await ada.enter("ideas")
    await expect(ada.box).to_have_value("An idea")


async def test_whoever_reads_further_up_stays_there(join: Join) -> None:
    """New messages do not move the page; a button leads to them."""
    ada = await join("Ada")
    grace = await join("Grace", viewport=ViewportSize(width=1280, height=400))
    for number in range(8):
        await ada.say(f"Message {number}")
    await grace.sees("Message 7")
    await grace.messages.evaluate("(log) => { log.scrollTop = 0; }")
    jump = grace.page.get_by_role("button", name="New messages")
    await expect(jump).to_be_hidden()
    await grace.page.evaluate("new Promise(requestAnimationFrame)")
    await ada.say("The latest")
    await expect(jump).to_be_visible()
    assert await grace.messages.evaluate("(log) => log.scrollTop") == 0
    await jump.click()
    await expect(grace.text("The latest")).to_be_in_viewport()
    await expect(jump).to_be_hidden()


async def test_it_works_on_a_phone(join: Join, screenshots: Path) -> None:
    """The panes become panels, nothing is wider than the screen, and keys are not needed."""
    ada, grace = await join("Ada"), await join("Grace", **PHONE)
    await ada.say("Can you read this on your way? " * 5)
    await grace.box.fill("Well enough.")
    await grace.page.get_by_role("button", name="Send").tap()
    await ada.sees("Well enough.")
    assert await width_of(grace.page) == 390
    await grace.page.screenshot(path=screenshots / "phone.png")
    await grace.page.get_by_role("button", name="2 here").tap()
    await expect(grace.person("Ada")).to_be_in_viewport()
    await grace.page.screenshot(path=screenshots / "phone-people.png")
    await grace.page.keyboard.press("Escape")
    await grace.page.get_by_role("button", name="Rooms").tap()
    await expect(grace.room("ideas")).to_be_in_viewport()
    await grace.page.screenshot(path=screenshots / "phone-rooms.png")
    await grace.enter("ideas")
    await expect(grace.rooms).to_be_hidden()


async def test_the_scheme_follows_the_system_and_can_be_switched(
    join: Join, screenshots: Path
) -> None:
    """Dark where the system is dark; the button's choice stays after a reload."""
    ada = await join("Ada", color_scheme="dark")
    dark = await background_of(ada.page)
    await ada.page.screenshot(path=screenshots / "chat-dark.png")
    await ada.page.get_by_role("button", name="Switch to the light theme").click()
    light = await background_of(ada.page)
    await ada.page.reload()
    await ada.is_in()
    assert await background_of(ada.page) == light
    assert light != dark


async def test_every_control_has_a_name(join: Join) -> None:
    """Whoever cannot see the icons hears what they do."""
    ada = await join("Ada")
    for control in await ada.page.locator("button:visible, a:visible, textarea:visible").all():
        role_and_name = (await control.aria_snapshot()).splitlines()[0]
        assert role_and_name.count('"') == 2, await control.evaluate("e => e.outerHTML")


async def texts_of(person: ChatPage) -> list[str]:
    return await person.messages.locator(".text").all_inner_texts()


async def width_of(page: Page) -> int:
    width: int = await page.evaluate("document.documentElement.scrollWidth")
    return width


async def background_of(page: Page) -> str:
    colour: str = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour
