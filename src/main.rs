//! The `custodian` binary.

fn main() {}
