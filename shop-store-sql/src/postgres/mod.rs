//! Postgres, through sqlx.
