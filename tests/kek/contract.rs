//! What every provider must do.

use super::*;
use crate::watch::Watch;

#[test]
fn what_was_wrapped_opens_again() {
    for (kek, _) in adopted() {
        let wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
        assert_eq!((wrapped.nonce.len(), wrapped.sealed.len()), (12, 48));
        assert_eq!(
            (&wrapped.kek, wrapped.mechanism),
            (&version(1), kek.description().mechanism)
        );
        assert_eq!(kek.unwrap(&wrapped, &CONTEXT).unwrap().expose(), &[7; 32]);
        kek.probe().unwrap();
    }
}

#[test]
fn two_wraps_of_one_secret_differ() {
    for (kek, _) in adopted() {
        let wraps = [
            kek.wrap(&secret(7), &CONTEXT).unwrap(),
            kek.wrap(&secret(7), &CONTEXT).unwrap(),
        ];
        assert_ne!(wraps[0].nonce, wraps[1].nonce);
        assert_ne!(wraps[0].sealed, wraps[1].sealed);
    }
}

#[test]
fn a_record_with_any_byte_flipped_is_corrupt() {
    for (kek, _) in adopted() {
        let good = kek.wrap(&secret(7), &CONTEXT).unwrap();
        let flip = |at: usize| {
            let mut bad = good.clone();
            match bad.nonce.get_mut(at) {
                Some(byte) => *byte ^= 1,
                None => bad.sealed[at - 12] ^= 1,
            }
            bad
        };
        let bad: Vec<WrappedSecret> = (0..60).map(flip).collect();
        let batch: Vec<_> = bad.iter().map(|one| (one, CONTEXT)).collect();
        for (at, opened) in kek.unwrap_each(&batch).iter().enumerate() {
            assert!(is_corrupt(opened), "byte {at}: {opened:?}");
        }
        assert!(is_corrupt(&kek.unwrap(&bad[20], &CONTEXT)));
    }
}

#[test]
fn a_record_of_another_length_is_corrupt() {
    for (kek, _) in adopted() {
        let good = kek.wrap(&secret(7), &CONTEXT).unwrap();
        for (nonce, sealed) in [
            (0, 48),
            (11, 48),
            (13, 48),
            (12, 0),
            (12, 16),
            (12, 47),
            (12, 49),
        ] {
            let mut bad = good.clone();
            bad.nonce.resize(nonce, 0);
            bad.sealed.resize(sealed, 0);
            let opened = kek.unwrap(&bad, &CONTEXT);
            assert!(is_corrupt(&opened), "{nonce} {sealed}: {opened:?}");
        }
    }
}

#[test]
fn a_record_opens_only_where_it_belongs() {
    for (kek, _) in adopted() {
        let wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
        for other in [
            Context {
                purpose: Purpose::OneTime,
                ..CONTEXT
            },
            Context {
                reference: "telemetry/dek-v2-20261123",
                ..CONTEXT
            },
            Context {
                algorithm: Algorithm::MlKem768X25519.name(),
                ..CONTEXT
            },
        ] {
            let opened = kek.unwrap(&wrapped, &other);
            assert!(is_corrupt(&opened), "{other:?}: {opened:?}");
        }
    }
}

#[test]
fn a_record_of_an_unknown_kek_version_is_corrupt() {
    for (kek, _) in adopted() {
        kek.create(&version(2)).unwrap();
        let mut wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
        for number in [2, 9] {
            wrapped.kek = version(number);
            assert!(is_corrupt(&kek.unwrap(&wrapped, &CONTEXT)));
        }
    }
}

#[test]
fn a_version_moved_to_another_in_the_ring_is_corrupt() {
    for (kek, _) in adopted() {
        let mut wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
        kek.create(&version(2)).unwrap();
        kek.adopt(ring(&*kek, &[1, 2])).unwrap();
        wrapped.kek = version(2);
        assert!(is_corrupt(&kek.unwrap(&wrapped, &CONTEXT)));
    }
}

#[test]
fn an_old_version_opens_after_a_newer_one_became_current() {
    for (kek, _) in adopted() {
        let old = kek.wrap(&secret(7), &CONTEXT).unwrap();
        kek.create(&version(2)).unwrap();
        kek.adopt(ring(&*kek, &[1, 2])).unwrap();
        let new = kek.wrap(&secret(8), &CONTEXT).unwrap();
        assert_eq!((&old.kek, &new.kek), (&version(1), &version(2)));
        assert_eq!(kek.unwrap(&old, &CONTEXT).unwrap().expose(), &[7; 32]);
        assert_eq!(kek.unwrap(&new, &CONTEXT).unwrap().expose(), &[8; 32]);
    }
}

#[test]
fn nothing_is_usable_before_a_ring_is_adopted() {
    for (kek, _) in holders() {
        let record = WrappedSecret {
            kek: version(1),
            mechanism: Mechanism::AesGcm,
            nonce: vec![0; 12],
            sealed: vec![0; 48],
        };
        assert!(is_unavailable(&kek.wrap(&secret(7), &CONTEXT)));
        assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT)));
        assert!(is_unavailable(&kek.probe()));
    }
}

#[test]
fn a_missing_key_is_refused_and_not_made() {
    for (kek, _) in holders() {
        for _ in 0..2 {
            assert!(is_unavailable(&kek.adopt(bare_ring(1))));
            assert!(is_unavailable(&kek.canary(&version(1))));
        }
        kek.create(&version(1)).unwrap();
        kek.adopt(bare_ring(1)).unwrap();
    }
}

#[test]
fn a_current_version_outside_its_ring_is_refused() {
    for (kek, _) in adopted() {
        let mut odd = ring(&*kek, &[1]);
        odd.current = version(2);
        assert!(is_unavailable(&kek.adopt(odd)));
    }
}

#[test]
fn a_canary_of_another_key_is_refused_and_the_old_ring_stays() {
    for (kek, _) in adopted() {
        let mut foreign = ring(&*kek, &[1]);
        foreign.versions[0].canary.as_mut().unwrap()[0] ^= 1;
        assert!(is_unavailable(&kek.adopt(foreign)));
        kek.wrap(&secret(7), &CONTEXT).unwrap();
    }
}

#[test]
fn making_a_key_again_changes_nothing() {
    for (kek, _) in adopted() {
        let wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
        let before = ring(&*kek, &[1]);
        kek.create(&version(1)).unwrap();
        kek.adopt(before).unwrap();
        kek.adopt(ring(&*kek, &[1])).unwrap();
        assert_eq!(kek.unwrap(&wrapped, &CONTEXT).unwrap().expose(), &[7; 32]);
    }
}

#[test]
fn a_batch_of_good_and_bad_keeps_its_order() {
    for (kek, _) in adopted() {
        let mut records: Vec<WrappedSecret> = (0..100)
            .map(|byte| kek.wrap(&secret(byte), &CONTEXT).unwrap())
            .collect();
        for at in (0..100).step_by(3) {
            records[at].sealed[5] ^= 1;
        }
        records[4].nonce.clear();
        let batch: Vec<_> = records.iter().map(|one| (one, CONTEXT)).collect();
        let opened = kek.unwrap_each(&batch);
        assert_eq!(opened.len(), 100);
        for (at, opened) in opened.iter().enumerate() {
            if at % 3 == 0 || at == 4 {
                assert!(is_corrupt(opened), "{at}: {opened:?}");
            } else {
                assert_eq!(opened.as_ref().unwrap().expose(), &[at as u8; 32]);
            }
        }
        assert!(kek.unwrap_each(&[]).is_empty());
    }
}

#[test]
fn a_batch_of_bad_records_costs_one_round_trip() {
    for (kek, _) in adopted() {
        let mut bad = kek.wrap(&secret(7), &CONTEXT).unwrap();
        bad.sealed[0] ^= 1;
        let batch = vec![(&bad, CONTEXT); 256];
        let before = Watch::start();
        assert!(kek.unwrap_each(&batch).iter().all(is_corrupt));
        // Round trips start 100 ms apart.
        let took = before.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

#[test]
fn many_threads_at_once_each_get_their_own() {
    for (kek, _) in adopted() {
        thread::scope(|scope| {
            for byte in 0..16 {
                let kek = &*kek;
                scope.spawn(move || {
                    for _ in 0..50 {
                        let wrapped = kek.wrap(&secret(byte), &CONTEXT).unwrap();
                        assert_eq!(
                            kek.unwrap(&wrapped, &CONTEXT).unwrap().expose(),
                            &[byte; 32]
                        );
                    }
                });
            }
        });
    }
}

#[test]
fn bad_records_of_many_threads_do_not_hold_up_good_ones() {
    for (kek, _) in adopted() {
        let good = kek.wrap(&secret(7), &CONTEXT).unwrap();
        let mut bad = good.clone();
        bad.sealed[0] ^= 1;
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    (0..5).for_each(|_| assert!(is_corrupt(&kek.unwrap(&bad, &CONTEXT))))
                });
            }
            for _ in 0..200 {
                kek.unwrap(&good, &CONTEXT).unwrap();
            }
        });
    }
}

#[test]
fn debug_shows_no_secret() {
    for (kek, _) in holders() {
        assert!(!format!("{kek:?}").contains(softhsm::PIN));
    }
    assert!(!format!("{:?}", Token::new().settings(1)).contains(softhsm::PIN));
}

#[test]
fn a_canary_costs_a_key_no_nonce_where_we_choose_it() {
    for (kek, _) in adopted() {
        let canaries = [
            kek.canary(&version(1)).unwrap(),
            kek.canary(&version(1)).unwrap(),
        ];
        let constant = kek.description().mechanism == Mechanism::AesGcm;
        assert_eq!(canaries[0] == canaries[1], constant);
        assert_eq!(canaries[0].len(), if constant { 48 } else { 60 });
    }
}

#[test]
fn a_key_knows_its_own_canary_from_another_keys() {
    for (kek, _) in adopted() {
        let own = kek.canary(&version(1)).unwrap();
        kek.create(&version(2)).unwrap();
        let other = kek.canary(&version(2)).unwrap();
        assert!(kek.made_canary(&version(1), &own).unwrap());
        assert!(kek.made_canary(&version(2), &other).unwrap());
        assert!(!kek.made_canary(&version(1), &other).unwrap());
        assert!(!kek.made_canary(&version(1), &[]).unwrap());
        assert!(is_unavailable(&kek.made_canary(&version(9), &own)));
        kek.probe().unwrap();
    }
}

#[test]
fn a_record_opens_whoever_chose_its_nonce() {
    for (kek, _) in adopted() {
        let mut wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
        for mechanism in [Mechanism::AesGcm, Mechanism::AesGcmTokenIv] {
            wrapped.mechanism = mechanism;
            assert_eq!(kek.unwrap(&wrapped, &CONTEXT).unwrap().expose(), &[7; 32]);
        }
    }
}
