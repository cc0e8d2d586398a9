//! A pgbouncer between a store and its server.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::guarded::Guarded;
use super::{Cluster, Result, TestingError, cluster, programs, sql};

/// How long it may take to start listening.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A separate pgbouncer. In transaction mode, a server connection belongs to a client for one transaction only.
#[derive(Debug)]
pub struct Bouncer {
    address: SocketAddr,
    _guarded: Guarded,
}

impl Bouncer {
    /// Starts a pgbouncer in front of a cluster, with this many connections per database. As by default, it refuses
    /// every startup parameter that it cannot track per client.
    ///
    /// # Errors
    /// If the program is missing or fails; the error contains its output.
    pub fn start(cluster: &Cluster, pool_size: u32) -> Result<Self> {
        Self::start_in("transaction", cluster, pool_size)
    }

    /// Starts a pgbouncer in session mode: a server connection belongs to a client until the client disconnects.
    ///
    /// # Errors
    /// If the program is missing or fails; the error contains its output.
    pub fn in_session_mode(cluster: &Cluster, pool_size: u32) -> Result<Self> {
        Self::start_in("session", cluster, pool_size)
    }

    fn start_in(mode: &str, cluster: &Cluster, pool_size: u32) -> Result<Self> {
        let program = programs::find("pgbouncer")?;
        let guarded = Guarded::new("bouncer", "pid", "KILL")?;
        let folder = guarded.folder().display();
        let (user, password) = cluster.superuser();
        let (server, port) = (cluster.port()?, cluster::free_port()?);
        let settings = guarded.write(
            "bouncer.ini",
            &format!(
                "[databases]\n* = host=127.0.0.1 port={server} user={user} password={password}\n\
                 [pgbouncer]\npool_mode = {mode}\ndefault_pool_size = {pool_size}\nmax_client_conn = 500\nserver_idle_timeout = 1\n\
                 auth_type = any\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir = {folder}\n\
                 pidfile = {folder}/pid\nlogfile = {folder}/log\n"
            ),
        )?;
        guarded.run(&program, &["-q", "-d", &settings.display().to_string()])?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if started.elapsed() > TIMEOUT {
                let log = std::fs::read_to_string(guarded.folder().join("log")).unwrap_or_default();
                return Err(TestingError::because("pgbouncer does not listen", log));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Self { address, _guarded: guarded })
    }

    /// The URL of the same database through this pgbouncer.
    pub fn url(&self, url: &str) -> String {
        sql::redirected(url, self.address)
    }
}
