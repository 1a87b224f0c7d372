use super::*;
use std::fs;

fn b(path: &str) -> &BStr {
    path.into()
}

/// A worktree and a directory beside it for staged files.
fn places() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let (tree, stage) = (temp.path().join("tree"), temp.path().join("stage"));
    fs::create_dir(&tree).unwrap();
    fs::create_dir(&stage).unwrap();
    (temp, tree, stage)
}

/// The same expectations of every way of doing it.
macro_rules! behaves {
    ($module:ident) => {
        mod $module {
            use super::*;
            use crate::host::exchange::$module as system;

            fn open(tree: &Path) -> system::Root {
                system::Root::open(tree).unwrap()
            }

            #[test]
            fn a_file_is_staged_once() {
                let (_temp, _tree, stage) = places();
                system::stage(&stage.join("1"), Kind::Executable, b"new").unwrap();
                assert_eq!(fs::read(stage.join("1")).unwrap(), b"new");
                let error = system::stage(&stage.join("1"), Kind::File, b"other").unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
                assert_eq!(fs::read(stage.join("1")).unwrap(), b"new");
            }

            #[test]
            fn a_new_file_goes_in_and_overwrites_nothing() {
                let (_temp, tree, stage) = places();
                let root = open(&tree);
                fs::write(stage.join("1"), "new").unwrap();
                root.put_new(system::At::path(&stage.join("1")), b("a"), &mut None).unwrap();
                assert_eq!(fs::read(tree.join("a")).unwrap(), b"new");
                assert!(!stage.join("1").exists());

                fs::write(stage.join("2"), "other").unwrap();
                let error = root.put_new(system::At::path(&stage.join("2")), b("a"), &mut None).unwrap_err();
                assert!(error.is_taken(), "{error:?}");
                assert_eq!(fs::read(tree.join("a")).unwrap(), b"new");
                assert_eq!(fs::read(stage.join("2")).unwrap(), b"other");
                assert!(
                    root.put_new(system::At::path(&stage.join("2")), b("no/a"), &mut None).unwrap_err().is_missing()
                );
            }

            #[test]
            fn an_exchange_gives_back_what_was_there() {
                let (_temp, tree, stage) = places();
                let root = open(&tree);
                fs::create_dir(tree.join("d")).unwrap();
                fs::write(tree.join("d/a"), "old").unwrap();
                fs::write(stage.join("1"), "new").unwrap();
                root.exchange(system::At::path(&stage.join("1")), b("d/a"), &mut None).unwrap();
                assert_eq!(fs::read(tree.join("d/a")).unwrap(), b"new");
                assert_eq!(fs::read(stage.join("1")).unwrap(), b"old");
                assert_eq!(fs::read_dir(&stage).unwrap().count(), 1);

                assert!(
                    root.exchange(system::At::path(&stage.join("1")), b("d/none"), &mut None).unwrap_err().is_missing()
                );
                assert_eq!(fs::read(stage.join("1")).unwrap(), b"old");
            }

            #[test]
            fn a_file_is_taken_away_but_never_onto_another() {
                let (_temp, tree, stage) = places();
                let root = open(&tree);
                fs::write(tree.join("a"), "1").unwrap();
                fs::write(tree.join("b"), "2").unwrap();
                root.take_away(b("a"), system::At::path(&stage.join("out")), &mut None).unwrap();
                assert_eq!(fs::read(stage.join("out")).unwrap(), b"1");
                assert!(!tree.join("a").exists());
                assert!(
                    root.take_away(b("b"), system::At::path(&stage.join("out")), &mut None).unwrap_err().is_taken()
                );
                assert!(
                    root.take_away(b("a"), system::At::path(&stage.join("out2")), &mut None).unwrap_err().is_missing()
                );
            }

            #[test]
            fn parents_are_made_and_named() {
                let (_temp, tree, _) = places();
                let root = open(&tree);
                fs::create_dir(tree.join("a")).unwrap();
                assert_eq!(root.make_parents(b("a/b/c/f"), &mut None).unwrap(), ["a/b", "a/b/c"]);
                assert!(root.make_parents(b("a/b/c/f"), &mut None).unwrap().is_empty());
                assert!(root.make_parents(b("f"), &mut None).unwrap().is_empty());
                fs::write(tree.join("a/file"), "").unwrap();
                assert_eq!(root.make_parents(b("a/file/x/f"), &mut None).unwrap_err().reason(), Reason::Blocked);
                assert!(!root.remove_directory(b("a/b")).unwrap());
                assert!(root.remove_directory(b("a/b/c")).unwrap());
                assert_eq!(root.remove_directory(b("a/file")).unwrap_err().reason(), Reason::Blocked);
            }

            #[test]
            #[cfg(unix)]
            fn a_linked_parent_is_refused() {
                let (temp, tree, stage) = places();
                let root = open(&tree);
                let outside = temp.path().join("outside");
                fs::create_dir_all(outside.join("sub")).unwrap();
                fs::write(outside.join("a"), "theirs").unwrap();
                std::os::unix::fs::symlink(&outside, tree.join("link")).unwrap();
                fs::write(stage.join("1"), "new").unwrap();

                let refused = [
                    root.put_new(system::At::path(&stage.join("1")), b("link/new"), &mut None),
                    root.put_new(system::At::path(&stage.join("1")), b("link/sub/new"), &mut None),
                    root.exchange(system::At::path(&stage.join("1")), b("link/a"), &mut None),
                    root.take_away(b("link/a"), system::At::path(&stage.join("out")), &mut None),
                    root.touch(b("link/a")),
                    root.read(b("link/a")).map(drop),
                    root.lstat(b("link/a"), &mut None).map(drop),
                    root.make_parents(b("link/x/f"), &mut None).map(drop),
                    root.remove_directory(b("link/sub")).map(drop),
                    root.remove_directory(b("link")).map(drop),
                ];
                for result in refused {
                    assert_eq!(result.unwrap_err().reason(), Reason::Blocked);
                }
                assert_eq!(fs::read(outside.join("a")).unwrap(), b"theirs");
                assert_eq!(fs::read_dir(&outside).unwrap().count(), 2);
            }

            #[test]
            #[cfg(unix)]
            fn files_and_links_are_read_and_nothing_else() {
                let (_temp, tree, _) = places();
                let root = open(&tree);
                fs::write(tree.join("a"), "content").unwrap();
                std::os::unix::fs::symlink("nowhere", tree.join("l")).unwrap();
                assert_eq!(root.read(b("a")).unwrap(), b"content");
                assert_eq!(root.read(b("l")).unwrap(), b"nowhere");
                assert!(root.lstat(b("l"), &mut None).unwrap().is_symlink());
                assert!(root.read(b("none")).unwrap_err().is_missing());
                fs::create_dir(tree.join("d")).unwrap();
                assert_eq!(root.read(b("d")).unwrap_err().reason(), Reason::Other);
            }

            #[test]
            fn a_touched_file_is_as_young_as_the_touch() {
                let (_temp, tree, stage) = places();
                let root = open(&tree);
                for path in [tree.join("a"), stage.join("a")] {
                    fs::write(&path, "").unwrap();
                    let file = fs::File::options().write(true).open(&path).unwrap();
                    file.set_modified(std::time::UNIX_EPOCH).unwrap();
                }
                root.touch(b("a")).unwrap();
                system::touch(&stage.join("a")).unwrap();
                assert!(root.lstat(b("a"), &mut None).unwrap().mtime.0 > 1_000_000_000);
                assert!(system::lstat(&stage.join("a")).unwrap().mtime.0 > 1_000_000_000);
            }
        }
    };
}

behaves!(plain);
#[cfg(unix)]
behaves!(unix);

#[test]
fn improper_paths_are_refused() {
    let (_temp, tree, stage) = places();
    let root = Root::open(&tree).unwrap();
    fs::write(stage.join("1"), "new").unwrap();
    let improper = [
        "",
        "/etc/passwd",
        "..",
        "../x",
        "a/../b",
        "./a",
        "a//b",
        "a/",
        ".git/config",
        "a/.GIT/x",
        ".git. /x",
        "git~1/x",
        "a\0b",
    ];
    for path in improper {
        let error = root.put_new(&stage.join("1"), b(path)).unwrap_err();
        assert_eq!(error.reason(), Reason::Improper, "{path:?}");
    }
    for path in [".gitignore", "a/.github/x", "...", "..a", "git~10"] {
        assert!(proper(b(path), "read").is_ok(), "{path:?}");
    }
}

#[test]
fn what_is_behind_a_file_or_nowhere_is_not_there() {
    let (_temp, tree, _) = places();
    let root = Root::open(&tree).unwrap();
    fs::write(tree.join("a"), "").unwrap();
    for path in ["none", "none/x", "a/x"] {
        assert_eq!(root.lstat(b(path)).unwrap(), None, "{path}");
    }
    assert_eq!(root.lstat(b("a")).unwrap(), Stat::of(&tree.join("a")).unwrap());
    assert_eq!(Stat::of(&tree.join("none")).unwrap(), None);
}

#[test]
fn empty_parents_go_up_to_the_first_that_is_not() {
    let (_temp, tree, _) = places();
    let root = Root::open(&tree).unwrap();
    fs::create_dir_all(tree.join("a/b/c/d")).unwrap();
    fs::write(tree.join("a/keep"), "").unwrap();
    assert_eq!(root.remove_empty_parents(b("a/b/c/d/gone/f")).unwrap(), ["a/b/c/d", "a/b/c", "a/b"]);
    assert!(tree.join("a/keep").exists());
    assert!(root.remove_empty_parents(b("f")).unwrap().is_empty());
}

#[test]
fn a_trial_tells_whether_files_can_move() {
    let (_temp, tree, stage) = places();
    assert!(same_filesystem_by_trial(&tree, &stage));
    assert!(same_filesystem_by_trial(&tree, &tree));
    assert!(!same_filesystem_by_trial(&tree, &stage.join("none")));
    assert_eq!(fs::read_dir(&tree).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&stage).unwrap().count(), 0);
}

/// Replaces a file as an editor does.
fn save(path: &Path, text: &str) {
    let part = path.with_extension("part");
    fs::write(&part, text).unwrap();
    fs::rename(part, path).unwrap();
}

/// Somebody has saved "first" over "new", and "old" is to come back; `meanwhile` is done after each exchange. Returns
/// what is in place, what is set aside, and how often it was asked.
fn brought_back(meanwhile: impl Fn(usize, &Path)) -> (String, String, usize) {
    let (_temp, tree, stage) = places();
    let (staged, file) = (stage.join("1"), tree.join("a"));
    fs::write(&staged, "old").unwrap();
    save(&file, "first");
    let mut asked = 0;
    let back = Root::open(&tree).unwrap().exchange_back::<Error>(&staged, b("a"), || {
        asked += 1;
        meanwhile(asked, &file);
        Ok(fs::read(&staged).unwrap() == b"new")
    });
    back.unwrap();
    assert_eq!(fs::read_dir(&stage).unwrap().count(), 1);
    assert_eq!(fs::read_dir(&tree).unwrap().count(), 1);
    (fs::read_to_string(file).unwrap(), fs::read_to_string(staged).unwrap(), asked)
}

#[test]
fn what_is_saved_between_two_exchanges_stays_in_place_and_what_was_before_is_set_aside() {
    let saved = |asked, file: &Path| {
        if asked == 1 {
            save(file, "second");
        }
    };
    assert_eq!(brought_back(saved), ("second".into(), "first".into(), 2));
    // Once more, between the second and the third.
    let saved_twice = |asked, file: &Path| match asked {
        1 => save(file, "second"),
        2 => save(file, "third"),
        _ => {}
    };
    assert_eq!(brought_back(saved_twice), ("third".into(), "second".into(), 3));
    assert_eq!(brought_back(|_, _| {}), ("first".into(), "old".into(), 1));
}

#[test]
fn what_is_written_in_place_between_two_exchanges_is_kept_beside_what_was_saved() {
    let appended = |asked, file: &Path| {
        if asked == 1 {
            let mut file = fs::File::options().append(true).open(file).unwrap();
            io::Write::write_all(&mut file, b", appended").unwrap();
        }
    };
    assert_eq!(brought_back(appended), ("old, appended".into(), "first".into(), 2));
}

#[test]
fn what_is_deleted_between_two_exchanges_leaves_what_was_saved_before() {
    let (_temp, tree, stage) = places();
    let (staged, file) = (stage.join("1"), tree.join("a"));
    fs::write(&staged, "old").unwrap();
    fs::write(&file, "first").unwrap();
    let root = Root::open(&tree).unwrap();
    let deleted = || {
        fs::remove_file(&file).unwrap();
        Ok(false)
    };
    root.exchange_back::<Error>(&staged, b("a"), deleted).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"first");
    assert!(!staged.exists());
}

#[test]
fn whoever_saves_without_end_loses_only_what_he_overwrote_himself() {
    let (file, aside, asked) = brought_back(|asked, file| save(file, &format!("save {asked}")));
    assert_eq!(asked, EXCHANGES);
    let mut both = [file, aside];
    both.sort();
    assert_eq!(both, [format!("save {}", EXCHANGES - 1), format!("save {EXCHANGES}")]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_lease_sees_a_writer() {
    let (_temp, tree, _) = places();
    let path = tree.join("a");
    fs::write(&path, "").unwrap();
    assert_eq!(has_writer(&path), Some(false));
    let reader = fs::File::open(&path).unwrap();
    assert_eq!(has_writer(&path), Some(false));
    drop(reader);
    let writer = fs::File::options().write(true).open(&path).unwrap();
    assert_eq!(has_writer(&path), Some(true));
    drop(writer);
    assert_eq!(has_writer(&path), Some(false));
    std::os::unix::fs::symlink("a", tree.join("l")).unwrap();
    assert_eq!(has_writer(&tree.join("l")), Some(false));
    assert_eq!(has_writer(&tree.join("none")), None);
}

#[test]
#[cfg(target_os = "linux")]
fn asking_for_writers_survives_a_storm_of_them() {
    let (_temp, tree, _) = places();
    let path = tree.join("a");
    fs::write(&path, "").unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..2_000 {
                drop(fs::File::options().write(true).open(&path).unwrap());
            }
        });
        while !writer.is_finished() {
            has_writer(&path);
        }
    });
}

#[cfg(unix)]
mod steps {
    use super::*;
    use crate::host::exchange::unix::{At, by_parts, in_two_steps, link_and_unlink, take_out_plainly};
    use rustix::fs::CWD;
    use rustix::io::Errno;
    use std::os::fd::AsFd;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn the_fallbacks_do_the_same() {
        let (_temp, tree, stage) = places();
        let directory = fs::File::open(&tree).unwrap();
        fs::create_dir_all(tree.join("a/b")).unwrap();
        std::os::unix::fs::symlink("a", tree.join("l")).unwrap();
        assert!(by_parts(directory.as_fd(), b"a/b").is_ok());
        assert_eq!(by_parts(directory.as_fd(), b"l/b").unwrap_err(), Errno::NOTDIR);

        let staged = stage.join("1");
        fs::write(&staged, "new").unwrap();
        fs::write(tree.join("f"), "old").unwrap();
        in_two_steps(At::path(&staged), directory.as_fd(), b"f").unwrap();
        assert_eq!(fs::read(tree.join("f")).unwrap(), b"new");
        assert_eq!(fs::read(&staged).unwrap(), b"old");
        assert_eq!(in_two_steps(At::path(&staged), directory.as_fd(), b"none").unwrap_err(), Errno::NOENT);
        assert_eq!(in_two_steps(At::path(&stage.join("none")), directory.as_fd(), b"f").unwrap_err(), Errno::NOENT);
        assert_eq!(fs::read(tree.join("f")).unwrap(), b"new", "it came back");

        let bytes = staged.as_os_str().as_bytes();
        assert_eq!(link_and_unlink(CWD, bytes, directory.as_fd(), b"f").unwrap_err(), Errno::EXIST);
        link_and_unlink(CWD, bytes, directory.as_fd(), b"g").unwrap();
        assert!(!staged.exists());
        take_out_plainly(directory.as_fd(), b"g", At::path(&staged)).unwrap();
        assert_eq!(take_out_plainly(directory.as_fd(), b"f", At::path(&staged)).unwrap_err(), Errno::EXIST);
    }
}
