"""Counts the instructions of each hot path and compares them with those in counting/expected.json.

python benchmarks/instructions.py            compare; exit status 1 if one needs more than allowed
python benchmarks/instructions.py --record   write what was counted down as what is expected
"""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        del sys.argv[1]
        from counting.child import main
    else:
        from counting.guard import main
    sys.exit(main())
