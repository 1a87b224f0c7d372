//! Answers as JSON: `man/schema/` has their shapes.

use crate::ops::base::{BaseNow, Tip};
use crate::ops::create::{BranchFrom, CreatePlan, Created, Outcome, Place, Planned, Uncommitted};
use crate::ops::finish::Finished;
use crate::ops::list::Row;
use crate::ops::show::Shown;
use crate::session::{Event, Name, ObjectId};
use serde_json::{Map, Value, json};
use std::path::Path;

/// A path: a string, or where it is not UTF-8 an object with its bytes percent-encoded.
pub fn path(path: &Path) -> Value {
    if let Some(text) = path.to_str() {
        return Value::String(text.to_owned());
    }
    let mut encoded = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_graphic() && *byte != b'%' {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    json!({ "path": encoded, "encoding": "percent" })
}

/// What a command printed: a string, or percent-encoded bytes if it is no text.
pub fn bytes(bytes: &[u8]) -> Value {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Value::String(text.to_owned());
    }
    let mut encoded = String::new();
    for byte in bytes {
        if byte.is_ascii_graphic() && *byte != b'%' {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    json!({ "text": encoded, "encoding": "percent" })
}

/// A path of a repository: the same form.
pub fn bytes_path(path: &crate::session::BString) -> Value {
    match std::str::from_utf8(path) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => {
            let encode = |byte: &u8| match *byte {
                byte if byte.is_ascii_graphic() && byte != b'%' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            };
            json!({ "path": path.iter().map(encode).collect::<String>(), "encoding": "percent" })
        }
    }
}

fn id(id: ObjectId) -> Value {
    Value::String(id.to_string())
}

fn base(now: &BaseNow, fork: Option<ObjectId>, tip: Option<&Tip>) -> Value {
    json!({
        "name": now.short(),
        "fork": fork.map(id),
        "tip": tip.map(|tip| id(tip.id)),
    })
}

/// One row of `list`.
pub fn row(row: &Row) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("name", Some(json!(row.name)));
    put("id", Some(json!(row.id.map(id))));
    put("branch", Some(json!(row.branch)));
    put("worktree", row.worktree.as_deref().map(path));
    put("state", Some(json!(row.state)));
    put("reason", row.reason.as_ref().map(|text| json!(text)));
    put("kind", row.name.kind().map(|kind| json!(kind)));
    put("base", row.base.as_ref().map(|(now, fork, tip)| base(now, *fork, tip.as_ref())));
    put("head", row.head.map(id));
    if row.head.is_some() && row.ended.is_none() {
        put("ahead", Some(json!(row.counts.map(|counts| counts.ahead))));
        put("behind", Some(json!(row.counts.map(|counts| counts.behind))));
    }
    put("dirty", row.dirty.map(|dirty| json!(dirty)));
    put("goal", row.goal.as_ref().map(|text| json!(text)));
    put("focus", row.focus.as_ref().map(|text| json!(text)));
    put("owner", row.owner.as_ref().map(|text| json!(text)));
    put("priority", row.priority.map(|priority| json!(priority)));
    put("depends_on", Some(json!(row.depends_on)));
    put("own", Some(json!(row.own)).filter(|_| !row.own.is_empty()));
    put("read_only", Some(json!(row.read_only)).filter(|_| !row.read_only.is_empty()));
    put("created", row.created.map(|time| json!(time)));
    put("last_synced", row.last_synced.as_ref().map(|time| json!(time)));
    put("last_activity", row.last_activity.map(|time| json!(time)));
    if row.ended.is_none() {
        put("locked", Some(json!(row.locked.is_some())));
        put("busy", Some(json!(row.is_busy)));
        put("merged", Some(json!(row.merged.flatten().map(|merged| merged.as_str()))));
    }
    put("operation", row.operation.map(|operation| json!(operation)));
    put("ended", row.ended.as_ref().map(|text| json!(text)));
    let broken: Vec<Value> = row
        .broken
        .iter()
        .map(|broken| {
            let mut entry = json!({ "kind": broken.kind.as_str(), "remedy": broken.remedy });
            if let Some(was) = &broken.was {
                entry["was"] = json!(was);
            }
            if let Some(now) = &broken.now {
                entry["now"] = json!(now);
            }
            entry
        })
        .collect();
    put("broken", Some(Value::Array(broken)));
    Value::Object(map)
}

/// The answer of `list`.
pub fn list(rows: &[Row]) -> Value {
    json!({ "version": 1, "sessions": rows.iter().map(row).collect::<Vec<_>>() })
}

/// One event, as `show` and `log` have them.
pub fn event(event: &Event) -> Value {
    let mut value = json!({
        "id": event.id.map(id),
        "event": event.kind.as_str(),
        "what": event.what,
        "time": event.time,
        "by": event.by,
        "operation": event.operation.as_ref().map(|operation| operation.as_str()),
        "tip": event.branch_tip.map(id),
    });
    for (key, trailer) in [("from", "Session-From"), ("to", "Session-To")] {
        if let Some(text) = event.trailer(trailer) {
            value[key] = json!(text);
        }
    }
    value
}

/// The answer of `show`.
pub fn show(shown: &Shown) -> Value {
    let mut value = row(&shown.row);
    value["version"] = json!(1);
    value["documents"] =
        Value::Object(shown.documents.iter().map(|(name, text)| (name.clone(), json!(text))).collect());
    value["timeline"] = Value::Array(shown.timeline.iter().map(event).collect());
    value["diffstat"] = json!(shown.diffstat.map(|(files, insertions, deletions)| json!({
        "files": files, "insertions": insertions, "deletions": deletions
    })));
    value
}

fn created(made: &Created) -> Value {
    let mut value = json!({
        "name": made.name,
        "id": id(made.id),
        "branch": made.branch.strip_prefix("refs/heads/").unwrap_or(&made.branch),
        "base": base(&made.base.now, Some(made.fork), Some(&made.base.tip)),
        "head": id(made.head),
        "warnings": made.warnings,
    });
    if let Some(worktree) = &made.worktree {
        value["worktree"] = path(worktree);
    }
    if let Some(first) = made.ports {
        value["ports"] = json!({ "base": first, "count": crate::ops::ports::SIZE });
    }
    if let Some(prepared) = &made.prepared {
        value["prepared"] = crate::render::surroundings::fields(prepared);
    }
    value
}

/// The answer of `create --dry-run` and `adopt --dry-run`: that of the command itself, with no operation and no id yet,
/// and what each new worktree would get.
pub fn create_plan(plan: &CreatePlan) -> Value {
    let sessions: Vec<Value> = plan.sessions.iter().map(|planned| self::planned(plan, planned)).collect();
    let mut value = json!({ "version": 1, "operation": null, "sessions": sessions });
    match &plan.uncommitted {
        Uncommitted::Stays => {}
        Uncommitted::Stash(_) => value["uncommitted"] = json!("stash"),
        Uncommitted::Carry(_) => value["uncommitted"] = json!("carry"),
    }
    if !plan.sparse.is_empty() {
        value["sparse"] = json!(plan.sparse);
    }
    let warnings: Vec<&String> = plan.warnings.iter().chain(&plan.surroundings.warnings).collect();
    if !warnings.is_empty() {
        value["warnings"] = json!(warnings);
    }
    if !plan.surroundings.notes.is_empty() {
        value["notes"] = json!(plan.surroundings.notes);
    }
    value
}

fn planned(plan: &CreatePlan, planned: &Planned) -> Value {
    let short = |branch: &str| branch.strip_prefix("refs/heads/").unwrap_or(branch).to_owned();
    let fork = planned.record.base.fork();
    let mut value = json!({
        "name": planned.name,
        "id": null,
        "branch": short(&planned.branch),
        "branch_from": match &planned.branch_from {
            BranchFrom::New => "new",
            BranchFrom::Local => "local",
            BranchFrom::Remote(_) => "remote",
        },
        "base": base(&planned.base.now, fork, Some(&planned.base.tip)),
        "head": id(planned.start),
        "place": match &planned.place {
            Place::Worktree(_) => "new",
            Place::Here(_) => "here",
            Place::Tied(_) => "there",
            Place::Nowhere => "none",
        },
        "warnings": planned.warnings,
    });
    if let BranchFrom::Remote(upstream) = &planned.branch_from {
        value["upstream"] = json!(upstream.strip_prefix("refs/remotes/").unwrap_or(upstream));
    }
    if let Some(worktree) = planned.place.path() {
        value["worktree"] = path(worktree);
    }
    if matches!(planned.place, Place::Worktree(_)) {
        value["plan"] = crate::render::surroundings::plan_fields(&plan.surroundings);
    }
    value
}

/// What `adopt` says of live sessions that get their worktree, or would.
pub fn mended<'a>(list: impl IntoIterator<Item = (&'a Name, &'a Path)>) -> Value {
    list.into_iter().map(|(name, worktree)| json!({ "name": name, "worktree": path(worktree) })).collect()
}

/// The answer of `create` and `adopt`.
pub fn create(outcome: &Outcome) -> Value {
    let made: Vec<Value> = outcome.sessions.iter().filter_map(|(_, made)| made.as_ref().ok().map(created)).collect();
    let failed: Vec<Value> = outcome
        .sessions
        .iter()
        .filter_map(|(name, made)| made.as_ref().err().map(|error| json!({ "name": name, "error": error.one_line() })))
        .collect();
    let mut value = json!({ "version": 1, "operation": outcome.operation.as_str(), "sessions": made });
    if !failed.is_empty() {
        value["failed"] = Value::Array(failed);
    }
    if !outcome.warnings.is_empty() {
        value["warnings"] = json!(outcome.warnings);
    }
    if !outcome.notes.is_empty() {
        value["notes"] = json!(outcome.notes);
    }
    value
}

/// The answer of `finish`.
pub fn finish(done: &Finished) -> Value {
    let mut session = json!({
        "name": done.name,
        "outcome": done.outcome,
        "base": done.base,
        "tip": done.tip.map(id),
        "branch": done.branch.strip_prefix("refs/heads/").unwrap_or(&done.branch),
        "worktree_removed": done.removed.is_some(),
        "branch_removed": done.branch_removed,
    });
    if let Some(strategy) = done.strategy {
        session["strategy"] = json!(strategy.as_str());
    }
    if let Some(at) = done.merged_at {
        session["merged_at"] = id(at);
    }
    if let Some(salvage) = done.salvage {
        session["salvage"] = id(salvage);
    }
    if !done.warnings.is_empty() {
        session["warnings"] = json!(done.warnings);
    }
    json!({ "version": 1, "operation": done.operation.as_str(), "sessions": [session] })
}

/// The answer of `sync`; without an operation of a plan.
pub fn sync(operation: Option<&crate::session::OperationId>, rows: &[crate::ops::sync::Row]) -> Value {
    let sessions: Vec<Value> = rows.iter().map(sync_row).collect();
    json!({ "version": 1, "operation": operation.map(ToString::to_string), "sessions": sessions })
}

fn sync_row(row: &crate::ops::sync::Row) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    put("name", json!(row.name));
    put("outcome", json!(row.outcome.as_str()));
    put("from", json!(row.from.map(id)));
    put("to", json!(row.to.or(row.from.filter(|_| !row.outcome.moves())).map(id)));
    put("onto", json!(row.onto.map(id)));
    if row.outcome.moves() {
        put("replayed", json!(row.replayed));
        put("dropped", json!(row.dropped));
    }
    if !row.collisions.is_empty() {
        let files: Vec<Value> = row
            .collisions
            .iter()
            .map(|collision| {
                let mut file = json!({
                    "path": path(&crate::ops::sync::path_of(&collision.path)),
                    "severity": "conflict",
                    "kind": collision.kind,
                });
                if !collision.ours.is_empty() || !collision.theirs.is_empty() {
                    file["ours"] = json!(collision.ours);
                    file["theirs"] = json!(collision.theirs);
                }
                file
            })
            .collect();
        put("conflicts", json!(files));
    }
    if let Some((commit, _)) = &row.commit {
        put("commit", id(*commit));
    }
    if let Some(reason) = row.obstacle.as_ref().and_then(|obstacle| obstacle.reason) {
        put("reason", json!(reason.as_str()));
    }
    if let Some(remedy) = crate::render::sync::next(row) {
        put("remedy", json!(remedy));
    }
    if !row.notes.is_empty() {
        put("notes", json!(row.notes));
    }
    Value::Object(map)
}
