//! One session, in full.

use crate::ops::show::Shown;
use crate::render::{Paint, count, harmless};
use crate::session::Timestamp;
use crate::session::Word as _;

/// The page.
pub fn page(shown: &Shown, paint: Paint, now: Timestamp) -> String {
    let row = &shown.row;
    let mut text = format!("{}\n", paint.bold(row.name.as_str()));
    let mut fact = |key: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!(
                "  {} {}\n",
                paint.dim(&format!("{key:<11}")),
                harmless(&value).replace('\n', "\n              ")
            ));
        }
    };
    fact("goal", row.goal.clone().unwrap_or_default());
    fact("state", row.state.map(|state| state.to_string()).unwrap_or_default());
    fact("reason", row.reason.clone().unwrap_or_default());
    fact("branch", row.branch.clone().unwrap_or_default());
    if let Some((now, fork, tip)) = &row.base {
        let at = tip.as_ref().map(|tip| format!(" at {}", tip.id.to_hex_with_len(8))).unwrap_or_default();
        let fork = fork.map(|fork| format!(", forked at {}", fork.to_hex_with_len(8))).unwrap_or_default();
        fact("base", format!("{}{at}{fork}", now.short()));
    }
    if let Some(counts) = row.counts {
        fact("commits", format!("{} ahead, {} behind", counts.ahead, counts.behind));
    }
    if let Some((files, insertions, deletions)) = shown.diffstat.filter(|stat| stat.0 > 0) {
        fact("changes", format!("{}, +{insertions} -{deletions}", count(files, "file")));
    }
    fact("worktree", row.worktree.as_ref().map(|path| path.display().to_string()).unwrap_or_default());
    if let Some(Some(dirty)) = row.dirty.filter(|dirty| dirty.is_some_and(|dirty| dirty.is_uncommitted())) {
        fact("uncommitted", dirty.to_string());
    }
    fact("merged", row.merged.flatten().map(|merged| merged.as_str().to_owned()).unwrap_or_default());
    fact("operation", row.operation.unwrap_or_default().to_owned());
    fact("focus", row.focus.clone().unwrap_or_default());
    fact("owner", row.owner.clone().unwrap_or_default());
    fact("priority", row.priority.map(|priority| priority.to_string()).unwrap_or_default());
    fact("depends on", row.depends_on.join(", "));
    fact("own", row.own.join(" "));
    fact("read-only", row.read_only.join(" "));
    fact("created", row.created.map(|time| format!("{} ago", time.age(now))).unwrap_or_default());
    fact("active", row.last_activity.map(|time| format!("{} ago", time.age(now))).unwrap_or_default());
    for broken in &row.broken {
        let detail = broken.now.as_ref().or(broken.was.as_ref()).map(|text| format!(" ({text})")).unwrap_or_default();
        text.push_str(&format!(
            "  {} {}{}. {}\n",
            paint.yellow("!"),
            broken.kind.as_str(),
            harmless(&detail),
            harmless(&broken.remedy)
        ));
    }
    for (name, document) in &shown.documents {
        text.push_str(&format!("\n{}\n{}\n", paint.dim(&format!("--- {name}")), harmless(document.trim_end())));
    }
    text.push('\n');
    for event in shown.timeline.iter().take(20) {
        text.push_str(&format!(
            "  {} {} {}\n",
            paint.dim(&format!("{:>10} ago", event.time.age(now))),
            event.kind,
            harmless(&event.what)
        ));
    }
    if shown.timeline.len() > 20 {
        text.push_str(&format!(
            "  {}\n",
            paint.dim(&format!("and {} earlier: git session log {}", shown.timeline.len() - 20, row.name.word()))
        ));
    }
    text
}
