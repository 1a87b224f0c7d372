//! Events, a line each.

use crate::render::{Paint, harmless};
use crate::session::{Event, Name};

/// One event.
pub fn line(name: &Name, event: &Event, paint: Paint) -> String {
    let time = event.time.rfc3339();
    let who = event.by.split(" <").next().unwrap_or_default();
    format!(
        "{} {} {} {}{}\n",
        paint.dim(&time),
        paint.bold(name.as_str()),
        event.kind,
        harmless(&event.what),
        paint.dim(&format!("  {}", harmless(who)))
    )
}
