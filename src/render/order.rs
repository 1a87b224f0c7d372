//! The order in which to merge: for people, for programs, as a graph.

use crate::ops::order::{BY_SIZE, Blocked, Kind, Place, Reason, Report};
use crate::render::conflicts::{self, View, lines_of_file};
use crate::render::{columns, count, harmless, sentence};
use serde_json::{Value, json};

/// How many files of a conflict are named.
const FILES: usize = 4;

/// Trunk by trunk: what goes in, in order, then what does not, with the reasons and what helps.
pub fn table(report: &Report, view: View) -> String {
    let paint = view.paint;
    if report.order.is_empty() && report.blocked.is_empty() {
        return if view.of_sessions {
            "There are no sessions. `git session create <name>` starts one.\n".to_owned()
        } else {
            "There are no such branches besides the base.\n".to_owned()
        };
    }
    let names = report.order.iter().map(|place| columns(&harmless(&place.name)));
    let width = names.max().unwrap_or(0).min(view.width / 3);
    let mut sections: Vec<String> = Vec::new();
    for (at, trunk) in report.trunks.iter().enumerate() {
        let into = harmless(&trunk.name);
        let places: Vec<&Place> = report.order.iter().filter(|place| place.trunk == at).collect();
        if !places.is_empty() {
            let digits = places.len().to_string().len();
            let rows: String = places.iter().map(|place| row(place, digits, width, view)).collect();
            sections.push(format!(
                "{}\n{rows}",
                paint.bold(&if places.len() > 1 {
                    format!("Into {into}, in this order; {BY_SIZE}")
                } else {
                    format!("Into {into}")
                })
            ));
        }
        let blocked: Vec<&Blocked> = report.blocked.iter().filter(|blocked| blocked.trunk == at).collect();
        if !blocked.is_empty() {
            let rows: String = blocked.iter().map(|blocked| blocked_row(blocked, view)).collect();
            sections.push(format!("{}\n{rows}", paint.bold(&format!("Not into {into}"))));
        }
    }
    sections.join("\n")
}

fn row(place: &Place, digits: usize, width: usize, view: View) -> String {
    let paint = view.paint;
    let name = harmless(&place.name);
    let gap = " ".repeat(width.saturating_sub(columns(&name)));
    let size = format!("{}, {}", count(place.commits as u64, "commit"), count(place.files as u64, "file"));
    let remark = place.remark.clone().unwrap_or_default();
    let reason = if place.reason == BY_SIZE { "" } else { &place.reason };
    let separator = if reason.is_empty() || remark.is_empty() { "" } else { "; " };
    let reason = harmless(&format!("{reason}{separator}{remark}"));
    let head = format!("  {:>digits$}  {}{gap}", place.position, paint.bold(&name));
    let used = 4 + digits + columns(&name).max(width) + 2;
    let size_width = 21;
    if reason.is_empty() {
        return format!("{head}  {size}\n");
    }
    if used + size_width + 2 + columns(&reason) <= view.width {
        return format!("{head}  {size:<size_width$}  {}\n", paint.dim(&reason));
    }
    format!("{head}  {size}\n{}", sentence(&reason, digits + 4, view.width, |line| paint.dim(line)))
}

pub(super) fn blocked_row(blocked: &Blocked, view: View) -> String {
    let paint = view.paint;
    let mut text = format!("  {}\n", paint.bold(&harmless(&blocked.name)));
    for reason in &blocked.reasons {
        let colour = |line: &str| match reason.kind {
            Kind::Conflict | Kind::Broken | Kind::Cycle | Kind::BrokeTests => paint.red(line),
            _ => paint.yellow(line),
        };
        text.push_str(&sentence(&harmless(&reason.sentence), 6, view.width, colour));
        for file in reason.files.iter().take(FILES) {
            text.push_str(&lines_of_file(file, 8, view));
        }
        if reason.files.len() > FILES {
            let more = format!("and {} more", reason.files.len() - FILES);
            text.push_str(&format!("{:8}{}\n", "", paint.dim(&more)));
        }
        if view.of_sessions {
            text.push_str(&format!("{:8}{}\n", "", paint.cyan(&harmless(&reason.remedy))));
        }
    }
    text
}

/// One sentence about all of it.
pub fn summary(report: &Report, of_sessions: bool, is_all: bool) -> String {
    let total = (report.order.len() + report.blocked.len()) as u64;
    let all = match (of_sessions, total) {
        (true, _) => count(total, "session"),
        (false, 1) => "1 branch".to_owned(),
        (false, _) => format!("{total} branches"),
    };
    let mut text = format!("{all}: {} in order, {} not.", report.order.len(), report.blocked.len());
    for trunk in report.trunks.iter().filter(|trunk| !trunk.is_exact) {
        let into = harmless(&trunk.name);
        text.push_str(&if trunk.size < trunk.bound {
            format!(" Into {into} perhaps more could go: {} do, {} is the bound.", trunk.size, trunk.bound)
        } else {
            format!(" That no more could go into {into} is not proved: of those that collide together not every order was tried.")
        });
    }
    let is_unready =
        |blocked: &Blocked| !blocked.is_merged && blocked.reasons.iter().any(|reason| reason.kind == Kind::NotReady);
    if of_sessions && !is_all && report.order.is_empty() && report.blocked.iter().any(is_unready) {
        text.push_str(" `git session order --all` leaves readiness out.");
    }
    text
}

/// The answer of `order`.
pub fn json(report: &Report) -> Value {
    let trunk = |at: usize| report.trunks.get(at).map(|trunk| trunk.name.clone());
    let trunks: Vec<Value> = report
        .trunks
        .iter()
        .map(|trunk| {
            json!({
                "name": trunk.name,
                "tip": trunk.tip.map(|id| id.to_string()),
                "exact": trunk.is_exact,
                "size": trunk.size,
                "bound": trunk.bound,
                "tree": trunk.tree.map(|id| id.to_string()),
            })
        })
        .collect();
    let order: Vec<Value> = report
        .order
        .iter()
        .map(|place| {
            let mut entry = json!({
                "name": place.name,
                "position": place.position,
                "trunk": trunk(place.trunk),
                "base": place.base,
                "tip": place.tip.to_string(),
                "reason": place.reason,
                "after": place.after,
                "commits": place.commits,
                "files": place.files,
            });
            if let Some(remark) = &place.remark {
                entry["remark"] = json!(remark);
            }
            entry
        })
        .collect();
    let blocked: Vec<Value> = report
        .blocked
        .iter()
        .map(|blocked| {
            json!({
                "name": blocked.name,
                "trunk": trunk(blocked.trunk),
                "base": blocked.base,
                "reasons": blocked.reasons.iter().map(reason).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "version": 1, "trunks": trunks, "order": order, "blocked": blocked })
}

pub(super) fn reason(reason: &Reason) -> Value {
    let mut entry = json!({ "kind": reason.kind.as_str(), "sentence": reason.sentence, "remedy": reason.remedy });
    if !reason.with.is_empty() {
        entry["with"] = json!(reason.with);
    }
    if !reason.files.is_empty() {
        // With the base the session is the first side.
        let sides = if reason.with.is_empty() { ["ours", "theirs"] } else { ["a", "b"] };
        let files = reason.files.iter().map(|file| conflicts::file_json(file, sides));
        entry["files"] = json!(files.collect::<Vec<_>>());
    }
    entry
}

/// `digraph`: each trunk with what goes in, one after another, and what it waits for; what is kept out, and by whom.
pub fn dot(report: &Report) -> String {
    let quoted = conflicts::dot_quoted;
    let mut text = String::from("digraph order {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n");
    let mut ids: std::collections::HashMap<&str, String> = std::collections::HashMap::new();
    for (at, trunk) in report.trunks.iter().enumerate() {
        text.push_str(&format!("  base_{at} [label={}, shape=ellipse];\n", quoted(&trunk.name)));
        let mut before = format!("base_{at}");
        for place in report.order.iter().filter(|place| place.trunk == at) {
            let id = format!("s{}", ids.len());
            let label = format!("{}. {}", place.position, place.name);
            text.push_str(&format!("  {id} [label={}, tooltip={}];\n", quoted(&label), quoted(&place.reason)));
            text.push_str(&format!("  {before} -> {id};\n"));
            before.clone_from(&id);
            ids.insert(&place.name, id);
        }
    }
    for blocked in &report.blocked {
        let id = format!("s{}", ids.len());
        let why: Vec<&str> = blocked.reasons.iter().map(|reason| reason.kind.as_str()).collect();
        let label = format!("{}: {}", blocked.name, why.join(", "));
        text.push_str(&format!("  {id} [label={}, style=\"rounded,dashed\", color=red];\n", quoted(&label)));
        ids.insert(&blocked.name, id);
    }
    for place in &report.order {
        for need in &place.after {
            if let (Some(from), Some(to)) = (ids.get(need.as_str()), ids.get(place.name.as_str())) {
                text.push_str(&format!("  {from} -> {to} [style=dotted, constraint=false];\n"));
            }
        }
    }
    for blocked in &report.blocked {
        for reason in &blocked.reasons {
            for other in &reason.with {
                if let (Some(from), Some(to)) = (ids.get(other.as_str()), ids.get(blocked.name.as_str())) {
                    let look = format!("color=red, style=dashed, label={}", quoted(reason.kind.as_str()));
                    text.push_str(&format!("  {from} -> {to} [{look}];\n"));
                }
            }
            if reason.kind == Kind::Conflict && reason.with.is_empty() {
                let to = &ids[blocked.name.as_str()];
                text.push_str(&format!(
                    "  base_{} -> {to} [color=red, style=dashed, label=conflict];\n",
                    blocked.trunk
                ));
            }
        }
    }
    text + "}\n"
}
