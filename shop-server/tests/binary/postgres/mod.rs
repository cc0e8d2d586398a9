//! The binary on Postgres: its subcommands, several servers on one database, and database failures.

mod bad_days;
mod clashes;
mod commands;
mod connections;
mod cut;
pub(crate) mod load;
mod several;
mod transfer;
mod webhooks;

use crate::support::{Folder, Process, TestShop};

/// The key that all servers of a shop share.
const SECRET_KEY: &str = "a-key-for-tests-and-for-tests-only-0123456789";

/// A shop on this database, with one server.
pub(crate) fn shop_on(url: &str, variables: &[(&str, &str)]) -> TestShop {
    let postgres = [("DATABASE_URL", url), ("SECRET_KEY", SECRET_KEY)];
    TestShop::open_with(&[&postgres, variables].concat())
}

/// Starts one more server of a shop, with its own folder for mails.
fn server_beside(folder: &Folder, number: usize) -> Process {
    Process::start(folder, &[("EMAIL_FILE_PATH", mails_of(number).as_str())])
}

/// The mail folder of this server; the first server's is where [`TestShop`] looks.
fn mails_of(server: usize) -> String {
    if server == 0 { "mails".to_owned() } else { format!("mails-{server}") }
}
