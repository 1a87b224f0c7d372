//! `config`: the settings and where each comes from; `config gui` shows sessions in graphical clients.

use crate::error::Result;
use crate::ops::Context;

/// One setting: its key, its default, what it does.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// What holds where nothing is said.
    pub default: &'static str,
    /// What it does, in a line.
    pub what: &'static str,
}

/// All settings of this version. `git-session(1)` has the same table.
pub const SETTINGS: [Setting; 26] = [
    Setting {
        key: "session.path",
        default: "../{repo}-sessions/{name}",
        what: "where worktrees go, from the main worktree",
    },
    Setting { key: "session.base", default: "", what: "the base of new sessions" },
    Setting {
        key: "session.branchPrefix",
        default: "",
        what: "what stands before the name in a new branch; {user} is filled in",
    },
    Setting {
        key: "session.strategy",
        default: "no-ff",
        what: "how `finish --merge` merges: no-ff, ff, squash or rebase",
    },
    Setting {
        key: "session.integrationBranch",
        default: "integration/<base>",
        what: "the branch that `integrate` makes where it does not move the base itself",
    },
    Setting {
        key: "session.nearLines",
        default: "3",
        what: "how many unchanged lines between two changes still make them near",
    },
    Setting {
        key: "session.generated",
        default: "",
        what: "files that a program writes, as patterns: marked as such where they collide",
    },
    Setting {
        key: "session.watch",
        default: "auto",
        what: "how `conflicts --watch` notices changes: `auto`, or `poll`: by looking again and again",
    },
    Setting {
        key: "session.disposable",
        default: "",
        what: "ignored files that may go with a worktree, besides what tools make",
    },
    Setting {
        key: "session.keepFor",
        default: "90 days",
        what: "how long ended sessions and work put aside are kept; or `never`: for ever",
    },
    Setting {
        key: "session.autoCleanup",
        default: "false",
        what: "let go of what the base contains at the end of `create` and `sync`",
    },
    Setting {
        key: "session.copy",
        default: "",
        what: "patterns of ignored files that a new worktree gets from the main one",
    },
    Setting { key: "session.copyDeny", default: "", what: "more patterns of secrets that are never copied" },
    Setting { key: "session.link", default: "", what: "patterns of what is linked instead of copied" },
    Setting {
        key: "session.ports",
        default: "20000-29999",
        what: "the ports that sessions are given, ten each; `off` gives none",
    },
    Setting { key: "session.setup", default: "", what: "commands that make a new worktree fit for work" },
    Setting { key: "session.hook.post-create", default: "", what: "commands after `create`, in the new worktree" },
    Setting { key: "session.hook.pre-finish", default: "", what: "commands before `finish`; a failure refuses" },
    Setting { key: "session.hook.pre-remove", default: "", what: "commands before a worktree goes; a failure refuses" },
    Setting { key: "session.hook.post-remove", default: "", what: "commands after it went, in the main worktree" },
    Setting { key: "session.test", default: "", what: "the command that tests the work, for `test`" },
    Setting {
        key: "session.testPolicy",
        default: "commits",
        what: "what counts as tested: commits (before a sync too), tree (this very one) or off",
    },
    Setting { key: "session.jobs", default: "", what: "how many commands `test` and `exec` run at a time" },
    Setting {
        key: "session.readiness",
        default: "ready,clean,tests,tasks",
        what: "what `order` asks of a session before it may merge; `none` asks nothing",
    },
    Setting {
        key: "session.mirror",
        default: "false",
        what: "keep refs/remotes/sessions/* for clients that know only branches",
    },
    Setting { key: "color.session", default: "auto", what: "colour, as `color.ui` has it" },
];

/// A setting as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// Where it comes from: `default`, or git's scope and file.
    pub origin: String,
    /// What holds where nothing is said; none where the program knows no such setting.
    pub default: Option<&'static str>,
    /// The known setting that was meant instead, as far as that can be guessed.
    pub meant: Option<&'static str>,
}

impl InForce {
    /// Whether the program has such a setting.
    pub fn is_known(&self) -> bool {
        self.default.is_some()
    }

    /// git's word for how far it holds: `local`, `global`, `command`; or `default`.
    pub fn scope(&self) -> &str {
        self.origin.split(' ').next().unwrap_or_default()
    }
}

/// All settings in force.
///
/// # Errors
/// Refused, if git cannot be run.
pub fn show(ctx: &Context) -> Result<Vec<InForce>> {
    let output = ctx
        .repo
        .git_here()
        .args(["config", "--show-scope", "--show-origin", "-z", "--get-regexp", r"^(session\..*|color\.session)$"])
        .run()?;
    let mut found = Vec::new();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut fields = text.split('\0');
    while let (Some(scope), Some(origin), Some(pair)) = (fields.next(), fields.next(), fields.next()) {
        let (key, value) = pair.split_once('\n').unwrap_or((pair, "true"));
        found.push(InForce {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: format!("{scope} {}", origin.strip_prefix("file:").unwrap_or(origin)).trim_end().to_owned(),
            default: None,
            meant: None,
        });
    }
    let mut settings = Vec::new();
    for setting in &SETTINGS {
        let (key, default) = (setting.key.to_owned(), Some(setting.default));
        let mut set = found.iter().filter(|entry| entry.key.eq_ignore_ascii_case(setting.key)).peekable();
        if set.peek().is_none() {
            let (value, origin) = (setting.default.to_owned(), "default".to_owned());
            settings.push(InForce { key, value, origin, default, meant: None });
        } else {
            settings.extend(set.map(|entry| InForce { key: key.clone(), default, ..entry.clone() }));
        }
    }
    for mut entry in found {
        if is_known(&entry.key) {
            continue;
        }
        // What is named by its user has no default.
        if entry.key.starts_with(AGENT) {
            entry.default = Some("");
        } else {
            entry.meant = meant(&entry.key);
        }
        settings.push(entry);
    }
    Ok(settings)
}

/// Settings below this are named by whoever sets them.
pub const AGENT: &str = "session.agent.";

fn is_known(key: &str) -> bool {
    SETTINGS.iter().any(|known| known.key.eq_ignore_ascii_case(key))
}

/// The setting whose name differs least from one that there is not, if it is near.
fn meant(key: &str) -> Option<&'static str> {
    let key = key.to_lowercase();
    let distance = |known: &Setting| edits(&key, &known.key.to_lowercase());
    SETTINGS
        .iter()
        .filter(|known| known.key.starts_with("session."))
        .map(|known| (distance(known), known.key))
        .min()
        .filter(|(distance, known)| *distance <= (known.len() - "session.".len()).div_ceil(3))
        .map(|(_, known)| known)
}

/// How many letters must be put in, taken out or changed to make one text of the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

/// What `config gui` sets in the repository: key, value, whether others may stand beside it.
const LABELS: [(&str, &str); 4] = [
    ("log.initialDecorationSet", "all"),
    ("log.excludeDecoration", "refs/sessions/@*"),
    ("log.excludeDecoration", "refs/sessions/@*/**"),
    ("log.excludeDecoration", "refs/worktree/*"),
];

const MIRROR: [(&str, &str); 5] = [
    ("session.mirror", "true"),
    ("remote.sessions.url", "."),
    ("remote.sessions.skipFetchAll", "true"),
    ("remote.sessions.fetch", "+refs/sessions/*:refs/remotes/sessions/*"),
    ("remote.sessions.fetch", "^refs/sessions/@*"),
];

/// Sets clients up to show sessions, or takes that back. Returns the commands, one a line, as one could type them.
///
/// # Errors
/// Refused, with git's words.
pub fn gui(ctx: &Context, mirror: bool, remove: bool, dry_run: bool) -> Result<Vec<String>> {
    let repo = &ctx.repo;
    let mut wanted: Vec<(&str, &str)> = LABELS.to_vec();
    if mirror || (remove && repo.switch("session.mirror")?.unwrap_or(false)) {
        wanted.extend(MIRROR);
    }
    let mut said = Vec::new();
    for (key, value) in wanted {
        let local = repo.git().args(["config", "--local", "--get-all", key]).run()?.text();
        let is_set = local.lines().any(|have| have == value);
        let exact = format!("^{}$", escaped(value));
        let args: Vec<&str> = match (remove, is_set) {
            (false, true) | (true, false) => continue,
            (false, false) => vec!["config", "--local", "--add", key, value],
            (true, true) => vec!["config", "--local", "--unset", key, &exact],
        };
        said.push(format!("git {}", args.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(" ")));
        if !dry_run {
            repo.git().args(&args).run_ok()?;
        }
    }
    if mirror && !remove {
        said.push("git fetch sessions".into());
        if !dry_run {
            repo.git().args(["fetch", "--quiet", "--prune", "sessions"]).run_ok()?;
        }
    }
    if remove {
        for (reference, target) in repo.refs_below("refs/remotes/sessions/")? {
            let Some(id) = target.object() else { continue };
            said.push(format!("git update-ref -d {reference}"));
            if !dry_run {
                repo.transact(&[crate::git::Edit::delete(reference, id)], "session: mirror")?;
            }
        }
    }
    Ok(said)
}

/// Brings the mirror up to date, where there is one: what a writing verb does last. Failing is no failure of the verb.
pub fn refresh_mirror(ctx: &Context) {
    if ctx.repo.switch("session.mirror").ok().flatten() == Some(true) {
        let _ = ctx.repo.git().args(["fetch", "--quiet", "--prune", "sessions"]).run();
    }
}

fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_alphanumeric() || matches!(c, '/' | ':' | ' ') { vec![c] } else { vec!['\\', c] })
        .collect()
}

fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | ':' | '=' | '{' | '}');
    if text.chars().all(plain) { text.to_owned() } else { format!("'{text}'") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_was_meant_is_near() {
        for (key, known) in [
            ("session.keepfro", Some("session.keepFor")),
            ("session.stratgy", Some("session.strategy")),
            ("session.bsae", Some("session.base")),
            ("session.frobnicate", None),
        ] {
            assert_eq!(super::meant(key), known, "{key}");
        }
    }
}
