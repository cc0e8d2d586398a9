//! The shop's storage in Postgres, for any number of servers beside each other.

mod postgres;
