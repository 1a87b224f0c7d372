//! What `create` and `adopt` say.

use crate::ops::create::{BranchFrom, CreatePlan, Outcome, Place, Uncommitted};
use crate::render::{Paint, harmless};
use crate::session::EventKind;
use std::path::Path;

/// What would be made.
pub fn plan(plan: &CreatePlan) -> String {
    let mut text = String::new();
    for planned in &plan.sessions {
        let branch = planned.branch.strip_prefix("refs/heads/").unwrap_or(&planned.branch);
        let from = match &planned.branch_from {
            BranchFrom::New => format!("new, from {}", planned.base.tip.from),
            BranchFrom::Local => "there already".into(),
            BranchFrom::Remote(upstream) => format!("new, from {}", upstream.trim_start_matches("refs/remotes/")),
        };
        let verb = if planned.event == EventKind::Adopted { "adopt" } else { "create" };
        text.push_str(&format!("Would {verb} the session '{}':\n", planned.name));
        text.push_str(&format!("  branch    {branch} ({from}) at {}\n", planned.start.to_hex_with_len(8)));
        text.push_str(&format!(
            "  base      {} at {}\n",
            planned.base.now.short(),
            planned.base.tip.id.to_hex_with_len(8)
        ));
        let place = match &planned.place {
            Place::Worktree(path) => path.display().to_string(),
            Place::Here(path) => format!("{} (switched to the branch)", path.display()),
            Place::Tied(path) => format!("{} (there already)", path.display()),
            Place::Nowhere => "none".into(),
        };
        text.push_str(&format!("  worktree  {}\n", harmless(&place)));
        if matches!(planned.place, Place::Worktree(_)) {
            text.push_str(&crate::render::surroundings::plan(&plan.surroundings));
        }
    }
    match &plan.uncommitted {
        Uncommitted::Stays => {}
        Uncommitted::Stash(_) => text.push_str("Would put uncommitted work on the stash.\n"),
        Uncommitted::Carry(_) => text.push_str("Would move uncommitted work into the new worktree.\n"),
    }
    text
}

/// What was made, and how to go there.
pub fn outcome(outcome: &Outcome, paint: Paint, verb: &str, cwd: &Path) -> String {
    let mut text = String::new();
    for (_, made) in &outcome.sessions {
        let Ok(made) = made else { continue };
        let branch = made.branch.strip_prefix("refs/heads/").unwrap_or(&made.branch);
        let on = if branch == made.name.as_str() { String::new() } else { format!(" on branch {branch}") };
        text.push_str(&format!(
            "{verb} {}{on}, based on {} at {}.\n",
            paint.bold(made.name.as_str()),
            made.base.tip.from,
            made.fork.to_hex_with_len(8)
        ));
        if let Some(worktree) = made.worktree.as_ref().filter(|path| path.as_path() != cwd) {
            text.push_str(&format!("  {}\n", paint.cyan(&format!("cd {}", shell_quoted(worktree)))));
        }
    }
    text
}

/// A path as a shell takes it.
pub fn shell_quoted(path: &Path) -> String {
    crate::ops::shell_quoted(&harmless(&path.display().to_string()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_are_quoted_for_the_shell() {
        let quoted = |text: &str| super::shell_quoted(std::path::Path::new(text));
        assert_eq!(quoted("/a/b-c"), "/a/b-c");
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
