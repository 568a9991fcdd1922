"""The sandbox of FIT-Connect as a program; see its `--help`. Needs the extra `sandbox`."""

import sys

from postfach_fitconnect.sandbox import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
