//! PKCS#11 provider.
