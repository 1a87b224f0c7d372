//! The tour through the playground.

use crate::ops::demo::Stop;
use crate::render::Paint;
use crate::render::create::shell_quoted;
use std::path::Path;

/// One stop of the tour.
pub fn stop(stop: &Stop, paint: Paint) -> String {
    let mut text =
        format!("{}\n{}\n", paint.dim(&format!("# {}", stop.title)), paint.bold(&format!("$ {}", stop.command)));
    for line in stop.output.lines() {
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Where to go from here.
pub fn end(repo: &Path, paint: Paint) -> String {
    format!(
        "The playground is yours:\n  {}\n  {}\n  {}\n{}\n",
        paint.cyan(&format!("cd {}", shell_quoted(repo))),
        paint.cyan("git session list"),
        paint.cyan("git session create my-idea --goal 'Try something'"),
        paint.dim("`git session demo --clean` removes it.")
    )
}
