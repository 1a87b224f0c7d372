//! `order`: its claims hold when git does the merges, and nothing better is found by trying.

use crate::support::Sandbox;
use crate::sync::Dice;
use serde_json::Value;

fn look(r: &Sandbox, more: &str) -> Value {
    r.git(&format!("session order --json {more}")).json_as("order")
}

fn names(answer: &Value) -> Vec<String> {
    let order = answer["order"].as_array().expect("places");
    order.iter().map(|place| place["name"].as_str().expect("a name").to_owned()).collect()
}

fn reasons<'a>(answer: &'a Value, name: &str) -> &'a Vec<Value> {
    let blocked = answer["blocked"].as_array().expect("blocked");
    let row = blocked.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} goes in: {answer:#}"));
    row["reasons"].as_array().expect("reasons")
}

fn session(r: &Sandbox, name: &str, more: &str) -> Sandbox {
    r.git(&format!("session create {name} --no-copy --no-setup {more}")).ok();
    r.session(name)
}

/// How many of these `git merge --no-ff` takes, one after another, from `main` on; and the tree that comes of it.
fn by_git(r: &Sandbox, order: &[String]) -> (usize, String) {
    r.git("checkout -q --detach main").ok();
    let mut clean = 0;
    for name in order {
        let run = r.git_args(["merge", "-q", "--no-ff", "-m", "merged", name]);
        if run.status() == Some(0) {
            clean += 1;
        } else {
            r.git("merge --abort").ok();
        }
    }
    let tree = r.rev("HEAD^{tree}");
    r.git("checkout -q main").ok();
    (clean, tree)
}

#[test]
fn what_goes_in_git_merges_and_no_other_order_has_more() {
    let seeds: u64 = std::env::var("ORDER_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let mut out = 0;
    for seed in 0..seeds {
        let mut dice = Dice(seed + 1);
        let r = Sandbox::new();
        for n in 0..6 {
            let text: String = (0..30).map(|line| format!("{n} {line}\n")).collect();
            r.file(format!("d{}/f{n}.txt", n % 3), text);
        }
        r.commit("base");
        let count = 7 + dice.below(3);
        let mut made: Vec<String> = Vec::new();
        for n in 0..count {
            let name = format!("s{n}");
            let is_stacked = n > 2 && dice.below(5) == 0;
            let needs = (n > 2 && dice.below(4) == 0).then(|| dice.below(n));
            let mut more = needs.map_or_else(String::new, |need| format!(" --depends-on s{need}"));
            if dice.below(4) == 0 {
                more.push_str(" --priority critical");
            }
            let place = if is_stacked { r.session(&made[dice.below(n)]) } else { r.in_dir("") };
            let stack = if is_stacked { " --stack" } else { "" };
            place.git(&format!("session create {name} --no-copy --no-setup{stack}{more}")).ok();
            let s = r.session(&name);
            for step in 0..1 + dice.below(3) {
                let file = dice.below(6);
                let path = format!("d{}/f{file}.txt", file % 3);
                match dice.below(12) {
                    0 if s.has(&path) => drop(s.git(&format!("rm -q {path}"))),
                    1 if s.has(&path) => drop(s.git(&format!("mv {path} d{}/moved{n}.txt", dice.below(3)))),
                    2 => drop(s.file(format!("d0/new{}.txt", dice.below(3)), format!("new of {n}\n"))),
                    _ if s.has(&path) => {
                        let at = dice.below(30);
                        let text: String = s
                            .read(&path)
                            .lines()
                            .enumerate()
                            .map(
                                |(line, text)| if line == at { format!("{n} was here\n") } else { format!("{text}\n") },
                            )
                            .collect();
                        s.file(&path, text);
                    }
                    _ => {}
                }
                s.git("add --all").ok();
                s.git_args(["commit", "-q", "--allow-empty", "-m", &format!("{n}.{step}")]).ok();
            }
            made.push(name);
        }
        let before = r.refs();
        let answer = look(&r, "--all");
        assert_eq!(look(&r, "--all"), answer, "seed {seed}: it is the same every time");
        assert_eq!(r.refs(), before);
        let order = names(&answer);
        let (clean, tree) = by_git(&r, &order);
        assert_eq!(clean, order.len(), "seed {seed}: git stops in {order:?}");
        assert_eq!(answer["trunks"][0]["tree"], tree.as_str(), "seed {seed}");
        for (at, place) in answer["order"].as_array().expect("places").iter().enumerate() {
            assert_eq!(place["position"], at + 1);
            for need in place["after"].as_array().expect("names") {
                let need = need.as_str().expect("a name");
                assert!(order[..at].iter().any(|name| name == need), "seed {seed}: {need} comes too late in {order:?}");
            }
        }
        out += count - order.len();
        // Nobody's own order of those that need nobody has more.
        let placed = answer["order"].as_array().expect("places").iter();
        let mut bound: Vec<&Value> =
            placed.filter(|place| place["after"] != serde_json::json!([])).map(|place| &place["name"]).collect();
        for row in answer["blocked"].as_array().expect("rows") {
            if row["reasons"].as_array().expect("reasons").iter().any(|reason| reason["kind"] == "depends-on") {
                bound.push(&row["name"]);
            }
        }
        let mut free: Vec<String> = made.into_iter().filter(|name| !bound.iter().any(|other| *other == name)).collect();
        for _ in 0..12 {
            for at in (1..free.len()).rev() {
                free.swap(at, dice.below(at + 1));
            }
            let (theirs, _) = by_git(&r, &free);
            assert!(theirs <= order.len(), "seed {seed}: {free:?} gives {theirs}, {order:?} was found");
        }
    }
    assert!(out > 0, "the histories are too tame");
}

/// Two sessions that move one file each out of a directory, and one that adds a file to it: once both files are gone git
/// takes the directory for renamed.
fn three(r: &Sandbox) {
    let text = |name: &str| (0..20).map(|line| format!("{name} {line}\n")).collect::<String>();
    r.file("d/one.txt", text("one")).file("d/two.txt", text("two")).commit("base");
    for name in ["one", "two"] {
        let s = session(r, name, "");
        s.file("e/keep", "x\n").git("add --all").ok();
        s.git(&format!("mv d/{name}.txt e/{name}.txt")).ok();
        s.remove("e/keep").git("add --all").ok();
        s.commit("moved");
    }
}

#[test]
fn three_collide_though_no_two_do() {
    let r = Sandbox::new();
    three(&r);
    session(&r, "zadds", "--depends-on one --depends-on two").file("d/new.txt", "new\n").commit("added");
    let (clean, _) = by_git(&r, &["one".into(), "two".into(), "zadds".into()]);
    assert_eq!(clean, 2, "git does not mind");
    for pair in [["one", "two"], ["one", "zadds"], ["two", "zadds"]] {
        assert_eq!(by_git(&r, &pair.map(str::to_owned)).0, 2);
    }
    let answer = look(&r, "--all");
    assert_eq!(names(&answer), ["one", "two"]);
    let reason = &reasons(&answer, "zadds")[0];
    assert_eq!(reason["kind"], "conflict");
    assert_eq!(reason["with"], serde_json::json!(["one", "two"]));
    assert!(
        reason["files"]
            .as_array()
            .expect("files")
            .iter()
            .any(|file| file["path"].as_str().is_some_and(|path| path.ends_with("new.txt"))),
        "{reason:#}"
    );
    r.git("session order --all").stdout_contains("conflicts with 'one' and 'two' together");
}

#[test]
fn where_another_order_does_it_that_is_found() {
    let r = Sandbox::new();
    three(&r);
    session(&r, "zadds", "").file("d/new.txt", "new\n").file("more.txt", "x\n").commit("added");
    let answer = look(&r, "--all");
    let order = names(&answer);
    assert_eq!(order.len(), 3, "{answer:#}");
    assert_eq!(by_git(&r, &order).0, 3);
    assert!(answer["trunks"][0]["exact"].as_bool().expect("a word"));
}

#[test]
fn who_collides_alone_goes_in_after_what_helps() {
    let r = Sandbox::new().file("a.txt", "1\n2\n3\n").commit("base");
    session(&r, "early", "").file("a.txt", "1\nearly\n3\n").commit("early");
    r.file("a.txt", "1\nmain\n3\n").commit("main goes on");
    session(&r, "reverts", "").file("a.txt", "1\n2\n3\n").commit("reverts");
    assert_eq!(by_git(&r, &["early".into()]).0, 0);
    let answer = look(&r, "--all");
    assert_eq!(names(&answer), ["reverts", "early"]);
    assert_eq!(by_git(&r, &names(&answer)), (2, answer["trunks"][0]["tree"].as_str().expect("an id").to_owned()));
    assert_eq!((&answer["trunks"][0]["size"], &answer["trunks"][0]["bound"]), (&2.into(), &2.into()));
    r.git("session finish reverts --abandon --yes").ok();
    assert_eq!(reasons(&look(&r, "--all"), "early")[0]["kind"], "conflict");
}

#[test]
fn priority_then_size_then_age() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    session(&r, "big", "").file("b1", "x\n").file("b2", "x\n").commit("two files");
    session(&r, "low", "--priority low").file("l", "x\n").commit("one file");
    session(&r, "urgent", "--priority critical").file("u1", "x\n").file("u2", "x\n").file("u3", "x\n").commit("three");
    session(&r, "small", "").file("s", "x\n").commit("one file");
    let answer = look(&r, "--all");
    assert_eq!(names(&answer), ["urgent", "small", "big", "low"]);
    assert_eq!(answer["order"][0]["reason"], "its priority is critical");
    assert_eq!(answer["order"][3]["reason"], "its priority is low");
    r.git("session set big --depends-on low").ok();
    let answer = look(&r, "--all");
    assert_eq!(names(&answer), ["urgent", "small", "low", "big"]);
    assert_eq!(answer["order"][3]["reason"], "it needs 'low'");
    // Of two that collide the urgent one goes in.
    session(&r, "rival", "").file("u1", "y\n").commit("one file");
    let answer = look(&r, "--all");
    assert_eq!(names(&answer), ["urgent", "small", "low", "big"]);
    let reason = &reasons(&answer, "rival")[0];
    assert_eq!((&reason["kind"], &reason["with"][0]), (&"conflict".into(), &"urgent".into()));
    assert_eq!(reason["files"][0]["path"], "u1");
    assert!(reason["remedy"].as_str().expect("text").contains("git session"), "{reason:#}");
}

#[test]
fn what_is_not_ready_says_why_and_what_helps() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    session(&r, "new", "");
    session(&r, "open", "").file("o", "x\n").commit("work");
    session(&r, "dirty", "").file("d", "x\n").commit("work").file("d2", "x\n");
    session(&r, "top", "--depends-on open").file("t", "x\n").commit("work");
    let answer = look(&r, "");
    assert!(names(&answer).is_empty());
    assert_eq!(reasons(&answer, "new")[0]["kind"], "not-ready");
    assert!(reasons(&answer, "new")[0]["sentence"].as_str().expect("text").contains("no commits"));
    assert_eq!(reasons(&answer, "open")[0]["remedy"], "git session ready open");
    assert!(reasons(&answer, "dirty").iter().any(|reason| reason["kind"] == "dirty"));
    let waits = reasons(&answer, "top").iter().find(|reason| reason["kind"] == "depends-on").expect("it waits");
    assert_eq!(waits["with"][0], "open");
    let all = look(&r, "--all");
    assert_eq!(names(&all), ["open", "dirty", "top"], "the older one first");
    r.config("session.readiness", "clean");
    assert_eq!(names(&look(&r, "")), ["open", "top"]);
    r.config("session.readiness", "nonsense");
    r.git("session order").code(1).stderr_contains("'nonsense'").stderr_contains("session.readiness");
}

/// A line more in a record, as no verb would write it.
fn say_by_hand(r: &Sandbox, name: &str, line: &str) {
    let reference = format!("refs/sessions/{name}");
    let text = r.git(&format!("show {reference}:session.toml")).ok().text();
    let text = text.replacen("\n[base]", &format!("{line}\n\n[base]"), 1);
    let blob = r.git_input("hash-object -w --stdin", &text).ok().text();
    let tree = r.git_input("mktree", &format!("100644 blob {}\tsession.toml\n", blob.trim())).ok().text();
    let message = r.git(&format!("log -1 --format=%B {reference}")).ok().text();
    let record = r.git_input(&format!("commit-tree {} -p {reference}", tree.trim()), &message).ok().text();
    r.git(&format!("update-ref {reference} {}", record.trim())).ok();
}

#[test]
fn circles_and_lost_needs_are_named() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    session(&r, "a", "").file("a", "x\n").commit("work");
    session(&r, "b", "--depends-on a").file("b", "x\n").commit("work");
    session(&r, "c", "--depends-on b").file("c", "x\n").commit("work");
    r.git("session set a --focus x").ok();
    // Two at once may close one between them.
    let needs = format!("depends-on = [\"{}\"]", r.rev("refs/sessions/c"));
    say_by_hand(&r, "a", &needs);
    let answer = look(&r, "--all");
    for name in ["a", "b", "c"] {
        let reason = reasons(&answer, name).iter().find(|reason| reason["kind"] == "cycle").expect("a circle");
        assert_eq!(reason["with"].as_array().expect("names").len(), 2, "{reason:#}");
    }
    r.git("session set a --depends-on ''").ok();
    assert_eq!(names(&look(&r, "--all")), ["a", "b", "c"]);
    // Who is not asked for has to be merged already.
    let reason = &reasons(&look(&r, "--all b"), "b")[0].clone();
    assert_eq!((&reason["kind"], &reason["with"][0]), (&"depends-on".into(), &"a".into()));
    let answer = look(&r, "--all c");
    assert_eq!(reasons(&answer, "c")[0]["remedy"], "git session order a b c", "all that it needs");
    r.git("session finish a --merge").ok();
    assert_eq!(names(&look(&r, "--all")), ["b", "c"]);
    session(&r, "d", "--depends-on b").file("d", "x\n").commit("work");
    r.git("session finish b --abandon --yes").ok();
    let answer = look(&r, "--all");
    assert!(names(&answer).is_empty());
    assert!(reasons(&answer, "d")[0]["sentence"].as_str().expect("text").contains("ended as abandoned"));
}

#[test]
fn what_went_in_is_said_to_be_in_also_where_it_went_in_as_one_commit() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    // Begun and committed in the same second.
    for name in ["one", "two"] {
        let s = session(&r, name, "");
        s.file(name, "x\n").git("add --all").ok();
        s.git("commit -q -m first").ok();
        s.file(format!("{name}.more"), "x\n").git("add --all").ok();
        s.git("commit -q -m second").ok();
    }
    session(&r, "waits", "--depends-on two").file("w", "x\n").commit("waits");
    r.git("session integrate --all --into main --yes one").ok();
    r.git("session integrate --all --into main --yes --strategy squash two").ok();
    let answer = look(&r, "--all");
    assert_eq!(names(&answer), ["waits"], "it waits for nobody any more");
    for name in ["one", "two"] {
        let reason = &reasons(&answer, name)[0];
        assert_eq!(reason["sentence"], "'main' has all of its work", "{name}");
        assert_eq!(reason["remedy"], "git session cleanup");
    }
    let list = r.git("session list --json").json_as("list");
    let states: Vec<&serde_json::Value> =
        list["sessions"].as_array().expect("rows").iter().map(|row| &row["state"]).collect();
    assert_eq!(states, ["merged", "merged", "open"]);
    let old = r.rev("main");
    r.git("session integrate --all --into main --yes --strategy squash one two").code(1);
    assert_eq!(r.rev("main"), old);
    // What is new there goes in, and only that.
    r.session("two").file("again", "x\n").commit("again");
    let answer = look(&r, "--all two");
    assert_eq!((names(&answer), &answer["order"][0]["files"]), (vec!["two".to_owned()], &1.into()));
    // A base that went back has it no more.
    r.git("session undo --yes").ok();
    assert!(names(&look(&r, "--all")).contains(&"two".to_owned()));
}

#[cfg(unix)]
#[test]
fn a_path_takes_one_line() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    for name in ["one", "two"] {
        session(&r, name, "").file("new\nline", format!("{name}\n")).commit(name);
    }
    r.git("session order --all").ok().stdout_contains("new\u{fffd}line:1");
    r.git("session conflicts").ok().stdout_contains("new\u{fffd}line:1");
}

#[test]
fn stacks_go_in_from_below_and_trunks_each_by_themselves() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    r.git("branch develop").ok();
    session(&r, "bottom", "").file("a.txt", "bottom\n").file("b1", "x\n").file("b2", "x\n").commit("bottom");
    r.session("bottom").git("session create top --stack --no-copy --no-setup").ok();
    r.session("top").file("a.txt", "top\n").commit("top");
    session(&r, "other", "develop").file("o", "x\n").commit("other");
    let answer = look(&r, "--all");
    assert_eq!(names(&answer).len(), 3);
    let of = |trunk: &str| -> Vec<String> {
        let rows = answer["order"].as_array().expect("places").iter().filter(|place| place["trunk"] == trunk);
        rows.map(|place| place["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(of("main"), ["bottom", "top"]);
    assert_eq!(of("develop"), ["other"]);
    // What the bottom collides with keeps the top out, too.
    r.file("a.txt", "main\n").commit("main");
    let answer = look(&r, "--all");
    assert_eq!(reasons(&answer, "bottom")[0]["kind"], "conflict");
    assert!(reasons(&answer, "bottom")[0]["with"].is_null());
    assert_eq!(reasons(&answer, "top")[0]["kind"], "depends-on");
    r.git("session order --all")
        .stdout_contains("Into develop")
        .stdout_contains("Not into main")
        .stdout_contains("a.txt:1");
}

#[test]
fn plain_branches_are_ordered_where_there_is_no_session() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    for (name, file, text) in [("f/one", "a.txt", "one\n"), ("f/two", "a.txt", "two\n"), ("f/three", "c.txt", "c\n")] {
        r.git(&format!("checkout -q -b {name} main")).ok();
        r.file(file, text).commit(name);
    }
    r.git("checkout -q main").ok();
    let answer = look(&r, "--branches 'f/*' --base main");
    assert_eq!(names(&answer).len(), 2);
    let blocked = answer["blocked"].as_array().expect("rows");
    assert_eq!(blocked[0]["reasons"][0]["files"][0]["path"], "a.txt");
    r.git("session order --branches 'nope/*'").code(1).stderr_contains("nope/*");
    r.git("session order --branches 'f/*' --base main --format dot")
        .stdout_contains("digraph")
        .stdout_contains("f/three");
    r.git("session order --format matrix").code(2).stderr_contains("`dot`");
}

#[test]
fn what_came_in_with_another_one_is_not_counted_again() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    session(&r, "one", "").file("one.txt", "1\n").commit("one").file("more.txt", "1\n").commit("one more");
    session(&r, "two", "").git("merge -q --no-edit one").ok();
    r.session("two").file("two.txt", "2\n").commit("two");
    let answer = look(&r, "--all");
    assert_eq!(names(&answer), ["one", "two"]);
    let size = |at: usize| (answer["order"][at]["commits"].as_u64(), answer["order"][at]["files"].as_u64());
    assert_eq!((size(0), size(1)), ((Some(2), Some(2)), (Some(1), Some(1))));
}
