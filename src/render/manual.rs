//! The manual page `git-session(1)`: the prose beside this file, the verbs from the clap tree.

/// One verb, taken from the clap tree.
#[derive(Debug, Clone)]
pub struct Verb {
    /// Its name.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// What it does, in a line.
    pub about: String,
    /// Positional arguments: name, whether it must be there, whether there may be many, what it is.
    pub arguments: Vec<(String, bool, bool, String)>,
    /// Options: short, long, the value's name, what it does.
    pub options: Vec<(Option<char>, String, Option<String>, String)>,
}

const BEFORE: &str = include_str!("manual/before.roff");
const AFTER: &str = include_str!("manual/after.roff");

/// The whole page.
pub fn page(verbs: &[Verb]) -> String {
    let mut page = String::from(BEFORE);
    page.push_str(".SH VERBS\n");
    for verb in verbs {
        page.push_str(&format!(".SS \"git session {}\"\n", escaped(&verb.name)));
        page.push_str(&format!("{}.\n", escaped(&verb.about)));
        if !verb.aliases.is_empty() {
            page.push_str(&format!(
                "Also: {}.\n",
                verb.aliases.iter().map(|alias| format!("\\fB{alias}\\fR")).collect::<Vec<_>>().join(", ")
            ));
        }
        for (name, is_required, many, help) in &verb.arguments {
            let dots = if *many { "..." } else { "" };
            let shown = if *is_required { format!("<{name}>{dots}") } else { format!("[<{name}>]{dots}") };
            page.push_str(&format!(".TP\n\\fI{}\\fR\n{}.\n", escaped(&shown), escaped(help)));
        }
        for (short, long, value, help) in &verb.options {
            let short = short.map(|short| format!("\\fB\\-{short}\\fR, ")).unwrap_or_default();
            let value = value.as_ref().map(|value| format!(" \\fI<{}>\\fR", escaped(value))).unwrap_or_default();
            page.push_str(&format!(".TP\n{short}\\fB\\-\\-{}\\fR{value}\n{}.\n", escaped(long), escaped(help)));
        }
        if let Some(more) = MORE.iter().find(|(name, _)| *name == verb.name) {
            page.push_str(".PP\n");
            page.push_str(more.1);
        }
    }
    page.push_str(AFTER);
    page
}

const MORE: [(&str, &str); 17] = [
    ("create", include_str!("manual/create.roff")),
    ("list", include_str!("manual/list.roff")),
    ("env", include_str!("manual/env.roff")),
    ("ready", include_str!("manual/ready.roff")),
    ("block", include_str!("manual/block.roff")),
    ("finish", include_str!("manual/finish.roff")),
    ("cleanup", include_str!("manual/cleanup.roff")),
    ("restore", include_str!("manual/restore.roff")),
    ("sync", include_str!("manual/sync.roff")),
    ("conflicts", include_str!("manual/conflicts.roff")),
    ("order", include_str!("manual/order.roff")),
    ("integrate", include_str!("manual/integrate.roff")),
    ("exec", include_str!("manual/exec.roff")),
    ("test", include_str!("manual/test.roff")),
    ("undo", include_str!("manual/undo.roff")),
    ("doctor", include_str!("manual/doctor.roff")),
    ("trust", include_str!("manual/trust.roff")),
];

/// As roff takes it: dashes are dashes, and no line begins with a request.
fn escaped(text: &str) -> String {
    let mut text = text.replace('\\', "\\e").replace('-', "\\-");
    // What is to be typed stands in backticks, and in bold here.
    while let Some((before, typed, after)) = text
        .split_once('`')
        .and_then(|(before, rest)| rest.split_once('`').map(|(typed, after)| (before, typed, after)))
    {
        text = format!("{before}\\fB{typed}\\fR{after}");
    }
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
