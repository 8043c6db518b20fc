//! A library that does not come back from a call.

use super::*;

/// Makes the library hang: SoftHSM opens the key's file at each use, and a pipe without a writer holds it there.
struct Hang {
    file: PathBuf,
    kept: PathBuf,
    pipe: PathBuf,
}

impl Hang {
    fn start() -> Self {
        let (kept, pipe) = (softhsm::home().join("kept"), softhsm::home().join("pipe"));
        let hang = Self {
            file: key_file(),
            kept,
            pipe,
        };
        assert!(
            Command::new("mkfifo")
                .arg(&hang.pipe)
                .status()
                .unwrap()
                .success()
        );
        fs::hard_link(&hang.file, &hang.kept).unwrap();
        fs::hard_link(&hang.pipe, hang.pipe.with_extension("twin")).unwrap();
        fs::rename(hang.pipe.with_extension("twin"), &hang.file).unwrap();
        hang
    }

    /// New calls find the key's file again; those that hang go on hanging.
    fn mend(&self) {
        fs::rename(&self.kept, &self.file).unwrap();
    }

    /// Lets the calls that hang come back.
    fn release(&self) {
        drop(fs::OpenOptions::new().write(true).open(&self.pipe).unwrap());
    }
}

#[test]
fn a_library_that_hangs_costs_its_threads_and_never_a_caller() {
    if alone("hang::a_library_that_hangs_costs_its_threads_and_never_a_caller") {
        let _log = Log::start();
        let token = Token::of_a_service();
        let (kek, record) = adopted(&token, 1);
        let hang = Hang::start();
        for call in 1..=3 {
            let (opened, took) = timed(|| kek.unwrap(&record, &CONTEXT));
            println!("MEASURED hanging, call {call}: refused after {took:?}");
            assert!(is_unavailable(&opened), "{opened:?}");
            assert!(took < Duration::from_secs(2));
        }
        let (probed, took) = timed(|| kek.probe());
        assert!(is_unavailable(&probed));
        assert!(
            took < Duration::from_millis(100),
            "two threads are lost: {took:?}"
        );
        hang.mend();
        hang.release();
        println!("MEASURED hang: back after {:?}", recovery(&kek, &record));
        kek.probe().unwrap();
    }
}

#[test]
fn a_token_lost_while_a_call_hangs_is_opened_beside_it() {
    if alone("hang::a_token_lost_while_a_call_hangs_is_opened_beside_it") {
        let log = Log::start();
        let token = Token::of_a_service();
        let (kek, record) = adopted(&token, 2);
        let hang = Hang::start();
        thread::scope(|scope| {
            scope.spawn(|| assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT))));
            thread::sleep(Duration::from_millis(100));
            hang.mend();
            token.session().logout().unwrap();
            let (opened, took) = timed(|| kek.unwrap(&record, &CONTEXT));
            println!("MEASURED lost beside a hanging call: {opened:?} after {took:?}");
            assert!(took < Duration::from_secs(2));
        });
        println!(
            "MEASURED lost beside a hanging call: back after {:?}",
            recovery(&kek, &record)
        );
        assert_eq!(log.count("was opened again"), 1, "{}", log.text());
        hang.release();
        kek.probe().unwrap();
        drop(kek);
        assert_eq!(log.count("was opened again"), 1, "{}", log.text());
    }
}
