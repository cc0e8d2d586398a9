//! Users, sessions and one-time passwords. Every read is one statement, or two for a page by number that needs a count.

use std::sync::Arc;

use async_trait::async_trait;
pub(crate) use shop_core::accounts::User;
use shop_core::accounts::{AccountsRepository, DailyCount, DailyLimit, Otp, Session, UserFilter, UserSort};
use shop_core::clock::Timestamp;
use shop_core::id::{SessionId, UserId};
use shop_core::page::{Page, PageRequest};
use shop_core::row::Source as _;
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum as _;

use super::PostgresStore;
use super::error::store_error;
use super::list_counts;
use super::paging::{Key, ListQuery, QueryBuilder};
use super::pool::Pool;
use super::read::Loader;
use super::rows::{ColumnReader, ReadRow as _, StatementArguments, at, ids, is_one_of};

/// A session and its user.
pub(crate) type SignedIn = (Session, User);

/// Sessions with their users: read for every call of a signed-in user.
pub(crate) fn sessions(pool: &Arc<Pool>) -> Loader<SessionId, Arc<SignedIn>> {
    let sql = format!(
        "SELECT {}, {} FROM sessions JOIN users ON users.id = sessions.user_id WHERE {}",
        Session::columns(),
        User::columns(),
        is_one_of("sessions.id")
    );
    pool.loader(
        sql,
        |asked| StatementArguments::new().put(ids(asked)),
        |rows, _| {
            let read = |row| {
                let mut columns = ColumnReader::new(row);
                let session = Session::read(&mut columns)?;
                Ok((session.id, Arc::new((session, User::read(&mut columns)?))))
            };
            rows.iter().map(read).collect()
        },
    )
}

fn users() -> ListQuery<UserSort, User> {
    ListQuery::of("users.id", |key| {
        Some(match key {
            UserSort::DateJoined => Key::Time("users.date_joined"),
            UserSort::Email => Key::Text("users.email_key"),
        })
    })
}

#[async_trait]
impl AccountsRepository for PostgresStore {
    async fn user(&self, id: UserId) -> StoreResult<Option<User>> {
        Ok(self.loaders.users.one(id).await?.map(Arc::unwrap_or_clone))
    }

    async fn user_by_email(&self, email_key: &str) -> StoreResult<Option<User>> {
        self.pool.first_by_text("WHERE users.email_key = $1", email_key).await
    }

    async fn user_by_username(&self, username_key: &str) -> StoreResult<Option<User>> {
        self.pool.first_by_text("WHERE users.username_key = $1", username_key).await
    }

    async fn list_users(&self, filter: &UserFilter, page: &PageRequest<UserSort>) -> StoreResult<Page<User>> {
        let mut query = QueryBuilder::from(User::TABLE);
        let keys = [filter.is_active.map(list_counts::flag), filter.is_staff.map(list_counts::flag), None];
        query.stored_count(self.stored_count(User::TABLE, filter.is_counted().then_some(keys)));
        query.filter("users.is_active = ?", filter.is_active);
        match filter.is_staff {
            // Spelled out: the few staff users have a partial index.
            Some(true) => query.is("users.is_staff"),
            Some(false) => query.is("NOT users.is_staff"),
            None => {}
        }
        query.filter("strpos(users.search_text, ?) > 0", filter.search.clone());
        users().page(&self.pool, query, page).await
    }

    async fn session(&self, id: SessionId) -> StoreResult<Option<(Session, User)>> {
        Ok(self.loaders.sessions.one(id).await?.map(Arc::unwrap_or_clone))
    }

    async fn otp(&self, user: UserId) -> StoreResult<Option<Otp>> {
        self.pool.first("WHERE otps.user_id = $1", StatementArguments::new().put(user.0)).await
    }

    async fn daily_count(&self, user: UserId, what: DailyLimit) -> StoreResult<Option<DailyCount>> {
        let sql = "SELECT day, count FROM daily_counts WHERE user_id = $1 AND what = $2";
        let values = StatementArguments::new().put(user.0).put(what.as_str());
        let rows = self.pool.rows(sql.to_owned(), values).await?;
        let read = |row| {
            let mut columns = ColumnReader::new(row);
            Ok(DailyCount { day: columns.take()?, count: columns.take()? })
        };
        rows.first().map(read).transpose().map_err(store_error)
    }

    async fn unproven_users(&self, before: Timestamp, after: UserId, limit: u32) -> StoreResult<Vec<User>> {
        let end = "WHERE NOT users.email_verified AND users.date_joined < $1 AND users.id > $2
            ORDER BY users.id LIMIT $3";
        let values = StatementArguments::new().put(at(before)).put(after.0).put(i64::from(limit));
        self.pool.all(end, values).await
    }
}
