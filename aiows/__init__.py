"""aiows: WebSockets for aiohttp."""
