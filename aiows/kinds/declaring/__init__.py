"""Handlers, their kinds and settings become routes, and the contract."""
