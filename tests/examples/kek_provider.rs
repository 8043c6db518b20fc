//! `examples/kek_provider.py`: an application's own keys, wrapped by the service and kept in a file of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::Value;

use super::{example, refused, service::Service, wrote};

const REPORT: &[u8] = b"\x00\xff what the board decided\n";

/// An application with its store.
struct Application<'a> {
    service: &'a Service,
    name: &'a str,
    token: PathBuf,
}

impl<'a> Application<'a> {
    fn new(service: &'a Service, name: &'a str) -> Self {
        let token = service.dir.join("app.token");
        Self {
            service,
            name,
            token,
        }
    }

    fn store(&self) -> PathBuf {
        self.service.dir.join(format!("{}.json", self.name))
    }

    fn run(&self, command: &[&str], input: &[u8]) -> Output {
        let store = self.store();
        let mut arguments = vec!["--url", &self.service.url, "--application", self.name];
        arguments.extend(["--token-file", text(&self.token), "--store", text(&store)]);
        arguments.extend(command);
        example("kek_provider.py", &arguments, input)
    }

    fn wrapped(&self) -> Value {
        serde_json::from_slice(&fs::read(self.store()).unwrap()).unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_an_application_encrypts_with_a_wrapped_key_it_decrypts_after_a_rewrap_too() {
    let service = Service::spawn();
    let application = Application::new(&service, "board");
    for name in ["reports", "letters"] {
        wrote(application.run(&["make", name], b""));
    }
    let sealed = wrote(application.run(&["encrypt", "reports"], REPORT));
    assert!(!sealed.windows(5).any(|part| part == b"board"));
    assert_eq!(
        wrote(application.run(&["decrypt", "reports"], &sealed)),
        REPORT
    );
    let before = application.wrapped();
    let said = wrote(application.run(&["rewrap"], b""));
    assert_eq!(said, b"2 keys are under the newest KEK\n");
    for name in ["reports", "letters"] {
        let blob = application.wrapped()[name].as_str().unwrap().to_owned();
        assert!(blob.starts_with("cst1:kek:") && before[name] != blob);
    }
    assert_eq!(
        wrote(application.run(&["decrypt", "reports"], &sealed)),
        REPORT
    );
}

#[test]
fn a_wrapped_key_opens_under_its_own_name_in_its_own_application_only() {
    let service = Service::spawn();
    let board = Application::new(&service, "board");
    wrote(board.run(&["make", "reports"], b""));
    let sealed = wrote(board.run(&["encrypt", "reports"], REPORT));
    let other = Application::new(&service, "other");
    fs::copy(board.store(), other.store()).unwrap();
    let said = refused(other.run(&["decrypt", "reports"], &sealed));
    assert!(said.contains("422 integrity_failure"), "{said}");
    let moved = fs::read_to_string(board.store()).unwrap();
    fs::write(board.store(), moved.replace("reports", "letters")).unwrap();
    let said = refused(board.run(&["decrypt", "letters"], &sealed));
    assert!(said.contains("422 integrity_failure"), "{said}");
}

#[test]
fn mistakes_end_in_a_sentence() {
    let service = Service::spawn();
    let mut application = Application::new(&service, "board");
    let said = refused(application.run(&["decrypt", "reports"], REPORT));
    assert!(said.contains("there is no key `reports`"), "{said}");
    wrote(application.run(&["make", "reports"], b""));
    let kept = application.wrapped();
    let said = refused(application.run(&["make", "reports"], b""));
    assert!(said.contains("already"), "{said}");
    assert_eq!(application.wrapped(), kept);
    for sealed in [&[7; 40][..], &[7; 3], b""] {
        let said = refused(application.run(&["decrypt", "reports"], sealed));
        assert!(said.contains("not encrypted with that key"), "{said}");
    }
    application.token = service.dir.join("operator.token");
    let said = refused(application.run(&["make", "more"], b""));
    assert!(said.contains("403 forbidden"), "{said}");
    application.token = service.dir.join("no.token");
    let said = refused(application.run(&["make", "more"], b""));
    assert!(said.contains("no.token"), "{said}");
}
