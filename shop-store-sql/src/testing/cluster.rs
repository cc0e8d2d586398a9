//! A private Postgres server.

use std::fmt::Write as _;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::guarded::Guarded;
use super::{Result, TestingError, execute, migrate, programs, wait_until};

/// The variable that names another server for [`Cluster::shared`].
const ELSEWHERE: &str = "TEST_DATABASE_URL";

/// Below the ports that systems assign automatically, so that a port stays free while its server restarts.
const PORTS: std::ops::Range<u16> = 15_000..30_000;

/// The number of ports to try before giving up.
const TRIES: usize = 8;

/// Options for creating a cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    durable: bool,
    settings: Vec<(String, String)>,
}

impl ClusterOptions {
    /// Fast but not durable: commits survive a crash of the process, but not of the machine.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a commit is on disk when it returns (`fsync`; default: no). For benchmarks.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Adds a line to `postgresql.conf`. The last line of a name counts.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Creates the cluster and starts it; takes some seconds.
    ///
    /// # Errors
    /// If a program is missing or fails; the error contains its output.
    pub fn start(self) -> Result<Cluster> {
        let initdb = programs::find("initdb")?;
        let home = Home::new()?;
        let password = random();
        let password_file = home.guarded.write("password", &password)?;
        let data = home.data();
        let arguments = [
            "--pgdata",
            &text(&data)?,
            "--username=postgres",
            // The socket's folder is closed to other users; over TCP, a password in the clear costs nothing.
            "--auth-local=trust",
            "--auth-host=password",
            &format!("--pwfile={}", text(&password_file)?),
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ];
        home.guarded.run(&initdb, &arguments)?;
        let lines = self.lines(&home)?;
        home.start_somewhere(&password, &lines)
    }

    fn lines(&self, home: &Home) -> Result<String> {
        let durable = if self.durable { "on" } else { "off" };
        let socket = text(home.guarded.folder())?;
        let mut lines = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{socket}'\nmax_connections = 300\n\
             fsync = {durable}\nfull_page_writes = {durable}\njit = off\n\
             log_line_prefix = '%m [%p] %d %a: '\nlog_lock_waits = on\ndeadlock_timeout = '200ms'\n\
             log_checkpoints = off\n"
        );
        for (name, value) in &self.settings {
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "{name} = '{}'", value.replace('\'', "''"));
        }
        Ok(lines)
    }
}

/// A Postgres server: a private one, or the one that `TEST_DATABASE_URL` names.
#[derive(Debug)]
pub struct Cluster {
    /// The URL of the default database.
    url: String,
    password: String,
    home: Option<Home>,
    next: AtomicU64,
    /// The name of the database that [`Cluster::migrated`] copies.
    template: Mutex<Option<String>>,
}

impl Cluster {
    /// Starts a private server with the default [`ClusterOptions`]; takes some seconds.
    ///
    /// # Errors
    /// If a program is missing or fails; the error contains its output.
    pub fn start() -> Result<Self> {
        ClusterOptions::new().start()
    }

    /// The shared server of this process: started at the first call, stopped with the process. `TEST_DATABASE_URL`
    /// names another server to use instead.
    ///
    /// # Errors
    /// As [`Cluster::start`], at every call.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Cluster>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| match std::env::var(ELSEWHERE) {
            Ok(url) if !url.is_empty() => {
                Ok(Self { url, password: String::new(), home: None, next: 0.into(), template: Mutex::default() })
            }
            _ => Self::start(),
        });
        shared.as_ref().map_err(Clone::clone)
    }

    /// The URL of a new, empty database.
    ///
    /// # Errors
    /// If Postgres refuses.
    pub fn database(&self) -> Result<String> {
        // No one ever connects to `template0`, so copying it does not wait.
        Ok(self.url_of(&self.copy_of("template0")?))
    }

    /// The URL of a new database with a shop's empty tables. It is copied from a migrated database, which takes a
    /// fraction of the time of migrating.
    ///
    /// # Errors
    /// If Postgres refuses.
    pub fn migrated(&self) -> Result<String> {
        let template = {
            let mut made = self.template.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(name) = &*made {
                name.clone()
            } else {
                let name = self.copy_of("template0")?;
                migrate(&self.url_of(&name))?;
                made.insert(name).clone()
            }
        };
        Ok(self.url_of(&self.copy_of(&template)?))
    }

    /// Copies a database and returns the name of the copy.
    fn copy_of(&self, template: &str) -> Result<String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = match &self.home {
            Some(_) => format!("shop_{number}"),
            None => format!("shop_test_{}_{number}", random()),
        };
        execute(&self.url, &format!("CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'"))?;
        Ok(name)
    }

    /// The URL of a database of this server, over TCP.
    pub fn url_of(&self, database: &str) -> String {
        let after_scheme = self.url.find("://").map_or(0, |at| at + 3);
        let (scheme, rest) = self.url.split_at(after_scheme);
        let (rest, query) =
            rest.split_once('?').map_or((rest, String::new()), |(rest, query)| (rest, format!("?{query}")));
        let server = rest.split_once('/').map_or(rest, |(server, _)| server);
        format!("{scheme}{server}/{database}{query}")
    }

    /// The URL of the superuser's default database.
    pub fn admin_url(&self) -> &str {
        &self.url
    }

    /// The server's port on 127.0.0.1.
    ///
    /// # Errors
    /// If the server is not a private one.
    pub fn port(&self) -> Result<u16> {
        Ok(self.own()?.port)
    }

    /// The folder of the server's Unix socket.
    ///
    /// # Errors
    /// If the server is not a private one.
    pub fn socket_folder(&self) -> Result<&std::path::Path> {
        Ok(self.own()?.guarded.folder())
    }

    /// The name and the password of the superuser.
    pub fn superuser(&self) -> (&str, &str) {
        ("postgres", &self.password)
    }

    /// Everything the server has logged since it was created: errors, lock waits, deadlocks.
    ///
    /// # Errors
    /// If the server is not a private one.
    pub fn log(&self) -> Result<String> {
        self.own()?.log()
    }

    /// Stops the server (clients are disconnected, running work is rolled back) and starts it again at the same
    /// address.
    ///
    /// # Errors
    /// If the server is not a private one, or if `pg_ctl` fails.
    pub fn restart(&self) -> Result {
        self.own()?.control(&["restart", "-m", "fast"])
    }

    /// Stops the server in order: clients are disconnected, running work is rolled back.
    ///
    /// # Errors
    /// If the server is not a private one, or if `pg_ctl` fails.
    pub fn stop(&self) -> Result {
        self.own()?.control(&["stop", "-m", "fast"])
    }

    /// Stops the server like a crash: without shutting down, so that the next start recovers from the log.
    ///
    /// # Errors
    /// If the server is not a private one, or if `pg_ctl` fails.
    pub fn stop_hard(&self) -> Result {
        self.own()?.control(&["stop", "-m", "immediate"])
    }

    /// Starts the server again after a stop.
    ///
    /// # Errors
    /// If the server is not a private one, or if `pg_ctl` fails.
    pub fn start_again(&self) -> Result {
        self.own()?.control(&["start"])
    }

    /// Changes a setting that needs no restart, and waits until new connections have it.
    ///
    /// # Errors
    /// If Postgres refuses.
    pub fn set(&self, name: &str, value: &str) -> Result {
        let value = value.replace('\'', "''");
        execute(&self.url, &format!("ALTER SYSTEM SET {name} = '{value}'"))?;
        execute(&self.url, "SELECT pg_reload_conf()")?;
        wait_until(&self.url, &format!("SELECT (current_setting('{name}') = '{value}')::text"))
    }

    /// Offers TLS with this certificate and key (PEM) to all later connections.
    ///
    /// # Errors
    /// If the server is not a private one, or if Postgres refuses.
    pub fn present(&self, certificate: &str, key: &str) -> Result {
        let own = self.own()?;
        // Under new file names: a changed setting shows that the server has read them.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (certificate_file, key_file) = (format!("server-{number}.crt"), format!("server-{number}.key"));
        own.guarded.write(&format!("data/{certificate_file}"), certificate)?;
        own.guarded.write(&format!("data/{key_file}"), key)?;
        // Without TLS: the current certificate may be refused.
        let url = format!("{}?sslmode=disable", self.url);
        for (name, value) in [("ssl_cert_file", certificate_file.as_str()), ("ssl_key_file", &key_file), ("ssl", "on")]
        {
            execute(&url, &format!("ALTER SYSTEM SET {name} = '{value}'"))?;
        }
        execute(&url, "SELECT pg_reload_conf()")?;
        wait_until(&url, &format!("SELECT (current_setting('ssl_cert_file') = '{certificate_file}')::text"))
    }

    /// Creates a private standby at another port, which follows this server by streaming and answers reads.
    ///
    /// # Errors
    /// If the server is not a private one, or if `pg_basebackup` fails.
    pub fn standby(&self) -> Result<Self> {
        let own = self.own()?;
        let home = Home::new()?;
        let backup = own.program("pg_basebackup")?;
        let primary =
            format!("host={} port={} user=postgres application_name=standby", text(own.guarded.folder())?, own.port);
        let data = text(&home.data())?;
        home.guarded.run(
            &backup,
            &[
                "--pgdata",
                &data,
                "--dbname",
                &primary,
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-sync",
                "--write-recovery-conf",
            ],
        )?;
        let socket = text(home.guarded.folder())?;
        home.start_somewhere(&self.password, &format!("unix_socket_directories = '{socket}'\n"))
    }

    /// Promotes a standby to a server that takes writes.
    ///
    /// # Errors
    /// If the server is not a private standby, or if `pg_ctl` fails.
    pub fn promote(&self) -> Result {
        self.own()?.control(&["promote"])
    }

    fn own(&self) -> Result<&Home> {
        self.home.as_ref().ok_or_else(|| TestingError::new("this needs a server of its own: Cluster::start"))
    }
}

/// The folder of a server.
#[derive(Debug)]
struct Home {
    guarded: Guarded,
    pg_ctl: PathBuf,
    port: u16,
}

impl Home {
    fn new() -> Result<Self> {
        let pg_ctl = programs::find("initdb")?.with_file_name("pg_ctl");
        // SIGQUIT, because the data is thrown away anyway.
        Ok(Self { guarded: Guarded::new("postgres", "data/postmaster.pid", "QUIT")?, pg_ctl, port: 0 })
    }

    fn data(&self) -> PathBuf {
        self.guarded.folder().join("data")
    }

    fn program(&self, name: &str) -> Result<PathBuf> {
        let program = self.pg_ctl.with_file_name(name);
        if program.is_file() { Ok(program) } else { programs::find(name) }
    }

    fn log(&self) -> Result<String> {
        let path = self.guarded.folder().join("log");
        let log = fs::read(&path).map_err(|why| TestingError::because(path.display(), why))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    /// Starts the server at a free port.
    fn start_somewhere(mut self, password: &str, lines: &str) -> Result<Cluster> {
        let path = self.data().join("postgresql.conf");
        let before = fs::read_to_string(&path).map_err(|why| TestingError::because(path.display(), why))?;
        let mut refused = TestingError::new("no port was free");
        for _ in 0..TRIES {
            self.port = free_port()?;
            self.guarded.write("data/postgresql.conf", &format!("{before}\n{lines}port = {}\n", self.port))?;
            match self.control(&["start"]) {
                Ok(()) => {
                    let url = format!("postgres://postgres:{password}@127.0.0.1:{}/postgres", self.port);
                    return Ok(Cluster {
                        url,
                        password: password.to_owned(),
                        home: Some(self),
                        next: 0.into(),
                        template: Mutex::default(),
                    });
                }
                // Another program was faster at this port.
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    fn control(&self, arguments: &[&str]) -> Result {
        let (data, log) = (text(&self.data())?, text(&self.guarded.folder().join("log"))?);
        let always = ["--pgdata", &data, "--log", &log, "--wait", "--timeout=120", "--silent"];
        let done = self.guarded.run(&self.pg_ctl, &[arguments, &always].concat());
        done.map(drop).map_err(|why| TestingError::because(why, self.log().unwrap_or_default()))
    }
}

/// A port that is currently free.
pub(super) fn free_port() -> Result<u16> {
    let count = u64::from(PORTS.end - PORTS.start);
    let start = RandomState::new().hash_one(0) % count;
    let ports = (0..count).map(|step| (start + step) % count).filter_map(|offset| u16::try_from(offset).ok());
    ports
        .map(|offset| PORTS.start + offset)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| TestingError::new("no port is free"))
}

/// A random, unguessable string: the standard library takes its hash keys from the system.
fn random() -> String {
    format!("{:016x}{:016x}", RandomState::new().hash_one(1), RandomState::new().hash_one(2))
}

fn text(path: &std::path::Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| TestingError::because(path.display(), "is not UTF-8"))
}
