//! A token that is gone for a while.

use super::*;

fn survives_an_outage(what: fn() -> PathBuf, outage: Duration) {
    let log = Log::start();
    let token = Token::of_a_service();
    let (kek, record) = adopted(&token, 2);
    let (here, away) = (what(), softhsm::home().join("away"));
    for round in 1..=2 {
        fs::rename(&here, &away).unwrap();
        let (first, took) = timed(|| kek.unwrap(&record, &CONTEXT));
        assert!(is_unavailable(&first), "{first:?}");
        assert!(took < Duration::from_secs(2));
        let ended = Instant::now() + outage;
        let (mut slowest, mut calls) = (took, 0);
        while Instant::now() < ended {
            let (opened, took) = timed(|| kek.unwrap(&record, &CONTEXT));
            assert!(is_unavailable(&opened), "{opened:?}");
            assert!(is_unavailable(&kek.wrap(&secret(), &CONTEXT)));
            assert!(is_unavailable(&kek.probe()));
            (slowest, calls) = (slowest.max(took), calls + 1);
            thread::sleep(Duration::from_millis(5));
        }
        assert!(slowest < Duration::from_secs(2));
        fs::rename(&away, &here).unwrap();
        let back = recovery(&kek, &record);
        kek.probe().unwrap();
        println!(
            "MEASURED round {round}: first refusal {took:?}, slowest of {calls} {slowest:?}, back after {back:?}"
        );
    }
    assert!(log.count("WARN") <= 8, "{}", log.text());
    assert_eq!(log.count("the token is up"), 2, "{}", log.text());
    assert!(!log.text().contains(softhsm::PIN));
}

#[test]
fn the_token_folder_away_is_refused_within_2_s_and_back_within_5_s() {
    if alone("away::the_token_folder_away_is_refused_within_2_s_and_back_within_5_s") {
        survives_an_outage(token_folder, Duration::from_secs(3));
    }
}

#[test]
fn every_token_away_is_refused_within_2_s_and_back_within_5_s() {
    if alone("away::every_token_away_is_refused_within_2_s_and_back_within_5_s") {
        survives_an_outage(tokens, Duration::from_millis(300));
    }
}

#[test]
fn an_outage_that_only_the_probe_sees_is_mended_too() {
    if alone("away::an_outage_that_only_the_probe_sees_is_mended_too") {
        let token = Token::of_a_service();
        let (kek, record) = adopted(&token, 1);
        let (here, away) = (token_folder(), softhsm::home().join("away"));
        fs::rename(&here, &away).unwrap();
        assert!(is_unavailable(&kek.probe()));
        fs::rename(&away, &here).unwrap();
        recovery(&kek, &record);
        kek.probe().unwrap();
    }
}

#[test]
fn two_providers_of_one_module_both_come_back() {
    if alone("away::two_providers_of_one_module_both_come_back") {
        let _log = Log::start();
        let token = Token::of_a_service();
        let (busy, record) = adopted(&token, 1);
        let (idle, _) = adopted(&token, 1);
        let (here, away) = (token_folder(), softhsm::home().join("away"));
        fs::rename(&here, &away).unwrap();
        assert!(is_unavailable(&busy.unwrap(&record, &CONTEXT)));
        thread::sleep(Duration::from_secs(1));
        fs::rename(&away, &here).unwrap();
        println!(
            "MEASURED beside an idle provider: back after {:?}",
            recovery(&busy, &record)
        );
        println!(
            "MEASURED the idle one: back after {:?}",
            recovery(&idle, &record)
        );
    }
}

#[test]
fn an_outage_under_load_never_calls_a_good_record_corrupt() {
    if alone("away::an_outage_under_load_never_calls_a_good_record_corrupt") {
        let token = Token::of_a_service();
        let (kek, record) = adopted(&token, 2);
        let (here, away) = (token_folder(), softhsm::home().join("away"));
        let end = Instant::now() + Duration::from_secs(4);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while Instant::now() < end {
                        let batch = vec![(&record, CONTEXT); 4];
                        for opened in kek.unwrap_each(&batch) {
                            assert!(opened.is_ok() || is_unavailable(&opened), "{opened:?}");
                        }
                    }
                });
            }
            while Instant::now() < end {
                fs::rename(&here, &away).unwrap();
                thread::sleep(Duration::from_millis(30));
                fs::rename(&away, &here).unwrap();
                thread::sleep(Duration::from_millis(400));
            }
        });
        recovery(&kek, &record);
    }
}

#[test]
fn what_a_bare_session_answers_while_its_token_is_away() {
    if alone("away::what_a_bare_session_answers_while_its_token_is_away") {
        let token = Token::of_a_service();
        let (kek, _) = adopted(&token, 1);
        let session = token.session();
        let key = session
            .find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY)])
            .unwrap()[0];
        let (mut iv, aad) = ([0; 12], b"aad");
        let sealed = {
            let params =
                cryptoki::mechanism::aead::GcmParams::new(&mut iv, aad, 128.into()).unwrap();
            session
                .encrypt(&Mechanism::AesGcm(params), key, &[7; 32])
                .unwrap()
        };
        fs::rename(token_folder(), softhsm::home().join("away")).unwrap();
        for _ in 0..2 {
            let params =
                cryptoki::mechanism::aead::GcmParams::new(&mut iv, aad, 128.into()).unwrap();
            let opened = session.decrypt(&Mechanism::AesGcm(params), key, &sealed);
            println!("MEASURED decrypt: {opened:?}");
            assert!(opened.is_err());
        }
        println!("MEASURED session info: {:?}", session.get_session_info());
        println!(
            "MEASURED find: {:?}",
            session.find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY)])
        );
        drop(kek);
    }
}

#[test]
fn a_token_made_by_another_process_is_seen_when_a_provider_opens() {
    if alone("away::a_token_made_by_another_process_is_seen_when_a_provider_opens") {
        let token = Token::of_a_service();
        let folder = token_folder();
        let away = softhsm::home().join("away");
        fs::rename(&folder, &away).unwrap();
        assert!(is_unavailable(&Pkcs11Kek::open(token.settings(1))));
        fs::rename(&away, &folder).unwrap();
        token.open(1).create(&version()).unwrap();
        assert!(Path::new(&folder).exists());
    }
}

#[test]
fn a_key_object_whose_file_is_damaged_is_unavailable_and_never_a_corrupt_record() {
    if alone("away::a_key_object_whose_file_is_damaged_is_unavailable_and_never_a_corrupt_record") {
        let _log = Log::start();
        let token = Token::of_a_service();
        let (kek, record) = adopted(&token, 1);
        let file = key_file();
        let whole = fs::read(&file).unwrap();
        let half = whole[..whole.len() / 2].to_vec();
        let mut flipped = whole.clone();
        for byte in flipped.iter_mut().skip(200) {
            *byte ^= 0x55;
        }
        for damaged in [Vec::new(), half, vec![0x55; whole.len()], flipped] {
            fs::write(&file, &damaged).unwrap();
            let opened = kek.unwrap(&record, &CONTEXT);
            println!("MEASURED damaged key file of {}: {opened:?}", damaged.len());
            assert!(opened.is_ok() || is_unavailable(&opened), "{opened:?}");
            fs::write(&file, &whole).unwrap();
            recovery(&kek, &record);
        }
    }
}
