"""What `make fuzz-api` runs: a `custodian dev` with something in it, schemathesis in front, and a verdict after."""
