//! Finds the Postgres programs, and runs them as the right user.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Result, TestingError};

/// Folders with programs that may not be on the `PATH`.
const USUAL: [&str; 5] =
    ["/usr/local/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin", "/usr/sbin", "/usr/local/sbin"];

/// The users that a cluster started by root may run as; the first that the system has.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Finds a program on the `PATH` or where Debian and the usual builds install it. Links are followed, so that related
/// programs are in the same folder.
///
/// # Errors
/// If the program is missing.
pub fn find(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(debian())
        .chain(USUAL.map(PathBuf::from))
        .filter_map(|folder| fs::canonicalize(folder.join(name)).ok())
        // Debian's `pg_wrapper` stands in for many programs, and must be called by the name of one.
        .find(|program| program.is_file() && !program.ends_with("pg_wrapper"));
    found.ok_or_else(|| TestingError::new(format!("the program {name} is not there: install it")))
}

/// Debian's folders, newest version first.
fn debian() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// The user as which programs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunAs {
    /// The user of the test itself.
    Myself,
    /// This user and group, because the test runs as root.
    User(u32, u32),
}

impl RunAs {
    /// The user who must own `folder`, which this process created; gives the folder to that user.
    pub(super) fn owner_of(folder: &Path) -> Result<Self> {
        let failed = |why: std::io::Error| TestingError::because(folder.display(), why);
        if fs::metadata(folder).map_err(failed)?.uid() != 0 {
            return Ok(Self::Myself);
        }
        let users = fs::read_to_string("/etc/passwd").map_err(|why| TestingError::because("/etc/passwd", why))?;
        let (user, group) = UNPRIVILEGED
            .into_iter()
            .find_map(|name| ids(&users, name))
            .ok_or_else(|| TestingError::new("root may not run Postgres, and there is no user postgres or nobody"))?;
        chown(folder, Some(user), Some(group)).map_err(failed)?;
        Ok(Self::User(user, group))
    }

    /// A command that will run as this user, with a clean environment, in this folder.
    pub(super) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
        // Not interrupted by the keyboard: the guard ends it in order.
        command.stdin(Stdio::null()).process_group(0);
        if let Self::User(user, group) = self {
            command.uid(user).gid(group);
        }
        command
    }

    /// Runs a program to its end; its output is the error.
    pub(super) fn run(self, program: &Path, folder: &Path, arguments: &[&str]) -> Result<String> {
        let output = self.command(program, folder).args(arguments).output();
        let output = output.map_err(|why| TestingError::because(program.display(), why))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            return Ok(said.into_owned());
        }
        let complained = String::from_utf8_lossy(&output.stderr);
        Err(TestingError::because(program.display(), format!("{}: {said}{complained}", output.status)))
    }
}

/// The user and group ids of a user in the system's list (passwd(5)).
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_by_their_whole_name() {
        let users = "postgresql:x:7:8::/:/bin/sh\npostgres:x:101:104:Postgres,,,:/var:/bin/sh\n";
        assert_eq!(ids(users, "postgres"), Some((101, 104)));
        assert_eq!(ids(users, "nobody"), None);
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert!(find("no-such-program").unwrap_err().to_string().contains("no-such-program"));
        assert!(find("sh").unwrap().is_absolute());
    }
}
