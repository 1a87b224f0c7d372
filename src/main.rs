//! The program `git-session`: everything is in the library.

fn main() -> std::process::ExitCode {
    git_session::main()
}
