"""In go works and peers, out come tables: what each server costs, measured side by side."""
