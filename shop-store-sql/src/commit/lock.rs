//! The rows that one batch locks before it writes row by row: every row that already exists, in the global order (that
//! of [`TableId`]: table by table, by key, write locks before read locks; then stock levels and use counts).
//!
//! Advisory locks come first. "Exactly one default" concerns several rows, so a batch that changes the default
//! location, or a user's default address, holds an advisory lock until the end of the transaction.

use std::collections::{BTreeMap, BTreeSet};

use shop_core::id::WebhookId;
use shop_core::webhooks::Webhook;
use uuid::Uuid;

use super::effects::Related;
use super::part::TableOperation;
use super::statement_runner::{ApplyResult, StatementRunner};
use super::tables::TableId;

/// The locks that a batch takes.
#[derive(Debug, Default)]
pub(super) struct Locks {
    /// Keys of advisory locks.
    advisory: BTreeSet<i64>,
    own: BTreeMap<TableId, BTreeSet<Uuid>>,
    share: BTreeMap<TableId, BTreeSet<Uuid>>,
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
    /// Adds the row with this key, as a group would lock it.
    pub(super) fn row(&mut self, part: TableOperation, key: &[Uuid]) {
        let is_shared = part.operation.is_shared();
        match (part.table, key) {
            (TableId::StockLevel, [variant, location]) => {
                if is_shared { &mut self.untracked } else { &mut self.levels }.insert((*variant, *location));
            }
            (table, [id, ..]) => {
                if is_shared { &mut self.share } else { &mut self.own }.entry(table).or_default().insert(*id);
            }
            (_, []) => {}
        }
    }

    /// Adds a use count.
    pub(super) fn uses(&mut self, promotion: Uuid, customer: &str) {
        self.uses.insert((promotion, customer.to_owned()));
    }

    /// Adds the rows that the batch locks in addition to those that it names.
    pub(super) fn also(&mut self, related: Related<'_>) {
        match related {
            Related::AddressBook(user) => drop(self.advisory.insert(address_book(user))),
            Related::Locations => drop(self.advisory.insert(LOCATIONS)),
            Related::Tree => drop(self.own.entry(TableId::CategoryTree).or_default()),
            Related::Category(category) => drop(self.emptied.insert(category)),
            Related::Webhook(webhook) => drop(self.receivers.insert(Webhook::receiver_of(WebhookId(webhook)))),
            Related::Level(variant, location) => drop(self.levels.insert((variant, location))),
            Related::LevelsOf(variant) => drop(self.variants.insert(variant)),
            Related::LevelsAt(location) => drop(self.locations.insert(location)),
            Related::Renamed(variants) => {
                self.renamed.extend(variants.iter().map(|variant| (variant.id.0, variant.sku.clone())));
            }
        }
    }

    /// Takes all locks in the global order.
    pub(super) async fn take(self, runner: &mut StatementRunner<'_>) -> ApplyResult {
        if !self.advisory.is_empty() {
            let sql = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::int8[]) AS wanted (key)";
            runner.exists(sql, (self.advisory.iter().copied().collect::<Vec<_>>(),)).await?;
        }
        for table in TableId::ALL {
            let (own, share) = (self.own.get(table), self.share.get(table));
            if *table == TableId::CategoryTree {
                lock_tree(runner, own.is_some(), share.is_some()).await?;
                continue;
            }
            if let Some(own) = own {
                runner.exists(&table.table().statements().own, (ids(own),)).await?;
            }
            self.take_related(runner, *table).await?;
            if let Some(share) = share {
                runner.exists(&table.table().statements().share, (ids(share),)).await?;
            }
        }
        self.take_levels(runner).await?;
        if !self.uses.is_empty() {
            let sql = "SELECT 1 FROM promotion_uses WHERE (promotion_id, customer) IN
                    (SELECT * FROM unnest($1::uuid[], $2::text[]))
                ORDER BY promotion_id, customer FOR UPDATE";
            let (promotions, customers): (Vec<_>, Vec<_>) = self.uses.into_iter().unzip();
            runner.exists(sql, (promotions, customers)).await?;
        }
        Ok(())
    }

    /// Locks the rows of a table that change with rows of another.
    async fn take_related(&self, runner: &mut StatementRunner<'_>, table: TableId) -> ApplyResult {
        match table {
            TableId::Category if !self.emptied.is_empty() => {
                let sql = "SELECT 1 FROM categories WHERE parent_id = ANY ($1) ORDER BY id FOR UPDATE";
                runner.exists(sql, (ids(&self.emptied),)).await?;
            }
            TableId::Product if !self.emptied.is_empty() => {
                let sql = "SELECT 1 FROM products WHERE category_id = ANY ($1) ORDER BY id FOR UPDATE";
                runner.exists(sql, (ids(&self.emptied),)).await?;
            }
            TableId::Delivery if !self.receivers.is_empty() => {
                let sql = "SELECT 1 FROM deliveries
                    WHERE receiver = ANY ($1) AND receiver <> 'mail' AND status IN ('pending', 'dead')
                    ORDER BY id FOR UPDATE";
                runner.exists(sql, (self.receivers.iter().cloned().collect::<Vec<_>>(),)).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn take_levels(&self, runner: &mut StatementRunner<'_>) -> ApplyResult {
        let changed = [self.levels.is_empty(), self.variants.is_empty(), self.locations.is_empty()];
        if changed.contains(&false) || !self.renamed.is_empty() {
            // All in one statement, because they share one order.
            let sql = "SELECT 1 FROM stock_levels WHERE (variant_id, location_id) IN (
                    SELECT * FROM unnest($1::uuid[], $2::uuid[])
                    UNION SELECT variant_id, location_id FROM stock_levels WHERE variant_id = ANY ($3)
                    UNION SELECT variant_id, location_id FROM stock_levels WHERE location_id = ANY ($4)
                    UNION SELECT variant_id, location_id FROM stock_levels
                        JOIN unnest($5::uuid[], $6::text[]) AS new (id, sku)
                            ON new.id = stock_levels.variant_id AND new.sku <> stock_levels.sku)
                ORDER BY variant_id, location_id FOR UPDATE";
            let (variants, places): (Vec<_>, Vec<_>) = self.levels.iter().copied().unzip();
            let (renamed, skus): (Vec<_>, Vec<_>) = self.renamed.iter().map(|(id, sku)| (*id, sku.clone())).unzip();
            let all_of: Vec<_> = self.variants.iter().copied().collect();
            let all_at: Vec<_> = self.locations.iter().copied().collect();
            runner.exists(sql, (variants, places, all_of, all_at, renamed, skus)).await?;
        }
        if !self.untracked.is_empty() {
            let sql = "SELECT 1 FROM stock_levels WHERE (variant_id, location_id) IN
                    (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
                ORDER BY variant_id, location_id FOR SHARE";
            let (variants, places): (Vec<_>, Vec<_>) = self.untracked.iter().copied().unzip();
            runner.exists(sql, (variants, places)).await?;
        }
        Ok(())
    }
}

fn ids(ids: &BTreeSet<Uuid>) -> Vec<Uuid> {
    ids.iter().copied().collect()
}

/// Locks the one row of the category tree.
async fn lock_tree(runner: &mut StatementRunner<'_>, changes: bool, stays: bool) -> ApplyResult {
    if changes {
        runner.exists("SELECT 1 FROM category_tree WHERE one = $1 FOR UPDATE", (true,)).await?;
    } else if stays {
        runner.exists("SELECT 1 FROM category_tree WHERE one = $1 FOR SHARE", (true,)).await?;
    }
    Ok(())
}
