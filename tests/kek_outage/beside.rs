//! Sessions, logins, PINs and keys that change beside the provider.

use super::*;

#[test]
fn sessions_closed_by_another_cost_no_call() {
    if alone("beside::sessions_closed_by_another_cost_no_call") {
        let log = Log::start();
        let token = Token::of_a_service();
        let (kek, record) = adopted(&token, 2);
        for _ in 0..3 {
            // cryptoki has no C_CloseAllSessions; C_Finalize closes them all too.
            let (other, _) = token.beside();
            other.clone().finalize().unwrap();
            let (opened, took) = timed(|| kek.unwrap(&record, &CONTEXT));
            opened.unwrap();
            println!("MEASURED finalized by another: answered after {took:?}");
            other.clone().finalize().unwrap();
            other
                .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
                .unwrap();
            kek.wrap(&secret(), &CONTEXT).unwrap();
            other.finalize().unwrap();
            kek.probe().unwrap();
        }
        assert_eq!(log.count("was opened again"), 9, "{}", log.text());
        assert_eq!(log.count("the token is"), 9, "no outage: {}", log.text());
    }
}

#[test]
fn a_logout_by_another_costs_no_call() {
    if alone("beside::a_logout_by_another_costs_no_call") {
        let token = Token::of_a_service();
        let (kek, record) = adopted(&token, 2);
        token.session().logout().unwrap();
        kek.unwrap(&record, &CONTEXT).unwrap();
        token.session().logout().unwrap();
        kek.wrap(&secret(), &CONTEXT).unwrap();
        token.session().logout().unwrap();
        kek.probe().unwrap();
    }
}

#[test]
fn a_wrong_pin_is_presented_once_and_a_corrected_file_mends_it() {
    if alone("beside::a_wrong_pin_is_presented_once_and_a_corrected_file_mends_it") {
        let log = Log::start();
        let token = Token::of_a_service();
        let (kek, record) = adopted(&token, 1);
        token.write_pin("wrong-pin");
        token.session().logout().unwrap();
        assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT)));
        thread::sleep(Duration::from_secs(2));
        assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT)));
        assert_eq!(log.count("the token is down"), 1, "{}", log.text());
        token.write_pin(softhsm::PIN);
        println!(
            "MEASURED back {:?} after the PIN was corrected",
            recovery(&kek, &record)
        );
        assert!(!log.text().contains("wrong-pin"));
    }
}

#[test]
fn a_key_exchanged_for_another_of_its_name_is_never_used() {
    if alone("beside::a_key_exchanged_for_another_of_its_name_is_never_used") {
        let log = Log::start();
        let token = Token::of_a_service();
        let (kek, record) = adopted(&token, 1);
        let session = token.session();
        let id = Attribute::Id(version().as_str().into());
        let key = session.find_objects(std::slice::from_ref(&id)).unwrap()[0];
        session.destroy_object(key).unwrap();
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(32.into()),
            id,
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(false),
            Attribute::Verify(false),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
            Attribute::Modifiable(false),
        ];
        session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .unwrap();
        assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT)));
        assert!(is_unavailable(&kek.wrap(&secret(), &CONTEXT)));
        assert!(
            log.text().contains("canary was made by another key"),
            "{}",
            log.text()
        );
    }
}
