#!/usr/bin/env python3
"""Shows the custodian's main job on a real token, with real calls. Run it with `make demo`.

Needs Rust, a C compiler and Python 3.9 or newer; SoftHSM is installed where it is missing.
All that it makes is in a temporary folder, removed at the end; only target/ stays.
"""

import sys

sys.dont_write_bytecode = True

from custodian_demo import run  # noqa: E402

if __name__ == "__main__":
    sys.exit(run.main())
