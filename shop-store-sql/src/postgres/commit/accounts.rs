//! People, sessions and one-time passwords.

use shop_core::accounts::{AccountsWrite, DailyCount, Otp, Session, User};
use shop_core::batch::{Conflict, Unique};
use shop_core::word::Word as _;
use uuid::Uuid;

use super::plain::{Applied, Plain};
use super::table::{Record, Table};
use super::value::{Kind, Row};

pub(super) static USERS: Table = Table {
    name: "users",
    columns: &[
        ("id", Kind::Id),
        ("email", Kind::Text),
        ("email_key", Kind::Text),
        ("username", Kind::Text),
        ("username_key", Kind::Text),
        ("first_name", Kind::Text),
        ("last_name", Kind::Text),
        ("phone", Kind::Text),
        ("password_hash", Kind::Text),
        ("email_verified", Kind::Flag),
        ("is_active", Kind::Flag),
        ("is_staff", Kind::Flag),
        ("is_superuser", Kind::Flag),
        ("session_epoch", Kind::Int),
        ("date_joined", Kind::Time),
        ("last_login", Kind::Time),
        ("version", Kind::Int),
        ("search_text", Kind::Text),
    ],
    key: 1,
    uniques: &[
        (Unique::UserEmail, "old.email_key = new.email_key"),
        (Unique::UserUsername, "old.username_key = new.username_key"),
    ],
    counted: &["is_active", "is_staff"],
};

impl Record for User {
    const TABLE: &'static Table = &USERS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).text(&self.email).text(&self.email_key).optional_text(self.username.as_deref());
        row.optional_text(self.username_key.as_deref()).text(&self.first_name).text(&self.last_name);
        row.text(&self.phone).text(&self.password_hash).flag(self.email_verified).flag(self.is_active);
        row.flag(self.is_staff).flag(self.is_superuser).int(self.session_epoch).time(self.date_joined);
        row.optional_time(self.last_login).int(self.version).text(self.search_text());
    }
}

pub(super) static SESSIONS: Table = Table {
    name: "sessions",
    columns: &[
        ("id", Kind::Id),
        ("user_id", Kind::Id),
        ("refresh_hash", Kind::Bytes),
        ("epoch", Kind::Int),
        ("created_at", Kind::Time),
        ("expires_at", Kind::Time),
        ("revoked_at", Kind::Time),
        ("version", Kind::Int),
        ("rotations", Kind::Json),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for Session {
    const TABLE: &'static Table = &SESSIONS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).id(self.user_id).bytes(self.refresh_hash).int(self.epoch).time(self.created_at);
        row.time(self.expires_at).optional_time(self.revoked_at).int(self.version).json(&self.rotations);
    }
}

pub(super) static OTPS: Table = Table {
    name: "otps",
    columns: &[
        ("user_id", Kind::Id),
        ("id", Kind::Id),
        ("tries_left", Kind::Int),
        ("expires_at", Kind::Time),
        ("used_at", Kind::Time),
        ("registrations", Kind::Json),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

/// The row of a code.
pub(super) fn otp(otp: &Otp) -> Row {
    let mut row = Row::default();
    row.id(otp.user_id).id(otp.id).int(otp.tries_left).time(otp.expires_at).optional_time(otp.used_at);
    row.json(&otp.registrations);
    row
}

/// Applies a write of accounts.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &AccountsWrite) -> Applied {
    match write {
        AccountsWrite::User(change) => plain.change(change, true).await,
        AccountsWrite::Session(change) => plain.change(change, true).await,
        AccountsWrite::PutOtp(code) => plain.run(super::part::Part::PutOtps, vec![otp(code)]).await.map(drop),
        AccountsWrite::ForgetOtp { user_id } => {
            plain.execute("DELETE FROM otps WHERE user_id = $1", (Uuid::from(*user_id),)).await?;
            plain.execute("DELETE FROM daily_counts WHERE user_id = $1", (Uuid::from(*user_id),)).await?;
            Ok(())
        }
        AccountsWrite::CountDaily { user_id, what, at, limit } => {
            // `DailyCount::next` as one statement, which changes nothing when the limit is reached.
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
