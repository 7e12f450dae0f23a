"""``python -m aiows``: in go a document's name and an application's, out comes the document."""

import sys

from .schema.command import run

if __name__ == "__main__":
    sys.exit(run())
