//! Idempotent calls: a retried call takes effect once, because its idempotency record is committed in the same batch as
//! the effect.

mod canonical;
mod model;

pub use model::{IdempotencyKey, IdempotencyRecord, IdempotencyRecordKey, Replayable};
