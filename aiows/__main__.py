"""``python -m aiows``: writes the AsyncAPI document or the TypeScript types of an application."""

import sys

from .schema.command import run

if __name__ == "__main__":
    sys.exit(run())
