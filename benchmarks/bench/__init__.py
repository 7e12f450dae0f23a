"""Measures what each server costs for each work, side by side."""
