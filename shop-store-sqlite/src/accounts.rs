//! Users, sessions and one-time passwords.

use std::sync::LazyLock;

use async_trait::async_trait;
use rusqlite::params;
use rusqlite::types::Value;
use shop_core::accounts::{
    AccountsRepository, AccountsWrite, DailyCount, DailyLimit, Otp, Session, User, UserFilter, UserSort,
};
use shop_core::batch::{Change, Conflict};
use shop_core::clock::Timestamp;
use shop_core::id::{SessionId, UserId};
use shop_core::page::{Page, PageRequest};
use shop_core::row::{Columns as _, Row as _};
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum as _;

use crate::SqliteStore;
use crate::commit::ApplyResult;
use crate::encoded::EncodedWrite;
use crate::list_counts::{self, CountChanges};
use crate::paging::{ListQuery, QueryBuilder};
use crate::record::{self, Changed, record};
use crate::rows::{ColumnReader, Id, at, id, prepare};
use crate::write_connection::WriteConnection;

record!(User, fixed: ["email_key", "username_key", "date_joined", "is_staff"]);

record!(Session);
record!(Otp);

/// Reads a session and its user in one statement.
static SESSION_AND_USER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {}, {} FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = ?1",
        record::columns::<Session>(),
        record::columns::<User>()
    )
});

/// Reads the values by which a user is counted.
const COUNTED: &str = "SELECT CAST(is_active AS TEXT), CAST(is_staff AS TEXT), '' FROM users WHERE id = ?1";

impl Changed for User {
    fn apply(
        connection: &WriteConnection<'_>,
        tally: &mut CountChanges,
        change: &Change<Self>,
        encoded: &EncodedWrite,
    ) -> ApplyResult {
        let before = record::counted_before(connection, change, COUNTED)?;
        record::change(connection, change, encoded)?;
        let after = match change {
            Change::Insert(user) | Change::Update(user) => {
                Some([list_counts::flag(user.is_active), list_counts::flag(user.is_staff), "".into()])
            }
            Change::Delete { .. } => None,
        };
        tally.changed(list_counts::CountedList::Users, before, after);
        Ok(())
    }
}

impl Changed for Session {}

/// Applies a write of accounts.
pub(crate) fn apply(connection: &WriteConnection<'_>, write: &AccountsWrite) -> ApplyResult {
    match write {
        AccountsWrite::PutOtp(otp) => {
            record::put(connection, otp)?;
            Ok(())
        }
        AccountsWrite::ForgetOtp { user_id } => {
            record::execute(connection, "DELETE FROM otps WHERE user_id = ?1", &[&id(*user_id)])?;
            record::execute(connection, "DELETE FROM daily_counts WHERE user_id = ?1", &[&id(*user_id)])?;
            Ok(())
        }
        AccountsWrite::CountDaily { user_id, what, at, limit } => {
            let (user, day) = (id(*user_id), DailyCount::day_of(*at));
            match record::execute(connection, COUNT_DAILY, &[&user, &what.as_str(), &day, limit])? {
                0 => Err(Conflict::DailyLimit(*what).into()),
                _ => Ok(()),
            }
        }
        AccountsWrite::SpendOtpTry { user_id, otp_id } => {
            let sql = "UPDATE otps SET tries_left = tries_left - 1
                WHERE user_id = ?1 AND id = ?2 AND used_at IS NULL AND tries_left > 0";
            match record::execute(connection, sql, &[&id(*user_id), &id(*otp_id)])? {
                0 => Err(Conflict::Spent(*otp_id).into()),
                _ => Ok(()),
            }
        }
        AccountsWrite::UseOtp { user_id, otp_id, at: time } => {
            let sql = "UPDATE otps SET used_at = ?3 WHERE user_id = ?1 AND id = ?2 AND used_at IS NULL";
            match record::execute(connection, sql, &[&id(*user_id), &id(*otp_id), &at(*time)])? {
                0 => Err(Conflict::Spent(*otp_id).into()),
                _ => Ok(()),
            }
        }
    }
}

/// [`DailyCount::next`] as one statement. It changes nothing if the limit is reached.
const COUNT_DAILY: &str = "INSERT INTO daily_counts (user_id, what, day, count) SELECT ?1, ?2, ?3, 1 WHERE ?4 > 0
    ON CONFLICT (user_id, what) DO UPDATE SET
        count = CASE WHEN day < excluded.day THEN 1 ELSE count + 1 END, day = max(day, excluded.day)
    WHERE day < excluded.day OR count < ?4";

fn users() -> ListQuery<UserSort, User> {
    ListQuery {
        columns: record::columns::<User>().to_owned(),
        key: |key| {
            Some(match key {
                UserSort::DateJoined => "users.date_joined",
                UserSort::Email => "users.email_key",
            })
        },
        id: "users.id",
        read: record::whole,
    }
}

#[async_trait]
impl AccountsRepository for SqliteStore {
    async fn user(&self, id: UserId) -> StoreResult<Option<User>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn user_by_email(&self, email_key: &str) -> StoreResult<Option<User>> {
        self.readers().point(|connection| record::find(connection, "WHERE email_key = ?1", [email_key]))
    }

    async fn user_by_username(&self, username_key: &str) -> StoreResult<Option<User>> {
        self.readers().point(|connection| record::find(connection, "WHERE username_key = ?1", [username_key]))
    }

    async fn list_users(&self, filter: &UserFilter, page: &PageRequest<UserSort>) -> StoreResult<Page<User>> {
        let mut query = QueryBuilder::from(User::TABLE.name);
        let keys = [filter.is_active.map(list_counts::flag), filter.is_staff.map(list_counts::flag), None];
        query.stored_count(self.stored_count(list_counts::CountedList::Users, filter.is_counted().then_some(keys)));
        query.filter("users.is_active = ?", filter.is_active);
        match filter.is_staff {
            // Spelled out: the few staff users have a partial index.
            Some(true) => query.is("users.is_staff = 1"),
            Some(false) => query.is("users.is_staff = 0"),
            None => {}
        }
        query.filter("instr(users.search_text, ?) > 0", filter.search.clone().map(Value::Text));
        let (page, searches) = (page.clone(), filter.search.is_some());
        self.readers().list_or_search(searches, move |connection| users().page(connection, query, &page)).await
    }

    async fn session(&self, id: SessionId) -> StoreResult<Option<(Session, User)>> {
        self.readers().point(|connection| {
            let mut statement = prepare(connection, &SESSION_AND_USER)?;
            let mut rows = statement.query([Id(id.0)])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let mut columns = ColumnReader::new(row);
            Ok(Some((Session::read(&mut columns)?, User::read(&mut columns)?)))
        })
    }

    async fn otp(&self, user: UserId) -> StoreResult<Option<Otp>> {
        self.readers().point(|connection| record::find(connection, "WHERE user_id = ?1", [Id(user.0)]))
    }

    async fn daily_count(&self, user: UserId, what: DailyLimit) -> StoreResult<Option<DailyCount>> {
        self.readers().point(|connection| {
            let sql = "SELECT day, count FROM daily_counts WHERE user_id = ?1 AND what = ?2";
            let mut statement = prepare(connection, sql)?;
            let mut rows = statement.query(params![Id(user.0), what.as_str()])?;
            rows.next()?.map(|row| Ok(DailyCount { day: row.get(0)?, count: row.get(1)? })).transpose()
        })
    }

    async fn unproven_users(&self, before: Timestamp, after: UserId, limit: u32) -> StoreResult<Vec<User>> {
        // The index is named because SQLite also considers walking all users in id order, which is slow.
        let end = "INDEXED BY users_unproven WHERE email_verified = 0 AND date_joined < ?1 AND id > ?2
            ORDER BY id LIMIT ?3";
        self.readers().point(|connection| record::select(connection, end, params![at(before), id(after), limit]))
    }
}
