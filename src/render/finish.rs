//! What `finish` asks and says.

use crate::ops::finish::{FinishPlan, Finished, Forecast, Mode, Survey};
use crate::ops::phase::Gate;
use crate::render::create::shell_quoted;
use crate::render::{Paint, count, harmless};
use crate::session::State;
use crate::session::Word as _;

/// Where the session stands, for whoever is asked how it shall end.
pub fn survey(survey: &Survey, paint: Paint) -> String {
    let mut text = paint.bold(survey.name.as_str());
    if let Some(goal) = &survey.goal {
        text.push_str(&format!(": {}", harmless(&crate::session::event::one_line(goal))));
    }
    text.push('\n');
    let base = survey.base.short();
    if let (Some(ahead), Some(behind)) = (survey.ahead, survey.behind) {
        text.push_str(&format!("  {} for {base}", count(ahead, "commit")));
        text.push_str(&match behind {
            0 => ", which has not moved\n".to_owned(),
            behind => format!(", which has moved by {behind}\n"),
        });
    }
    match &survey.forecast {
        Some(Forecast::Clean) => text.push_str(&format!("  {}\n", paint.green("it merges cleanly"))),
        Some(Forecast::Nothing) => text.push_str("  there is nothing to merge\n"),
        Some(Forecast::Conflict(paths)) => {
            text.push_str(&format!(
                "  {}: {}\n",
                paint.red("it conflicts"),
                paths.iter().take(5).map(|path| harmless(&path.to_string())).collect::<Vec<_>>().join(", ")
            ));
        }
        None => {}
    }
    if let Some(dirty) = survey.dirty.filter(|dirty| dirty.is_uncommitted()) {
        text.push_str(&format!("  {}\n", paint.yellow(&format!("there is uncommitted work: {dirty}"))));
    }
    if !survey.children.is_empty() {
        let children: Vec<String> = survey.children.iter().map(ToString::to_string).collect();
        text.push_str(&format!("  stacked on it: {}\n", children.join(", ")));
    }
    text
}

/// What would be done.
pub fn plan(plan: &FinishPlan) -> String {
    let survey = &plan.survey;
    let branch = survey.branch.strip_prefix("refs/heads/").unwrap_or(&survey.branch);
    let mut text = format!("Would finish the session '{}':\n", survey.name);
    match (plan.mode, &plan.merge) {
        (Mode::Merge(strategy), Some(merge)) => {
            if merge.ready == Some(merge.onto) {
                text.push_str(&format!("  merge     nothing: {} has it all\n", survey.base.short()));
            } else {
                text.push_str(&format!(
                    "  merge     into {} at {} ({})\n",
                    survey.base.short(),
                    merge.onto.to_hex_with_len(8),
                    strategy.as_str()
                ));
            }
            if let Some(worktree) = &merge.base_worktree {
                text.push_str(&format!("  follows   {}\n", worktree.display()));
            }
        }
        (Mode::Keep, _) => text.push_str(&format!("  keep      the branch {branch}\n")),
        _ => text.push_str(&format!("  put aside the branch {branch}, and whatever is uncommitted\n")),
    }
    if let Some((path, _)) = &survey.worktree {
        match &plan.here_to {
            Some(target) => text.push_str(&format!(
                "  switch    {} to {}\n",
                path.display(),
                target.trim_start_matches("refs/heads/")
            )),
            None => text.push_str(&format!("  remove    {}\n", path.display())),
        }
    }
    text
}

/// What was done, and how to have it back.
pub fn done(done: &Finished, paint: Paint) -> String {
    let name = paint.bold(done.name.as_str());
    let branch = done.branch.strip_prefix("refs/heads/").unwrap_or(&done.branch);
    let mut text = match (done.outcome, done.merged_at) {
        (State::Merged, Some(at)) => format!("Merged {name} into {} at {}.\n", done.base, at.to_hex_with_len(8)),
        (State::Kept, _) => format!("Finished {name}; the branch {branch} stays.\n"),
        _ => match done.tip {
            Some(tip) => format!("Abandoned {name}; its last commit {} is kept.\n", tip.to_hex_with_len(8)),
            None => format!("Abandoned {name}.\n"),
        },
    };
    if let Some(salvage) = done.salvage {
        text.push_str(&format!(
            "  {}\n",
            paint.dim(&format!("uncommitted work is kept: git stash apply --index {}", salvage.to_hex_with_len(12)))
        ));
    }
    if let (State::Abandoned, Some(tip)) = (done.outcome, done.tip) {
        text.push_str(&format!(
            "  {}\n",
            paint.dim(&format!(
                "the branch comes back with: git branch {branch} {}",
                tip.to_hex_with_len(12),
                branch = branch.word()
            ))
        ));
    }
    if done.outcome == State::Abandoned {
        text.push_str(&format!(
            "  {}\n",
            paint.dim(&format!("and all of it with: git session restore {}", done.name.word()))
        ));
    }
    for child in &done.children {
        let base = if done.outcome == State::Merged { &done.base } else { branch };
        text.push_str(&format!("  {child} is based on {base} now\n"));
    }
    if let Some(place) = &done.stranded {
        text.push_str(&format!("  {}\n", paint.cyan(&format!("cd {}", shell_quoted(place)))));
    }
    text
}

/// The commands that would run around it.
pub fn gate(gate: &Gate) -> String {
    gate.planned()
        .iter()
        .map(|(phase, command)| {
            format!("  {:<11} {}\n", phase.as_str(), crate::render::harmless(command).replace('\n', " "))
        })
        .collect()
}
