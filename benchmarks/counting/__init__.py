"""Counts what a message costs on each hot path: instructions, by callgrind, and functions that it passes."""
