//! The rows that one batch locks before it writes: every row that already exists, in the global order (that of
//! [`Part`](super::part::Part): table by table, by key, write locks before read locks).
//!
//! Advisory locks come first. "Exactly one default" concerns several rows, so a batch that changes the default
//! location, or a user's default address, holds an advisory lock until the end of the transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use shop_core::accounts::AccountsWrite;
use shop_core::batch::{Batch, Change, Entity, Require, RowWrite, Versioned, Write};
use shop_core::catalog::CatalogWrite;
use shop_core::id::WebhookId;
use shop_core::inventory::InventoryWrite;
use shop_core::orders::OrdersWrite;
use shop_core::outbox::{OutboxWrite, Webhook};
use uuid::Uuid;

use super::outbox;
use super::plain::{Applied, Plain};
use super::table::{Record, Table};

macro_rules! tables {
    ([] $($entity:ident: $row:ty => $table:ident;)+) => {
        /// The tables of these kinds of rows, in the order of the core.
        fn versioned() -> Vec<(Entity, &'static Table)> {
            vec![$((Entity::$entity, <$row as Record>::table())),+]
        }

        impl Locks {
            /// Locks the row that a change replaces or deletes.
            fn changed_row(&mut self, write: &RowWrite) {
                match write {
                    $(RowWrite::$entity(change) => self.change(change),)+
                }
            }
        }
    };
}

shop_core::versioned_rows!(tables []);

/// The tables whose key is `id`, in the global order.
pub(super) static TABLES: LazyLock<Vec<(Entity, &'static Table)>> = LazyLock::new(|| {
    let mut tables = versioned();
    // Events are locked before the webhooks that are told of them.
    let webhooks = tables.iter().position(|(entity, _)| *entity == Entity::Webhook);
    tables.insert(webhooks.unwrap_or(tables.len()), (Entity::Event, &outbox::EVENTS));
    tables
});

/// The table of a kind of versioned row.
pub(super) fn table_of(entity: Entity) -> Option<&'static Table> {
    let (_, table) = TABLES.get(place_of(entity)?)?;
    table.columns.iter().any(|(name, _)| *name == "version").then_some(*table)
}

/// The position of a kind of row in the global order.
fn place_of(entity: Entity) -> Option<usize> {
    TABLES.iter().position(|(listed, _)| *listed == entity)
}

struct Statements {
    own: String,
    share: String,
}

static STATEMENTS: LazyLock<Vec<Statements>> = LazyLock::new(|| {
    let lock =
        |table: &Table, mode: &str| format!("SELECT 1 FROM {} WHERE id = ANY ($1) ORDER BY id FOR {mode}", table.name);
    let statements =
        |(_, table): &(Entity, &Table)| Statements { own: lock(table, "UPDATE"), share: lock(table, "SHARE") };
    TABLES.iter().map(statements).collect()
});

/// The locks that a batch takes.
#[derive(Debug, Default)]
struct Locks {
    /// Keys of advisory locks.
    advisory: BTreeSet<i64>,
    own: BTreeMap<usize, BTreeSet<Uuid>>,
    share: BTreeMap<usize, BTreeSet<Uuid>>,
    otps: BTreeSet<Uuid>,
    tree_changes: bool,
    tree_stays: bool,
    /// Categories to be deleted: their children and products change with them.
    emptied: BTreeSet<Uuid>,
    levels: BTreeSet<(Uuid, Uuid)>,
    untracked: BTreeSet<(Uuid, Uuid)>,
    /// Variants whose levels are all locked.
    variants: BTreeSet<Uuid>,
    /// Locations whose levels are all locked.
    locations: BTreeSet<Uuid>,
    /// Variants with their new SKU; levels with another SKU are locked.
    renamed: BTreeMap<Uuid, String>,
    /// Use counts.
    uses: BTreeSet<(Uuid, String)>,
    /// Receivers whose unfinished deliveries are all locked.
    receivers: BTreeSet<String>,
}

/// The advisory lock for changing locations, so that exactly one remains the default. Any number that no other program
/// uses.
const LOCATIONS: i64 = 0x5348_4f50_4c4f_4341;

/// The advisory lock for changing a user's address book. A collision of two users is harmless.
fn address_book(user: Uuid) -> i64 {
    let (high, low) = user.as_u64_pair();
    (high ^ low).cast_signed()
}

impl Locks {
    fn of(batch: &Batch) -> Self {
        let mut locks = Self::default();
        batch.requires.iter().for_each(|require| locks.require(require));
        batch.writes.iter().for_each(|write| locks.write(write));
        locks
    }

    fn own(&mut self, entity: Entity, id: Uuid) {
        if let Some(place) = place_of(entity) {
            self.own.entry(place).or_default().insert(id);
        }
    }

    fn share(&mut self, entity: Entity, id: Uuid) {
        match place_of(entity) {
            Some(place) => drop(self.share.entry(place).or_default().insert(id)),
            None => self.tree_stays = true,
        }
    }

    fn require(&mut self, require: &Require) {
        match *require {
            Require::Version(entity, id, _) => self.share(entity, id),
            Require::LiveSession(session, user) => {
                self.share(Entity::User, user.0);
                self.share(Entity::Session, session.0);
            }
            Require::ActiveUser(user) => self.share(Entity::User, user.0),
            Require::AddressesBelow(user, _) => drop(self.advisory.insert(address_book(user.0))),
            Require::Untracked(variant, location) => drop(self.untracked.insert((variant.0, location.0))),
        }
    }

    fn change<T: Versioned>(&mut self, change: &Change<T>) {
        match change {
            // There is nothing to lock yet.
            Change::Insert(_) => {}
            Change::Update(row) => self.own(T::ENTITY, row.key()),
            Change::Delete { id, .. } => self.own(T::ENTITY, *id),
        }
    }

    fn write(&mut self, write: &Write) {
        match write {
            Write::Row(write) => self.row(write),
            Write::Accounts(AccountsWrite::PutOtp(otp)) => drop(self.otps.insert(otp.user_id.0)),
            Write::Accounts(
                AccountsWrite::SpendOtpTry { user_id, .. }
                | AccountsWrite::UseOtp { user_id, .. }
                | AccountsWrite::ForgetOtp { user_id },
            ) => {
                self.otps.insert(user_id.0);
            }
            Write::Catalog(CatalogWrite::ReshapeTree { .. }) => self.tree_changes = true,
            Write::Catalog(CatalogWrite::Uses(delta)) => {
                let (promotion, customer) = delta.counter.key();
                self.uses.insert((promotion, customer.to_owned()));
            }
            Write::Inventory(write) => self.inventory(write),
            Write::Outbox(OutboxWrite::Relayed(event)) => self.own(Entity::Event, event.0),
            // A batch counts once, after it has taken its other locks, so no deadlock is possible.
            Write::Accounts(AccountsWrite::CountDaily { .. })
            // A price is written with its product, which is locked.
            | Write::Catalog(CatalogWrite::PricePeriod(_) | CatalogWrite::ForgetPrices { .. })
            | Write::Orders(OrdersWrite::History(_))
            | Write::Outbox(OutboxWrite::Event(_))
            | Write::Answer(_)
            | Write::Forget { .. } => {}
        }
    }

    /// Locks a row, and what changes with it.
    fn row(&mut self, write: &RowWrite) {
        self.changed_row(write);
        match write {
            RowWrite::Product(Change::Update(product)) => {
                self.renamed.extend(product.variants.iter().map(|variant| (variant.id.0, variant.sku.clone())));
            }
            RowWrite::Category(Change::Delete { id, .. }) => drop(self.emptied.insert(*id)),
            RowWrite::Address(Change::Insert(address) | Change::Update(address)) => {
                self.advisory.insert(address_book(address.user_id.0));
            }
            RowWrite::Method(Change::Insert(method) | Change::Update(method)) => {
                self.share(Entity::Zone, method.zone_id.0);
            }
            RowWrite::Location(change) => {
                self.advisory.insert(LOCATIONS);
                if let Change::Delete { id, .. } = change {
                    self.locations.insert(*id);
                }
            }
            RowWrite::Webhook(Change::Delete { id, .. }) => {
                self.receivers.insert(Webhook::receiver_of(WebhookId(*id)));
            }
            _ => {}
        }
    }

    fn inventory(&mut self, write: &InventoryWrite) {
        match write {
            InventoryWrite::InsertLevel(level) => {
                self.share(Entity::Location, level.location_id.0);
                self.levels.insert((level.variant_id.0, level.location_id.0));
            }
            InventoryWrite::Delta(delta) => drop(self.levels.insert((delta.variant_id.0, delta.location_id.0))),
            InventoryWrite::Settings(settings) => match settings.location_id {
                Some(location) => drop(self.levels.insert((settings.variant_id.0, location.0))),
                None => drop(self.variants.insert(settings.variant_id.0)),
            },
            InventoryWrite::Movement(_) => {}
        }
    }
}

/// Takes all locks of the batch in the global order.
pub(super) async fn lock(plain: &mut Plain<'_>, batch: &Batch) -> Applied {
    let locks = Locks::of(batch);
    if !locks.advisory.is_empty() {
        let sql = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::int8[]) AS wanted (key)";
        plain.exists(sql, (locks.advisory.iter().copied().collect::<Vec<_>>(),)).await?;
    }
    let ids = |ids: &BTreeSet<Uuid>| ids.iter().copied().collect::<Vec<_>>();
    for (place, statements) in STATEMENTS.iter().enumerate() {
        if Some(place) == place_of(Entity::Category) {
            lock_otps_and_tree(plain, &locks).await?;
        }
        if let Some(own) = locks.own.get(&place) {
            plain.exists(&statements.own, (ids(own),)).await?;
        }
        if !locks.emptied.is_empty() && Some(place) == place_of(Entity::Category) {
            let sql = "SELECT 1 FROM categories WHERE parent_id = ANY ($1) ORDER BY id FOR UPDATE";
            plain.exists(sql, (ids(&locks.emptied),)).await?;
        }
        if !locks.emptied.is_empty() && Some(place) == place_of(Entity::Product) {
            let sql = "SELECT 1 FROM products WHERE category_id = ANY ($1) ORDER BY id FOR UPDATE";
            plain.exists(sql, (ids(&locks.emptied),)).await?;
        }
        if !locks.receivers.is_empty() && Some(place) == place_of(Entity::Delivery) {
            let sql = "SELECT 1 FROM deliveries
                WHERE receiver = ANY ($1) AND receiver <> 'mail' AND status IN ('pending', 'dead')
                ORDER BY id FOR UPDATE";
            plain.exists(sql, (locks.receivers.iter().cloned().collect::<Vec<_>>(),)).await?;
        }
        if let Some(share) = locks.share.get(&place) {
            plain.exists(&statements.share, (ids(share),)).await?;
        }
    }
    lock_levels(plain, &locks).await?;
    if !locks.uses.is_empty() {
        let sql = "SELECT 1 FROM promotion_uses WHERE (promotion_id, customer) IN
                (SELECT * FROM unnest($1::uuid[], $2::text[]))
            ORDER BY promotion_id, customer FOR UPDATE";
        let (promotions, customers): (Vec<_>, Vec<_>) = locks.uses.into_iter().unzip();
        plain.exists(sql, (promotions, customers)).await?;
    }
    Ok(())
}

async fn lock_otps_and_tree(plain: &mut Plain<'_>, locks: &Locks) -> Applied {
    if !locks.otps.is_empty() {
        let sql = "SELECT 1 FROM otps WHERE user_id = ANY ($1) ORDER BY user_id FOR UPDATE";
        plain.exists(sql, (locks.otps.iter().copied().collect::<Vec<_>>(),)).await?;
    }
    // The table's only row.
    if locks.tree_changes {
        plain.exists("SELECT 1 FROM category_tree WHERE one = $1 FOR UPDATE", (true,)).await?;
    } else if locks.tree_stays {
        plain.exists("SELECT 1 FROM category_tree WHERE one = $1 FOR SHARE", (true,)).await?;
    }
    Ok(())
}

async fn lock_levels(plain: &mut Plain<'_>, locks: &Locks) -> Applied {
    let changed = [locks.levels.is_empty(), locks.variants.is_empty(), locks.locations.is_empty()];
    if changed.contains(&false) || !locks.renamed.is_empty() {
        // All in one statement, because they share one order.
        let sql = "SELECT 1 FROM stock_levels WHERE (variant_id, location_id) IN (
                SELECT * FROM unnest($1::uuid[], $2::uuid[])
                UNION SELECT variant_id, location_id FROM stock_levels WHERE variant_id = ANY ($3)
                UNION SELECT variant_id, location_id FROM stock_levels WHERE location_id = ANY ($4)
                UNION SELECT variant_id, location_id FROM stock_levels
                    JOIN unnest($5::uuid[], $6::text[]) AS new (id, sku)
                        ON new.id = stock_levels.variant_id AND new.sku <> stock_levels.sku)
            ORDER BY variant_id, location_id FOR UPDATE";
        let (variants, places): (Vec<_>, Vec<_>) = locks.levels.iter().copied().unzip();
        let (renamed, skus): (Vec<_>, Vec<_>) = locks.renamed.iter().map(|(id, sku)| (*id, sku.clone())).unzip();
        let all_of: Vec<_> = locks.variants.iter().copied().collect();
        let all_at: Vec<_> = locks.locations.iter().copied().collect();
        plain.exists(sql, (variants, places, all_of, all_at, renamed, skus)).await?;
    }
    if !locks.untracked.is_empty() {
        let sql = "SELECT 1 FROM stock_levels WHERE (variant_id, location_id) IN
                (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
            ORDER BY variant_id, location_id FOR SHARE";
        let (variants, places): (Vec<_>, Vec<_>) = locks.untracked.iter().copied().unzip();
        plain.exists(sql, (variants, places)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::part::{Act, Part};
    use super::*;

    #[test]
    fn merged_and_single_batches_lock_in_the_same_order() {
        let locked = Part::ALL.iter().filter(|part| part.locks()).filter_map(|part| match part.act() {
            Act::Own(table) | Act::Share(table) => TABLES.iter().position(|(_, listed)| listed.name == table.name),
            _ if *part == Part::OwnEvents => place_of(Entity::Event),
            _ => None,
        });
        assert!(locked.is_sorted());
    }

    #[test]
    fn every_kind_of_row_has_its_place() {
        assert_eq!(place_of(Entity::CategoryTree), None);
        assert!(table_of(Entity::Event).is_none());
        for entity in [Entity::User, Entity::Cart, Entity::Address, Entity::Delivery, Entity::Reservation] {
            assert!(table_of(entity).is_some(), "{entity:?}");
        }
    }
}
