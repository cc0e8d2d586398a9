//! Rate limits shared by all servers of a database. They are a server's concern, not part of the core's `Store` trait.

use std::time::Duration;

use shop_core::store::{StoreError, StoreResult};
use sqlx::Row as _;
use sqlx::postgres::PgArguments;
use sqlx_core::arguments::Arguments as _;
use sqlx_core::error::BoxDynError;

use super::PostgresStore;

/// The generic cell rate algorithm (ITU-T I.371) in one statement, using the database's clock. A try uses up `$2`
/// seconds and passes if the used-up time lies at most `$3` seconds ahead. The last column reads the row as it was
/// before the statement.
const TRY: &str = "WITH passed AS (
        INSERT INTO limits AS kept (key, used_until) VALUES ($1, now() + $2 * interval '1 second')
        ON CONFLICT (key) DO UPDATE SET used_until = greatest(kept.used_until, now()) + $2 * interval '1 second'
            WHERE greatest(kept.used_until, now()) + $2 * interval '1 second' <= now() + $3 * interval '1 second'
        RETURNING true
    )
    SELECT EXISTS (SELECT FROM passed),
        (SELECT extract(epoch FROM used_until - now())::float8 + $2 - $3 FROM limits WHERE key = $1)";

/// Returns what one try used up.
const GIVE_BACK: &str = "UPDATE limits SET used_until = used_until - $2 * interval '1 second' WHERE key = $1";

/// Deletes keys that have a full burst available again.
const FORGET: &str = "DELETE FROM limits WHERE used_until < now()";

impl PostgresStore {
    /// Counts one try of something that is allowed `burst` times per `period` (at once or spread out) across all
    /// servers of this database. Returns `None` if the try is allowed, otherwise how long to wait.
    ///
    /// # Errors
    /// As every read.
    pub async fn try_limited(&self, key: &[u8], burst: u32, period: Duration) -> StoreResult<Option<Duration>> {
        let cost = period.as_secs_f64() / f64::from(burst.max(1));
        let mut arguments = PgArguments::default();
        let added = arguments
            .add(key)
            .and_then(|()| arguments.add(cost))
            // Rounding must not cost the last try of a burst.
            .and_then(|()| arguments.add(period.as_secs_f64() + cost / 1000.0));
        added.map_err(fault)?;
        let rows = self.pool.read(TRY, arguments).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let passed: bool = row.try_get(0).map_err(|error| fault(error.into()))?;
        let wait: Option<f64> = row.try_get(1).map_err(|error| fault(error.into()))?;
        let wait = Duration::try_from_secs_f64(wait.unwrap_or_default()).unwrap_or_default();
        Ok((!passed).then_some(wait))
    }

    /// Takes back one try that [`PostgresStore::try_limited`] counted with the same limit.
    ///
    /// # Errors
    /// As every read.
    pub async fn give_back_limited(&self, key: &[u8], burst: u32, period: Duration) -> StoreResult<()> {
        let mut arguments = PgArguments::default();
        let cost = period.as_secs_f64() / f64::from(burst.max(1));
        arguments.add(key).and_then(|()| arguments.add(cost)).map_err(fault)?;
        self.pool.read(GIVE_BACK, arguments).await.map(drop)
    }

    /// Deletes keys that have a full burst available again. Any server should call this about once a minute.
    ///
    /// # Errors
    /// As every read.
    pub async fn forget_limits(&self) -> StoreResult<()> {
        self.pool.read(FORGET, PgArguments::default()).await.map(drop)
    }
}

fn fault(error: BoxDynError) -> StoreError {
    StoreError::Fault(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PostgresOptions;
    use crate::testing::{Cluster, texts};

    const PERIOD: Duration = Duration::from_mins(5);

    #[test]
    fn servers_count_together() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let url = Cluster::shared().unwrap().database().unwrap();
            let one = PostgresStore::connect(PostgresOptions::parse(&url).unwrap()).await.unwrap();
            let other = PostgresStore::connect(PostgresOptions::parse(&url).unwrap()).await.unwrap();
            for _ in 0..5 {
                assert_eq!(one.try_limited(b"ann", 10, PERIOD).await.unwrap(), None);
                assert_eq!(other.try_limited(b"ann", 10, PERIOD).await.unwrap(), None);
            }
            for server in [&one, &other] {
                let wait = server.try_limited(b"ann", 10, PERIOD).await.unwrap().unwrap();
                assert!(wait > Duration::from_secs(15) && wait <= Duration::from_secs(30), "{wait:?}");
            }
            other.give_back_limited(b"ann", 10, PERIOD).await.unwrap();
            assert_eq!(one.try_limited(b"ann", 10, PERIOD).await.unwrap(), None);
            assert!(one.try_limited(b"ann", 10, PERIOD).await.unwrap().is_some());
            one.give_back_limited(b"nobody", 10, PERIOD).await.unwrap();
            assert_eq!(one.try_limited(b"bob", 10, PERIOD).await.unwrap(), None);
            assert_eq!(one.try_limited(b"eve", 1, Duration::from_micros(1)).await.unwrap(), None);
            other.forget_limits().await.unwrap();
            let kept = texts(&url, "SELECT convert_from(key, 'UTF8') FROM limits ORDER BY key").unwrap();
            assert_eq!(kept, ["ann", "bob"]);
        });
    }

    #[test]
    fn a_race_lets_no_try_too_many_through() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let url = Cluster::shared().unwrap().database().unwrap();
            let store = PostgresStore::connect(PostgresOptions::parse(&url).unwrap()).await.unwrap();
            let tries = (0..40).map(|_| store.try_limited(b"ann", 10, PERIOD));
            let passed = futures_util::future::join_all(tries).await;
            assert_eq!(passed.into_iter().filter(|wait| matches!(wait, Ok(None))).count(), 10);
        });
    }
}
