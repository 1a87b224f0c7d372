//! What `rename` and `move` say.

use crate::ops::relocate::RelocatePlan;
use crate::render::Paint;
use crate::render::create::shell_quoted;

/// What changes, or would.
pub fn plan(plan: &RelocatePlan, paint: Paint, would: bool) -> String {
    let step = &plan.step;
    let word = |done: &str, wish: &str| if would { format!("Would {wish}") } else { done.to_owned() };
    let mut text = String::new();
    if step.name.0 != step.name.1 {
        text.push_str(&format!("{} {} to {}.\n", word("Renamed", "rename"), step.name.0, paint.bold(&step.name.1)));
    }
    if step.branch.0 != step.branch.1 {
        let short = |name: &str| name.trim_start_matches("refs/heads/").to_owned();
        text.push_str(&format!("  branch    {} → {}\n", short(&step.branch.0), short(&step.branch.1)));
    }
    if let Some((old, new)) = step.path.as_ref().filter(|(old, new)| old != new) {
        if step.name.0 == step.name.1 {
            text.push_str(&format!("{} {} to {new}.\n", word("Moved", "move"), paint.bold(&step.name.0)));
        } else {
            text.push_str(&format!("  worktree  {old} → {new}\n"));
        }
        if !would {
            text.push_str(&format!("  {}\n", paint.cyan(&format!("cd {}", shell_quoted(std::path::Path::new(new))))));
        }
    }
    text
}
