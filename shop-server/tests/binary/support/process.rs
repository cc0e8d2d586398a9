//! A temporary folder, and the binary running in it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

/// The path of the binary that cargo has built.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_shop-server");

/// An empty folder that is removed when dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("shop-binary-{}-{number}", std::process::id()));
        // An earlier process with the same id may have left one.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The binary with these arguments in this folder, without inherited variables.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.dressed(Command::new(BINARY));
        command.args(arguments);
        command
    }

    /// Another program in the same environment.
    pub(crate) fn dressed(&self, mut command: Command) -> Command {
        command.current_dir(&self.0).env_clear().env("BIND", "127.0.0.1:0").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Writes the `.env` file that every start in this folder reads.
    pub(crate) fn configure(&self, variables: &[(&str, &str)]) {
        let lines = variables.iter().map(|(name, value)| format!("{name}={value}\n"));
        std::fs::write(self.file(".env"), lines.collect::<String>()).unwrap();
    }

    /// Runs the binary to completion.
    pub(crate) fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(arguments).envs(variables.iter().copied()).output().unwrap()
    }

    /// Checks that `check` finds nothing wrong.
    #[track_caller]
    pub(crate) fn is_sound(&self) {
        let output = self.run(&["check"], &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A listening server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Mutex<Child>,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    reader: Mutex<Option<JoinHandle<()>>>,
}

impl Process {
    /// Serves the file in this folder.
    pub(crate) fn start(folder: &Folder, variables: &[(&str, &str)]) -> Self {
        Self::of(folder.command(&["serve"]).envs(variables.iter().copied()))
    }

    /// Starts a command that becomes a server.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let address = loop {
            let Some(line) = lines.next() else { panic!("the server ended: {:?}", log.lock().unwrap()) };
            let line = line.unwrap();
            let address = line.contains("listening").then(|| address_in(&line)).flatten();
            log.lock().unwrap().push(line);
            if let Some(address) = address {
                break address;
            }
        };
        let reader = thread::spawn({
            let log = Arc::clone(&log);
            move || collect(lines, &log)
        });
        Self { child: Mutex::new(child), address, log, reader: Mutex::new(Some(reader)) }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child.lock().unwrap())
    }

    /// Like `kill -9`: the process cannot react.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Like `kill`: asks the process to stop.
    pub(crate) fn ask_to_stop(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Asks the process to stop, waits, and returns its exit status and its log.
    pub(crate) fn stop(&self) -> (ExitStatus, Vec<String>) {
        self.ask_to_stop();
        self.ended()
    }

    /// Waits for the process to end; call it once.
    pub(crate) fn ended(&self) -> (ExitStatus, Vec<String>) {
        let status = self.child.lock().unwrap().wait().unwrap();
        self.reader.lock().unwrap().take().unwrap().join().unwrap();
        (status, self.log())
    }

    /// The log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let start = line.find("127.0.0.1:")?;
    let end = line[start..].find(|letter: char| !"0123456789.:".contains(letter)).unwrap_or(line.len() - start);
    line[start..start + end].parse().ok()
}

fn collect(lines: std::io::Lines<BufReader<ChildStderr>>, log: &Mutex<Vec<String>>) {
    for line in lines {
        let Ok(line) = line else { return };
        log.lock().unwrap().push(line);
    }
}
