//! The promise to other programs: what was written yesterday still reads, and the manual names all of it.

use crate::support::{Sandbox, all_schemas, str, validate};
use git_session::session::{Event, EventKind, ObjectId, Record, State, Timestamp};
use std::path::Path;

const MANUAL: &str = include_str!("../../man/gitformat-session.5");

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn table(text: &str) -> toml::Table {
    text.parse().expect("TOML")
}

#[test]
fn a_full_record_reads_and_is_written_as_it_was() {
    let text = golden("record-1.toml");
    let record = Record::parse(&text).expect("reads");
    assert_eq!(record.state, State::Blocked);
    assert_eq!(record.branch_short(), "user-auth");
    assert_eq!(record.base.short(), "storage");
    assert!(record.base.parent().is_some() && record.base.fork().is_some());
    assert_eq!(table(&record.to_toml().expect("writes")), table(&text));
}

#[test]
fn a_first_record_has_neither_id_nor_creation() {
    let text = golden("record-1-first.toml");
    let record = Record::parse(&text).expect("reads");
    assert_eq!((record.id.as_ref(), record.created.as_ref()), (None, None));
    assert_eq!(record.to_toml().expect("writes"), text);
}

#[test]
fn unknown_keys_survive_everywhere() {
    let text = golden("record-1-unknown.toml");
    let mut record = Record::parse(&text).expect("reads");
    assert_eq!(table(&record.to_toml().expect("writes")), table(&text));
    record.goal = Some("Explain it".into());
    let mut expected = table(&text);
    expected.insert("goal".into(), "Explain it".into());
    assert_eq!(table(&record.to_toml().expect("writes")), expected);
}

#[test]
fn a_newer_version_is_refused() {
    let error = Record::parse(&golden("record-2.toml")).expect_err("is newer");
    assert_eq!(error.message(), "The record is of version 2; this program reads up to version 1.");
    assert_eq!(error.hints(), ["Install a newer git-session."]);
}

#[test]
fn messages_read_and_are_written_as_they_were() {
    for name in ["event-created.txt", "event-renamed.txt", "event-unknown.txt"] {
        let text = golden(name);
        let id = ObjectId::from_hex(b"4444444444444444444444444444444444444444").expect("an id");
        let event = Event::parse(id, &text, Timestamp(0), "A <a@b>".into());
        assert_eq!(event.name, "user-auth", "{name}");
        assert!(event.operation.is_some(), "{name}");
        assert_eq!(event.message(), text, "{name}");
    }
}

#[test]
fn the_manual_names_every_event() {
    for kind in EventKind::ALL {
        assert!(MANUAL.contains(&format!("\n{kind}\t")), "gitformat-session(5) has no event '{kind}'");
    }
}

#[test]
fn the_manual_and_the_golden_record_have_every_key() {
    let source = include_str!("../../src/session/record.rs");
    let full = golden("record-1.toml");
    for name in ["Base", "LastSync", "Record"] {
        let (_, body) = source.split_once(&format!("pub struct {name} {{")).expect("the struct");
        let (body, _) = body.split_once("\n}").expect("its end");
        let fields = body.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'));
        for (field, _) in fields.filter(|(field, _)| *field != "rest") {
            let key = if field == "reference" { "ref".to_owned() } else { field.replace('_', "-") };
            let as_value = MANUAL.contains(&format!("\n.BR {key} \" ("));
            let as_table = MANUAL.contains(&format!("\n.BR [{key}] \" ("));
            assert!(as_value || as_table, "gitformat-session(5) has no key '{key}' of {name}");
            let in_golden = full.contains(&format!("\n{key} = ")) || full.contains(&format!("\n[{key}]"));
            assert!(in_golden || full.starts_with(&format!("{key} = ")), "the golden record has no '{key}' of {name}");
        }
    }
}

#[test]
fn every_schema_is_one() {
    let schemas = all_schemas();
    assert!(schemas.len() > 1, "there are schemas");
    for (name, schema) in schemas {
        let checked = jsonschema::draft202012::meta::validate(&schema);
        assert!(checked.is_ok(), "{name}: {checked:?}");
        if name != "common" {
            // Building it resolves its references; an empty object is no answer, since all have a version.
            assert!(!validate(&name, &serde_json::json!({})).is_empty(), "{name} requires something");
        }
    }
}

#[test]
fn a_schema_tells_an_answer_from_another() {
    let good = serde_json::json!({"version": 1, "name": "auth", "worktree": {"path": "a%FF", "encoding": "percent"}});
    assert_eq!(validate("path", &good), Vec::<String>::new());
    let bad = serde_json::json!({"version": 2, "name": "@auth", "worktree": 7});
    assert_eq!(validate("path", &bad).len(), 3);
}

#[test]
fn a_sandbox_is_hermetic_and_repeatable() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    let same = Sandbox::new().file("a.txt", "1\n").commit("base");
    assert_eq!(r.rev("main"), same.rev("main"));
    r.git("log -1 --format='%H %h %an %ci'").ok().stdout(str![[r#"
[OID] [OID] A U Thor [TIME]

"#]]);
    r.git("rev-parse --show-toplevel").ok().stdout(str![[r#"
[ROOT]/repo

"#]]);
    r.unchanged_by(|r| r.git("status").ok().stdout_contains("nothing to commit").status());
    let before = r.state();
    r.file("b.txt", "2\n");
    assert_ne!(before, r.state());
}
