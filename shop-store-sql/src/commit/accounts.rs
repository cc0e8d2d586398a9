//! Users, sessions and one-time passwords.

use std::sync::LazyLock;

use shop_core::accounts::{AccountsWrite, DailyCount, Otp, Session, User};
use shop_core::batch::Conflict;
use shop_core::word::Word as _;
use uuid::Uuid;

use super::plain::{Applied, Plain};
use super::table::{Table, records, row_of};

records! {
    USERS: User, counted by &["is_active", "is_staff"];
    SESSIONS: Session;
}

pub(super) static OTPS: LazyLock<Table> = LazyLock::new(Table::of::<Otp>);

/// Applies a write of accounts.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &AccountsWrite) -> Applied {
    match write {
        AccountsWrite::PutOtp(code) => plain.run(super::part::Part::PutOtps, vec![row_of(code)]).await.map(drop),
        AccountsWrite::ForgetOtp { user_id } => {
            plain.execute("DELETE FROM otps WHERE user_id = $1", (Uuid::from(*user_id),)).await?;
            plain.execute("DELETE FROM daily_counts WHERE user_id = $1", (Uuid::from(*user_id),)).await?;
            Ok(())
        }
        AccountsWrite::CountDaily { user_id, what, at, limit } => {
            // `DailyCount::next` as one statement. It changes nothing if the limit is reached.
            let sql = "INSERT INTO daily_counts AS kept (user_id, what, day, count) SELECT $1, $2, $3, 1 WHERE $4 > 0
                ON CONFLICT (user_id, what) DO UPDATE SET
                    count = CASE WHEN kept.day < excluded.day THEN 1 ELSE kept.count + 1 END,
                    day = greatest(kept.day, excluded.day)
                WHERE kept.day < excluded.day OR kept.count < $4";
            let values = (Uuid::from(*user_id), what.word(), DailyCount::day_of(*at), *limit);
            match plain.execute(sql, values).await? {
                0 => Err(Conflict::DailyLimit(*what).into()),
                _ => Ok(()),
            }
        }
        AccountsWrite::SpendOtpTry { user_id, otp_id } => {
            let sql = "UPDATE otps SET tries_left = tries_left - 1
                WHERE user_id = $1 AND id = $2 AND used_at IS NULL AND tries_left > 0";
            match plain.execute(sql, (Uuid::from(*user_id), Uuid::from(*otp_id))).await? {
                0 => Err(Conflict::Spent(*otp_id).into()),
                _ => Ok(()),
            }
        }
        AccountsWrite::UseOtp { user_id, otp_id, at } => {
            let sql = "UPDATE otps SET used_at = $3 WHERE user_id = $1 AND id = $2 AND used_at IS NULL";
            match plain.execute(sql, (Uuid::from(*user_id), Uuid::from(*otp_id), *at)).await? {
                0 => Err(Conflict::Spent(*otp_id).into()),
                _ => Ok(()),
            }
        }
    }
}
