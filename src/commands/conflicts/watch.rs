//! `git session conflicts --watch`

use super::Kind;
use crate::commands::Stage;
use crate::error::{Exit, Result};
use crate::ops::conflicts::{Next, Options, Report, Watch};
use crate::render;
use crate::render::conflicts::{Frame, Screen, View, news_json, news_line, sessions_line};

/// Goes on until it is interrupted, or nobody reads it any longer.
///
/// # Errors
/// See [`Watch::start`].
pub(super) fn run(stage: &Stage, kind: Kind, options: Options) -> Result<Exit> {
    let of_sessions = options.branches.is_empty();
    let mut watch = Watch::start(options)?;
    let view = || View { width: render::width(), paint: stage.colours().out, of_sessions };
    if kind != Kind::Json && Screen::is_possible() {
        on_screen(&mut watch, kind, view)
    } else {
        as_stream(stage, &mut watch, kind, view)
    }
}

/// Names that `one` has and `other` has not.
fn only_in<'a>(one: &'a Report, other: &Report) -> Vec<&'a str> {
    let names = one.sessions.iter().map(|session| session.name.as_str());
    names.filter(|name| !other.sessions.iter().any(|session| session.name == *name)).collect()
}

/// What is new, for people.
fn lines(time: &str, news: &[crate::ops::conflicts::News], before: &Report, now: &Report, view: View) -> Vec<String> {
    let made = only_in(now, before).into_iter().map(|name| sessions_line(time, name, true, view));
    let ended = only_in(before, now).into_iter().map(|name| sessions_line(time, name, false, view));
    let for_people = news.iter().filter(|one| one.is_for_people(before)).map(|one| news_line(time, one, view));
    made.chain(ended).chain(for_people).collect()
}

fn on_screen(watch: &mut Watch, kind: Kind, view: impl Fn() -> View) -> Result<Exit> {
    watch.take_signals()?;
    let mut screen = Screen::new();
    let (mut time, mut news) = (Watch::time_of_day(), Vec::new());
    loop {
        let remarks: Vec<String> = watch.means().into_iter().chain(watch.report().warnings.iter().cloned()).collect();
        let is_matrix = kind == Kind::Matrix;
        let frame = Frame { time: &time, news: &news, remarks: &remarks, report: watch.report(), is_matrix };
        screen.draw(&frame, view())?;
        match watch.wait()? {
            Next::Report(pieces, before) => {
                let now = Watch::time_of_day();
                let fresh = lines(&now, &pieces, &before, watch.report(), view());
                if !fresh.is_empty() {
                    (time, news) = (now, fresh);
                }
            }
            Next::Resized => {}
            Next::Closed => return Ok(Exit::Done),
            Next::Signal(signal) => {
                screen.leave();
                // Where it only stops for a while, it goes on from here.
                Watch::obey(signal);
            }
        }
    }
}

fn as_stream(stage: &Stage, watch: &mut Watch, kind: Kind, view: impl Fn() -> View) -> Result<Exit> {
    let warn = |warning: &str| render::warn(stage.colours().err, warning);
    if let Some(means) = watch.means() {
        render::narrate(&means);
    }
    watch.report().warnings.iter().for_each(|warning| warn(warning));
    let first = match kind {
        Kind::Json => format!("{}\n", render::conflicts::json(watch.report())),
        Kind::Matrix => render::conflicts::matrix(watch.report(), view()),
        _ => render::conflicts::table(watch.report(), view()),
    };
    render::answer(&first)?;
    let mut means = watch.means();
    loop {
        match watch.wait()? {
            Next::Report(news, before) => {
                let now = watch.report();
                now.warnings.iter().filter(|it| !before.warnings.contains(it)).for_each(|warning| warn(warning));
                if kind == Kind::Json {
                    let (made, ended) = (only_in(now, &before), only_in(&before, now));
                    let value = news_json(Watch::now(), &news, &made, &ended, now);
                    render::answer(&format!("{value}\n"))?;
                } else {
                    let lines = lines(&Watch::time_of_day(), &news, &before, now, view());
                    render::answer(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())?;
                }
            }
            Next::Resized => {}
            Next::Closed | Next::Signal(_) => return Ok(Exit::Done),
        }
        let now = watch.means();
        if means.is_none() && now.is_some() {
            now.iter().for_each(|line| render::narrate(line));
        }
        means = now;
    }
}
