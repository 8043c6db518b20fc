//! The threat model claims nothing that no test shows: every test and every target of the Makefile that it names is
//! there, and each row of its defences names one.

use std::{fs, path::Path};

use crate::markdown::{file, rows};

const PAGE: &str = "docs/threat-model.md";

/// What stands in backticks, if it is a test or a target.
fn shown_by(cell: &str) -> Vec<&str> {
    let coded = cell.split('`').skip(1).step_by(2);
    coded
        .filter(|word| word.contains("::") || word.starts_with("make "))
        .collect()
}

/// `api::table::name` is `name` in tests/api/table.rs, `guard::name` in tests/guard.rs, `lib::id::name` in src/id.rs.
fn is_there(test: &str) -> bool {
    if let Some(target) = test.strip_prefix("make ") {
        return file("Makefile")
            .lines()
            .any(|line| line.starts_with(&format!("{target}:")));
    }
    let (modules, name) = test.rsplit_once("::").unwrap();
    let path = match modules.strip_prefix("lib::") {
        Some(modules) => format!("src/{}.rs", modules.replace("::", "/")),
        None => format!("tests/{}.rs", modules.replace("::", "/")),
    };
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    text.is_ok_and(|text| is_test(&text, name))
}

/// Whether a function of that name has the attribute `test`.
fn is_test(text: &str, name: &str) -> bool {
    let mut marked = false;
    text.lines().map(str::trim).any(|line| {
        let attribute = line.starts_with("#[");
        let found = marked
            && line
                .trim_start_matches("async ")
                .starts_with(&format!("fn {name}("));
        marked = line == "#[test]" || line == "#[actix_web::test]" || marked && attribute;
        found
    })
}

#[test]
fn every_defence_names_tests_that_there_are() {
    let page = file(PAGE);
    let mut defences = 0;
    for section in ["5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7"] {
        let rows = rows(&page, section);
        assert!(!rows.is_empty(), "{section}");
        for row in &rows {
            let [threat, _, tests] = row.as_slice() else {
                panic!("{row:?}");
            };
            let tests = shown_by(tests);
            assert!(!tests.is_empty(), "{section}: nothing shows it: {threat}");
            for test in tests {
                assert!(is_there(test), "{section}: there is no {test}");
            }
        }
        defences += rows.len();
    }
    assert!(defences > 50, "{defences}");
    let coded = page.split('`').skip(1).step_by(2);
    let named = |word: &&str| {
        word.contains("::") && !word.ends_with("::") && !word.contains(char::is_whitespace)
    };
    for test in coded.filter(named) {
        assert!(is_there(test), "there is no {test}");
    }
}

#[test]
fn a_test_that_is_none_is_found() {
    for right in [
        "pages::threats::a_test_that_is_none_is_found",
        "lib::secret::a_secret_says_nothing_in_debug",
        "make exposure",
    ] {
        assert!(is_there(right), "{right}");
    }
    for wrong in [
        "pages::threats::is_there",
        "pages::a_test_that_is_none_is_found",
        "lib::secret::a_secret_says",
        "make nothing",
    ] {
        assert!(!is_there(wrong), "{wrong}");
    }
}
