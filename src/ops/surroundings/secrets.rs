//! The secrets deny-list: files that no pattern copies, and that no removal lets go.

use crate::git::Repo;
use crate::git::ignore::Patterns;
use crate::session::{BStr, ByteSlice};
use std::path::Path;

/// Keys and credentials of a person, wherever they lie.
const OWN: [&str; 26] = [
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_ecdsa_sk",
    "id_ed25519_sk",
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".kube",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".git-credentials",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".vault-token",
    ".terraformrc",
    "credentials.tfrc.json",
    "application_default_credentials.json",
    "*.ppk",
    "*.kdbx",
    "*.tfstate",
    "*.tfstate.backup",
];

/// What is a secret in a project, and a test or a certificate in a package: not looked for in folders that tools make.
const PROJECT: [&str; 12] = [
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "credentials",
    "credentials.json",
    "*-credentials.json",
    "*_credentials.json",
    "service-account*.json",
    "client_secret*.json",
];

/// Files that hold a token or do not.
const WITH_TOKENS: [(&str, [&str; 3]); 2] =
    [(".npmrc", ["_auth", "_password", "_authToken"]), (".yarnrc.yml", ["npmAuth", "npmAuthToken", "npmAuthIdent"])];

/// The list as it is in force: with `session.copyDeny`, whose `!` lifts an entry.
#[derive(Debug)]
pub struct Secrets {
    own: Patterns,
    project: Patterns,
}

impl Secrets {
    /// With the user's own additions.
    pub fn new(repo: &Repo) -> Secrets {
        let more = repo.settings("session.copyDeny");
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        Secrets {
            // Names of keys are the same in any case on every system.
            own: Patterns::new(OWN.into_iter().chain(more.iter().copied()), true),
            project: Patterns::new(OWN.into_iter().chain(PROJECT).chain(more), true),
        }
    }

    /// Whether the list names this file or directory itself. For those who walk down from one that it does not name.
    /// `in_tools`: a folder above it is one that tools make.
    pub fn names_entry(&self, top: &Path, path: &BStr, is_directory: bool, in_tools: bool) -> bool {
        let list = if in_tools { &self.own } else { &self.project };
        list.verdict(path, is_directory) == Some(true) || !in_tools && !is_directory && has_token(top, path)
    }

    /// Whether the list names this file or directory, or one above it. `top` is the worktree it lies in.
    pub fn names(&self, top: &Path, path: &BStr, is_directory: bool) -> bool {
        if super::is_made_by_tools(path) {
            return self.own.names(path, is_directory);
        }
        self.project.names(path, is_directory) || !is_directory && has_token(top, path)
    }
}

fn has_token(top: &Path, path: &BStr) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let Some((_, words)) = WITH_TOKENS.iter().find(|(file, _)| file.as_bytes() == name) else { return false };
    let file = top.join(crate::git::worktrees::path_of_bytes(path));
    // What cannot be read is not let through.
    std::fs::read(file).map_or(true, |text| words.iter().any(|word| text.contains_str(word)))
}
