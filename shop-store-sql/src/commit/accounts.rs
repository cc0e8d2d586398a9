//! Users, sessions and one-time passwords.

use shop_core::accounts::{AccountsWrite, DailyCount};
use shop_core::batch::Conflict;
use shop_core::id::UserId;
use shop_core::string_enum::StringEnum as _;

use super::effects::Effects;
use super::statement_runner::{ApplyResult, StatementRunner};
use super::tables::{Operation, TableId};

/// The effects of a write of accounts.
pub(super) fn effects<'b, E: Effects<'b>>(write: &AccountsWrite, to: &mut E) -> Result<(), E::Stop> {
    let lock = |to: &mut E, user: UserId| to.lock(Operation::OwnKey.on(TableId::Otp), &[user.0], None);
    match write {
        AccountsWrite::PutOtp(otp) => {
            lock(to, otp.user_id)?;
            to.put(otp)
        }
        AccountsWrite::SpendOtpTry { user_id, .. }
        | AccountsWrite::UseOtp { user_id, .. }
        | AccountsWrite::ForgetOtp { user_id } => {
            lock(to, *user_id)?;
            to.unbatchable()
        }
        // A batch counts once, after it has taken its other locks, so no deadlock is possible.
        AccountsWrite::CountDaily { .. } => to.unbatchable(),
    }
}

/// Applies a write of accounts that is not only a row.
pub(super) async fn apply(runner: &mut StatementRunner<'_>, write: &AccountsWrite) -> ApplyResult {
    match write {
        AccountsWrite::PutOtp(_) => Ok(()),
        AccountsWrite::ForgetOtp { user_id } => {
            runner.execute("DELETE FROM otps WHERE user_id = $1", (user_id.0,)).await?;
            runner.execute("DELETE FROM daily_counts WHERE user_id = $1", (user_id.0,)).await?;
            Ok(())
        }
        AccountsWrite::CountDaily { user_id, what, at, limit } => {
            // `DailyCount::next` as one statement. It changes nothing if the limit is reached.
            let sql = "INSERT INTO daily_counts AS kept (user_id, what, day, count) SELECT $1, $2, $3, 1 WHERE $4 > 0
                ON CONFLICT (user_id, what) DO UPDATE SET
                    count = CASE WHEN kept.day < excluded.day THEN 1 ELSE kept.count + 1 END,
                    day = greatest(kept.day, excluded.day)
                WHERE kept.day < excluded.day OR kept.count < $4";
            let values = (user_id.0, what.as_str(), DailyCount::day_of(*at), *limit);
            runner.guarded(sql, values, Conflict::DailyLimit(*what)).await
        }
        AccountsWrite::SpendOtpTry { user_id, otp_id } => {
            let sql = "UPDATE otps SET tries_left = tries_left - 1
                WHERE user_id = $1 AND id = $2 AND used_at IS NULL AND tries_left > 0";
            runner.guarded(sql, (user_id.0, otp_id.0), Conflict::Spent(*otp_id)).await
        }
        AccountsWrite::UseOtp { user_id, otp_id, at } => {
            let sql = "UPDATE otps SET used_at = $3 WHERE user_id = $1 AND id = $2 AND used_at IS NULL";
            runner.guarded(sql, (user_id.0, otp_id.0, *at), Conflict::Spent(*otp_id)).await
        }
    }
}
