//! What `exec` prints: under a heading for each session what its command printed, as it is.

use crate::error::Result;
use crate::ops::exec::{Came, ExecPlan, Item, Told};
use crate::ops::testing::{Ending, ending_shown};
use crate::render::{Colours, columns, harmless, json};
use serde_json::{Value, json};

/// Prints as it is told.
#[derive(Debug)]
pub struct Voice {
    colours: Colours,
    is_json: bool,
    /// For JSON: all of one session.
    printed: Vec<u8>,
    /// Whether what was printed last ended its line.
    is_at_start: bool,
    is_first: bool,
}

impl Voice {
    /// For people, or for programs.
    pub fn new(colours: Colours, is_json: bool) -> Voice {
        Voice { colours, is_json, printed: Vec::new(), is_at_start: true, is_first: true }
    }

    /// Says it.
    ///
    /// # Errors
    /// As [`crate::render::answer`].
    pub fn tell(&mut self, told: &Told<'_>) -> Result<()> {
        match told {
            Told::Printed(bytes) if self.is_json => self.printed.extend_from_slice(bytes),
            Told::Printed(bytes) => {
                self.is_at_start = bytes.ends_with(b"\n");
                return crate::render::answer_bytes(bytes);
            }
            Told::Begins(_) if self.is_json => self.printed.clear(),
            Told::Begins(item) => {
                let gap = if self.is_first { "" } else { "\n" };
                self.is_first = false;
                let place =
                    item.place.as_ref().map(|scene| format!(" ({})", harmless(&scene.worktree.display().to_string())));
                let place = self.colours.out.dim(&place.unwrap_or_default());
                return crate::render::answer(&format!("{gap}{}{place}\n", self.colours.out.bold(item.name.as_str())));
            }
            Told::Ended(item, came) if self.is_json => {
                let mut entry = entry(item, came);
                if let Came::Ran(..) = came {
                    entry["output"] = json::bytes(&self.printed);
                }
                return crate::render::answer(&format!("{entry}\n"));
            }
            Told::Ended(_, came) => {
                if !self.is_at_start {
                    self.is_at_start = true;
                    crate::render::answer("\n")?;
                }
                if let Some(words) = words(came) {
                    return crate::render::answer(&format!("{}\n", self.colours.out.red(&harmless(&words))));
                }
            }
        }
        Ok(())
    }
}

/// What is said below the output; nothing where all is well.
fn words(came: &Came) -> Option<String> {
    match came {
        Came::Ran(Ending::Exited(0), _) => None,
        Came::Ran(ending, _) => Some(format!("[{}]", ending_shown(*ending))),
        Came::NotStarted(error) => {
            let parts = [error.one_line()].into_iter().chain(error.hints().first().cloned());
            Some(format!("[{}]", parts.collect::<Vec<_>>().join("; ")))
        }
        Came::Skipped(skip) => Some(format!("[skipped: {}; `{}`]", skip.sentence, skip.remedy)),
    }
}

/// Where it would run.
pub fn planned(plan: &ExecPlan, is_json: bool) -> String {
    if plan.items.is_empty() && !is_json {
        return "There are no sessions. `git session create <name>` starts one.\n".to_owned();
    }
    let mut text = String::new();
    if !is_json {
        text.push_str(&format!("$ {}\n", harmless(&plan.command.shown())));
    }
    let width = plan.items.iter().map(|item| columns(item.name.as_str())).max().unwrap_or(0).min(40);
    for item in &plan.items {
        let gap = " ".repeat(width.saturating_sub(columns(item.name.as_str())));
        text.push_str(&match (&item.place, is_json) {
            (Ok(scene), false) => {
                format!("  {}{gap}  {}\n", item.name, harmless(&scene.worktree.display().to_string()))
            }
            (Err(skip), false) => {
                format!("  {}{gap}  skipped: {}; `{}`\n", item.name, harmless(&skip.sentence), harmless(&skip.remedy))
            }
            (Ok(scene), true) => {
                let place = json::path(&scene.worktree);
                format!("{}\n", json!({ "version": 1, "name": item.name, "outcome": "planned", "worktree": place }))
            }
            (Err(skip), true) => format!("{}\n", entry(item, &Came::Skipped(skip.clone()))),
        });
    }
    text
}

fn entry(item: &Item, came: &Came) -> Value {
    let mut entry = json!({ "version": 1, "name": item.name, "outcome": came.as_str() });
    if let Ok(scene) = &item.place {
        entry["worktree"] = json::path(&scene.worktree);
    }
    match came {
        Came::Ran(ending, duration) => {
            entry["duration_ms"] = json!(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
            match ending {
                Ending::Exited(code) => entry["exit_code"] = json!(code),
                Ending::Signalled(signal) => entry["signal"] = json!(signal),
                Ending::TimedOut | Ending::Interrupted => {}
            }
        }
        Came::NotStarted(error) => entry["remark"] = json!(error.one_line()),
        Came::Skipped(skip) => {
            entry["reason"] = json!(skip.reason);
            entry["remark"] = json!(skip.sentence);
            entry["remedy"] = json!(skip.remedy);
        }
    }
    entry
}

/// `2 done, 1 failed.`
pub fn summary(came: &[Came]) -> String {
    let words = ["done", "failed", "timed-out", "not-started", "interrupted", "skipped"];
    let parts: Vec<String> = words
        .into_iter()
        .filter_map(|word| {
            let many = came.iter().filter(|came| came.as_str() == word).count();
            (many > 0).then(|| format!("{many} {}", word.replace('-', " ")))
        })
        .collect();
    format!("{}.", parts.join(", "))
}
