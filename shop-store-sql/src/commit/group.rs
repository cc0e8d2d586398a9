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
use uuid::Uuid;

use super::listed::AffectedProducts;
use super::merge::{GroupRow, Mergeable, merge};
use super::part::{PARTS, TableOperation};
use super::sql::{OnLocked, statement};
use super::tables::Operation::{
    self, Add, Append, Count, Insert, Live, Own, OwnKey, Put, PutNew, Relay, Share, ShareKey, Update,
};
use super::tables::TableId;
use super::value::bind;
use crate::pool::Session;

/// The statements for groups of one kind.
struct Profile {
    /// All parts, in order.
    parts: Vec<TableOperation>,
    lock: Statement,
    /// Like `lock`, but never waits.
    probe: Statement,
    write: Statement,
}

struct Statement {
    parts: Vec<TableOperation>,
    sql: String,
}

impl Statement {
    fn new(parts: Vec<TableOperation>, on_locked: OnLocked) -> Self {
        let sql = if parts.is_empty() { String::new() } else { statement(&parts, on_locked) };
        Self { parts, sql }
    }
}

impl Profile {
    fn new(parts: impl IntoIterator<Item = TableOperation>) -> Self {
        let mut parts: Vec<_> = parts.into_iter().collect();
        let count = Count.on(TableId::ListCount);
        if parts.iter().any(|part| part.is_counted()) && !parts.contains(&count) {
            parts.push(count);
        }
        parts.sort_unstable();
        let (lock, write): (Vec<_>, _) = parts.iter().partition(|part| part.locks());
        Self {
            parts,
            probe: Statement::new(lock.clone(), OnLocked::Refuse),
            lock: Statement::new(lock, OnLocked::Wait),
            write: Statement::new(write, OnLocked::Wait),
        }
    }

    /// True if it has all these parts.
    fn covers<'p>(&self, parts: impl IntoIterator<Item = &'p TableOperation>) -> bool {
        parts.into_iter().all(|part| self.parts.binary_search(part).is_ok())
    }
}

/// The parts that any batch may have.
const ALWAYS: [TableOperation; 5] = [
    Live.on(TableId::User),
    Live.on(TableId::Session),
    Insert.on(TableId::Event),
    Insert.on(TableId::IdempotencyRecord),
    Insert.on(TableId::Operation),
];

/// What versioned rows mostly need.
const CHANGE: &[Operation] = &[Own, Update, Insert];

/// From small to large; the last one has every part.
static PROFILES: LazyLock<[Profile; 6]> = LazyLock::new(|| {
    let with = |tables: &[(TableId, &[Operation])]| {
        let of = |(table, operations): &(TableId, &[Operation])| {
            operations.iter().map(|operation| operation.on(*table)).collect::<Vec<_>>()
        };
        Profile::new(ALWAYS.into_iter().chain(tables.iter().flat_map(of)))
    };
    [
        // Changes of carts.
        with(&[(TableId::Cart, CHANGE)]),
        // The worker relays events and claims deliveries.
        with(&[(TableId::Event, &[OwnKey, Relay]), (TableId::Webhook, &[Share]), (TableId::Delivery, CHANGE)]),
        // Users register, sign in with a cart, and sign out.
        with(&[
            (TableId::User, CHANGE),
            (TableId::Session, CHANGE),
            (TableId::Otp, &[OwnKey, Put]),
            (TableId::Cart, CHANGE),
            (TableId::Delivery, &[Insert]),
        ]),
        // Orders are placed while carts change.
        with(&[
            (TableId::Product, &[Share]),
            (TableId::Promotion, &[Share]),
            (TableId::TaxRate, &[Share]),
            (TableId::Cart, CHANGE),
            (TableId::Order, &[Insert]),
            (TableId::OrderItem, &[Append]),
            (TableId::HistoryEntry, &[Insert]),
            (TableId::Payment, &[Insert]),
            (TableId::Zone, &[Share]),
            (TableId::Method, &[Share]),
            (TableId::Reservation, &[Insert]),
            (TableId::StockLevel, &[OwnKey, ShareKey, Add]),
            (TableId::Uses, &[Add]),
            (TableId::Delivery, &[Insert]),
        ]),
        // Orders are paid, shipped and canceled; stock changes.
        with(&[
            (TableId::Order, &[Own, Update]),
            (TableId::HistoryEntry, &[Insert]),
            (TableId::Payment, CHANGE),
            (TableId::Refund, &[PutNew]),
            (TableId::Shipment, CHANGE),
            (TableId::Reservation, &[Own, Update]),
            (TableId::StockLevel, &[OwnKey, Add]),
            (TableId::Movement, &[Insert]),
            (TableId::Uses, &[Add]),
            (TableId::Delivery, &[Insert]),
        ]),
        Profile::new(PARTS.iter().copied()),
    ]
});

/// The rows of a group.
pub(crate) struct Group<'a> {
    parts: BTreeMap<TableOperation, Vec<GroupRow<'a>>>,
    profile: &'static Profile,
}

/// The batches that a guard refused, by number in the group. Nothing of the group may be committed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Batches that would also be refused on their own, as far as is known.
    pub(crate) certain: Vec<usize>,
    /// Batches that exceed a limit only together.
    pub(crate) together: Vec<usize>,
}

impl<'a> Group<'a> {
    /// Merges batches into a group.
    pub(crate) fn of(batches: &[&'a Mergeable]) -> Self {
        let parts = merge(batches);
        let [.., last] = &*PROFILES;
        let profile = PROFILES.iter().find(|profile| profile.covers(parts.keys())).unwrap_or(last);
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
    fn touched(&self) -> AffectedProducts {
        let first = |parts: &[TableOperation]| {
            let lines = parts.iter().flat_map(|part| self.lines(*part));
            lines.filter_map(|line| line.row.first_id()).collect()
        };
        AffectedProducts {
            products: first(&[Insert.on(TableId::Product), Update.on(TableId::Product)]),
            variants: first(&[Insert.on(TableId::StockLevel)]),
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
            bind(&mut arguments, part.kinds(), &rows)?;
        }
        let rows = session.rows(statement.sql.as_str(), arguments).await?;
        let places = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let (places, turned): (Vec<_>, Vec<_>) =
            places.collect::<Result<Vec<(i64, i64)>, Error>>()?.into_iter().partition(|(part, _)| *part >= 0);
        let line = |(_, place): (i64, i64)| {
            let place = usize::try_from(place).ok()?.checked_sub(1)?;
            self.lines(Add.on(TableId::StockLevel)).get(place)?.row.first_id()
        };
        let refused = (!places.is_empty()).then(|| self.refused(places));
        Ok((refused, turned.into_iter().filter_map(line).collect()))
    }

    fn lines(&self, part: TableOperation) -> &[GroupRow<'a>] {
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
            return of_this.clone().any(|(part, _)| part.operation.is_shared());
        }
        rows > 0
    }

    fn refused(&self, places: Vec<(i64, i64)>) -> Refused {
        let mut refused = Refused::default();
        for (part, place) in places {
            let part = usize::try_from(part).ok().and_then(|number| PARTS.get(number));
            let place = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
            let line = part.zip(place).and_then(|(part, place)| Some((part, self.lines(*part).get(place)?)));
            match line {
                // Some of them could have been served.
                Some((TableOperation { operation: Add, .. }, line)) if line.batches.len() > 1 => {
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
    use std::sync::Arc;

    use serde_json::{from_value, json};
    use shop_core::accounts::MemoryMailer;
    use shop_core::cart::AddItem;
    use shop_core::error::Result;
    use shop_core::memory::MemoryStore;
    use shop_core::orders::PlaceOrder;
    use shop_core::payments::AmountInput;
    use shop_core::shipping::{ShipmentInput, TrackingInput};
    use shop_core::store::Store as _;
    use shop_core::{Actor, Shop};

    use super::*;

    #[test]
    fn the_last_profile_has_everything_and_each_has_what_comes_always() {
        let [.., last] = &*PROFILES;
        assert!(last.covers(&*PARTS));
        assert!(PROFILES.iter().all(|profile| profile.covers(&ALWAYS)));
    }

    #[test]
    fn the_tables_list_every_part_of_a_profile() {
        let parts = PROFILES.iter().flat_map(|profile| profile.lock.parts.iter().chain(&profile.write.parts));
        assert_eq!(parts.filter(|part| part.number().is_none()).collect::<Vec<_>>(), Vec::<&TableOperation>::new());
    }

    #[test]
    fn a_sessions_person_is_locked_wherever_the_session_is() {
        for Profile { lock, .. } in &*PROFILES {
            let [user, session] = [TableId::User, TableId::Session].map(|table| lock.parts.contains(&Live.on(table)));
            assert_eq!(user, session);
        }
    }

    /// Everyday calls are committed in groups with a statement of their own; the profile of everything is many times
    /// larger.
    #[tokio::test]
    async fn everyday_calls_have_a_profile() {
        let store = Arc::new(MemoryStore::new());
        // With a mailer, because a shop without one writes no mails about orders.
        let shop = Shop::builder(Arc::clone(&store) as _, b"a key of this test, 32 bytes long");
        let shop = shop.mailer(Arc::new(MemoryMailer::new()) as _).open().await.unwrap();
        let staff = &Actor::system();
        let lamp = json!({"name": "Lamp", "price": "20.00", "sku": "LAMP", "stock": 9});
        shop.catalog().create_product(staff, from_value(lamp).unwrap()).await.unwrap();
        let zone = json!({"name": "Here", "countries": ["FR"]});
        let zone = shop.shipping().create_zone(staff, from_value(zone).unwrap()).await.unwrap();
        let method = json!({"name": "Post", "zone_id": zone.id, "rate": {"type": "flat", "price": "5.00"}});
        let method = shop.shipping().create_method(staff, from_value(method).unwrap()).await.unwrap();
        let place = json!({
            "email": "ada@example.com", "payment_gateway": "manual", "shipping_method_id": method.id,
            "shipping_address": {"first_name": "Ada", "last_name": "L", "line1": "1 Rue", "city": "Paris",
                "postal_code": "75001", "country": "FR"},
        });
        let place: PlaceOrder = from_value(place).unwrap();

        let mut orders = Vec::new();
        for _ in 0..2 {
            let item = AddItem { sku: "LAMP".into(), ..AddItem::default() };
            let cart = shop.carts().add_item(&Actor::anonymous(), item.clone()).await.unwrap();
            let guest = &Actor::anonymous().with_cart(Some(cart.id));
            commit(&shop, &store, async |shop| shop.carts().add_item(guest, item).await).await;
            let placed =
                commit(&shop, &store, async |shop| shop.orders().place(guest, place.clone(), None).await).await;
            orders.push(placed.value.view);
        }
        let [sold, canceled] = orders.as_slice() else { unreachable!() };
        let (order, payment) = (sold.order.id, sold.payments.first().unwrap().id);
        commit(&shop, &store, async |shop| shop.payments().capture(staff, payment, AmountInput::default(), None).await)
            .await;
        let shipment = ShipmentInput { order_id: order.into(), ..ShipmentInput::default() };
        let shipment = commit(&shop, &store, async |shop| shop.shipping().create_shipment(staff, shipment, None).await)
            .await
            .value;
        for status in ["shipped", "delivered"] {
            let news = TrackingInput { status: status.into(), ..TrackingInput::default() };
            commit(&shop, &store, async |shop| shop.shipping().track_shipment(staff, shipment.id, news, None).await)
                .await;
        }
        commit(&shop, &store, async |shop| shop.orders().cancel(staff, canceled.order.id, None).await).await;
    }

    /// Commits a call, and requires that its batch fits a profile that is not the last.
    async fn commit<T>(shop: &Shop, store: &MemoryStore, call: impl AsyncFnOnce(Shop) -> Result<T>) -> T {
        let prepared = shop.prepare(call).await.unwrap();
        let batch = Mergeable::of(&prepared.batch).expect("it can be merged");
        let [.., last] = &*PROFILES;
        let group = Group::of(&[&batch]);
        assert!(!std::ptr::eq(group.profile, last), "no profile covers {:?}", group.parts.keys());
        store.commit(Arc::clone(&prepared.batch)).await.unwrap();
        shop.committed(&prepared.batch);
        prepared.reply
    }
}
