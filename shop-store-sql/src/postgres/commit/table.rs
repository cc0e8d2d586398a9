//! The tables as the writes see them.

use shop_core::batch::{Unique, Versioned};

use super::value::{Kind, Row};

/// A table, in words. The columns of its key come first.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its columns, in the order in which rows are given.
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// How many of them are its key.
    pub(crate) key: usize,
    /// Its unique keys beside that, in the order in which they are judged: the name, and when `old` and `new` clash.
    pub(crate) uniques: &'static [(Unique, &'static str)],
    /// The columns that its list is counted by, at most three; none where no counts are kept.
    pub(crate) counted: &'static [&'static str],
}

impl Table {
    /// The kinds of all columns.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.columns.iter().map(|(_, kind)| *kind).collect()
    }

    /// The names of all columns, with something before each.
    pub(crate) fn names(&self, before: &str) -> String {
        list(self.columns.iter().map(|(name, _)| format!("{before}{name}")))
    }

    /// The names of the key's columns, with something before each.
    pub(crate) fn key_names(&self, before: &str) -> String {
        list(self.columns.iter().take(self.key).map(|(name, _)| format!("{before}{name}")))
    }

    /// All columns of `new`, turned into what is stored.
    pub(crate) fn stored(&self) -> String {
        list(self.columns.iter().map(|(name, kind)| format!("new.{name}{}", kind.cast())))
    }

    /// Given rows, as a table of these columns under the name `new`: an array of each, from `$1` on.
    pub(crate) fn given(&self) -> String {
        let arrays = (1..).zip(self.columns).map(|(number, (_, kind))| format!("${number}::{}", kind.array()));
        format!("unnest({}) AS new ({})", list(arrays), self.names(""))
    }

    /// What a row is counted by, as three columns with this before their numbers; nothing where no counts are kept.
    pub(crate) fn counted_as(&self, row: &str, name: &str) -> Option<String> {
        (!self.counted.is_empty()).then(|| {
            let column = |place: usize| self.columns.iter().find(|(name, _)| Some(name) == self.counted.get(place));
            let keys = (0..3).map(|place| {
                let key = match column(place) {
                    None => "''".to_owned(),
                    Some((name, Kind::Flag)) => format!("{row}{name}::int::text"),
                    Some((name, Kind::Id)) => format!("replace({row}{name}::text, '-', '')"),
                    Some((name, _)) => format!("{row}{name}"),
                };
                format!("{key} AS {name}_{}", place + 1)
            });
            list(keys)
        })
    }

    /// What sets every column outside of the key to that of `new`.
    pub(crate) fn assignments(&self, new: &str) -> String {
        let cast = |kind: &Kind| if new == "new" { kind.cast() } else { "" };
        let columns = self.columns.iter().skip(self.key);
        list(columns.map(|(name, kind)| format!("{name} = {new}.{name}{}", cast(kind))))
    }
}

fn list(pieces: impl Iterator<Item = String>) -> String {
    pieces.collect::<Vec<_>>().join(", ")
}

/// A kind of row that counts versions, in a table of its own whose key is `id`.
pub(crate) trait Record: Versioned {
    /// Its table.
    const TABLE: &'static Table;
    /// Puts the values of all columns.
    fn put(&self, row: &mut Row);
}

/// The row of a record.
pub(crate) fn row_of<T: Record>(record: &T) -> Row {
    let mut row = Row::default();
    record.put(&mut row);
    row
}
