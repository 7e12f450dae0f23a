"""In goes the command line, out come the tables: see bench/cli.py."""

import sys

from bench.cli import main

if __name__ == "__main__":
    sys.exit(main())
