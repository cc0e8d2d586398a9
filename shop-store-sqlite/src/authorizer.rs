//! Restricts what a host may do on the writer's connection. It may not end the shared transaction, write to the shop's
//! own tables, or leave state behind on the connection. This guards against mistakes; the host is trusted with the file
//! itself.
//!
//! SQLite calls an authorizer for each step of a statement while it is prepared. The shop's own statements are prepared
//! once per connection, so the check costs them nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// The names of the shop's tables and indexes.
pub(crate) type Tables = HashSet<String>;

/// PRAGMAs that only read (`ALTER TABLE` and full-text tables use the last three), and `user_version`, which belongs to
/// the host.
const ALLOWED_PRAGMAS: [&str; 12] = [
    "user_version",
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "foreign_key_check",
    "integrity_check",
    "quick_check",
    "data_version",
];

/// Denies forbidden steps while a host is using the connection.
#[derive(Debug)]
pub(crate) struct HostAuthorizer {
    inside: Arc<AtomicBool>,
}

impl HostAuthorizer {
    /// Starts watching a connection.
    pub(crate) fn watch(connection: &mut Connection, tables: Tables) -> rusqlite::Result<Self> {
        let inside = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&inside);
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            if watched.load(Ordering::Relaxed) && is_forbidden(&context.action, &tables) {
                Authorization::Deny
            } else {
                Authorization::Allow
            }
        }))?;
        Ok(Self { inside })
    }

    /// Treats all statements prepared from now on as the host's, until the scope is dropped.
    pub(crate) fn enter(&self) -> AuthorizerScope<'_> {
        self.inside.store(true, Ordering::Relaxed);
        AuthorizerScope(self)
    }
}

/// Exists while a host is using the connection.
pub(crate) struct AuthorizerScope<'a>(&'a HostAuthorizer);

impl Drop for AuthorizerScope<'_> {
    fn drop(&mut self) {
        self.0.inside.store(false, Ordering::Relaxed);
    }
}

fn is_forbidden(action: &AuthAction<'_>, tables: &Tables) -> bool {
    match action {
        // A temporary table would hide the shop's table of the same name for as long as the connection lives.
        AuthAction::Transaction { .. }
        | AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempView { .. }
        | AuthAction::CreateTempTrigger { .. } => true,
        // These names are reserved for the writer.
        AuthAction::Savepoint { savepoint_name, .. } => savepoint_name.to_ascii_lowercase().starts_with("shop_"),
        AuthAction::Pragma { pragma_name, .. } => {
            !ALLOWED_PRAGMAS.iter().any(|allowed| pragma_name.eq_ignore_ascii_case(allowed))
        }
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
        | AuthAction::DropTable { table_name }
        | AuthAction::AlterTable { table_name, .. }
        | AuthAction::CreateTrigger { table_name, .. }
        | AuthAction::DropIndex { table_name, .. } => tables.contains(*table_name),
        _ => false,
    }
}
