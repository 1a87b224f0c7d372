//! `env`: a session's variables, and what makes its worktree usable.

use crate::support::Sandbox;

fn repository() -> Sandbox {
    Sandbox::new().file("a.txt", "1\n").file(".gitignore", "out\n").commit("base")
}

#[test]
fn variables_are_printed_for_shell_dotenv_and_programs() {
    let r = repository();
    r.git("session create user-auth").ok();
    let answer = r.unchanged_by(|r| r.git("session env user-auth --json").ok().json_as("env"));
    let variables = &answer["variables"];
    assert_eq!(variables["SESSION_NAME"], "user-auth");
    assert_eq!(variables["SESSION_BASE"], "main");
    assert_eq!(variables["SESSION_DATABASE_SUFFIX"], "_user_auth");
    assert_eq!(variables["COMPOSE_PROJECT_NAME"], "repo-user-auth");
    r.session("user-auth").git("session env").ok().stdout_contains("export SESSION_SLUG='user-auth'\n");
    r.git("session env user-auth --format dotenv").ok().stdout_contains("\nSESSION_BRANCH=user-auth\n");
    r.git("session env nobody").code(1).stderr_contains("nobody");
    r.git("session adopt main --name plain --no-worktree").status();
    r.git("session env user-auth --format xml").code(2);
}

#[test]
fn whatever_is_in_a_path_a_shell_gets_it_back() {
    let r = repository();
    let odd = "../it's $(touch evil) `x` \"q\"/{name}";
    r.config("session.path", odd);
    r.git("session create auth").ok();
    let script = "eval \"$(git session env auth)\" && printf %s \"$SESSION_WORKTREE\"";
    let path = r.run("sh", ["-c", script]).ok().text();
    assert_eq!(path, r.git("session path auth").ok().text().trim_end());
    let script = "git session env auth --format dotenv > ../env && . ../env && printf %s \"$SESSION_WORKTREE\"";
    assert_eq!(r.run("sh", ["-c", script]).ok().text(), path);
    assert!(!r.has("evil"));
}

#[test]
fn set_up_runs_in_the_new_worktree_and_its_output_is_kept() {
    let r = repository();
    let show = "echo \"$SESSION_NAME $SESSION_PHASE $PWD ${GIT_DIR-none} ${GIT_INDEX_FILE-none}\" >> out; echo said";
    r.git_args(["config", "--add", "session.setup", show]).ok();
    r.git_args(["config", "--add", "session.setup", "echo second >> out"]).ok();
    r.git_args(["config", "session.hook.post-create", "echo third >> out"]).ok();
    r.git("session create auth --dry-run").ok().stdout_contains("setup     echo second");
    assert!(!r.root().join("repo-sessions/auth").exists());
    let run = r.env("GIT_INDEX_FILE", r.path("elsewhere")).git("session create auth --json");
    run.ok().stderr_contains("auth: setup 2/2: echo second").stderr_contains("auth: post-create 1/1");
    let answer = run.json_as("create");
    assert_eq!(answer["sessions"][0]["prepared"]["ran"], 3);
    let s = r.session("auth");
    let expected = format!("auth setup {} none none\nsecond\nthird\n", s.here().display());
    assert_eq!(s.read("out"), expected);
    let log = s.git("rev-parse --git-path session-setup.log").ok().text();
    assert!(s.read(log.trim_end()).contains("said\n"));
    s.git("status --porcelain").ok().stdout("");
    r.git("session create docs --no-setup").ok();
    assert_eq!(r.session("docs").read("out"), "third\n");
}

#[test]
fn a_failing_set_up_loses_nothing_and_runs_again() {
    let r = repository();
    r.git_args(["config", "--add", "session.setup", "echo one >> out"]).ok();
    r.git_args(["config", "--add", "session.setup", "echo 'no such thing' >&2; test -e ../ready"]).ok();
    r.git_args(["config", "--add", "session.setup", "echo three >> out"]).ok();
    let run = r.git("session create auth");
    run.ok().stderr_contains("exit code 1").stderr_contains("no such thing");
    run.stderr_contains("`git session env refresh auth --setup` runs all of it again");
    let s = r.session("auth");
    assert_eq!(s.read("out"), "one\n");
    s.git("session env refresh --setup").code(1).stderr_contains("exit code 1");
    s.file("../ready", "");
    r.git("session env refresh auth --setup --dry-run --json").ok().json_as("env");
    assert_eq!(s.read("out"), "one\none\n");
    let answer = r.git("session env refresh auth --setup --json").ok().json_as("env");
    assert_eq!(answer["prepared"]["ran"], 3);
    assert_eq!(s.read("out"), "one\none\none\nthree\n");
}

#[test]
fn a_team_file_runs_nothing_before_it_is_trusted() {
    let r = repository();
    let team = "setup = [\"echo team >> out\"]\n[hooks]\npost-create = [\"echo hook >> out\"]\n\
                pre-finish = [\"exit 3\"]\npre-remove = [\"true\"]\npost-remove = [\"touch gone-$SESSION_NAME\"]\n";
    r.file(".git-session.toml", team).commit("team");
    let run = r.git("session create auth");
    run.ok().stderr_contains("2 commands of '.git-session.toml' did not run").stderr_contains("git session trust");
    assert!(!r.session("auth").has("out"));
    r.git("session finish auth --merge").ok().stderr_contains("did not run");
    assert!(!r.has("gone-auth"));

    r.git("session trust -y").ok();
    r.git("session create docs").ok();
    let s = r.session("docs");
    assert_eq!(s.read("out"), "team\nhook\n");
    // What a session's branch says of it is nobody's word.
    s.file(".git-session.toml", "[hooks]\npre-finish = [\"touch ../evil\"]\n").commit("mine");
    let run = r.unchanged_by(|r| r.git("session finish docs --keep"));
    run.code(1).stderr_contains("pre-finish command `exit 3` said no").stderr_contains("hint:");
    assert!(!r.root().join("repo-sessions/evil").exists());
    // Changed content is not approved.
    r.file(".git-session.toml", team.replace("exit 3", "exit 4")).commit("team");
    r.git("session create more").ok().stderr_contains("has changed since you approved it");
    assert!(!r.session("more").has("out"));
    r.file(".git-session.toml", team.replace("exit 3", "true")).commit("team");
    r.git("session trust -y").ok();
    s.remove("out");
    r.git("session finish docs --keep --dry-run").ok().stdout_contains("post-remove touch gone");
    r.git("session finish docs --keep").ok();
    assert!(r.has("gone-docs"));
}

#[test]
fn a_broken_team_file_stops_nobody_who_goes_on() {
    let r = repository();
    r.git("session create auth").ok();
    r.file(".git-session.toml", "setup = 7\n").commit("broken");
    r.git("session finish auth --keep").ok().stderr_contains("cannot be understood");
}

#[test]
fn the_users_own_hooks_run_and_refuse() {
    let r = repository();
    r.config("session.hook.pre-remove", "exit 5").config("session.hook.post-remove", "pwd > ../post");
    r.git("session create auth").ok();
    let run = r.unchanged_by(|r| r.git("session finish auth --merge"));
    run.code(1).stderr_contains("pre-remove command `exit 5`");
    r.git("-c session.hook.pre-remove= session finish auth --merge").ok();
    assert_eq!(r.read("../post").trim_end(), r.repo().to_str().expect("text"));
}

#[test]
fn package_managers_are_proposed_and_not_run() {
    let r = repository().file("package-lock.json", "{}").file("go.sum", "").commit("locks");
    let run = r.git("session create auth");
    run.ok().stderr_contains("`npm ci`").stderr_contains("`go mod download`").stderr_contains("session.setup 'npm ci'");
    assert!(!r.session("auth").has("node_modules"));
    r.config("session.setup", "true");
    assert!(!r.git("session create docs").ok().stderr_text().contains("npm"));
}

fn port(r: &Sandbox, name: &str) -> u64 {
    r.git(&format!("session env {name} --json")).ok().json_as("env")["ports"]["base"].as_u64().expect("a port")
}

fn claims(r: &Sandbox) -> usize {
    r.refs().iter().filter(|name| name.starts_with("refs/sessions/@ports/")).count()
}

#[test]
fn each_session_has_ports_of_its_own_for_as_long_as_it_lives() {
    let r = repository().config("session.copy", ".env").file(".env", "A=1\nPORT=3000\n");
    r.file(".gitignore", "out\n.env\n").commit("ignore").config("session.ports", "41200-41239");
    let run = r.git_input("session create --stdin --json", "a\nb\nc\nd\n");
    let answer = run.ok().json_as("create");
    let mut ports: Vec<u64> = answer["sessions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|made| made["ports"]["base"].as_u64().expect("one"))
        .collect();
    ports.sort_unstable();
    assert_eq!(ports, [41_200, 41_210, 41_220, 41_230]);
    assert_eq!(claims(&r), 4);
    // All are taken: a fifth goes without.
    r.git("session create e").ok();
    assert!(r.git("session env e --json").ok().json_as("env")["ports"].is_null());
    let mine = port(&r, "a");
    assert_eq!(r.session("a").read(".env"), format!("A=1\nPORT={mine}\n"));
    r.git("session env a").ok().stdout_contains(&format!("export PORT='{mine}'"));
    r.git("session rename a renamed").ok();
    assert_eq!(port(&r, "renamed"), mine);
    // What was rewritten counts as copied: it may go. The block is given back.
    r.git("session finish renamed --abandon -y").ok();
    assert_eq!(claims(&r), 3);
    r.git("session env refresh e").ok();
    assert_eq!(port(&r, "e"), mine);
    r.git("session finish b --merge").ok();
    r.git("session finish c --keep").ok();
    assert_eq!(claims(&r), 2);
}

#[test]
fn a_port_that_somebody_listens_on_is_not_given() {
    let r = repository().config("session.ports", "41300-41319");
    let _taken = std::net::TcpListener::bind(("127.0.0.1", 41_305)).expect("free");
    r.git("session create a").ok();
    assert_eq!(port(&r, "a"), 41_310);
    r.config("session.ports", "off").git("session create b").ok();
    assert_eq!(claims(&r), 1);
    r.config("session.ports", "80").git("session create c").code(1).stderr_contains("no range of ports");
    r.config("session.ports", "41300-41319");
    // A failed `create` gives its block back.
    r.file("../repo-sessions/x", "in the way");
    r.git("session create x/y").code(1);
    assert_eq!(claims(&r), 1);
}

#[test]
fn many_at_once_never_share_ports() {
    let r = repository().config("session.ports", "41400-41559");
    let all: Vec<_> = (0..16).map(|n| r.spawn(&format!("session create s{n} --no-setup"))).collect();
    for run in all {
        run.wait().ok();
    }
    let mut ports: Vec<u64> = (0..16).map(|n| port(&r, &format!("s{n}"))).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 16);
}
