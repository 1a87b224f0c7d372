//! `list`: what people did behind our back is a row, and the counts are git's own.

use crate::support::Sandbox;
use serde_json::Value;

fn repo() -> Sandbox {
    Sandbox::new().file("a.txt", "1\n2\n3\n4\n5\n").file("b.txt", "b\n").commit("base")
}

#[track_caller]
fn rows(r: &Sandbox, line: &str) -> Vec<Value> {
    let answer = r.unchanged_by(|r| r.git(line).ok().json_as("list"));
    answer["sessions"].as_array().expect("rows").clone()
}

#[track_caller]
fn row(r: &Sandbox, name: &str) -> Value {
    let rows = rows(r, &format!("session list {name} --json"));
    assert_eq!(rows.len(), 1);
    rows[0].clone()
}

fn kinds(row: &Value) -> Vec<&str> {
    row["broken"].as_array().expect("a list").iter().map(|broken| broken["kind"].as_str().expect("a kind")).collect()
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["name"].as_str().expect("a name")).collect()
}

#[test]
fn no_sessions_are_said_to_be_none() {
    let r = repo();
    let run = r.unchanged_by(|r| r.git("session list"));
    run.ok().stdout("").stderr_contains("There are no sessions. `git session create <name>`");
    assert_eq!(rows(&r, "session list --json").len(), 0);
    r.git("session list --ended").ok().stderr_contains("No session has ended yet");
    r.git("session").ok();
}

#[test]
fn a_table_shows_what_there_is() {
    let r = repo();
    r.git("session create auth --goal 'Log in'").ok();
    r.session("auth").file("x", "1\n").commit("work").file("y", "2\n");
    r.git("session create docs").ok();
    r.file("b.txt", "moved\n").commit("meanwhile");
    r.git("session list")
        .ok()
        .stdout_contains("NAME")
        .stdout_contains("+1 -1")
        .stdout_contains("1?")
        .stdout_contains("Log in");
    let text = r.session("docs").git("session ls").ok().text();
    assert!(text.lines().any(|line| line.starts_with("* docs ")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("  auth ")), "{text}");
    // The two may be asked on either side of a full second: the age is not compared.
    let ageless = |command: &str| {
        let text = r.git(command).ok().text();
        let words = |line: &str| {
            let age = |word: &&str| !matches!(*word, "second" | "seconds") && word.parse::<u64>().is_err();
            line.split_whitespace().filter(age).map(str::to_owned).collect::<Vec<_>>()
        };
        text.lines().map(words).collect::<Vec<_>>()
    };
    assert_eq!(ageless("session"), ageless("session list"));
    assert!(!text.contains('\u{1b}'), "no colours without a terminal");
}

#[test]
fn counts_are_those_of_git() {
    let r = repo();
    r.git("session create auth").ok();
    let auth = r.session("auth");
    auth.file("x", "1\n").commit("one").file("x", "2\n").commit("two");
    r.file("b.txt", "2\n").commit("1").file("b.txt", "3\n").commit("2").file("b.txt", "4\n").commit("3");
    auth.git("merge --quiet -m merged main~1").ok();
    auth.file("a.txt", "unstaged\n").file("x", "staged\n").git("add x").ok();
    auth.file("both.txt", "s\n").git("add both.txt").ok();
    auth.file("both.txt", "and u\n").file("u1", "").file("folder/u2", "").file("folder/u3", "");
    let got = row(&r, "auth");
    let counts = r.git("rev-list --left-right --count main...auth").ok().text();
    let (behind, ahead) = counts.trim_end().split_once('\t').expect("two numbers");
    assert_eq!((got["ahead"].to_string().as_str(), got["behind"].to_string().as_str()), (ahead, behind));
    let status = auth.git("status --porcelain=v2 --untracked-files=all").ok().text();
    let count = |test: &dyn Fn(&str) -> bool| status.lines().filter(|line| test(line)).count();
    assert_eq!(got["dirty"]["staged"], count(&|line| line.starts_with("1 ") && !line.starts_with("1 .")));
    assert_eq!(got["dirty"]["unstaged"], count(&|line| line.starts_with("1 ") && &line[3..4] != "."));
    assert!([3, 2].contains(&got["dirty"]["untracked"].as_i64().expect("a number")), "{got}");
    assert_eq!(got["dirty"]["conflicted"], 0);
    assert_eq!(got["head"], auth.rev("HEAD"));
    assert_eq!(got["base"]["tip"], r.rev("main"));
    auth.git("reset --quiet --hard").ok();
    auth.file("a.txt", "s\n").git("stash --quiet").ok();
    auth.file("a.txt", "c\n").commit("c");
    auth.git("stash apply").code(1);
    assert_eq!(row(&r, "auth")["dirty"]["conflicted"], 1);
}

/// What git says is uncommitted: staged, unstaged, untracked, conflicted.
fn uncommitted(r: &Sandbox) -> [usize; 4] {
    let run = r.git("status --porcelain=v2 -z --untracked-files=normal --no-renames");
    let records: Vec<Vec<u8>> = run.ok().bytes().split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    let count = |test: &dyn Fn(&[u8]) -> bool| records.iter().filter(|record| test(record)).count();
    [
        count(&|record| record.starts_with(b"1 ") && record[2] != b'.'),
        count(&|record| record.starts_with(b"1 ") && record[3] != b'.'),
        count(&|record| record.starts_with(b"? ")),
        count(&|record| record.starts_with(b"u ")),
    ]
}

/// A repository with files of all sorts.
pub(crate) fn all_sorts() -> Sandbox {
    let r = repo();
    r.file(".gitignore", "*.log\nbuild/\n").file("dir/x.txt", "x\n").file("dir/sub/y.txt", "y\n");
    r.file("dir.txt", "sorts between\n").file("crlf.bat", "a\r\n").file(".gitattributes", "*.bat text eol=crlf\n");
    r.file("kept.log", "tracked, though ignored\n").executable("run.sh", "exit 0\n");
    r.run("ln", ["-s", "dir/x.txt", r.path("link").to_str().expect("UTF-8")]).ok();
    r.git("add --force kept.log").ok();
    r.commit("all sorts")
}

/// What may be done to a worktree of it.
pub(crate) const MISCHIEF: [&str; 39] = [
    "true",
    "echo 2 >a.txt",
    "echo 2 >dir/sub/y.txt; git add .",
    "printf 'z\\n' >dir/x.txt",
    "rm dir/sub/y.txt",
    "rm -r dir",
    "git rm -q --cached a.txt",
    "git rm -q dir/sub/y.txt",
    "chmod -x run.sh",
    "chmod +x a.txt",
    "rm link; ln -s dir/sub link",
    "rm link; cp dir/x.txt link",
    "mv dir elsewhere; ln -s elsewhere dir",
    "touch new; touch dir/new; touch dir/sub/new.log",
    "touch 'with space' ./-dash \"$(printf 'new\\nline')\"",
    "mkdir build; touch build/output; touch top.log",
    "mkdir -p dir/build/deep; touch dir/build/deep/output",
    "mkdir empty",
    "mkdir only; touch only/ignored.log",
    "mkdir more more/inner; touch more/inner/a more/b",
    "mkdir more; touch more/ignored.log more/new",
    "git init -q nested; touch nested/file",
    "mkfifo pipe",
    "ln -s nowhere dangling",
    "echo n >n; git add --intent-to-add n",
    "echo s >n; git add n; echo u >n",
    "git update-index --assume-unchanged a.txt; echo 2 >a.txt",
    "git update-index --skip-worktree a.txt; rm a.txt",
    "git update-index --index-version 4; touch new",
    "git update-index --split-index; echo 2 >a.txt",
    "printf 'a\\n' >crlf.bat",
    "echo more >>kept.log",
    "touch a.txt dir/x.txt",
    "echo '*.tmp' >>\"$(git rev-parse --git-common-dir)/info/exclude\"; touch a.tmp",
    "echo '!*.log' >dir/.gitignore; touch dir/seen.log",
    "git checkout -q --detach; touch new",
    "git checkout -q --orphan other",
    "git sparse-checkout set dir/sub; touch new",
    "git rm -q -r --cached .",
];

#[test]
fn what_is_uncommitted_is_what_git_says_whatever_was_done() {
    let r = all_sorts();
    let shell = |r: &Sandbox, line: &str| {
        r.run("sh", ["-ec", line]).ok();
    };
    // An index as young as its files proves less than one that is older.
    for settled in [false, true] {
        let name = |number: usize| format!("{}{number}", if settled { "settled-" } else { "young-" });
        let names: Vec<String> = (0..MISCHIEF.len()).map(name).collect();
        r.git_input("session create --stdin", &names.join("\n")).ok();
        for (name, case) in names.iter().zip(MISCHIEF) {
            let session = r.session(name);
            if settled {
                shell(&session, "find . -name .git -prune -o -type f -exec touch -d 2001-01-01 {} +; git status");
            }
            shell(&session, case);
        }
        let answer = r.git("session list --json").ok().json_as("list");
        for (name, case) in names.iter().zip(MISCHIEF) {
            let is_it = |row: &&Value| row["name"] == name.as_str();
            let row = answer["sessions"].as_array().expect("rows").iter().find(is_it).expect("its row");
            let got = ["staged", "unstaged", "untracked", "conflicted"].map(|key| row["dirty"][key].as_u64());
            let wanted = uncommitted(&r.session(name)).map(|count| Some(count as u64));
            assert_eq!(got, wanted, "{name}: {case}");
        }
    }
}

#[test]
fn a_worktree_deleted_by_hand() {
    let r = repo();
    r.git("session create auth").ok();
    r.git("session create docs").ok();
    std::fs::remove_dir_all(r.session("auth").here()).expect("deleted");
    let auth = row(&r, "auth");
    assert_eq!(kinds(&auth), ["worktree-missing"]);
    assert!(auth["broken"][0]["remedy"].as_str().expect("text").contains("git session adopt auth"));
    assert_eq!(kinds(&row(&r, "docs")), [""; 0]);
    r.git("session list").ok().stdout_contains("worktree-missing");
    r.unchanged_by(|r| r.git("session path auth").code(1).stderr_contains("is gone").status());
    // git forgets it: nothing is broken, there is only no worktree.
    r.git("worktree prune").ok();
    let auth = row(&r, "auth");
    assert_eq!((kinds(&auth).len(), auth.get("worktree")), (0, None));
    r.git("session adopt auth").ok();
    r.session("auth").git("status --porcelain").ok().stdout("");
    assert_eq!(kinds(&row(&r, "auth")).len(), 0);
}

#[test]
fn a_worktree_moved_by_hand() {
    let r = repo();
    r.git("session create auth").ok();
    let auth = r.session("auth");
    let to = r.root().join("else where");
    std::fs::rename(auth.here(), &to).expect("moved");
    assert_eq!(kinds(&row(&r, "auth")), ["worktree-missing"]);
    r.in_dir(&to).git("worktree repair").ok();
    let got = row(&r, "auth");
    assert_eq!((kinds(&got).len(), got["worktree"].as_str()), (0, to.to_str()));
    assert_eq!(r.session("auth").here(), to);
}

#[test]
fn branches_switched_renamed_deleted_and_detached() {
    let r = repo();
    for name in ["switched", "renamed", "deleted", "detached", "fine"] {
        r.git(&format!("session create {name}")).ok();
    }
    r.session("switched").branch("other");
    r.git("branch -m renamed new-name").ok();
    r.session("detached").git("switch --quiet --detach").ok();
    r.session("deleted").git("switch --quiet --detach").ok();
    r.git("branch -D deleted").ok();
    let got = row(&r, "switched");
    assert_eq!(kinds(&got), ["branch-switched"]);
    assert_eq!((got["broken"][0]["was"].as_str(), got["broken"][0]["now"].as_str()), (Some("switched"), Some("other")));
    let got = row(&r, "renamed");
    assert_eq!(kinds(&got), ["branch-renamed"]);
    assert_eq!(got["broken"][0]["now"], "new-name");
    assert_eq!(kinds(&row(&r, "detached")), ["detached"]);
    assert!(kinds(&row(&r, "deleted")).contains(&"branch-missing"));
    assert_eq!(kinds(&row(&r, "fine")).len(), 0);
    let text = r.git("session list").ok().text();
    for kind in ["branch-switched", "branch-renamed", "detached", "branch-missing"] {
        assert!(text.contains(kind), "{text}");
    }
    r.git("session adopt renamed").ok();
    let got = row(&r, "renamed");
    assert_eq!((kinds(&got).len(), got["branch"].as_str()), (0, Some("new-name")));
    // Without a worktree a branch that was here and is gone is said to be missing.
    r.git("session create lost").ok();
    r.git_args(["worktree".as_ref(), "remove".as_ref(), r.session("lost").here().as_os_str()]).ok();
    r.git("branch -D lost").ok();
    assert_eq!(kinds(&row(&r, "lost")), ["branch-missing"]);
}

#[test]
fn a_record_from_elsewhere_is_not_broken() {
    let r = repo();
    r.git("session create auth").ok();
    r.git("clone --quiet . ../clone").ok();
    let clone = r.in_dir("../clone");
    clone.git("fetch --quiet origin refs/sessions/auth:refs/sessions/auth").ok();
    let answer = clone.git("session list --json").ok().json_as("list");
    assert_eq!(answer["sessions"][0]["broken"].as_array().map(Vec::len), Some(0), "{answer}");
}

#[test]
fn locked_busy_and_in_an_operation() {
    let r = repo();
    for name in ["locked", "busy", "rebase", "merge", "bisect", "pick"] {
        r.git(&format!("session create {name}")).ok();
    }
    let lock = r.session("locked").here().display().to_string();
    r.git(&format!("worktree lock --reason 'on a stick' {lock}")).ok();
    let busy = r.session("busy").git("rev-parse --absolute-git-dir").ok().text();
    r.file(format!("{}/index.lock", busy.trim_end()), "");
    for name in ["rebase", "merge", "pick"] {
        r.session(name).file("a.txt", format!("{name}\n")).commit(name);
    }
    r.file("a.txt", "main\n").commit("main");
    r.session("rebase").git("rebase main").code(1);
    r.session("merge").git("merge main").code(1);
    r.session("pick").git("cherry-pick main").code(1);
    r.session("bisect").git("bisect start").ok();
    let operation = |name: &str| row(&r, name)["operation"].as_str().unwrap_or_default().to_owned();
    assert_eq!((row(&r, "locked")["locked"].as_bool(), row(&r, "busy")["locked"].as_bool()), (Some(true), Some(false)));
    assert_eq!((row(&r, "locked")["busy"].as_bool(), row(&r, "busy")["busy"].as_bool()), (Some(false), Some(true)));
    assert_eq!(
        [operation("rebase"), operation("merge"), operation("pick"), operation("bisect")],
        ["rebase", "merge", "cherry-pick", "bisect"]
    );
    assert_eq!(operation("locked"), "");
    // The detached HEAD of a rebase is no fault.
    assert_eq!(kinds(&row(&r, "rebase")).len(), 0, "{}", row(&r, "rebase"));
    r.git("session list").ok().stdout_contains("locked: on a stick").stdout_contains("rebase");
}

#[test]
fn scopes_sorts_and_templates() {
    let r = repo();
    for (name, priority) in [("api/core", "low"), ("api/web", "7"), ("docs", "critical")] {
        r.tick();
        r.git(&format!("session create {name} --priority {priority}")).ok();
    }
    r.session("api/web").file("x", "1\n").commit("1").file("x", "2\n").commit("2");
    r.session("docs").file("x", "1\n").commit("1");
    let all = |line: &str| names(&rows(&r, &format!("session list --json {line}"))).join(" ");
    assert_eq!(all(""), "api/core api/web docs");
    assert_eq!(all("'api/*'"), "api/core api/web");
    assert_eq!(all("docs api/core docs"), "api/core docs");
    assert_eq!(all("--sort priority"), "docs api/web api/core");
    assert_eq!(all("--sort -priority"), "api/core api/web docs");
    assert_eq!(all("--sort ahead"), "api/web docs api/core");
    assert_eq!(all("--sort age"), "api/core api/web docs");
    assert_eq!(all("--sort -age"), "docs api/web api/core");
    assert_eq!(all("--sort active"), "docs api/web api/core");
    assert_eq!(all("--sort -name"), "docs api/web api/core");
    let at = r.session("docs");
    at.git("session list @ --format '%(name) %(ahead) %(base) %(kind)'").ok().stdout("docs 1 main \n");
    r.git("session list --format '%(name)|%(kind)|%(state)|%(goal)'")
        .ok()
        .stdout("api/core|api|open|\napi/web|api|open|\ndocs||open|\n");
    let by_path = at.here().display().to_string();
    assert_eq!(all(&by_path), "docs");
    r.unchanged_by(|r| {
        r.git("session list --sort size").code(2).stderr_contains("There is no sort key 'size'");
        r.git("session list --format '%(colour)'").code(2);
        r.git("session list --format yaml").code(2).stderr_contains("There is no format 'yaml'");
        r.git("session list nobody").code(1).stderr_contains("There is no session 'nobody'");
        r.git("session list 'x*'").code(1);
        r.git("session list @").code(1).stderr_contains("not in a session's worktree");
        r.git("session list --merged --ended").code(2);
    });
}

#[test]
fn merged_is_proved_without_leaving_a_trace() {
    let r = repo();
    for name in ["ancestor", "picked", "same", "squashed", "nothing", "open", "new"] {
        r.git(&format!("session create {name}")).ok();
    }
    let work = |name: &str, path: &str, text: &str| r.session(name).file(path, text).commit(name);
    work("ancestor", "an.txt", "1\n");
    work("picked", "pi.txt", "1\n");
    work("squashed", "sq.txt", "1\n");
    work("squashed", "sq.txt", "1\n2\n");
    work("nothing", "no.txt", "1\n");
    work("nothing", "no.txt", "1\n2\n");
    work("open", "op.txt", "1\n");
    r.tick();
    r.git("merge --quiet --no-ff -m merge ancestor").ok();
    r.git("cherry-pick picked").ok();
    r.git("merge --quiet --squash squashed").ok();
    r.git("commit --quiet -m squashed").ok();
    r.file("sq.txt", "1\n2\nand more\n").commit("after the squash");
    r.git("merge --quiet --squash nothing").ok();
    r.file("elsewhere.txt", "in the same commit\n").commit("adds nothing");
    let files = r.git("ls-files").ok().text();
    let same = r.session("same");
    for path in files.lines() {
        same.file(path, r.read(path));
    }
    same.commit("all at once");
    let got = rows(&r, "session list --merged --json");
    let merged = |name: &str| got.iter().find(|row| row["name"] == name).expect("a row")["merged"].clone();
    assert_eq!(merged("ancestor"), "ancestor");
    assert_eq!(merged("picked"), "empty");
    assert_eq!(merged("same"), "same-tree");
    assert_eq!(merged("squashed"), "patch-id");
    assert_eq!(merged("nothing"), "adds-nothing");
    assert_eq!((merged("open"), merged("new")), (Value::Null, Value::Null));
    let quick = rows(&r, "session list --json");
    let quick = |name: &str| quick.iter().find(|row| row["name"] == name).expect("a row")["merged"].clone();
    assert_eq!(
        (quick("ancestor").as_str(), quick("squashed"), quick("new")),
        (Some("ancestor"), Value::Null, Value::Null)
    );
}

#[test]
fn the_base_is_taken_where_it_stands() {
    let r = repo();
    r.git("init --quiet --bare ../origin.git").ok();
    r.git("remote add origin ../origin.git").ok();
    r.git("push --quiet -u origin main").ok();
    r.git("session create auth").ok();
    r.session("auth").file("x", "1\n").commit("work");
    r.git("push --quiet origin auth:main").ok();
    let got = row(&r, "auth");
    assert_eq!((got["ahead"].as_i64(), got["merged"].as_str()), (Some(0), Some("ancestor")), "{got}");
    assert_eq!(got["base"]["tip"], r.rev("origin/main"));
}

#[test]
fn ended_sessions_tell_how() {
    let r = repo();
    for name in ["merged", "kept", "abandoned"] {
        r.git(&format!("session create {name}")).ok();
        r.session(name).file(format!("{name}.txt"), "1\n").commit(name);
    }
    r.git("session finish merged --merge").ok();
    r.tick();
    r.git("session finish kept --keep").ok();
    r.tick();
    r.git("session finish abandoned --abandon --yes").ok();
    let got = rows(&r, "session list --ended --json");
    assert_eq!(names(&got), ["abandoned", "kept", "merged"]);
    for row in &got {
        assert_eq!(row["state"], row["name"]);
        assert!(row["ended"].is_string(), "{row}");
    }
    assert_eq!(rows(&r, "session list --json").len(), 0);
    r.git("session list --ended 'k*' --format '%(name) %(ended)'").ok().stdout("kept as branch kept\n");
    r.git("session list --ended").ok().stdout_contains("abandoned").stdout_contains("into main at ");
}

#[test]
fn a_broken_pipe_is_quiet() {
    let r = repo();
    for number in 0..12 {
        r.git(&format!("session create s{number:02}")).ok();
    }
    for line in [
        "session list | true",
        "session list --json | head -c 1 >/dev/null",
        "session log | true",
        "session list | head -n 1 >/dev/null",
    ] {
        let run = r.run("bash", ["-c", &format!("git {line}; printf '%s ' \"${{PIPESTATUS[@]}}\"")]);
        run.ok().stderr("");
        assert!(run.text().starts_with("0 "), "{run}");
    }
}

#[test]
fn what_is_read_is_not_locked_or_refreshed() {
    let r = repo();
    r.git("session create auth").ok();
    let auth = r.session("auth");
    let index = auth.git("rev-parse --absolute-git-dir").ok().text().trim_end().to_owned() + "/index";
    // Stale times: git would refresh the index if it were allowed to.
    r.run("touch", ["-d", "2001-01-01", auth.path("a.txt").to_str().expect("UTF-8")]).ok();
    let before = std::fs::read(&index).expect("an index");
    assert_eq!(row(&r, "auth")["dirty"]["unstaged"], 0);
    r.git("session show auth").ok();
    assert_eq!(std::fs::read(&index).expect("an index"), before);
}

#[test]
fn outside_of_a_repository_it_is_refused() {
    Sandbox::bare_of_repositories().git("session list").code(1);
}

#[test]
fn ahead_and_behind_are_the_same_with_a_commit_graph_and_without() {
    let r = Sandbox::new();
    r.file("a.txt", "1\n").commit("base");
    for (name, own) in [("one", 1), ("three", 3), ("none", 0)] {
        r.git(&format!("session create {name}")).ok();
        let s = r.session(name);
        for n in 0..own {
            s.file(format!("{name}-{n}.txt"), "x\n").commit(&format!("{name} {n}"));
        }
        r.file(format!("after-{name}.txt"), "x\n").commit("the base moves");
    }
    r.git("branch side main~2").ok();
    r.git("merge --quiet --no-edit one").ok();
    let without = r.git("session list --json").ok().text();
    let listed: Value = serde_json::from_str(&without).expect("is JSON");
    for row in listed["sessions"].as_array().expect("rows") {
        let name = row["name"].as_str().expect("a name");
        let git = r.git(&format!("rev-list --left-right --count main...{name}")).ok().text();
        assert_eq!(format!("{}\t{}", row["behind"], row["ahead"]), git.trim(), "{name}");
    }
    r.git("commit-graph write --reachable").ok();
    assert_eq!(r.git("session list --json").ok().text(), without);
}
