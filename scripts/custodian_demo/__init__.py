"""The parts of `make demo`: run (order and clean-up), service, calls, screen, and the steps."""
