//! Ignored files of the main worktree that a new one gets, and what becomes of them when it goes.

use crate::support::Sandbox;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn repository() -> Sandbox {
    let ignore = ".env*\n!.env.example\nnode_modules/\ndata/\nbuild/\n*.local\n*.pem\n*.key\n.npmrc\nid_rsa\nother\n";
    Sandbox::new().file("a.txt", "1\n").file(".gitignore", ignore).commit("base")
}

fn places(r: &Sandbox) -> Vec<std::path::PathBuf> {
    r.root().join("repo-sessions").read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn what_the_patterns_name_is_copied_and_nothing_else() {
    let r = repository()
        .file(".worktreeinclude", "# ours\n.env\n/data/**\n!/data/big.local\n**/x.local\n")
        .commit("include");
    r.file(".env", "A=1\n").file(".env.local", "B=1\n").file("data/deep/er/one", "1").file("data/big.local", "no");
    r.file("sub/x.local", "x").file("sub/y.local", "y").file("plain.txt", "untracked").file("other", "o");
    r.config("session.copy", "plain.txt");
    let before = r.git("session create auth --dry-run");
    before.ok().stdout_contains("  copy      .env\n").stdout_contains("  copy      data/ (1 file)");
    let run = r.git("session create auth");
    run.ok().stderr_contains("Copied 3 files into 'auth'");
    let s = r.session("auth");
    assert_eq!(
        (s.read(".env"), s.read("data/deep/er/one"), s.read("sub/x.local")),
        ("A=1\n".into(), "1".into(), "x".into())
    );
    for absent in [".env.local", "data/big.local", "sub/y.local", "plain.txt", "other"] {
        assert!(!s.has(absent), "{absent}");
    }
    s.git("status --porcelain").ok().stdout("");
    let record = r.git("show sessions/auth:session.toml").ok().text();
    assert!(record.contains("[[host.") && record.contains("path = \".env\"") && !record.contains("A=1"), "{record}");
    r.git("session log auth").ok().stdout_contains("prepared");
    r.git("session create docs --no-copy").ok();
    assert!(!r.session("docs").has(".env"));
}

#[test]
fn a_dry_run_as_json_says_what_would_be_copied_and_by_which_rule() {
    let r = repository()
        .file(".worktreeinclude", "# ours\n\n.env\r\n/data/**\n!/data/big.local\n")
        .file(".git-session.toml", "version = 1\ncopy = [\"build\"]\n")
        .commit("include");
    r.config("session.copy", "*.local").config("session.link", "node_modules").config("session.setup", "make it");
    r.file(".env", "A=1\n").file("data/deep/one", "1").file("data/two", "2").file("data/big.local", "named again");
    r.file("build/x", "x").file("build/y", "y").file("node_modules/p/i.js", "1").file("sub/x.local", "x");
    r.file("data/id_rsa", "k");
    let answer = r.unchanged_by(|r| r.git("session create auth --dry-run --json").ok().json_as("create"));
    let session = &answer["sessions"][0];
    assert!(answer["operation"].is_null() && session["id"].is_null());
    assert_eq!(
        (&session["name"], &session["place"], &session["branch_from"]),
        (&"auth".into(), &"new".into(), &"new".into())
    );
    assert_eq!(session["head"].as_str(), Some(r.rev("main").as_str()));
    assert!(session["worktree"].as_str().is_some_and(|path| path.ends_with("repo-sessions/auth")), "{session}");
    let plan = &session["plan"];
    let rule = |path: &str| {
        let entry = plan["copy"].as_array().expect("a list").iter().find(|entry| entry["path"] == path);
        let entry = entry.unwrap_or_else(|| panic!("no {path} in {plan:#}"));
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        (text(&entry["rule"]["pattern"]), text(&entry["rule"]["from"]), entry["files"].as_u64().expect("a number"))
    };
    let of = |pattern: &str, from: &str, files| (pattern.to_owned(), from.to_owned(), files);
    assert_eq!(rule(".env"), of(".env", ".worktreeinclude", 1));
    assert_eq!(rule("build/"), of("build", ".git-session.toml", 2));
    // Two rules name files of this folder.
    assert_eq!(rule("data/two"), of("/data/**", ".worktreeinclude", 1));
    assert_eq!(rule("data/big.local"), of("*.local", "session.copy", 1));
    assert_eq!(rule("sub/"), of("*.local", "session.copy", 1));
    assert_eq!(plan["link"][0]["rule"]["from"], "session.link");
    assert_eq!((&plan["denied"][0], &plan["setup"][0]), (&"data/id_rsa".into(), &"make it".into()));
    let planned: u64 = plan["copy"].as_array().expect("a list").iter().filter_map(|one| one["files"].as_u64()).sum();
    let made = r.git("session create auth --json --no-setup").ok().json_as("create");
    let copied = &made["sessions"][0]["prepared"]["copied"];
    assert_eq!((&copied["files"], &copied["kept"]), (&planned.into(), &serde_json::json!([])), "as many, each once");
    assert_eq!(
        (&made["sessions"][0]["worktree"], &made["sessions"][0]["head"]),
        (&session["worktree"], &session["head"])
    );
    let again = r.git("session env refresh auth --dry-run --json").ok().json_as("env");
    assert_eq!(&again["plan"]["copy"], &plan["copy"]);
    let many = r.git("session create one --no-copy --no-setup -n --format '%(name) %(branch)'");
    many.ok().stdout("one one\n");
    r.git("branch side").ok();
    let adopted = r.unchanged_by(|r| r.git("session adopt side -n --json").ok().json_as("adopt"));
    assert_eq!((&adopted["sessions"][0]["branch_from"], &adopted["mended"]), (&"local".into(), &serde_json::json!([])));
}

#[test]
fn what_is_deleted_between_listing_and_copying_is_left_out_and_said() {
    let r = repository().config("session.copy", "data").file("data/a", "a").file("data/b", "b");
    r.file("data/gone/x", "x").file("data/gone/deep/y", "y").file("data/gone/z", "z").file("data/last", "l");
    // The hook runs when the worktree is there, and before its copies are.
    let script = format!("#!/bin/sh\nrm -r '{}' '{}'\n", r.path("data/gone").display(), r.path("data/b").display());
    r.executable(".git/hooks/post-checkout", &script);
    let run = r.git("session create auth --json");
    let answer = run.ok().json_as("create");
    run.stderr_contains("'data/b' and 3 more were deleted in the main worktree meanwhile, and were not copied.");
    let copied = &answer["sessions"][0]["prepared"]["copied"];
    assert_eq!((&copied["files"], copied["vanished"].as_array().map(Vec::len)), (&2.into(), Some(4)), "{copied}");
    let s = r.session("auth");
    assert_eq!((s.read("data/a"), s.read("data/last")), ("a".into(), "l".into()));
    assert!(!s.has("data/b") && !s.has("data/gone"));
    // What is gone was not noted as copied.
    r.remove(".git/hooks/post-checkout").git("session finish auth --abandon -y").ok();
}

#[test]
fn it_is_said_where_contents_could_not_be_shared() {
    let r = repository().config("session.copy", "data").file("data/a", "a\n").file("data/empty", "");
    symlink("a", r.path("data/link")).expect("made");
    let probe = |args: &[&str]| r.run("cp", args.iter().map(ToString::to_string)).status() == Some(0);
    let is_shared = probe(&["--reflink=always", "data/a", "../probe"]);
    let run = r.git("session create auth --json");
    let copied = &run.ok().json_as("create")["sessions"][0]["prepared"]["copied"];
    let counts = (copied["files"].as_u64(), copied["shared"].as_u64(), copied["plain"].as_u64());
    // An empty file and a link have nothing to share.
    assert_eq!(counts, (Some(3), Some(u64::from(is_shared)), Some(u64::from(!is_shared))));
    let said = "Copied 3 files into 'auth': data/ (in full: no reflinks here).";
    assert_eq!(run.stderr_text().contains(said), !is_shared, "{run}");
    r.run("rm", ["data/a"].map(str::to_owned)).ok();
    let run = r.git("session create docs");
    run.ok().stderr_contains("Copied 2 files into 'docs': data/.");
}

#[test]
fn settings_and_the_team_file_name_files_too_and_env_files_are_offered() {
    let r = repository().file(".env", "A=1\n").file(".env.example", "A=\n");
    r.git("session create plain").ok().stderr_contains("'.env' was not copied; `git config --add session.copy");
    assert!(!r.session("plain").has(".env"));
    r.file(".git-session.toml", "copy = [\".env\"]\n").commit("team");
    let answer = r.git("session create auth --json").ok().json_as("create");
    assert_eq!(answer["sessions"][0]["prepared"]["copied"]["paths"][0], ".env");
    assert!(r.session("auth").has(".env"));
    // The user's own word is the last one.
    r.config("session.copy", "!.env").git("session create docs").ok();
    assert!(!r.session("docs").has(".env"));
    // A worktree that `adopt` makes gets them as well.
    r.config("session.copy", ".env").git("branch side").ok();
    r.git("session adopt side").ok();
    assert!(r.session("side").has(".env"));
}

#[test]
fn modes_times_and_links_stay_as_they_are() {
    let r = repository().config("session.copy", "data");
    r.executable("data/run", "#!/bin/sh\n").file("data/secret", "x").file("data/empty", "").file("data/d/f", "f");
    std::fs::set_permissions(r.path("data/secret"), PermissionsExt::from_mode(0o600)).expect("set");
    std::fs::set_permissions(r.path("data/d"), PermissionsExt::from_mode(0o750)).expect("set");
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789);
    std::fs::File::options().write(true).open(r.path("data/d/f")).expect("open").set_modified(time).expect("set");
    symlink("nowhere/at/all", r.path("data/dangling")).expect("made");
    symlink("d/f", r.path("data/link")).expect("made");
    r.run("mkfifo", ["data/pipe"]).ok();
    r.file("data/large", vec![7_u8; 3_000_000]);
    let sparse = r.file("data/sparse", "").path("data/sparse");
    let file = std::fs::File::options().write(true).open(&sparse).expect("open");
    for (at, bytes) in [(1 << 20, &b"begin"[..]), (20 << 20, b"middle")] {
        std::os::unix::fs::FileExt::write_all_at(&file, bytes, at).expect("written");
    }
    file.set_len(64 << 20).expect("set");
    file.sync_all().expect("written");
    r.git("session create auth").ok().stderr_contains("'data/pipe' was not copied");
    let s = r.session("auth");
    let mode = |path: &str| s.path(path).symlink_metadata().expect("is there").permissions().mode() & 0o777;
    assert_eq!((mode("data/run"), mode("data/secret"), mode("data/d")), (0o755, 0o600, 0o750));
    assert_eq!(s.path("data/d/f").metadata().expect("is there").modified().expect("a time"), time);
    assert_eq!(s.path("data/dangling").read_link().expect("a link").to_str(), Some("nowhere/at/all"));
    assert_eq!(s.path("data/link").read_link().expect("a link").to_str(), Some("d/f"));
    assert_eq!(std::fs::read(s.path("data/large")).expect("is there"), vec![7_u8; 3_000_000]);
    let takes = |path: &std::path::Path| path.metadata().expect("is there").blocks() * 512;
    assert_eq!(s.path("data/sparse").metadata().expect("is there").len(), 64 << 20);
    assert!(std::fs::read(s.path("data/sparse")).expect("is there") == std::fs::read(&sparse).expect("is there"));
    if cfg!(target_os = "linux") && takes(&sparse) < 1 << 20 {
        assert!(takes(&s.path("data/sparse")) < 1 << 20, "holes stay holes: {}", takes(&s.path("data/sparse")));
    }
    assert_ne!(s.path("data/d/f").metadata().expect("a").ino(), r.path("data/d/f").metadata().expect("b").ino());
    s.git("status --porcelain").ok().stdout("");
}

#[test]
fn secrets_are_never_copied_and_never_removed() {
    let r = repository().config("session.copy", "*");
    r.file("id_rsa", "k")
        .file("tls.pem", "k")
        .file("data/x.key", "k")
        .file(".npmrc", "//r/:_authToken=1\n")
        .file("other", "o");
    r.file("node_modules/p/test.pem", "t").file("node_modules/p/id_rsa", "k");
    let run = r.git("session create auth");
    run.ok().stderr_contains("may hold secrets").stderr_contains("session.copyDeny");
    let s = r.session("auth");
    assert!(s.has("other") && s.has("node_modules/p/test.pem"));
    for absent in ["id_rsa", "tls.pem", "data/x.key", ".npmrc", "node_modules/p/id_rsa"] {
        assert!(!s.has(absent), "{absent}");
    }
    s.file("node_modules/id_rsa", "mine");
    let run = r.unchanged_by(|r| r.git("session finish auth --abandon -y"));
    run.code(1).stderr_contains("'node_modules/id_rsa'").stderr_contains("may be a key");
    s.remove("node_modules/id_rsa");
    r.git("session finish auth --abandon -y").ok();
    // The user may let one through, and add to the list.
    r.git_args(["config", "--add", "session.copyDeny", "!tls.pem"]).ok();
    r.git_args(["config", "--add", "session.copyDeny", "other"]).ok();
    r.git("session create docs").ok();
    assert!(r.session("docs").has("tls.pem") && !r.session("docs").has("other"));
}

#[test]
fn a_copy_may_go_and_a_changed_one_makes_removal_refuse() {
    let r = repository().config("session.copy", ".env");
    r.git_args(["config", "--add", "session.copy", "data"]).ok();
    r.file(".env", "A=1\n");
    for n in 0..150 {
        r.file(format!("data/f{n}"), "x");
    }
    r.git("session create one").ok();
    r.git("session finish one --abandon -y").ok();
    r.git("session create two").ok();
    let s = r.session("two");
    s.file(".env", "A=2\n");
    let run = r.unchanged_by(|r| r.git("session finish two --abandon -y"));
    run.code(1).stderr_contains("'.env'").stderr_contains("would be lost");
    std::fs::copy(r.path(".env"), s.path(".env")).expect("copied");
    r.git("session finish two --abandon -y").code(1).stderr_contains("'.env'");
    s.remove(".env").file("data/f3", "y");
    r.git("session finish two --abandon -y").code(1).stderr_contains("'data/'");
    s.remove("data/f3");
    r.git("session finish two --abandon -y").code(1);
    s.remove("data");
    r.git("session rename two three").ok();
    r.git("session finish three --abandon -y").ok();
}

#[test]
fn refresh_copies_what_is_missing_or_newer_and_leaves_what_has_changed() {
    let r = repository().config("session.copy", ".env*").file(".env", "A=1\n").file(".env.a", "a\n");
    r.git("session create auth").ok();
    let s = r.session("auth");
    r.git("session env refresh auth").ok().stderr_contains("'auth' has all of it");
    s.file(".env", "mine\n").remove(".env.a");
    std::thread::sleep(std::time::Duration::from_millis(20));
    r.file(".env", "A=22\n").file(".env.b", "b\n");
    r.git("session env refresh auth --dry-run").ok().stdout_contains("copy      .env.b");
    let run = r.git("session env refresh auth --json");
    let answer = run.ok().json_as("env");
    assert_eq!(answer["prepared"]["copied"]["kept"][0], ".env");
    assert_eq!((s.read(".env"), s.read(".env.a"), s.read(".env.b")), ("mine\n".into(), "a\n".into(), "b\n".into()));
    // One that is as it was copied follows the main worktree's.
    std::thread::sleep(std::time::Duration::from_millis(20));
    r.file(".env.b", "bb\n").git("session env refresh auth").ok().stderr_contains("has changed in 'auth'");
    assert_eq!(s.read(".env.b"), "bb\n");
    s.remove(".env");
    r.git("session finish auth --abandon -y").ok();
}

#[test]
fn a_link_is_asked_for_and_said_and_only_unlinked() {
    let r = repository().config("session.link", "node_modules").file("node_modules/p/index.js", "1");
    r.git("session create auth").ok().stderr_contains("'node_modules' of 'auth' is a link");
    let s = r.session("auth");
    assert!(s.path("node_modules").symlink_metadata().expect("is there").is_symlink());
    s.git("status --porcelain").ok().stdout("");
    r.git("session finish auth --abandon -y").ok();
    assert_eq!(r.read("node_modules/p/index.js"), "1");
}

#[test]
fn what_the_branch_does_not_ignore_is_not_copied() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base").branch("old").commit("old");
    r.git("switch --quiet main").ok();
    r.file(".gitignore", ".env\n").commit("ignore").file(".env", "A=1\n").config("session.copy", ".env");
    r.git("session create auth old").ok().stderr_contains("does not ignore it");
    let s = r.session("auth");
    assert!(!s.has(".env"));
    // Of a folder that is ignored there by its files: each by itself.
    r.git("switch --quiet old").ok();
    r.file(".gitignore", "*.local\n").commit("ignore less");
    r.git("switch --quiet main").ok();
    r.file(".gitignore", "only/\n").commit("ignore").file("only/a.local", "a").file("only/b", "b");
    r.config("session.copy", "only").git("session create less old --branch less").ok().stderr_contains("'only/b'");
    let s = r.session("less");
    assert!(s.has("only/a.local") && !s.has("only/b"));
}

#[test]
fn a_hostile_repository_reads_and_writes_nothing_outside() {
    let r = repository().file("../outside/secret", "s").file("data/x/f", "theirs").file("data/y", "y");
    r.file(".worktreeinclude", "../../outside/secret\n../outside\n/etc/passwd\ndata\nevil\u{1b}[2J/..\n")
        .commit("include");
    symlink(r.root().join("outside"), r.path("data/out")).expect("made");
    // On the branch a link stands where the folder of the copy would be.
    r.branch("evil").git("switch --quiet evil").ok();
    symlink(r.root().join("outside"), r.path("trap")).expect("made");
    r.git("add -f trap").ok();
    r.git("commit -qm trap").ok();
    r.git("switch --quiet main").ok();
    r.file("trap/other", "o").config("session.copy", "other");
    let run = r.git("session create auth evil");
    run.ok().stderr_contains("leads out of the worktree").stderr_contains("'trap/' was not copied");
    assert!(!run.stderr_text().contains('\u{1b}'), "{}", run.stderr_text());
    // Nor is what is behind the link taken for a copy that was killed.
    r.file("../outside/other", "");
    r.git("session env refresh auth").ok().stderr_contains("'trap/' was not copied");
    assert!(r.has("../outside/other"));
    r.remove("../outside/other");
    let s = r.session("auth");
    assert!(s.path("data/out").symlink_metadata().expect("is there").is_symlink(), "the link itself is copied");
    let outside: Vec<_> = r.root().join("outside").read_dir().expect("is there").collect();
    assert_eq!(outside.len(), 1);
    assert_eq!(places(&r).len(), 1);
    assert!(!s.has("secret") && !s.has("etc"));
    r.git("session finish auth --abandon -y").ok();
    assert_eq!(r.read("../outside/secret"), "s");
}

#[test]
fn repositories_inside_are_left_alone() {
    let r = repository().config("session.copy", "data").file("data/f", "f");
    r.git("init --quiet data/inner").ok();
    r.config("session.path", "data/sessions/{name}");
    r.git("session create one").ok().stderr_contains("'data/inner' is a repository of its own");
    r.git("session create two").ok();
    let s = r.session("two");
    assert!(s.has("data/f") && !s.has("data/inner") && !s.has("data/sessions/one"));
}

/// What git says of the same patterns: what they ignore, of what it ignores.
fn as_git_judges(r: &Sandbox, patterns: &str) -> Vec<String> {
    let file = r.root().join("patterns");
    std::fs::write(&file, patterns).expect("written");
    let list = |more: &[&str]| -> Vec<String> {
        let mut args = vec!["ls-files", "-z", "--others", "--ignored"];
        args.extend(more);
        r.git_args(args).ok().text().split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
    };
    let named = list(&["--exclude-from", file.to_str().expect("text")]);
    let mut both: Vec<String> = list(&["--exclude-standard"]).into_iter().filter(|path| named.contains(path)).collect();
    both.sort();
    both
}

#[test]
fn patterns_mean_what_they_mean_to_git() {
    let r = Sandbox::new().file("a.txt", "1\n").file("mixed/tracked", "t\n").commit("base");
    r.file(".gitignore", "*.env\n.env*\n/cache/\nmixed/*\n!mixed/tracked\nlogs/\n").commit("ignore");
    for path in [
        ".env",
        ".env.local",
        "a.env",
        "cache/x",
        "cache/deep/y.env",
        "cache/deep/z z",
        "mixed/one",
        "mixed/two.env",
        "sub/.env",
        "sub/deep/.env.test",
        "sub/logs/one",
        "logs/one",
        "logs/two.env",
        "plain",
        "sub/plain",
        "cache/[b]",
    ] {
        r.file(path, path);
    }
    let lists = [
        "*",
        ".env",
        "/.env",
        ".env*",
        "**/.env*",
        "sub/**",
        "sub/",
        "cache",
        "cache/",
        "/cache/deep",
        "cache/deep/*",
        "*\n!.env",
        "cache/*\n!cache/deep",
        "cache\n!cache/x",
        "cache/**\n!cache/deep/\n!cache/deep/z*",
        "mixed/*",
        "mixed\n",
        "logs",
        "/logs",
        "**/logs/",
        "*.env\n!a.env\n",
        "# *\n\\#\n",
        "cache/\\[b\\]",
        "cache/[[]b]",
        "z\\ z",
        "deep",
        "**/deep/**",
        "*/*",
        "s?b/.env",
        "[.]env",
        "plain",
        "!*",
    ];
    for (number, patterns) in lists.iter().enumerate() {
        let name = format!("s{number}");
        r.file(".worktreeinclude", patterns);
        r.git_args(["session", "create", &name]).ok();
        let s = r.session(&name);
        let args = ["ls-files", "-z", "--others"];
        let mut found: Vec<String> =
            s.git_args(args).ok().text().split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
        found.sort();
        assert_eq!(found, as_git_judges(&r, patterns), "{patterns:?}");
    }
}

#[test]
fn a_copy_that_was_killed_is_made_whole() {
    let r = repository().config("session.copy", "data").file("data/a", "whole\n").file("data/b", "b\n");
    r.git("session create auth --no-copy").ok();
    let s = r.session("auth");
    s.file("data/a", "who").file("data/b", "mine\n");
    r.git("session env refresh auth").ok().stderr_contains("'data/b' has changed");
    assert_eq!((s.read("data/a"), s.read("data/b")), ("whole\n".into(), "mine\n".into()));
    // Nothing noted it: what is the same as the main worktree's is a copy.
    s.remove("data/b");
    let args =
        ["-p", r.path("data/b").to_str().expect("text"), s.path("data/b").to_str().expect("text")].map(str::to_owned);
    r.run("cp", args).ok();
    r.git("session finish auth --abandon -y").code(1);
    r.git("session env refresh auth").ok();
    r.git("session finish auth --abandon -y").ok();
}

#[test]
fn a_worktree_that_is_given_back_gets_them_too() {
    let r = repository().config("session.copy", ".env").file(".env", "A=1\n").config("session.setup", "touch other");
    r.git("session create auth").ok();
    let s = r.session("auth");
    std::fs::remove_dir_all(s.here()).expect("removed");
    r.git("session adopt auth").ok();
    let s = r.session("auth");
    assert!(s.has(".env") && s.has("other"));
}

#[test]
fn copies_that_could_not_be_noted_are_no_success() {
    let r = repository().config("session.copy", "data").file("data/a", "a\n");
    r.git("session create auth --no-copy").ok();
    r.file(".git/refs/sessions/auth.lock", "");
    let run = r.git("session env refresh auth");
    run.code(4).stderr_contains("could not say what was copied").stderr_contains("Copied 1 file into 'auth'");
    assert_eq!(r.session("auth").read("data/a"), "a\n");
    r.run("touch", ["-d", "-60 seconds", ".git/refs/sessions/auth.lock"].map(str::to_owned)).ok();
    r.git("session env refresh auth").ok();
    r.git("session finish auth --abandon -y").ok();
}

#[test]
fn create_killed_while_it_copies_is_made_whole_by_refresh() {
    use crate::recovery::{kills, nothing_is_left_over, patiently, start, time_of};
    let r = repository().config("session.copy", "data").config("session.ports", "41600-42599");
    for n in 0..400 {
        r.file(format!("data/d{}/f{n}", n % 7), format!("content {n}\n").repeat(200));
    }
    let most = time_of(|| r.git("session create warm").ok().status());
    for (n, delay) in kills(12, most).enumerate() {
        let name = format!("k{n}");
        let running = start(&r, &["create", &name]);
        running.kill_after(delay);
        patiently(&r, &["set", "warm", "--goal", &format!("after {n}")]).ok();
        if !r.has_rev(&format!("refs/sessions/{name}")) {
            continue;
        }
        // The lock of a ref may be left, and is nobody's only when it is 10 s old.
        patiently(&r, &["env", "refresh", &name]).ok();
        let s = r.session(&name);
        let args = ["-r", "data", s.path("data").to_str().expect("text")].map(str::to_owned);
        r.run("diff", args).ok();
        patiently(&r, &["finish", &name, "--abandon", "-y"]).ok();
    }
    patiently(&r, &["finish", "warm", "--abandon", "-y"]).ok();
    nothing_is_left_over(&r);
}
