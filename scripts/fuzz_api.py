#!/usr/bin/env python3
"""Drives the whole API by schemathesis, from /openapi.json, as each role and as nobody. Run it with `make fuzz-api`.

Needs what scripts/fuzz-api.requirements.txt names; scripts/fuzz-api.sh installs it. All that the service keeps is in
a temporary folder, removed at the end; what was found wrong stays in target/fuzz-api/.
"""

import sys

sys.dont_write_bytecode = True

from custodian_fuzz import run  # noqa: E402

if __name__ == "__main__":
    sys.exit(run.main())
