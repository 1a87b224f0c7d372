//! `log`: timelines, oldest first, those of ended sessions too.

use crate::support::{Running, Sandbox};

#[test]
fn events_in_order_across_sessions() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session create auth").ok();
    r.tick().git("session create docs").ok();
    r.tick().git("session set auth --goal 'Log in'").ok();
    r.tick().git("session rename docs guide").ok();
    r.tick().git("session move auth ../auth-here").ok();
    let events = r.unchanged_by(|r| r.git("session log --json").ok().json_lines_as("log"));
    let kinds: Vec<(&str, &str)> = events
        .iter()
        .map(|event| (event["session"].as_str().expect("a name"), event["event"].as_str().expect("a kind")))
        .collect();
    assert_eq!(
        kinds,
        [("auth", "created"), ("guide", "created"), ("auth", "set"), ("guide", "renamed"), ("auth", "moved")]
    );
    assert_eq!((events[3]["from"].as_str(), events[3]["to"].as_str()), (Some("docs"), Some("guide")));
    assert_eq!(events[2]["by"], "A U Thor <author@example.com>");
    r.git("session log auth").ok().stdout_contains("auth set goal Log in  A U Thor").stdout_lacks("guide");
    r.git("session log guide --format '%(event) %(what)'").ok().stdout_contains("renamed from docs\n");
    r.git("session finish auth --merge").ok();
    let events = r.git("session log auth --json").ok().json_lines_as("log");
    assert_eq!(events.last().expect("events")["event"], "merged");
    r.unchanged_by(|r| r.git("session log nobody").code(1).stderr_contains("There is no session 'nobody'").status());
}

#[test]
fn following_prints_events_as_they_happen() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session create auth").ok();
    // By the machine's clock all of this was long ago.
    let command = r.command("git-session", ["log", "--follow", "--json"]);
    let follow = Running::start(command, r.root(), None);
    std::thread::sleep(std::time::Duration::from_millis(700));
    r.git("session set auth --goal first").ok();
    r.git("session create docs").ok();
    std::thread::sleep(std::time::Duration::from_millis(1_800));
    let text = follow.kill().text();
    assert!(text.contains("goal first") && text.contains("\"docs\""), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}
