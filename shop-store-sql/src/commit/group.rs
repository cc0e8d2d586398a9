//! Several batches in one transaction, written set-wise: one statement locks, and one writes.
//!
//! The SQL of a statement must not depend on the group's contents, because each text is planned separately on each
//! connection. So there are a few [`Profile`]s, each with the parts of writes that often come together. A group uses
//! the first profile that covers its parts; the arrays of the other parts are empty, which costs almost nothing.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sqlx::Row as _;
use sqlx::postgres::PgArguments;
use sqlx_core::error::Error;

use super::listed::Touched;
use super::merge::{Line, Mergeable, Parts, merge};
use super::part::Part;
use super::sql::{Meets, statement};
use super::value::bind;
use crate::pool::Session;
use uuid::Uuid;

/// The statements for groups of one kind.
struct Profile {
    parts: Parts,
    lock: Statement,
    /// Like `lock`, but never waits.
    probe: Statement,
    write: Statement,
}

struct Statement {
    parts: Vec<Part>,
    sql: String,
}

impl Statement {
    fn new(parts: Vec<Part>, meets: Meets) -> Self {
        let sql = if parts.is_empty() { String::new() } else { statement(&parts, meets) };
        Self { parts, sql }
    }
}

impl Profile {
    fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut parts: Vec<_> = parts.into_iter().collect();
        if parts.iter().any(|part| part.is_counted()) && !parts.contains(&Part::CountLists) {
            parts.push(Part::CountLists);
        }
        parts.sort_unstable();
        let (lock, write): (Vec<_>, _) = parts.iter().partition(|part| part.locks());
        Self {
            parts: Parts::of(parts),
            probe: Statement::new(lock.clone(), Meets::AndPasses),
            lock: Statement::new(lock, Meets::AndWaits),
            write: Statement::new(write, Meets::AndWaits),
        }
    }
}

/// The parts that any batch may have.
const ALWAYS: [Part; 5] =
    [Part::LiveUsers, Part::LiveSessions, Part::InsertEvents, Part::InsertAnswers, Part::InsertOperations];

/// From small to large; the last one has every part.
static PROFILES: LazyLock<[Profile; 6]> = LazyLock::new(|| {
    let with = |parts: &[Part]| Profile::new(ALWAYS.iter().chain(parts).copied());
    [
        // Changes of carts.
        with(&[Part::OwnCarts, Part::UpdateCarts, Part::InsertCarts]),
        // The worker relays events and claims deliveries.
        with(&[
            Part::OwnEvents,
            Part::ShareWebhooks,
            Part::RelayEvents,
            Part::OwnDeliveries,
            Part::UpdateDeliveries,
            Part::InsertDeliveries,
        ]),
        // Users register, sign in with a cart, and sign out.
        with(&[
            Part::OwnUsers,
            Part::UpdateUsers,
            Part::InsertUsers,
            Part::OwnSessions,
            Part::UpdateSessions,
            Part::InsertSessions,
            Part::OwnOtps,
            Part::PutOtps,
            Part::OwnCarts,
            Part::UpdateCarts,
            Part::InsertCarts,
            Part::InsertDeliveries,
        ]),
        // Orders are placed while carts change.
        with(&[
            Part::ShareProducts,
            Part::SharePromotions,
            Part::ShareTaxRates,
            Part::OwnCarts,
            Part::ShareZones,
            Part::ShareMethods,
            Part::OwnLevels,
            Part::UntrackedLevels,
            Part::UpdateCarts,
            Part::ChangeLevels,
            Part::CountUses,
            Part::InsertCarts,
            Part::InsertOrders,
            Part::InsertItems,
            Part::InsertHistory,
            Part::InsertPayments,
            Part::InsertReservations,
        ]),
        // Orders are paid, shipped and canceled; stock changes.
        with(&[
            Part::OwnOrders,
            Part::OwnPayments,
            Part::OwnShipments,
            Part::OwnReservations,
            Part::OwnLevels,
            Part::UpdateOrders,
            Part::UpdatePayments,
            Part::UpdateShipments,
            Part::UpdateReservations,
            Part::ChangeLevels,
            Part::CountUses,
            Part::InsertHistory,
            Part::InsertPayments,
            Part::PutRefunds,
            Part::InsertShipments,
            Part::InsertMovements,
        ]),
        Profile::new(Part::ALL),
    ]
});

/// The rows of a group.
pub(crate) struct Group<'a> {
    parts: BTreeMap<Part, Vec<Line<'a>>>,
    profile: &'static Profile,
}

/// The batches that a guard refused, by number in the group. Nothing of the group may be committed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Batches that would also be refused on their own, as far as is known.
    pub(crate) certain: Vec<usize>,
    /// Batches that ask for too much only together.
    pub(crate) together: Vec<usize>,
}

impl<'a> Group<'a> {
    /// Merges batches into a group.
    pub(crate) fn of(batches: &[&'a Mergeable]) -> Self {
        let parts = merge(batches);
        let needed = Parts::of(parts.keys().copied());
        let [.., last] = &*PROFILES;
        let profile = PROFILES.iter().find(|profile| profile.parts.covers(needed)).unwrap_or(last);
        Self { parts, profile }
    }

    /// Locks and writes everything in the open transaction. On an error or a refusal, the caller rolls back.
    pub(crate) async fn apply(&self, session: &mut Session<'_>) -> Result<Option<Refused>, Error> {
        let mut touched = self.touched();
        for statement in [&self.profile.lock, &self.profile.write] {
            if self.needs(statement) {
                let (refused, turned) = self.run(statement, session).await?;
                if refused.is_some() {
                    return Ok(refused);
                }
                touched.variants.extend(turned);
            }
        }
        touched.refresh(session).await?;
        Ok(None)
    }

    /// The products whose list entries may change.
    fn touched(&self) -> Touched {
        let first = |parts: &[Part]| {
            let lines = parts.iter().flat_map(|part| self.lines(*part));
            lines.filter_map(|line| line.row.first_id()).collect()
        };
        Touched {
            products: first(&[Part::InsertProducts, Part::UpdateProducts]),
            variants: first(&[Part::InsertLevels]),
        }
    }

    /// The batches that would have to wait for other transactions' locks, or would be refused.
    pub(crate) async fn probe(&self, session: &mut Session<'_>) -> Result<Option<Refused>, Error> {
        Ok(self.run(&self.profile.probe, session).await?.0)
    }

    /// Runs a statement. Returns what it refused, and the variants whose stock levels became sellable or unsellable.
    async fn run(
        &self,
        statement: &'static Statement,
        session: &mut Session<'_>,
    ) -> Result<(Option<Refused>, Vec<Uuid>), Error> {
        let mut arguments = PgArguments::default();
        for part in &statement.parts {
            let rows = self.lines(*part).iter().map(|line| &*line.row);
            bind(&mut arguments, &part.kinds(), &rows)?;
        }
        let rows = session.rows(statement.sql.as_str(), arguments).await?;
        let places = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let (places, turned): (Vec<_>, Vec<_>) =
            places.collect::<Result<Vec<(i64, i64)>, Error>>()?.into_iter().partition(|(part, _)| *part >= 0);
        let line = |(_, place): (i64, i64)| {
            let place = usize::try_from(place).ok()?.checked_sub(1)?;
            self.lines(Part::ChangeLevels).get(place)?.row.first_id()
        };
        let refused = (!places.is_empty()).then(|| self.refused(places));
        Ok((refused, turned.into_iter().filter_map(line).collect()))
    }

    fn lines(&self, part: Part) -> &[Line<'a>] {
        self.parts.get(&part).map_or(&[], Vec::as_slice)
    }

    /// Whether a statement is needed. Locks are taken in advance because two of them need an order; a single row is
    /// locked where it is changed.
    fn needs(&self, statement: &Statement) -> bool {
        let of_this = self.parts.iter().filter(|(part, _)| statement.parts.contains(part));
        let rows: usize = of_this.clone().map(|(_, lines)| lines.len()).sum();
        let locks_only = statement.parts.first().is_some_and(|part| part.locks());
        if locks_only && rows == 1 {
            // A row that is only relied on is locked nowhere else.
            return of_this.clone().any(|(part, _)| part.is_shared() && *part != Part::OwnLevels);
        }
        rows > 0
    }

    fn refused(&self, places: Vec<(i64, i64)>) -> Refused {
        let mut refused = Refused::default();
        for (part, place) in places {
            let part = Part::ALL.iter().find(|known| i64::from(**known as u8) == part);
            let place = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
            let line = part.zip(place).and_then(|(part, place)| Some((part, self.lines(*part).get(place)?)));
            match line {
                // Some of them could have been served.
                Some((Part::ChangeLevels | Part::CountUses, line)) if line.batches.len() > 1 => {
                    refused.together.extend(&line.batches);
                }
                Some((_, line)) => refused.certain.extend(&line.batches),
                None => {}
            }
        }
        for batches in [&mut refused.certain, &mut refused.together] {
            batches.sort_unstable();
            batches.dedup();
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_profile_has_everything_and_each_has_what_comes_always() {
        let [.., last] = &*PROFILES;
        assert!(last.parts.covers(Parts::of(Part::ALL)));
        assert!(PROFILES.iter().all(|profile| profile.parts.covers(Parts::of(ALWAYS))));
    }

    #[test]
    fn a_sessions_person_is_locked_wherever_the_session_is() {
        for Profile { lock, .. } in &*PROFILES {
            assert_eq!(lock.parts.contains(&Part::LiveUsers), lock.parts.contains(&Part::LiveSessions));
        }
    }
}
