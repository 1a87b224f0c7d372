//! A graph for graphviz: sessions by trunk, an edge for each that meet.

use crate::ops::conflicts::{AgainstBase, Clash, Report, Severity};
use crate::render::{count, harmless};
use std::collections::HashMap;

/// `graph`, with colour, style and width of edges by severity, so that none depends on colour alone.
pub fn dot(report: &Report) -> String {
    let mut text = String::from("graph conflicts {\n");
    text.push_str("  graph [overlap=false, splines=true];\n  node [shape=box, style=rounded];\n");
    let mut ids: HashMap<&str, String> = HashMap::new();
    for (at, trunk) in report.trunks.iter().enumerate() {
        text.push_str(&format!("  subgraph cluster_{at} {{\n    label={};\n", quoted(&trunk.name)));
        // A base that nobody meets would stand about: its name is that of the box.
        let is_session = |name: &str| report.sessions.iter().any(|session| session.name == name);
        let is_met = |row: &AgainstBase| worst(row).is_some() && !is_session(&row.base);
        let meets = |name: &str| report.against_base.iter().any(|row| row.name == name && is_met(row));
        if report.sessions.iter().any(|session| session.trunk == at && meets(&session.name)) {
            text.push_str(&format!("    base_{at} [label={}, shape=ellipse];\n", quoted(&trunk.name)));
        }
        for session in report.sessions.iter().filter(|session| session.trunk == at) {
            let id = format!("s{}", ids.len());
            text.push_str(&format!("    {id} [label={}];\n", quoted(&session.name)));
            ids.insert(&session.name, id);
        }
        text.push_str("  }\n");
    }
    // The other side of a pair may be somebody who was not asked about.
    for name in report.pairs.iter().flat_map(|pair| [&pair.a, &pair.b]) {
        if !ids.contains_key(name.as_str()) {
            let id = format!("s{}", ids.len());
            text.push_str(&format!("  {id} [label={}];\n", quoted(name)));
            ids.insert(name, id);
        }
    }
    for row in &report.against_base {
        let trunk = report.sessions.iter().find(|session| session.name == row.name).map(|session| session.trunk);
        let base = ids.get(row.base.as_str()).cloned().or_else(|| Some(format!("base_{}", trunk?)));
        if let (Some(id), Some(base), Some(worst)) = (ids.get(row.name.as_str()), base, worst(row)) {
            text.push_str(&edge(id, &base, worst, &row.files));
        }
    }
    for pair in &report.pairs {
        if let (Some(a), Some(b)) = (ids.get(pair.a.as_str()), ids.get(pair.b.as_str())) {
            text.push_str(&edge(a, b, pair.severity, &pair.files));
        }
    }
    text + "}\n"
}

/// A rebase that stops is as bad as a merge that does.
fn worst(row: &AgainstBase) -> Option<Severity> {
    if row.rebase == Some(false) { Some(Severity::Conflict) } else { row.severity }
}

fn edge(a: &str, b: &str, severity: Severity, files: &[Clash]) -> String {
    let look = match severity {
        Severity::Conflict => "color=red, penwidth=3",
        Severity::Near => "color=orange, style=dashed, penwidth=2",
        Severity::Planned => "color=blue, style=dotted, penwidth=2",
        Severity::Overlap => "color=gray",
    };
    let bad: Vec<&Clash> = files.iter().filter(|file| file.severity == severity).collect();
    let label = match bad.as_slice() {
        [] => severity.as_str().to_owned(),
        [only] => only.path.to_string(),
        more => count(more.len() as u64, "file"),
    };
    let shown = if severity > Severity::Overlap { format!(", label={}", quoted(&label)) } else { String::new() };
    let tip = quoted(&format!("{}: {label}", severity.as_str()));
    format!("  {a} -- {b} [{look}{shown}, tooltip={tip}];\n")
}

/// A quoted string, in which graphviz sees neither its end nor an escape of its own.
pub fn quoted(text: &str) -> String {
    let text = harmless(text).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}
