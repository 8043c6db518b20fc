//! `examples/custodian_client.py`, which other programs copy.

use super::{example, wrote};

#[test]
fn whatever_is_no_answer_of_the_custodian_is_one_exception() {
    wrote(example("../tests/examples/answers.py", &[], b""));
}
