//! The writer's connection, with the statements it has prepared.
//!
//! An order executes some twenty-five statements. rusqlite's own cache finds a statement by its text: each use hashes
//! the text twice, compares it and copies it, together a tenth of the writer's time (measured). Here a statement's text
//! is static, so its address identifies it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Deref;

use rusqlite::{Connection, PrepFlags, Statement};
use shop_core::batch::{Entity, RowWrite, Write};
use uuid::Uuid;

/// A static text, by its place in memory.
type Address = (*const u8, usize);

/// The connection of the writing thread. Reads of this crate take it as a plain [`Connection`].
pub(crate) struct WriteConnection<'c> {
    connection: &'c Connection,
    /// The prepared statements that are not in use. There are as many as this crate has texts for writing.
    statements: RefCell<HashMap<Address, Statement<'c>>>,
    versions: RefCell<HashMap<(Entity, Uuid), i64>>,
}

impl<'c> WriteConnection<'c> {
    /// Starts without any prepared statement.
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection, statements: RefCell::default(), versions: RefCell::default() }
    }

    /// Runs a statement that is prepared once, with no parameter bound.
    pub(crate) fn run<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&mut Statement<'c>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        #[cfg(test)]
        crate::plans::note(sql);
        let address = (sql.as_ptr(), sql.len());
        // Taken out: the statement may run statements itself, even the same one.
        let prepared = self.statements.borrow_mut().remove(&address);
        let mut statement = match prepared {
            Some(statement) => statement,
            None => self.connection.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)?,
        };
        let done = run(&mut statement);
        statement.clear_bindings();
        self.statements.borrow_mut().insert(address, statement);
        done
    }

    /// The version of a row at the beginning of a batch, from memory if an earlier batch of the transaction read it: the
    /// orders of a group often require the same products, zone and method to be unchanged.
    pub(crate) fn version(
        &self,
        (entity, key): (Entity, Uuid),
        read: impl FnOnce() -> rusqlite::Result<Option<i64>>,
    ) -> rusqlite::Result<Option<i64>> {
        if !matches!(entity, Entity::Product | Entity::TaxRate | Entity::Zone | Entity::Method) {
            return read();
        }
        let known = self.versions.borrow().get(&(entity, key)).copied();
        if known.is_some() {
            return Ok(known);
        }
        let version = read()?;
        self.versions.borrow_mut().extend(version.map(|version| ((entity, key), version)));
        Ok(version)
    }

    /// Forgets the versions, because a transaction begins or something was undone.
    pub(crate) fn forget_versions(&self) {
        self.versions.borrow_mut().clear();
    }

    /// Forgets the versions if one of the writes can change any of them.
    pub(crate) fn forget_versions_after(&self, writes: &[Write]) {
        // Deleting a category changes its products.
        let changes = |write: &Write| {
            use RowWrite::{Category, Method, Product, TaxRate, Zone};
            matches!(write, Write::Row(Category(_) | Product(_) | TaxRate(_) | Zone(_) | Method(_)))
        };
        if writes.iter().any(changes) {
            self.forget_versions();
        }
    }
}

impl Deref for WriteConnection<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_prepared_once_and_forgets_its_parameters() {
        const SQL: &str = "SELECT ?1, ?2";
        let connection = Connection::open_in_memory().unwrap();
        let connection = WriteConnection::new(&connection);
        let read = |bound: &[i64]| {
            connection.run(SQL, |statement| {
                for (place, value) in (1..).zip(bound) {
                    statement.raw_bind_parameter(place, value)?;
                }
                let mut rows = statement.raw_query();
                let row = rows.next()?.expect("a row");
                Ok::<(Option<i64>, Option<i64>), _>((row.get(0)?, row.get(1)?))
            })
        };
        assert_eq!(read(&[1, 2]).unwrap(), (Some(1), Some(2)));
        assert_eq!(read(&[3]).unwrap(), (Some(3), None));
        assert_eq!(connection.statements.borrow().len(), 1);
    }

    #[test]
    fn a_statement_may_run_itself_and_is_usable_after_an_error() {
        const SQL: &str = "SELECT abs(?1)";
        let connection = Connection::open_in_memory().unwrap();
        let connection = WriteConnection::new(&connection);
        let read =
            |value: i64| connection.run(SQL, |statement| statement.query_row([value], |row| row.get::<_, i64>(0)));
        let both = connection.run(SQL, |statement| {
            let mut rows = statement.query([-1])?;
            let outer: i64 = rows.next()?.expect("a row").get(0)?;
            Ok((outer, read(-2)?))
        });
        assert_eq!(both.unwrap(), (1, 2));
        // abs() of the smallest integer is an error of SQLite.
        assert!(read(i64::MIN).is_err());
        assert_eq!(read(-3).unwrap(), 3);
    }
}
