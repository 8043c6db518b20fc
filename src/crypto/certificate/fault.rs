//! What can be wrong with a certificate: one word each, in the order in which they are looked for.

use crate::crypto::faults::faults;

faults! {
    /// Why a certificate is not valid (formats.md section 5). The first fault that is found is the one named; for the
    /// DSSE part the words are those of AEGIS's own verifier.
    Fault {
        /// Not JSON, not just the three members of an envelope, or another `payloadType`.
        PayloadTypeMismatch = "AttestationPayloadTypeMismatch":
            "this is not a DSSE envelope around an in-toto statement",
        /// `signatures` is not one of each kind.
        SignatureSetIncomplete = "AttestationSignatureSetIncomplete":
            "the envelope does not carry exactly one Ed25519 and one ML-DSA-65 signature",
        /// `payload` is not text in the one base64 form that its bytes have.
        PayloadDecodeFailed = "AttestationPayloadDecodeFailed":
            "the payload is not standard base64",
        /// The payload is not JSON in UTF-8.
        PayloadJsonInvalid = "AttestationPayloadJsonInvalid":
            "the payload is not JSON",
        /// The payload is not what RFC 8785 makes of it after NFC; a key that stands twice is this too.
        CanonicalBytesMismatch = "AttestationCanonicalBytesMismatch":
            "the payload is not in the one canonical form that can have been signed",
        /// A member is missing, of another type or one too many; or a value is not one that an override can have.
        StatementShapeInvalid = "AttestationStatementShapeInvalid":
            "the payload is not the statement of an approved override",
        /// `sig` is not base64.
        Ed25519SigDecodeFailed = "AttestationEd25519SigDecodeFailed":
            "the Ed25519 signature is not standard base64",
        /// No pinned key of that `keyid` made it over this payload.
        Ed25519VerifyFailed = "AttestationEd25519VerifyFailed":
            "no pinned Ed25519 key made this signature over this payload: it was changed, or another service made it",
        /// `sig` is not base64.
        MldsaSigDecodeFailed = "AttestationMLDSASigDecodeFailed":
            "the ML-DSA-65 signature is not standard base64",
        /// No pinned key of that `keyid` made it over this payload, or one of two implementations says so.
        MldsaVerifyFailed = "AttestationMLDSAVerifyFailed":
            "no pinned ML-DSA-65 key made this signature over this payload: it was changed, or another service made it",
        /// The statement has no subject.
        SubjectMissing = "AttestationSubjectMissing":
            "the statement is about nothing",
        /// The subject's digest is not the one that was asked for.
        DigestMismatch = "AttestationDigestMismatch":
            "the certificate is for another proposal, justification or set of gates than the expected one",
        /// The environment is not the one that was asked for.
        EnvironmentMismatch = "AttestationEnvironmentMismatch":
            "the certificate is for another environment than the expected one",
        /// `expires_at` is not RFC 3339 in UTC.
        ExpiresAtMalformed = "AttestationExpiresAtMalformed":
            "the certificate does not say until when it holds",
        /// Its time is over.
        Expired = "AttestationExpired":
            "the certificate is past its time",
        /// A hash in the statement is not the hash of what the statement says.
        HashMismatch = "OverrideHashMismatch":
            "the hashes that the custodians signed are not those of what the certificate says",
        /// The gates are not sorted, unique and the same in both places, or one of them is nobody's to override.
        GatesMismatch = "OverrideGatesMismatch":
            "the failed gates contradict each other, or one of them cannot be overridden",
        /// A signature is not by its key, or the key is not that of the pinned custodian.
        CustodianSignatureInvalid = "OverrideCustodianSignatureInvalid":
            "a custodian's signature does not hold, or is not by the custodian that is pinned",
        /// Not both roles, or not two people of whom neither asked.
        TwoPersonRule = "OverrideTwoPersonRule":
            "the certificate is not signed by two different people, one in each role, neither of them the requester",
        /// A key that signed is pinned for something else.
        KeyPurpose = "OverrideKeyPurpose":
            "a key of the service signed this that is for something else than overrides",
        /// The statement names two services, or not the expected one.
        InstanceMismatch = "OverrideInstanceMismatch":
            "the certificate is from another custodian service than the expected one",
        /// A time does not fit the others.
        SignedOutsideWindow = "OverrideSignedOutsideWindow":
            "a signature was made after the approval, or when its custodian could not sign, or the approval is out of time",
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn the_words_stand_in_the_order_of_the_formats_page() {
        let words: Vec<&str> = Fault::ALL.iter().map(|fault| fault.word()).collect();
        let wanted = "AttestationPayloadTypeMismatch AttestationSignatureSetIncomplete \
            AttestationPayloadDecodeFailed AttestationPayloadJsonInvalid AttestationCanonicalBytesMismatch \
            AttestationStatementShapeInvalid AttestationEd25519SigDecodeFailed AttestationEd25519VerifyFailed \
            AttestationMLDSASigDecodeFailed AttestationMLDSAVerifyFailed AttestationSubjectMissing \
            AttestationDigestMismatch AttestationEnvironmentMismatch AttestationExpiresAtMalformed \
            AttestationExpired OverrideHashMismatch OverrideGatesMismatch OverrideCustodianSignatureInvalid \
            OverrideTwoPersonRule OverrideKeyPurpose OverrideInstanceMismatch OverrideSignedOutsideWindow";
        assert_eq!(words.join(" "), wanted);
        assert!(Fault::ALL.is_sorted());
    }
}
