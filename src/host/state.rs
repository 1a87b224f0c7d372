//! The user's own state directory, and files in it that are replaced as a whole.

use crate::error::{Context, Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where the program keeps what is the user's and no repository's.
///
/// `$XDG_STATE_HOME/git-session`; else what the system has for it.
///
/// # Errors
/// Refused, where there is no home directory.
pub fn directory() -> Result<PathBuf> {
    let named = |key: &str| std::env::var_os(key).map(PathBuf::from).filter(|path| path.is_absolute());
    let place = named("XDG_STATE_HOME").or_else(|| {
        if cfg!(windows) {
            named("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            std::env::home_dir().map(|home| home.join("Library/Application Support"))
        } else {
            std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".local/state"))
        }
    });
    place.map(|place| place.join("git-session")).ok_or_else(|| {
        Error::refused("There is no home directory to keep your own state in.")
            .hint("Set `HOME` or `XDG_STATE_HOME` to a directory of yours.")
    })
}

/// Replaces a file as a whole, so that a reader finds the old text or the new one. Only the user may read it.
///
/// # Errors
/// Refused, if it cannot be written; the old text is there then.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let failed = || format!("'{}' could not be written.", path.display());
    let folder = path.parent().ok_or_else(|| Error::bug("A file without a folder."))?;
    make_private(folder).or_refuse(failed)?;
    let bits: String = crate::host::random::bits()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = folder.join(format!(".{bits}.part"));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = (|| {
        let mut file = options.open(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    })();
    written.or_refuse(failed).inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A file of the user's own git settings: `$XDG_CONFIG_HOME/git/<name>`, else `~/.config/git/<name>`; none without a home.
pub fn git_config_file(name: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME").or_else(std::env::home_dir)?.join(".config")))?;
    Some(config.join("git").join(name))
}
