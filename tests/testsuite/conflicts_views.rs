//! The views of `conflicts`: what people and other programs are shown, and that nothing a user names gets out of its place.

use crate::support::Sandbox;
use snapbox::str;

/// `one` and `two` change the same line, `near` one two lines below, `far` one far away, and the base one of `two`'s.
fn playground() -> Sandbox {
    let text: String = (1..=40).map(|n| format!("let value_{n} = price * {n};\n")).collect();
    let with = |n: u32, new: &str| text.replace(&format!("let value_{n} = price"), &format!("let value_{n} = {new}"));
    let r = Sandbox::new().file("src/cart.rs", &text).file("b.txt", "1\n").commit("base");
    for (name, line, new) in [("one", 10, "gross"), ("two", 10, "net"), ("near", 12, "cost"), ("far", 38, "sum")] {
        r.git(&format!("session create {name} --no-copy --no-setup")).ok();
        r.session(name).file("src/cart.rs", with(line, new)).commit(name);
    }
    r.session("two").file("b.txt", "two\n").commit("more");
    r.file("b.txt", "main\n").commit("the base moves");
    r.env("COLUMNS", "80")
}

#[test]
fn the_table_says_what_matters_first() {
    let r = playground();
    r.git("session conflicts --why").ok().stdout(str![[r#"
With main
  conflict  two
      b.txt:1 × 1
      git session sync two --resolve

With each other
  conflict  one × two  as they stand
      why: one of them collides with its base: that comes first
      src/cart.rs:10 × 10
  near      near × one
      src/cart.rs:12 × 10  (near)
  near      near × two  as they stand
      src/cart.rs:12 × 10  (near)
  overlap   far × near, one, two  src/cart.rs

"#]]);
    r.git("session conflicts far --with far").ok().stdout("1 session: nothing collides.\n");
}

#[test]
fn the_lines_stand_below_each_other_or_beside_each_other() {
    let r = playground();
    r.git("session conflicts one --with two --patch").ok().stdout(str![[r#"
With each other
  conflict  one × two  as they stand
      src/cart.rs:10 × 10
        before
           -  let value_10 = price * 10;
        one
          10  let value_10 = gross * 10;
        two
          10  let value_10 = net * 10;

"#]]);
    r.env("COLUMNS", "110").git("session conflicts one --with two --patch").ok().stdout(str![[r#"
With each other
  conflict  one × two  as they stand
      src/cart.rs:10 × 10
        before
           -  let value_10 = price * 10;
        one                                               │ two
          10  let value_10 = gross * 10;                  │   10  let value_10 = net * 10;

"#]]);
    // With colours the words that are new are marked.
    let coloured = r.env("CLICOLOR_FORCE", "1").git("session conflicts one --with two --patch").ok().text();
    assert!(coloured.contains("\u{1b}[4m\u{1b}[1mgross\u{1b}[0m"), "{coloured:?}");
}

#[test]
fn the_matrix_has_a_cell_for_each_pair() {
    playground().git("session conflicts --format matrix").ok().stdout(str![[r#"
        B  1 2 3 4
 1 far  ·  / o o o
 2 near ·  o / ~ ~
 3 one  ·  o ~ / X
 4 two  X  o ~ X /

X conflict   ~ near   o same files   · nothing   B the base

"#]]);
}

#[test]
fn annotations_stand_at_the_lines_of_whoever_was_asked_about() {
    playground().git("session conflicts two --format github").ok().stdout(str![[r#"
::error file=b.txt,line=1,endLine=1,title=two × main::Conflict with 'main', line 1.
::error file=src/cart.rs,line=10,endLine=10,title=two × one::Conflict with 'one', line 10.
::warning file=src/cart.rs,line=10,endLine=10,title=two × near::Close to changes of 'near', line 12.

"#]]);
}

#[test]
fn a_comment_has_a_table_and_details() {
    playground().git("session conflicts one --format markdown --patch").ok().stdout(str![[r#"
### Conflicts with <code>main</code> and with each other

1 session: 1 pair in conflict, 1 pair near each other, 1 pair in the same files.

| | who | where |
| --- | --- | --- |
| **conflict** | <code>one</code> × <code>two</code> | <code>src/cart.rs</code> 10 × 10 |
| near | <code>near</code> × <code>one</code> | <code>src/cart.rs</code> 12 × 10 |

<details><summary>The lines that collide</summary>

<code>src/cart.rs</code>

<pre>before
    -  let value&#95;10 = price &#42; 10&#59;
one
   10  let value&#95;10 = gross &#42; 10&#59;
two
   10  let value&#95;10 = net &#42; 10&#59;
</pre>
[..]
...
"#]]);
}

#[test]
fn a_graph_has_an_edge_for_each_that_meet() {
    playground().git("session conflicts one --with two --format dot").ok().stdout(str![[r#"
graph conflicts {
  graph [overlap=false, splines=true];
  node [shape=box, style=rounded];
  subgraph cluster_0 {
    label="main";
    s0 [label="one"];
  }
  s1 [label="two"];
  s0 -- s1 [color=red, penwidth=3, label="src/cart.rs", tooltip="conflict: src/cart.rs"];
}

"#]]);
    // The base is a node where somebody meets it.
    let run = playground().git("session conflicts two --format dot");
    run.ok().stdout_contains("base_0 [label=\"main\", shape=ellipse]").stdout_contains(" -- base_0 [");
}

#[test]
#[cfg(unix)]
fn hostile_names_stay_in_their_place() {
    use std::os::unix::ffi::OsStrExt;
    let r = Sandbox::new().file("a", "1\n").commit("base");
    let path = std::ffi::OsStr::from_bytes(b"x\x1b[31m::error,a=b|`@you`\n<script>\"\\N%0A\xff.txt");
    for (branch, text) in [("x/one|two", "\u{1b}[2Jone </pre><b>\n"), ("x/\"q\",warning", "two\n")] {
        r.git_args(["switch", "--quiet", "-c", branch, "main"]).ok();
        r.file(path, text).commit("hostile");
    }
    r.git("switch --quiet main").ok();
    let look = |more: &str| r.git(&format!("session conflicts --branches x/* --base main {more}")).ok().text();
    for format in ["table --patch", "matrix", "github", "markdown --patch", "dot"] {
        let text = look(&format!("--format {format}"));
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{format}: {text:?}");
    }
    let github = look("--format github");
    for line in github.lines() {
        let (properties, _) =
            line.strip_prefix("::error ").and_then(|rest| rest.split_once("::")).expect("one command");
        assert!(properties.starts_with("file=x") && !properties.contains(':'), "{properties}");
        assert_eq!(properties.split(',').count(), 4, "{properties}");
        assert!(properties.contains("%3A%3Aerror%2Ca=b|`@you`%0A<script>\"\\N%250A"), "{properties}");
    }
    assert_eq!(github.lines().count(), 2);
    let markdown = look("--format markdown --patch");
    for bad in ["<script", "<b>", "@you", "`", "one|two"] {
        assert!(!markdown.contains(bad), "{bad} in {markdown}");
    }
    assert_eq!(markdown.matches("</pre>").count(), 1);
    let dot = look("--format dot");
    assert!(dot.contains(r#"label="x/\"q\",warning""#), "{dot}");
    assert!(dot.contains(r#"<script>\"\\N%0A"#) && dot.lines().all(|line| !line.starts_with('<')), "{dot}");
}

#[test]
fn what_a_format_has_no_place_for_is_refused() {
    let r = playground();
    r.git("session conflicts --format yaml").code(2).stderr_contains("There is no format 'yaml'");
    for format in ["github", "matrix", "dot"] {
        r.git(&format!("session conflicts --patch --format {format}"))
            .code(2)
            .stderr_contains("`--patch` has no place");
    }
    r.git("session conflicts --why --format dot").code(2).stderr_contains("`--why` has no place");
}

#[test]
fn many_ranges_and_long_paths_are_cut() {
    let path = "deep/".repeat(14) + "file.rs";
    let text: String = (1..=200).map(|n| format!("line {n}\n")).collect();
    let of = |who: &str| -> String {
        (1..=200).map(|n| if n % 10 == 0 { format!("{who} {n}\n") } else { format!("line {n}\n") }).collect()
    };
    let r = Sandbox::new().file(&path, text).commit("base");
    for name in ["one", "two"] {
        r.git(&format!("session create {name} --no-copy --no-setup")).ok();
        r.session(name).file(&path, of(name)).commit(name);
    }
    let shown = r.env("COLUMNS", "80").git("session conflicts").ok().text();
    assert!(shown.contains(",… ") && shown.contains(" more × 10,20,"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
}
