//! `demo`: a playground, made and removed.

use crate::support::Sandbox;

#[test]
fn a_playground_is_made_and_only_that_is_removed() {
    let r = Sandbox::bare_of_repositories();
    let run = r.git("session demo ../play");
    run.ok().stdout_contains("The playground is yours").stdout_contains("conflicts with 'main'");
    let shop = r.in_dir("../play/shop");
    shop.git("status --porcelain").ok().stdout("");
    shop.git("fsck").ok();
    shop.git("session list --json").ok().json_as("list");
    assert!(!shop.git("session list --ended").ok().text().is_empty());
    r.git("session demo ../play").code(1).stderr_contains("is there already").stderr_contains("--clean");
    r.git("session demo ../play --clean").ok();
    assert!(!r.has("../play"));
    r.git("session demo ../play --clean").code(1).stderr_contains("There is no playground");
    r.file("../precious/file", "p\n");
    r.git("session demo ../precious").code(1).stderr_contains("Name another place");
    r.git("session demo ../precious --clean").code(1).stderr_contains("is no playground");
    assert_eq!(r.read("../precious/file"), "p\n");
}

#[test]
fn it_answers_in_json_and_touches_no_repository_around() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    let refs = r.refs();
    let answer = r.git("session demo --json").ok().json_as("demo");
    assert_eq!(answer["path"], r.root().join("tmp/git-session-demo/shop").to_str().expect("UTF-8"));
    assert_eq!(r.refs(), refs);
    r.git("session demo --clean").ok();
}
