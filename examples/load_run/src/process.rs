//! Servers as child processes, and their memory as reported by the system.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shop_server::stripe::stub::Stub;
use tokio::time::sleep;

use crate::SECRET_KEY;
use crate::client::{Connection, request};
use crate::support::Result;

/// A server process that is killed on drop.
pub(crate) struct Server {
    child: Child,
    /// The address that the server listens on.
    pub(crate) address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts `shop-server` on a file, as an operator would, but without rate limits.
    ///
    /// # Errors
    /// When `shop-server` is not in the folder of this program, or does not respond.
    pub(crate) async fn shop(file: &Path) -> Result<Self> {
        Self::shop_with(file, &[]).await
    }

    /// Like [`Server::shop`], with card payments through a fake Stripe.
    ///
    /// # Errors
    /// As [`Server::shop`].
    pub(crate) async fn shop_with_cards(file: &Path, stripe: &Stub) -> Result<Self> {
        let base = stripe.base();
        let variables = [
            ("STRIPE_SECRET_KEY", stripe.secret_key()),
            ("MANUAL_PAYMENTS", "True"),
            ("STRIPE_WEBHOOK_SECRET", stripe.webhook_secret()),
            ("STRIPE_API_BASE", base.as_str()),
        ];
        Self::shop_with(file, &variables).await
    }

    async fn shop_with(file: &Path, variables: &[(&str, &str)]) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("shop-server");
        if !program.exists() {
            return Err(format!("there is no {}: build the workspace first", program.display()).into());
        }
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("DB_NAME", file)
            .env("BIND", address.to_string())
            .env("SECRET_KEY", SECRET_KEY)
            .env("RATE_LIMIT", "off")
            .env("EMAIL_BACKEND", "console")
            .envs(variables.iter().copied());
        Self::start(&mut command, file, address, "/healthz").await
    }

    /// Starts the bare server on the same file.
    ///
    /// # Errors
    /// When it does not respond.
    pub(crate) async fn bare(file: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--bare-server").arg(file).arg(address.to_string());
        Self::start(&mut command, file, address, "/catalog/products").await
    }

    /// Starts `shop-server` on Postgres.
    ///
    /// # Errors
    /// As [`Server::shop`].
    pub(crate) async fn shop_on_postgres(url: &str) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("shop-server");
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("DATABASE_URL", url)
            .env("BIND", address.to_string())
            .env("SECRET_KEY", SECRET_KEY)
            .env("RATE_LIMIT", "off")
            .env("EMAIL_BACKEND", "console");
        Self::start(&mut command, &std::env::temp_dir().join("none"), address, "/healthz").await
    }

    /// Starts the bare server on Postgres.
    ///
    /// # Errors
    /// When it does not respond.
    pub(crate) async fn bare_on_postgres(url: &str) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--bare-postgres").arg(url).arg(address.to_string());
        Self::start(&mut command, &std::env::temp_dir().join("none"), address, "/healthz").await
    }

    async fn start(command: &mut Command, file: &Path, address: SocketAddr, path: &str) -> Result<Self> {
        // The server must not read a `.env` file of the current directory.
        let folder = file.parent().unwrap_or(file);
        let child =
            command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut server = Self { child, address };
        let started = Instant::now();
        let probe = request("GET", path, None, "");
        while started.elapsed() < Duration::from_secs(20) {
            if let Ok(mut connection) = Connection::open(address).await {
                let (status, body) = connection.call(&probe).await?;
                if status == 200 {
                    return Ok(server);
                }
                return Err(format!("{status}: {}", String::from_utf8_lossy(body)).into());
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("a server ended with {status}").into());
            }
            sleep(Duration::from_millis(1)).await;
        }
        Err("a server did not answer".into())
    }

    /// The current resident memory in MiB.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub(crate) fn memory(&self) -> Result<f64> {
        self.status("VmRSS:")
    }

    /// The peak resident memory in MiB.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub(crate) fn peak_memory(&self) -> Result<f64> {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }
}

/// A loopback address with a free port.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The size of the `shop-server` binary in MiB.
///
/// # Errors
/// When the binary does not exist.
#[expect(clippy::cast_precision_loss, reason = "programs are smaller than that")]
pub(crate) fn program_size() -> Result<f64> {
    let length = std::fs::metadata(std::env::current_exe()?.with_file_name("shop-server"))?.len();
    Ok(length as f64 / (1024.0 * 1024.0))
}
