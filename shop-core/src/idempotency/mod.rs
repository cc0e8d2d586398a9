//! Calls that happen once however often they are sent: the answer is a row in the effect's own batch.

mod canonical;
mod model;

pub use model::{Answer, AnswerKey, IdempotencyKey, Replayable};
