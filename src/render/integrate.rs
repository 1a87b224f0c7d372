//! What `integrate` did, or would do: for people, for programs, for a pull request.

use crate::ops::base::short_name;
use crate::ops::integrate::{Alternative, IntegratePlan, Integrated, Run};
use crate::ops::order::{Blocked, Kind};
use crate::render::conflicts::View;
use crate::render::{Paint, columns, count, harmless, order};
use serde_json::{Value, json};

/// What the question is about.
pub fn question_rows(plan: &IntegratePlan, paint: Paint) -> String {
    let names: Vec<String> = plan.cars.iter().map(|car| harmless(car.name.as_str())).collect();
    let mut text = format!("Into {}, in this order:\n", paint.bold(&harmless(plan.base.short())));
    for (at, name) in names.iter().enumerate() {
        text.push_str(&format!("  {:>2}  {name}\n", at + 1));
    }
    if !plan.blocked.is_empty() {
        text.push_str(&format!("{} not.\n", count(plan.blocked.len() as u64, "session")));
    }
    text
}

/// The question.
pub fn question(plan: &IntegratePlan) -> String {
    let sessions = count(plan.cars.len() as u64, "session");
    let end = if plan.options.cleanup { ", and end them" } else { "" }.to_owned();
    let aside: Vec<String> =
        plan.options.instead_of.iter().map(|name| format!("'{}'", harmless(name.as_str()))).collect();
    let end = if aside.is_empty() { end } else { format!(", and put {} aside", aside.join(", ")) };
    format!("Merge {sessions} into '{}'{end}?", harmless(plan.base.short()))
}

/// Those that tried the same thing, beside each other.
pub fn alternatives(found: &[Alternative], paint: Paint) -> String {
    let width = found.iter().map(|one| columns(&harmless(one.name.as_str()))).max().unwrap_or(0);
    let mut text = String::new();
    for one in found {
        let name = harmless(one.name.as_str());
        let gap = " ".repeat(width - columns(&name));
        let size = format!("{}, {}", count(one.commits as u64, "commit"), count(one.files as u64, "file"));
        let lines = format!("{} {}", paint.green(&format!("+{}", one.added)), paint.red(&format!("-{}", one.removed)));
        let merges = match one.merges {
            Some(true) => paint.green("merges"),
            Some(false) => paint.red("conflicts with its base"),
            None => paint.yellow("cannot be merged"),
        };
        text.push_str(&format!("  {}{gap}  {size:<21}  {lines}  {merges}\n", paint.bold(&name)));
        if !one.collides_with.is_empty() {
            text.push_str(&format!("      conflicts with {}\n", harmless(&one.collides_with.join(", "))));
        }
        if let Some(goal) = &one.goal {
            text.push_str(&format!("      {}\n", paint.dim(&harmless(&crate::session::event::one_line(goal)))));
        }
    }
    text
}

/// The same for programs.
pub fn alternatives_json(found: &[Alternative]) -> Value {
    let one = |one: &Alternative| {
        json!({
            "name": one.name,
            "goal": one.goal,
            "tip": one.tip.map(|id| id.to_string()),
            "commits": one.commits,
            "files": one.files,
            "added": one.added,
            "removed": one.removed,
            "merge": one.merges.map(|merges| if merges { "clean" } else { "conflict" }),
            "conflicts": one.collides_with,
        })
    };
    json!({ "version": 1, "alternatives": found.iter().map(one).collect::<Vec<_>>() })
}

fn short(id: crate::session::ObjectId) -> String {
    id.to_hex_with_len(10).to_string()
}

/// What went in, what did not, and why.
pub fn table(done: &Integrated, is_plan: bool, view: View) -> String {
    let paint = view.paint;
    let mut text = String::new();
    let branch = harmless(short_name(&done.branch));
    if !done.merged.is_empty() {
        let heading = match (is_plan, done.is_base) {
            (true, _) => format!("Would go into {branch}, in this order"),
            (false, true) => format!("Merged into {branch}"),
            (false, false) => format!("Merged on {branch}, for {}", harmless(&done.base)),
        };
        text.push_str(&format!("{}\n", paint.bold(&heading)));
        let width = done.merged.iter().map(|(car, _)| columns(&harmless(car.name.as_str()))).max().unwrap_or(0);
        for (at, (car, commit)) in done.merged.iter().enumerate() {
            let name = harmless(car.name.as_str());
            let gap = " ".repeat(width - columns(&name));
            let size = format!("{}, {}", count(car.commits as u64, "commit"), count(car.files as u64, "file"));
            let commit = commit.map_or_else(String::new, |id| format!("{}  ", paint.yellow(&short(id))));
            let ended = if done.ended.contains(&car.name) { paint.dim("  ended") } else { String::new() };
            text.push_str(&format!("  {:>2}  {commit}{}{gap}  {size}{ended}\n", at + 1, paint.bold(&name)));
        }
        if let Some(tree) = done.tree.filter(|_| is_plan) {
            text.push_str(&format!("      {}\n", paint.dim(&format!("the tree would be {tree}"))));
        }
    }
    if !done.blocked.is_empty() {
        let heading = if is_plan { format!("Would not go into {branch}") } else { format!("Not in {branch}") };
        text.push_str(&format!("{}{}\n", if text.is_empty() { "" } else { "\n" }, paint.bold(&heading)));
        text.push_str(&done.blocked.iter().map(|blocked| order::blocked_row(blocked, view)).collect::<String>());
    }
    if let Some(command) = done.test.as_ref().filter(|_| !done.runs.is_empty()) {
        let heading = paint.bold(&format!("Tests: {}", harmless(command)));
        text.push_str(&format!("{}{heading}\n", if text.is_empty() { "" } else { "\n" }));
        for run in &done.runs {
            let word = if run.passed { paint.green("passed") } else { paint.red("failed") };
            text.push_str(&format!("  {word}  {}\n", run_words(run, done)));
        }
    }
    text
}

fn run_words(run: &Run, done: &Integrated) -> String {
    let with = run.after.as_ref().map_or_else(
        || format!("{} as it is", harmless(&done.base)),
        |name| format!("with all up to {}", harmless(name)),
    );
    let retry = if run.is_retry { ", once more" } else { "" };
    format!("{:.1} s  {with}{retry}", run.took.as_secs_f64())
}

/// Failures that were none the second time.
fn flaky(done: &Integrated) -> usize {
    done.runs.iter().filter(|run| run.is_retry && run.passed).count()
}

/// One sentence, and what to do next.
pub fn summary(done: &Integrated, is_plan: bool) -> String {
    let branch = harmless(short_name(&done.branch));
    let sessions = count(done.merged.len() as u64, "session");
    let mut text = match (done.merged.is_empty(), is_plan, done.to) {
        (true, ..) => "Nothing to integrate.".to_owned(),
        (_, true, _) => format!("{sessions} would go into '{branch}'."),
        (_, _, Some(to)) => format!("'{branch}' is at {} with {sessions}.", short(to)),
        (..) => format!("Nothing moved: '{branch}' is where it was."),
    };
    if flaky(done) > 0 {
        text.push_str(&format!(" {} failed once and passed the second time.", count(flaky(done) as u64, "test run")));
    }
    if !done.abandoned.is_empty() {
        text.push_str(&format!(" {} put aside.", count(done.abandoned.len() as u64, "session")));
    }
    if !done.blocked.is_empty() {
        text.push_str(&format!(" {} left out.", done.blocked.len()));
    }
    if !is_plan && !done.is_base && done.to.is_some() {
        let base = harmless(&done.base);
        text.push_str(&format!(" `git session integrate --into {base}` moves '{base}' itself."));
    }
    text
}

/// The report as Markdown.
pub fn markdown(done: &Integrated, is_plan: bool) -> String {
    let branch = short_name(&done.branch);
    let code = |text: &str| format!("`{}`", harmless(text).replace('`', "'"));
    let mut text = format!("## Integration {} {}\n\n", if is_plan { "planned into" } else { "into" }, code(branch));
    text.push_str(&format!("{}\n", summary(done, is_plan)));
    if !done.merged.is_empty() {
        text.push_str("\n| # | session | commit | size |\n| --- | --- | --- | --- |\n");
        for (at, (car, commit)) in done.merged.iter().enumerate() {
            let commit = commit.map_or_else(String::new, short);
            let size = format!("{}, {}", count(car.commits as u64, "commit"), count(car.files as u64, "file"));
            let goal = car.goal.as_ref().map_or_else(String::new, |goal| {
                format!(": {}", harmless(&crate::session::event::one_line(goal)).replace('|', "\\|"))
            });
            text.push_str(&format!("| {} | {}{goal} | {commit} | {size} |\n", at + 1, code(car.name.as_str())));
        }
    }
    if !done.blocked.is_empty() {
        text.push_str("\n### Left out\n\n");
        for blocked in &done.blocked {
            text.push_str(&format!("- {}\n", code(&blocked.name)));
            for reason in &blocked.reasons {
                text.push_str(&format!("  - {}; next: {}\n", harmless(&reason.sentence), code(&reason.remedy)));
                for file in &reason.files {
                    text.push_str(&format!("    - {}\n", code(&file.path.to_string())));
                }
            }
        }
    }
    if !done.runs.is_empty() {
        let command = done.test.as_deref().unwrap_or_default();
        text.push_str(&format!("\n### Tests: {}\n\n", code(command)));
        for run in &done.runs {
            let word = if run.passed { "passed" } else { "failed" };
            text.push_str(&format!("- {word}: {}\n", run_words(run, done)));
        }
    }
    text
}

/// The answer of `integrate`.
pub fn json(done: &Integrated, is_plan: bool) -> Value {
    let id = |id: Option<crate::session::ObjectId>| id.map(|id| id.to_string());
    let merged: Vec<Value> = done
        .merged
        .iter()
        .enumerate()
        .map(|(at, (car, commit))| {
            json!({
                "name": car.name,
                "position": at + 1,
                "tip": car.tip.to_string(),
                "commit": id(*commit),
                "tree": car.tree.to_string(),
                "commits": car.commits,
                "files": car.files,
                "ended": done.ended.contains(&car.name),
            })
        })
        .collect();
    let blocked = |blocked: &Blocked| {
        let reasons: Vec<Value> = blocked.reasons.iter().map(order::reason).collect();
        json!({ "name": blocked.name, "base": blocked.base, "reasons": reasons })
    };
    let runs: Vec<Value> = done
        .runs
        .iter()
        .map(|run| {
            json!({
                "commit": run.commit.to_string(),
                "tree": run.tree.to_string(),
                "after": run.after,
                "passed": run.passed,
                "seconds": run.took.as_secs_f64(),
                "retry": run.is_retry,
            })
        })
        .collect();
    let culprits: Vec<&str> = done
        .blocked
        .iter()
        .filter(|blocked| blocked.reasons.iter().any(|reason| reason.kind == Kind::BrokeTests))
        .map(|blocked| blocked.name.as_str())
        .collect();
    json!({
        "version": 1,
        "operation": done.operation.as_ref().filter(|_| !is_plan).map(ToString::to_string),
        "base": done.base,
        "branch": short_name(&done.branch),
        "into": done.is_base,
        "from": id(done.from),
        "to": id(done.to),
        "tree": id(done.tree),
        "merged": merged,
        "blocked": done.blocked.iter().map(blocked).collect::<Vec<_>>(),
        "abandoned": done.abandoned,
        "test": { "command": done.test, "runs": runs, "culprits": culprits, "flaky": flaky(done) },
    })
}
