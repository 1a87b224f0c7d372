use super::*;

const SOON: Option<Duration> = Some(Duration::from_secs(20));

fn names(woken: Woken) -> Vec<String> {
    match woken {
        Woken::Changed(seen) => {
            seen.iter().filter_map(|one| Some(one.name.as_ref()?.to_string_lossy().into())).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_names_what_changed() {
    let place = tempfile::tempdir().expect("a directory");
    let mut watcher = Watcher::new(false);
    assert_eq!(watcher.means(), Means::System);
    assert!(watcher.watch(place.path()) && !watcher.watch(place.path()));
    assert_eq!(watcher.wait(Some(Duration::from_millis(10))).expect("a wait"), Woken::Nothing);
    std::fs::write(place.path().join("a"), "1").expect("a file");
    assert!(names(watcher.wait(SOON).expect("a wait")).contains(&"a".to_owned()));
    // A directory that was given up says nothing any longer.
    watcher.forget(|_| true);
    std::fs::write(place.path().join("a"), "2").expect("a file");
    while watcher.wait(Some(Duration::from_millis(50))).expect("a wait") != Woken::Nothing {}
    std::fs::write(place.path().join("b"), "2").expect("a file");
    assert_eq!(watcher.wait(Some(Duration::from_millis(50))).expect("a wait"), Woken::Nothing);
}

#[test]
fn looking_sees_new_files_other_contents_and_what_is_gone() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, below) = (place.path().join("a"), place.path().join("below"));
    let mut watcher = Watcher::new(true);
    assert_eq!(watcher.means(), Means::Asked);
    assert!(watcher.watch(place.path()) && !watcher.watch(place.path()));
    let mut next = |what: &str| match watcher.wait(SOON).expect("a wait") {
        Woken::Changed(seen) => assert!(seen.iter().all(|one| one.directory == place.path()), "{what}"),
        other => panic!("{what}: {other:?}"),
    };
    std::fs::write(&file, "1").expect("a file");
    next("a new file");
    std::fs::write(&file, "two").expect("a file");
    next("another content");
    std::fs::create_dir(&below).expect("a directory");
    next("a new directory");
    std::fs::remove_file(&file).expect("no file");
    next("a file is gone");
    std::fs::write(below.join("b"), "1").expect("a file");
    assert_eq!(
        watcher.wait(Some(Duration::from_millis(1200))).expect("a wait"),
        Woken::Nothing,
        "below is not watched"
    );
    std::fs::remove_dir_all(place.path()).expect("no directory");
    assert!(matches!(watcher.wait(SOON).expect("a wait"), Woken::Changed(_)), "the directory is gone");
}
