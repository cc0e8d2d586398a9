//! A folder and the process that runs in it; both are removed when the test process ends, however it ends.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use super::programs::RunAs;
use super::{Result, TestingError};

/// Waits for the end of its input, ends the process whose id is in the file `$1` with the signal `$2`, and removes the
/// folder `$3`. Postgres ends its own children within five seconds of a SIGQUIT.
const GUARD: &str = r#"
cat >/dev/null
if pid=$(head -n 1 "$1" 2>/dev/null) && [ -n "$pid" ]; then
    kill -s "$2" "$pid" 2>/dev/null
    turns=0
    while kill -0 "$pid" 2>/dev/null; do
        turns=$((turns + 1))
        [ $turns -gt 200 ] && kill -s KILL "$pid" 2>/dev/null
        sleep 0.05
    done
fi
cd /
rm -rf "$3"
"#;

/// A folder that is removed together with the one process in it, whose id is in a file.
#[derive(Debug)]
pub(super) struct Guarded {
    folder: PathBuf,
    run_as: RunAs,
    guard: Child,
}

impl Guarded {
    /// Creates a folder. `pid_file` (inside it) will contain the id of a process; `signal` ends it.
    pub(super) fn new(kind: &str, pid_file: &str, signal: &str) -> Result<Self> {
        let folder = fresh(kind).map_err(|why| TestingError::because(std::env::temp_dir().display(), why))?;
        let made = RunAs::owner_of(&folder).and_then(|run_as| {
            let mut command = run_as.command(Path::new("/bin/sh"), Path::new("/"));
            command.args(["-c", GUARD, "guard"]).arg(folder.join(pid_file)).arg(signal).arg(&folder);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            let guard = command.spawn().map_err(|why| TestingError::because("/bin/sh", why))?;
            Ok((run_as, guard))
        });
        match made {
            Ok((run_as, guard)) => Ok(Self { folder, run_as, guard }),
            Err(why) => {
                let _ = fs::remove_dir_all(&folder);
                Err(why)
            }
        }
    }

    /// The path of the folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a program in the folder to its end.
    pub(super) fn run(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        self.run_as.run(program, &self.folder, arguments)
    }

    /// Writes a file that only the user of these programs can read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let written = fs::write(&path, text).and_then(|()| {
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            match self.run_as {
                RunAs::Myself => Ok(()),
                RunAs::User(user, group) => std::os::unix::fs::chown(&path, Some(user), Some(group)),
            }
        });
        written.map_err(|why| TestingError::because(path.display(), why))?;
        Ok(path)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Closing the pipe is the signal. Waiting ensures that the server ends before the test does.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// A new folder that only its owner can enter. Its path is short, because a Unix socket's path is limited to about a
/// hundred characters.
fn fresh(kind: &str) -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("shop-{kind}-{}-{number}", std::process::id()));
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&folder) {
            Ok(()) => return Ok(folder),
            // Left behind by an earlier process with the same process id.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}
