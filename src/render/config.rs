//! Settings and where each comes from.

use crate::ops::config::InForce;
use crate::render::{Paint, harmless};

/// One line each.
pub fn table(settings: &[InForce], paint: Paint) -> String {
    let widest = |width: fn(&InForce) -> usize| settings.iter().map(width).max().unwrap_or(0);
    let (key, value) = (widest(|entry| entry.key.len()), widest(|entry| entry.value.chars().count()).min(40));
    let mut text = String::new();
    for entry in settings {
        let line =
            format!("{:<key$}  {:<value$}  {}", entry.key, harmless(&entry.value), paint.dim(&harmless(&entry.origin)));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
