"""Counts what a message costs on each hot path: instructions, by callgrind, and the functions that it passes."""
