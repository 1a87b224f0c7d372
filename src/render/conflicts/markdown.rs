//! A comment for a pull request: a sentence, a table of what matters, and the rest to be unfolded.

use super::{because, kind, lines, summary};
use crate::ops::conflicts::{AgainstBase, Clash, LineRange, Pair, Report, Severity};
use crate::render::harmless;

/// The comment. Whatever a user has named stands in `<code>` with all punctuation as entities, so that it is neither
/// Markdown nor HTML nor a mention.
pub fn markdown(report: &Report, of_sessions: bool) -> String {
    let trunks: Vec<String> = report.trunks.iter().map(|trunk| code(&trunk.name)).collect();
    let mut text = format!("### Conflicts with {} and with each other\n\n", trunks.join(", "));
    if report.sessions.is_empty() {
        return text + "Nothing was looked at.\n";
    }
    text.push_str(&format!("{}\n", summary(report, of_sessions)));
    let is_bad = |row: &&AgainstBase| {
        row.severity.is_some_and(|severity| severity > Severity::Overlap)
            || row.rebase == Some(false)
            || row.merge.is_none()
    };
    let rows: Vec<&AgainstBase> = report.against_base.iter().filter(is_bad).collect();
    let (pairs, overlaps): (Vec<&Pair>, Vec<&Pair>) =
        report.pairs.iter().partition(|pair| pair.severity > Severity::Overlap);
    if !rows.is_empty() || !pairs.is_empty() {
        text.push_str("\n| | who | where |\n| --- | --- | --- |\n");
    }
    for row in &rows {
        text.push_str(&with_base(row));
    }
    for pair in &pairs {
        let why = pair.why.filter(|_| pair.severity == Severity::Conflict);
        let why = why.map(|why| format!("<br>{}", because(why))).unwrap_or_default();
        let who = format!("{} × {}{why}", code(&pair.a), code(&pair.b));
        text.push_str(&format!("| {} | {who} | {} |\n", word(pair.severity), files(&pair.files)));
    }
    let excerpts: Vec<String> = rows
        .iter()
        .map(|row| (row.name.as_str(), row.base.as_str(), &row.files))
        .chain(pairs.iter().map(|pair| (pair.a.as_str(), pair.b.as_str(), &pair.files)))
        .flat_map(|(a, b, files)| files.iter().filter_map(move |file| excerpt(a, b, file)))
        .collect();
    text.push_str(&details("The lines that collide", &excerpts.concat()));
    let same = |pair: &&Pair| {
        let paths: Vec<String> = pair.files.iter().take(5).map(|file| code(&file.path.to_string())).collect();
        let more = pair.files.len().saturating_sub(paths.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("- {} × {}: {}{more}\n", code(&pair.a), code(&pair.b), paths.join(", "))
    };
    text.push_str(&details("In the same files, far apart", &overlaps.iter().map(same).collect::<String>()));
    let noted = report.sessions.iter().filter_map(|session| Some((session, session.note.as_ref()?)));
    let notes: String =
        noted.map(|(session, note)| format!("- {}: {}\n", code(&session.name), entities(note))).collect();
    text + &details("Not looked at in full", &notes)
}

fn details(title: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("\n<details><summary>{title}</summary>\n\n{body}\n</details>\n")
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Conflict => "**conflict**",
        other => other.as_str(),
    }
}

fn with_base(row: &AgainstBase) -> String {
    let (word, say) = match (row.merge, row.rebase) {
        (None, _) => ("unknown", "<br>could not be merged to see"),
        (Some(true), Some(false)) => ("**conflict**", "<br>a rebase stops; a merge does not"),
        (Some(false), Some(true)) => ("**conflict**", "<br>a merge stops; a rebase does not"),
        _ => (row.severity.map_or("clean", word), ""),
    };
    let helped: String = row.helped_by.iter().map(|name| format!("<br>merging {} first helps", code(name))).collect();
    format!("| {word} | {} on {}{say}{helped} | {} |\n", code(&row.name), code(&row.base), files(&row.files))
}

/// The colliding files in a cell of the table, the first ten of them.
fn files(files: &[Clash]) -> String {
    let bad: Vec<&Clash> = files.iter().filter(|file| file.severity > Severity::Overlap).collect();
    let place = |ranges: &[LineRange]| lines(ranges, 30);
    let shown = |file: &&&Clash| {
        let mut text = code(&file.path.to_string());
        if !file.a.is_empty() || !file.b.is_empty() {
            text.push_str(&format!(" {} × {}", place(&file.a), place(&file.b)));
        }
        let marks: Vec<&str> = kind(file.kind).into_iter().chain(file.is_generated.then_some("generated")).collect();
        if !marks.is_empty() {
            text.push_str(&format!(" ({})", marks.join(", ")));
        }
        if let Some(advice) = &file.advice {
            text.push_str(&format!("<br>{}", entities(advice)));
        }
        text
    };
    let mut cells: Vec<String> = bad.iter().take(10).map(|file| shown(&file)).collect();
    if bad.len() > cells.len() {
        cells.push(format!("and {} more", bad.len() - cells.len()));
    }
    cells.join("<br>")
}

/// The lines of a file, in a block that is HTML from beginning to end.
fn excerpt(a: &str, b: &str, file: &Clash) -> Option<String> {
    if file.excerpts.is_empty() || file.is_generated {
        return None;
    }
    let mut text = format!("{}\n\n<pre>", code(&file.path.to_string()));
    for (nth, excerpt) in file.excerpts.iter().take(10).enumerate() {
        if nth > 0 {
            text.push('\n');
        }
        let sides = [
            ("before", None, &excerpt.base),
            (a, Some(excerpt.a.0), &excerpt.a.1),
            (b, Some(excerpt.b.0), &excerpt.b.1),
        ];
        for (name, first, lines) in sides.into_iter().filter(|(_, first, lines)| first.is_some() || !lines.is_empty()) {
            text.push_str(&format!("{}\n", entities(name)));
            for (at, line) in lines.iter().take(30).enumerate() {
                let number = first.map_or_else(|| "-".to_owned(), |first| (first as usize + at).to_string());
                text.push_str(&format!("{number:>5}  {}\n", entities(line)));
            }
            if lines.len() > 30 {
                text.push_str(&format!("       … {} more\n", lines.len() - 30));
            }
        }
    }
    text.push_str("</pre>\n\n");
    Some(text)
}

/// Something that a user has named.
fn code(text: &str) -> String {
    format!("<code>{}</code>", entities(text))
}

/// All that means anything to Markdown, HTML or GitHub becomes an entity.
fn entities(text: &str) -> String {
    let mut shown = String::new();
    for c in harmless(text).chars() {
        match c {
            '\n' => shown.push(' '),
            ' ' | '.' | '/' | '-' | ',' | '=' | '(' | ')' => shown.push(c),
            c if c.is_ascii_punctuation() || c == '\t' => shown.push_str(&format!("&#{};", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}
