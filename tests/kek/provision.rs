//! The making of a token, interrupted and taken up again.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::*;

/// The security officer's PIN that goes with the tests' PIN.
fn officer() -> cryptoki::types::AuthPin {
    let digest = Sha256::new_with_prefix(b"aegis-custodian/officer-pin/v1\0");
    let digest = digest.chain_update(Sha256::digest(softhsm::PIN));
    hex::encode(digest.finalize()).into()
}

/// What a process leaves that is killed between C_InitToken and C_InitPIN.
fn begun(officer: &cryptoki::types::AuthPin) -> Token {
    guardian();
    let token = Token::unmade();
    let (pkcs11, _) = Token::new().beside();
    let _alone = softhsm::making();
    let slots = pkcs11.get_slots_with_token().unwrap();
    let free = |slot: &Slot| {
        pkcs11
            .get_token_info(*slot)
            .is_ok_and(|token| !token.token_initialized())
    };
    let slot = slots.into_iter().find(free).unwrap();
    pkcs11.init_token(slot, officer, &token.label).unwrap();
    token
}

fn provision(token: &Token) -> Result<(), Error> {
    provision_token(Path::new(softhsm::MODULE), &token.label, &token.pin())
}

#[test]
fn a_token_whose_making_was_interrupted_before_it_had_a_user_is_finished() {
    let token = begun(&officer());
    provision(&token).unwrap();
    token.open(1).create(&version(1)).unwrap();
    provision(&token).unwrap();
    token.open(1).canary(&version(1)).unwrap();
}

#[test]
fn a_token_without_a_user_that_another_officer_made_is_left_alone() {
    let token = begun(&"somebody else's".into());
    let refused = format!("{:?}", provision(&token).unwrap_err());
    assert!(refused.contains("setting the user's PIN"), "{refused}");
    let (pkcs11, slot) = token.beside();
    assert!(!pkcs11.get_token_info(slot).unwrap().user_pin_initialized());
}
